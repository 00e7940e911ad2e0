"""Reads DICOM files by pydicom: one frame at a time, with what is needed to show it."""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vlm_eval.errors import BadInputError
from vlm_eval.views.cloud_files import Recent

Array = NDArray[np.float64]
_REMEDY = "Replace the file or drop the item."
_recent = Recent(2)


@dataclass(frozen=True, slots=True)
class Dicom:
    """A DICOM file that holds pictures."""

    dataset: Any  # pydicom.Dataset

    @property
    def frames(self) -> int:
        """Return the number of frames."""
        return int(self.dataset.get("NumberOfFrames") or 1)

    @property
    def inverted(self) -> bool:
        """Say whether low values are bright."""
        return str(self.dataset.get("PhotometricInterpretation", "")) == "MONOCHROME1"

    @property
    def modality(self) -> str:
        """Return what made the picture: CT, MR, CR, DX, US, ..."""
        return str(self.dataset.get("Modality") or "")

    @property
    def padding(self) -> int | None:
        """Return the stored value that means that nothing was measured."""
        value = self.dataset.get("PixelPaddingValue")
        return None if value is None else int(value)

    @property
    def seen_size(self) -> tuple[float, float]:
        """Return width and height of a frame in its smaller pixel side, as it lies in the body."""
        down, across = _spacing(self.dataset)
        least = min(down, across)
        return self.dataset.Columns * across / least, self.dataset.Rows * down / least

    def read(self, number: int) -> NDArray[Any]:
        """Return a frame's stored values, shape (rows, columns), or its colours as 8-bit RGB, (rows, columns, 3).

        Raises BadInputError.
        """
        from pydicom.pixels import apply_color_lut

        try:
            pixels = self._decode(number)
        except Exception as error:  # a decoder may raise anything; whatever it is, this file is at fault
            raise BadInputError(self._undecoded(error)) from error
        if "PALETTE" in str(self.dataset.get("PhotometricInterpretation", "")):
            pixels = apply_color_lut(pixels, self.dataset)
            return np.asarray(pixels >> 8 if pixels.dtype.itemsize > 1 else pixels, dtype=np.uint8)
        if pixels.ndim == 3 and pixels.dtype.itemsize > 1:
            pixels = (pixels >> max(0, int(self.dataset.BitsStored) - 8)).astype(np.uint8)
        return pixels

    def rescale(self, number: int, pixels: NDArray[Any]) -> tuple[Array, tuple[float, float, str] | None]:
        """Return stored values as measured ones, and the window that the file states: center, width, function."""
        from pydicom.pixels import apply_modality_lut

        rescaled = self._functional(number, "PixelValueTransformationSequence") or self.dataset
        values = np.asarray(apply_modality_lut(pixels, rescaled), dtype=np.float64)
        stated = self._functional(number, "FrameVOILUTSequence") or self.dataset
        center, width = _first(stated.get("WindowCenter")), _first(stated.get("WindowWidth"))
        if center is None or width is None:
            return values, None
        return values, (center, width, str(stated.get("VOILUTFunction") or "LINEAR"))

    def by_table(self, number: int, pixels: NDArray[Any]) -> Array | None:
        """Return how bright values are by the file's own table, from 0 to 1, or None where it has none."""
        from pydicom.pixels import apply_voi

        tables = self.dataset.get("VOILUTSequence")
        if not tables:
            return None
        looked_up = np.asarray(apply_voi(self.rescale(number, pixels)[0].astype(np.int64), self.dataset))
        return np.asarray(looked_up / (2 ** int(tables[0].LUTDescriptor[2]) - 1)).clip(0, 1)

    def _decode(self, number: int) -> NDArray[Any]:
        from pydicom.pixels import pixel_array

        if any(name in self.dataset for name in ("FloatPixelData", "DoubleFloatPixelData")):
            whole = self.dataset.pixel_array
            return np.asarray(whole[number] if self.frames > 1 else whole)
        return np.asarray(pixel_array(self.dataset, index=number))

    def _functional(self, number: int, name: str) -> Any:
        """Return a frame's own attributes of one kind, those of all frames, or None (PS3.3 C.7.6.16)."""
        each = self.dataset.get("PerFrameFunctionalGroupsSequence") or []
        shared = self.dataset.get("SharedFunctionalGroupsSequence") or []
        groups = [*each[number : number + 1], *shared[:1]]
        return next((group[name].value[0] for group in groups if name in group and group[name].value), None)

    def _undecoded(self, error: Exception) -> str:
        from pydicom.uid import UncompressedTransferSyntaxes

        syntax = self.dataset.file_meta.get("TransferSyntaxUID") if hasattr(self.dataset, "file_meta") else None
        kind = syntax.name if syntax is not None else "an unstated transfer syntax"
        said = str(error).splitlines()[0]
        if syntax in UncompressedTransferSyntaxes:
            return f"cannot be decoded ({said.rstrip('.')}). Replace the file or drop the item."
        return (
            f"cannot be decoded: its pixels are in {kind} ({said}). Where the file is sound, convert it to an "
            "uncompressed transfer syntax or install a decoder (pip install pylibjpeg)."
        )


def read_dicom(data: bytes) -> Dicom:
    """Read a DICOM file; the last two are kept, since slices of one follow each other. To be used in `reading`."""
    found: Dicom = _recent.get(data, "", lambda: _parse(io.BytesIO(data)))
    return found


def read_shape(path: Path) -> tuple[float, float]:
    """Return width and height of a file's frames as they lie in the body, by its header. Raises BadInputError."""
    try:
        status = path.stat()
    except OSError as error:
        raise BadInputError(f"{path} cannot be read ({error.strerror or error}).") from error
    with reading(path):
        return _look(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=1 << 16)
def _look(path: Path, size: int, mtime_ns: int) -> tuple[float, float]:
    return _parse(path, header=True).seen_size


def _parse(source: Any, *, header: bool = False) -> Dicom:
    import pydicom

    try:
        dataset = pydicom.dcmread(source, stop_before_pixels=header)
    except pydicom.errors.InvalidDicomError as error:
        raise BadInputError(f"is no DICOM file: it lacks the DICM prefix. {_REMEDY}") from error
    known = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
    sized = dataset.get("Rows") and dataset.get("Columns")
    if not sized or not (header or any(name in dataset for name in known)):
        kind = dataset.get("SOPClassUID")
        raise BadInputError(f"holds no picture: it is {'of an unstated kind' if kind is None else kind.name}. "
                            "Drop the item.")  # fmt: skip
    return Dicom(dataset)


def _spacing(dataset: Any) -> tuple[float, float]:
    """Return height and width of a pixel: in millimetres, or in any unit where only their ratio is stated."""
    groups = dataset.get("SharedFunctionalGroupsSequence") or []
    measures = groups[0].get("PixelMeasuresSequence") if groups else None
    stated = (
        dataset.get("PixelSpacing")
        or (measures[0].get("PixelSpacing") if measures else None)
        or dataset.get("ImagerPixelSpacing")
        or dataset.get("PixelAspectRatio")
    )
    if not stated or len(stated) != 2:
        return 1.0, 1.0
    down, across = float(stated[0]), float(stated[1])
    return (down, across) if down > 0 and across > 0 and 0.05 < down / across < 20 else (1.0, 1.0)


def _first(value: Any) -> float | None:
    """Return the first of one or several windows."""
    if value is None or value == "":
        return None
    return float(value if isinstance(value, int | float | str) else value[0])


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Say which file is at fault, whatever goes wrong, and keep remarks on odd but readable files quiet.

    Attributes are read when they are first asked for, so any use of a dataset may find one that is broken.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        except BadInputError as error:
            raise BadInputError(f"{path} {error}") from error
        except Exception as error:  # a parser may raise anything; whatever it is, this file is at fault
            raise BadInputError(f"{path} cannot be read as DICOM ({error}). {_REMEDY}") from error
