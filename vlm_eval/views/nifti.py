"""Draws slices of NIfTI volumes in the three planes of the body, upright whatever way they are stored."""

import gzip
import io
import logging
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from vlm_eval.errors import BadInputError
from vlm_eval.views.cloud_files import Recent
from vlm_eval.views.dicom import chosen_slices
from vlm_eval.views.fit import fitted, scale, scale_mask, squared
from vlm_eval.views.panels import corner, draw_panels, sheet_size
from vlm_eval.views.settings import Nifti

Mask = NDArray[np.bool_]
AXES = {"axial": (2, 0, 1), "coronal": (1, 0, 2), "sagittal": (0, 1, 2)}
"""Of a plane: the axis across the slices, to the right and upwards; 0 leads to the right, 1 to the front, 2 up."""

MAX_VOXELS = 200_000_000
_SAMPLED = 4_000_000  # so many voxels tell the range of a volume
_NIFTI2 = (b"\x1c\x02\0\0", b"\0\0\x02\x1c")  # how its header begins, in both byte orders
_REMEDY = "Replace the file or drop the item."
_recent = Recent(2)  # a scan and its labels; one may take half a gigabyte


@dataclass(frozen=True, slots=True)
class Volume:
    """A volume, turned so that its axes lead to the right, front and head of the patient."""

    values: NDArray[np.float32]  # axes lead to the patient's right, front and head (RAS+)
    spacing: tuple[float, float, float]  # millimetres a voxel, in the same order
    range: tuple[float, float]  # the 0.5 and 99.5 per cent points of the finite values


def draw_nifti(data: bytes, path: Path, settings: Nifti) -> Image.Image:
    """Draw a slice or a sheet of slices in grey. Raises BadInputError."""
    volume = read_volume(data, path, settings.volume)
    numbers = _numbers(volume, path, settings)
    low, high = (settings.low, settings.high) if settings.low < settings.high else volume.range
    pictures = []
    for number in numbers:
        grey = np.clip((_slice(volume, number, settings) - low) / max(high - low, 1e-12), 0, 1)
        image = Image.fromarray((np.nan_to_num(grey) * 255).round().astype(np.uint8))
        pictures.append(scale(image, fitted(_seen(volume, settings), settings.size)))
    if settings.letters == "shown":
        pictures = [_with_letters(image, settings) for image in pictures]
    if settings.layout == "sheet":
        labels = [f"{settings.plane}, slice {number + 1} of {_count(volume, settings)}" for number in numbers]
        return draw_panels([squared(one, settings.size, "black") for one in pictures], labels)
    return pictures[0]


def size_of_nifti(settings: Nifti, path: Path) -> tuple[int, int]:
    """Return width and height in pixels of what draw_nifti draws. Raises BadInputError."""
    if settings.layout == "sheet":
        return sheet_size(1 if settings.slice >= 0 else settings.slices, settings.size)
    try:
        status = path.stat()
    except OSError as error:
        raise BadInputError(f"{path} cannot be read ({error.strerror or error}).") from error
    shape, spacing = _look(path, status.st_size, status.st_mtime_ns)
    _, across, up = AXES[settings.plane]
    return fitted((shape[across] * spacing[across], shape[up] * spacing[up]), settings.size)


def nifti_mask(data: bytes, path: Path, gold: Path, settings: Nifti) -> Mask:
    """Return where a volume of labels is not zero in what draw_nifti draws, shape (height, width).

    Args:
        data: of the volume that is drawn.
        path: of that volume.
        gold: the volume of labels.
        settings: of the step.

    Raises:
        BadInputError: a file cannot be read, or the two differ in shape.
    """
    volume = read_volume(data, path, settings.volume)
    labels = read_volume(gold.read_bytes(), gold, 0)
    if labels.values.shape != volume.values.shape:
        raise BadInputError(f"{gold} has the shape {labels.values.shape}, {path} {volume.values.shape}.")
    size = fitted(_seen(volume, settings), settings.size)
    numbers = _numbers(volume, path, settings)
    masks = [scale_mask(_slice(labels, number, settings) > 0, size) for number in numbers]
    if settings.layout != "sheet":
        return masks[0]
    width, height = sheet_size(len(masks), settings.size)
    whole = np.zeros((height, width), dtype=bool)
    for number, mask in enumerate(masks):
        left, top = corner(number, len(masks), settings.size)
        left, top = left + (settings.size - size[0]) // 2, top + (settings.size - size[1]) // 2
        whole[top : top + size[1], left : left + size[0]] = mask
    return whole


def read_volume(data: bytes, path: Path, number: int) -> Volume:
    """Read a NIfTI volume with its axes to the right, front and head; the last few are kept.

    Raises BadInputError for a file that is no NIfTI, is damaged, or holds no such volume.
    """
    volume: Volume = _recent.get(data, number, lambda: _guarded(data, path, number))
    return volume


def _guarded(data: bytes, path: Path, number: int) -> Volume:
    try:
        with _quiet():
            return _read(_unpacked(data), number)
    except BadInputError as error:
        raise BadInputError(f"{path} {error}") from error
    except Exception as error:  # a parser may raise anything; whatever it is, this file is at fault
        raise BadInputError(f"{path} cannot be read as NIfTI ({error}). {_REMEDY}") from error


def _unpacked(data: bytes) -> bytes:
    if not data.startswith(b"\x1f\x8b"):
        return data
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise BadInputError(f"is cut off or damaged: it cannot be unpacked ({error}). {_REMEDY}") from error


def _parse(data: bytes) -> Any:
    import nibabel

    kind = nibabel.Nifti2Image if data[:4] in _NIFTI2 else nibabel.Nifti1Image
    return kind.from_file_map({"header": nibabel.FileHolder(fileobj=io.BytesIO(data)),
                               "image": nibabel.FileHolder(fileobj=io.BytesIO(data))})  # fmt: skip


def _read(data: bytes, number: int) -> Volume:
    import nibabel

    image = _parse(data)
    shape = image.shape
    if len(shape) < 3 or 0 in shape or int(np.prod(shape[:3])) > MAX_VOXELS:
        raise BadInputError(f"holds an array of shape {shape}; three axes and at most {MAX_VOXELS:,} voxels are "
                            f"needed. {_REMEDY}")  # fmt: skip
    others = int(np.prod(shape[3:]))
    if number >= others:
        raise BadInputError(f"holds {others} volumes, counted from 0; there is no volume {number}.")
    part = tuple(int(place) for place in np.unravel_index(number, shape[3:])) if len(shape) > 3 else ()
    read = image.dataobj[(slice(None), slice(None), slice(None), *part)]
    if np.iscomplexobj(read):
        raise BadInputError("holds complex numbers. Save their magnitude, or drop the item.")
    with np.errstate(over="ignore"):  # what 32 bits do not hold is not finite
        values = np.asarray(read, dtype=np.float32)
    upright = nibabel.as_closest_canonical(nibabel.Nifti1Image(values, image.affine))
    values = np.asarray(upright.dataobj)
    if not np.isfinite(values).any():
        raise BadInputError(f"holds no finite value. {_REMEDY}")
    return Volume(values, _spacing(upright.header), _range(values))


def _range(values: NDArray[np.float32]) -> tuple[float, float]:
    """Return the 0.5 and 99.5 per cent points of the finite values; of a large volume by every so many voxels."""
    step = max(1, round((values.size / _SAMPLED) ** (1 / 3)))
    some = values[::step, ::step, ::step]
    finite = some[np.isfinite(some)]
    low, high = (float(point) for point in np.percentile(finite, (0.5, 99.5))) if finite.size else (0.0, 0.0)
    if low == high:  # a few bright voxels in a dark volume
        known = values[np.isfinite(values)]
        low, high = float(known.min()), float(known.max())
    return low, high


@lru_cache(maxsize=1 << 16)
def _look(path: Path, size: int, mtime_ns: int) -> tuple[tuple[int, ...], tuple[float, float, float]]:
    """Return a volume's shape and spacing with its axes to the right, front and head, by its header."""
    import nibabel

    try:
        opener = gzip.open if path.suffix.lower() == ".gz" else open
        with opener(path, "rb") as file, _quiet():
            kind = nibabel.Nifti2Header if file.read(4) in _NIFTI2 else nibabel.Nifti1Header
            file.seek(0)
            header = kind.from_fileobj(file, check=False)
        order = np.argsort(nibabel.io_orientation(header.get_best_affine())[:, 0])
        spacing, shape = _spacing(header), header.get_data_shape()
        return tuple(shape[axis] for axis in order), (
            spacing[order[0]], spacing[order[1]], spacing[order[2]]
        )  # fmt: skip
    except Exception as error:  # a parser may raise anything; whatever it is, this file is at fault
        raise BadInputError(f"{path} cannot be read as NIfTI ({error}). {_REMEDY}") from error


def _spacing(header: Any) -> tuple[float, float, float]:
    found = [float(size) if np.isfinite(size) and size > 0 else 1.0 for size in header.get_zooms()[:3]]
    return found[0], found[1], found[2]


def _count(volume: Volume, settings: Nifti) -> int:
    return int(volume.values.shape[AXES[settings.plane][0]])


def _numbers(volume: Volume, path: Path, settings: Nifti) -> list[int]:
    try:
        return list(chosen_slices(settings.slice, settings.slices, settings.turn, _count(volume, settings)))
    except BadInputError as error:
        raise BadInputError(f"{path} {error} That is along the {settings.plane} plane.") from error


def _seen(volume: Volume, settings: Nifti) -> tuple[float, float]:
    """Return width and height of a slice in millimetres."""
    _, across, up = AXES[settings.plane]
    shape, spacing = volume.values.shape, volume.spacing
    return shape[across] * spacing[across], shape[up] * spacing[up]


def _slice(volume: Volume, number: int, settings: Nifti) -> NDArray[np.float32]:
    """Return a slice as it is drawn, shape (height, width)."""
    cut = np.moveaxis(volume.values, AXES[settings.plane][0], 0)[number].T[::-1]
    # In memory the patient's right and front lie on the right; radiologists have them on the left.
    seen: NDArray[np.float32] = cut[:, ::-1] if settings.side == "radiological" else cut
    return seen


def _with_letters(image: Image.Image, settings: Nifti) -> Image.Image:
    """Write at the borders which side of the patient lies there."""
    left, right = ("P", "A") if settings.plane == "sagittal" else ("L", "R")
    left, right = (right, left) if settings.side == "radiological" else (left, right)
    top, bottom = ("A", "P") if settings.plane == "axial" else ("H", "F")
    pen = ImageDraw.Draw(image)
    font = ImageFont.load_default(max(10, max(image.size) // 22))
    middle, low = image.width / 2, image.height / 2
    for place, anchor, letter in (
        ((4, low), "lm", left), ((image.width - 4, low), "rm", right),
        ((middle, 4), "ma", top), ((middle, image.height - 4), "md", bottom),
    ):  # fmt: skip
        pen.text(place, letter, 255, font, anchor=anchor, stroke_width=2, stroke_fill=0)
    return image


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep remarks on odd but readable headers from standing between answers."""
    logger = logging.getLogger("nibabel.global")
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before
