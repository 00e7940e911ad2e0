"""Reads place words on the 3x3 grid of a picture: "top left", "the lower right corner", "in the centre"."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

ROWS = ("top", "middle", "bottom")
COLUMNS = ("left", "middle", "right")
Cell = tuple[int, int]  # row, column, each 0 to 2
CELLS: dict[str, Cell] = {
    "top left": (0, 0),
    "top": (0, 1),
    "top right": (0, 2),
    "left": (1, 0),
    "center": (1, 1),
    "right": (1, 2),
    "bottom left": (2, 0),
    "bottom": (2, 1),
    "bottom right": (2, 2),
}
_NAMES = {cell: name for name, cell in CELLS.items()}

_SIDE = (
    r"(?:side|half|edge|corner|part|portion|hand|third|region|area|end|border|margin|quadrant|section|rim|most)"
)
_VERTICAL = r"(?P<{0}>top|upper|bottom|lower|middle|mid|cent(?:er|re)|central)(?:most)?"
_HORIZONTAL = r"(?P<{0}>left|right|middle|cent(?:er|re))(?:most|[\s-]hand)?"
_BETWEEN = rf"(?:[\s-]{{1,2}}|(?:[\s-]{{1,2}}{_SIDE})?\s(?:of|on|in)\s(?:the\s)?(?:very\s|far\s)?)?"
_PAIR = re.compile(
    rf"\b(?:{_VERTICAL.format('v1')}{_BETWEEN}{_HORIZONTAL.format('h1')}"
    rf"|{_HORIZONTAL.format('h2')}{_BETWEEN}{_VERTICAL.format('v2')})\b"
    rf"|\b(?P<only>top|upper|bottom|lower|left|right|cent(?:er|re)|central|middle)(?:most|[\s-]hand)?\b",
    re.IGNORECASE,
)
_FOLLOWS_SIDE = re.compile(rf"[\s-]{{1,2}}{_SIDE}\b", re.IGNORECASE)
_AFTER_ARTICLE = re.compile(r"\b(?:the|far|extreme|very|its|at|on|in|near|toward|towards)\s$", re.IGNORECASE)
_NO_PLACE_BEHIND = re.compile(
    r"\s(?:than|number|amount|place|position|way|order|answer|size|colou?r|kind|type|angles?|"
    r"orientation|track|time|now|away|behind|over|out|line|notch|quality|contrast|resolution|values?|levels?|one)\b",
    re.IGNORECASE,
)
_RELATIVE = re.compile(
    r"\s(?:of|to|from)\s(?!(?:the\s|this\s|that\s)?(?:image|picture|photo|frame|figure|view|scan|plot|cent(?:er|re))\b)\w",
    re.IGNORECASE,
)
_ON_TOP_OF = re.compile(r"\bon\s(?:the\s)?$", re.IGNORECASE)
_OF_THE_IMAGE = re.compile(
    r"(?:[\s-]\w{1,12}){0,3}\s(?:of|in|on)\s(?:the\s|this\s|your\s)?(?:\w{1,12}\s)?"
    r"(?:image|picture|photo|photograph|frame|figure|view)\b",
    re.IGNORECASE,
)
_IMAGE_BEFORE = re.compile(
    r"\b(?:image|picture|viewer|photo|frame)(?:['’]s|s['’])?\s(?:\w{1,12}\s)?$", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class GridPlace:
    """One place that is named, and where in the text; an axis that is not named is None."""

    row: int | None
    column: int | None
    span: tuple[int, int]
    of_the_image: bool  # left and right are plainly those of the picture, not of a patient

    @property
    def cells(self) -> frozenset[Cell]:
        """Return every cell that the words allow: "top" allows the whole upper row, "center" one cell."""
        rows = range(3) if self.row is None else (self.row,)
        columns = range(3) if self.column is None else (self.column,)
        return frozenset((row, column) for row in rows for column in columns)

    @property
    def cell(self) -> Cell:
        """Return the one cell that has these words for its name."""
        return (1 if self.row is None else self.row, 1 if self.column is None else self.column)


def cell_names(cells: Iterable[Cell]) -> str:
    """Name cells in reading order, separated by semicolons."""
    return "; ".join(_NAMES[cell] for cell in sorted(cells))


def find_grid_places(text: str) -> list[GridPlace]:
    """Find the places that a text names, in order; linear time.

    "lower than", "the right number", "left behind" and "on top of" are no places, and "to the left of the hole" is
    relative to something else.
    """
    places = []
    for match in _PAIR.finditer(text):
        found = _pair(match, text) if match["only"] is None else _single(match, text)
        if found is not None:
            places.append(found)
    return places


def _row(word: str) -> int:
    return {"top": 0, "upper": 0, "bottom": 2, "lower": 2}.get(word.casefold(), 1)


def _pair(match: re.Match[str], text: str) -> GridPlace:
    vertical, horizontal = match["v1"] or match["v2"], match["h1"] or match["h2"]
    column = {"left": 0, "right": 2}.get(horizontal.casefold(), 1)
    return GridPlace(_row(vertical), column, match.span(), _of_the_image(match, text))


def _single(match: re.Match[str], text: str) -> GridPlace | None:
    word = match["only"].casefold()
    before, behind = text[max(0, match.start() - 24) : match.start()], text[match.end() : match.end() + 48]
    side = _FOLLOWS_SIDE.match(behind) is not None
    if not side and (_NO_PLACE_BEHIND.match(behind) or not _stands_alone(word, before, behind)):
        return None
    if word in ("left", "right"):
        return GridPlace(None, 0 if word == "left" else 2, match.span(), _of_the_image(match, text))
    central = word in ("center", "centre", "central", "middle")
    return GridPlace(_row(word), 1 if central else None, match.span(), True)


def _stands_alone(word: str, before: str, behind: str) -> bool:
    if word in ("upper", "lower"):
        return re.match(r"\s\w", behind) is not None and word == "upper"
    if word == "top" and re.match(r"\sof\b", behind) and _ON_TOP_OF.search(before):
        return before.rstrip().endswith("the")
    if word in ("left", "right") and _RELATIVE.match(behind) and re.search(r"\bto\sthe\s$", before, re.IGNORECASE):
        return False
    whole = not before.strip(" \t\n\"'*.:,-(") and not behind.strip(" \t\n\"'*.,;:)")
    return word == "central" or whole or _AFTER_ARTICLE.search(before) is not None


def _of_the_image(match: re.Match[str], text: str) -> bool:
    behind = text[match.end() : match.end() + 80]
    before = text[max(0, match.start() - 24) : match.start()]
    return _OF_THE_IMAGE.match(behind) is not None or _IMAGE_BEFORE.search(before) is not None
