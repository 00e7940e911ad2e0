"""The pictures of a page: inside the file within a budget, or beside it where they are loaded when seen."""

import base64
import io
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from PIL import Image

_SIDES = ((192, 80), (144, 75), (112, 70), (80, 60))
"""Longest side in pixels and JPEG quality, tried in turn where the stored thumbnails are too much together."""
_PROBED = 40
_BASE64 = 4 / 3
_REGION_SIDE = 256
_REGION_COLOUR = (213, 0, 170)

Draw = Callable[[Path], bytes | None]
"""Turns a file of the run into a see-through PNG to lay over a picture; None where the file cannot be read."""


class Pictures:
    """The pictures that a page needs, each once, by the number under which the page knows them."""

    def __init__(self) -> None:
        self._numbers: dict[Path, int] = {}
        self._drawn: dict[int, Draw] = {}

    def add(self, path: Path, draw: Draw | None = None) -> int:
        """Take in a picture, or a file that `draw` makes one of; return its number, -1 where it is not there."""
        if path in self._numbers:
            return self._numbers[path]
        if not path.is_file():
            return -1
        self._numbers[path] = len(self._numbers)
        if draw is not None:
            self._drawn[self._numbers[path]] = draw
        return self._numbers[path]

    def inline(self, budget: int) -> list[str | None]:
        """Return each picture as a data URL, small enough that all take at most `budget` bytes.

        Where even small ones do not fit, the last ones are None.
        """
        paths = list(self._numbers)
        drawn = {number: _drawn_url(draw(paths[number])) for number, draw in self._drawn.items()}
        budget -= sum(len(url) for url in drawn.values() if url is not None)
        size = _side_that_fits([path for path, number in self._numbers.items() if number not in drawn], budget)
        found: list[str | None] = []
        for number, path in enumerate(paths):
            url = drawn[number] if number in drawn else _picture_url(path, size)
            if url is not None and number not in drawn:
                budget -= len(url)
            found.append(url if budget >= 0 else None)
        return found

    def copy(self, folder: Path) -> list[str | None]:
        """Write each picture into a folder and return its name there."""
        folder.mkdir(parents=True, exist_ok=True)
        names: list[str | None] = []
        for path, number in self._numbers.items():
            draw = self._drawn.get(number)
            if draw is not None:
                data, name = draw(path), f"over-{number}.png"
                if data is not None:
                    (folder / name).write_bytes(data)
            else:
                data, name = b"", f"{number}.jpg"
                shutil.copyfile(path, folder / name)
            names.append(None if data is None else f"{folder.name}/{name}")
        return names


def _side_that_fits(paths: Sequence[Path], budget: int) -> tuple[int, int] | None:
    """Return the side and quality at which all pictures fit; None where the files fit as they are."""
    if sum(path.stat().st_size for path in paths) * _BASE64 <= budget:
        return None
    probes = paths[:: max(1, len(paths) // _PROBED)]
    for size in _SIDES:
        sizes = [len(data) for data in (_smaller(path, size) for path in probes) if data is not None]
        if sizes and sum(sizes) / len(sizes) * len(paths) * _BASE64 * 1.1 <= budget:
            return size
    return _SIDES[-1]


def _picture_url(path: Path, size: tuple[int, int] | None) -> str | None:
    data = path.read_bytes() if size is None else _smaller(path, size)
    return None if data is None else f"data:image/jpeg;base64,{base64.b64encode(data).decode()}"


def _smaller(path: Path, size: tuple[int, int]) -> bytes | None:
    out = io.BytesIO()
    try:
        with Image.open(path, formats=("JPEG",)) as picture:
            picture.draft("RGB", (size[0], size[0]))
            small = picture.convert("RGB")
    except (OSError, ValueError):
        return None  # damaged: the page says that it has no picture
    small.thumbnail((size[0], size[0]))
    small.save(out, "JPEG", quality=size[1])
    return out.getvalue()


def _drawn_url(data: bytes | None) -> str | None:
    return None if data is None else f"data:image/png;base64,{base64.b64encode(data).decode()}"


def draw_region(path: Path) -> bytes | None:
    """Return a region as a see-through picture: one colour where the anomaly is, nothing elsewhere."""
    try:
        with Image.open(path, formats=("PNG",)) as picture:
            region = picture.convert("L")
    except (OSError, ValueError):
        return None
    region.thumbnail((_REGION_SIDE, _REGION_SIDE), Image.Resampling.BOX)
    shown = region.point(lambda value: 1 if value else 0).convert("P")
    shown.putpalette([0, 0, 0, *_REGION_COLOUR])
    out = io.BytesIO()
    shown.save(out, "PNG", transparency=0, bits=1)
    return out.getvalue()


def region_aspect(path: Path) -> float | None:
    """Return width over height of a region; None where it cannot be read."""
    try:
        with Image.open(path, formats=("PNG",)) as picture:
            return picture.width / picture.height
    except (OSError, ValueError):
        return None
