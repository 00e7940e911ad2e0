"""Several drawn views on one labelled sheet, as a model is shown them."""

import math
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont


def grid_of(count: int) -> tuple[int, int]:
    """Return columns and rows of a sheet of so many views, about as wide as high."""
    columns = math.ceil(math.sqrt(count))
    return columns, math.ceil(count / columns)


def caption_height(side: int) -> int:
    """Return the height in pixels of the caption above a view of `side` pixels."""
    return max(13, side // 14)


def sheet_size(count: int, side: int) -> tuple[int, int]:
    """Return width and height of a sheet of so many views of `side` pixels."""
    columns, rows = grid_of(count)
    return columns * side, rows * (side + caption_height(side))


def corner(number: int, count: int, side: int) -> tuple[int, int]:
    """Return left and top of a view on its sheet, below its caption; views are counted from 0."""
    columns, _ = grid_of(count)
    strip = caption_height(side)
    return number % columns * side, number // columns * (side + strip) + strip


def draw_panels(views: Sequence[Image.Image], labels: Sequence[str]) -> Image.Image:
    """Draw square views of one size in rows, each below a caption with its number and label."""
    side, count = views[0].width, len(views)
    strip = caption_height(side)
    sheet = Image.new("RGB", sheet_size(count, side), "white")
    pen = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(round(strip * 0.72))
    for number, (view, label) in enumerate(zip(views, labels, strict=True)):
        left, top = corner(number, count, side)
        sheet.paste(view, (left, top))
        pen.rectangle((left, top - strip, left + side - 1, top + side - 1), outline="#b8c0c8")
        pen.text((left + 5, top - strip / 2), f"{number + 1}   {label}", "#1c2733", font, anchor="lm")
    return sheet
