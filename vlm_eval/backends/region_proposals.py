"""Boxes of a picture that may hold an object: by segmentation, from a file, or by a DETR of the user's."""

import csv
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path, PurePath
from typing import Any

import numpy as np
from PIL import Image

from vlm_eval.errors import BadInputError, InputError, MissingExtraError

Boxes = tuple[tuple[float, float, float, float], ...]
"""Left, top, right, bottom of each region, in pixels of the picture; right and bottom exclusive."""

Proposer = Callable[[Image.Image, Path], Boxes]
SEGMENTERS = ("slic", "felzenszwalb")
_SIDE = 256  # pixels of the longest side at which a picture is segmented: a box is no better from more
_LEAST = 0.005  # share of the picture that a segment's box must have: what is smaller shows no object
_COLUMNS = ("file", "left", "top", "right", "bottom")


def open_proposer(regions: str, count: int, threshold: float) -> Proposer:
    """Open a way of proposing regions.

    Args:
        regions: `slic`, `felzenszwalb`, a CSV of boxes, or a DETR checkpoint of transformers.
        count: how many segments are aimed at, of slic and felzenszwalb.
        threshold: least confidence of a detection, of DETR.

    Raises:
        InputError: the file or the checkpoint cannot be used.
        MissingExtraError: a package is not installed.
    """
    if regions in SEGMENTERS:
        return _Segments(regions, count)
    return _Given(Path(regions)) if regions.endswith(".csv") else _Detections(regions, threshold)


class _Segments:
    """The boxes round the segments of SLIC (Achanta et al. 2012) or of Felzenszwalb and Huttenlocher (2004)."""

    def __init__(self, kind: str, count: int) -> None:
        try:
            self._library = import_module("skimage.segmentation")
        except ImportError as error:
            raise MissingExtraError("scikit-image", "marks", f"Regions by {kind}") from error
        self._kind = kind
        self._count = count

    def __call__(self, picture: Image.Image, path: Path) -> Boxes:
        small = picture.copy()
        small.thumbnail((_SIDE, _SIDE))
        scale = np.array([picture.width / small.width, picture.height / small.height] * 2)
        labels = self._segment(np.asarray(small))
        boxes = [
            (columns.start, rows.start, columns.stop, rows.stop)
            for rows, columns in filter(None, _slices(labels))
            if (rows.stop - rows.start) * (columns.stop - columns.start) >= _LEAST * labels.size
        ]
        return tuple((float(a), float(b), float(c), float(d)) for a, b, c, d in np.array(boxes) * scale)

    def _segment(self, pixels: Any) -> Any:
        if self._kind == "slic":
            return self._library.slic(pixels, n_segments=self._count, compactness=10, start_label=1)
        least = max(16, pixels.shape[0] * pixels.shape[1] // (4 * self._count))
        return 1 + self._library.felzenszwalb(pixels, scale=200, sigma=0.8, min_size=least)


def _slices(labels: Any) -> Any:
    from scipy.ndimage import find_objects

    return find_objects(labels)


class _Given:
    """The boxes of a CSV with columns file, left, top, right, bottom; a file is named by the end of its path."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            with path.open(encoding="utf-8-sig", newline="") as stream:
                rows = list(csv.DictReader(stream))
            found: dict[str, list[tuple[float, float, float, float]]] = {}
            for row in rows:
                left, top, right, bottom = (float(row[name]) for name in _COLUMNS[1:])
                found.setdefault(row["file"].replace("\\", "/"), []).append((left, top, right, bottom))
        except (OSError, UnicodeDecodeError, csv.Error, KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"The regions {path} cannot be read ({error}). Give a CSV in UTF-8 with the columns "
                f"{', '.join(_COLUMNS)}, in pixels, a line a region."
            ) from error
        self._boxes: Mapping[str, Boxes] = {name: tuple(boxes) for name, boxes in found.items()}

    def __call__(self, picture: Image.Image, path: Path) -> Boxes:
        parts = PurePath(path.as_posix()).parts
        ends = ["/".join(parts[start:]) for start in range(len(parts))]
        for name in ends:  # the longest end first, so that files of one name in two folders are told apart
            if name in self._boxes:
                return self._inside(self._boxes[name], picture, path)
        raise BadInputError(f"{self._path} gives no region of {path}. Add its lines, or use slic.")

    def _inside(self, boxes: Boxes, picture: Image.Image, path: Path) -> Boxes:
        for left, top, right, bottom in boxes:
            if not (0 <= left < right <= picture.width and 0 <= top < bottom <= picture.height):
                raise BadInputError(
                    f"{self._path}: the region {left:g} {top:g} {right:g} {bottom:g} does not lie inside {path}, "
                    f"which is {picture.width} x {picture.height} pixels. Correct or remove it."
                )
        return boxes


class _Detections:
    """The boxes of a DETR-like detector through transformers; the classes that it names are not used."""

    def __init__(self, checkpoint: str, threshold: float) -> None:
        library = import_module("transformers")
        library.utils.logging.disable_progress_bar()
        self._torch = import_module("torch")
        try:
            self._model = library.AutoModelForObjectDetection.from_pretrained(checkpoint).eval()
            self._prepare = library.AutoImageProcessor.from_pretrained(checkpoint)
        except (OSError, ValueError, ImportError) as error:
            raise InputError(
                f"The detector {checkpoint!r} cannot be loaded: {error}. Give a DETR checkpoint or its folder, a "
                f"CSV of boxes, or one of {', '.join(SEGMENTERS)}, which need no network."
            ) from error
        self._threshold = threshold

    def __call__(self, picture: Image.Image, path: Path) -> Boxes:
        with self._torch.inference_mode():
            found = self._model(**self._prepare(images=picture, return_tensors="pt"))
        size = self._torch.tensor([[picture.height, picture.width]])
        (kept,) = self._prepare.post_process_object_detection(found, self._threshold, target_sizes=size)
        limits = np.array([picture.width, picture.height] * 2)
        inside = np.clip(kept["boxes"].numpy(), 0, limits)
        return tuple(
            (float(a), float(b), float(c), float(d)) for a, b, c, d in inside if c - a >= 1 and d - b >= 1
        )
