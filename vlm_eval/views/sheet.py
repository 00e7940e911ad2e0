"""Contact sheets: what a model is shown, on one page for people."""

import io
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

from vlm_eval.errors import BadInputError
from vlm_eval.flow import Prompt, View

_MARGIN, _GAP, _LINE, _TITLE = 24, 16, 22, 34
_INK, _FAINT, _PAPER, _RULE = "#1c2733", "#5b6b7a", "#ffffff", "#d5dce3"


@dataclass(frozen=True, slots=True)
class SheetRow:
    """One prompt on a contact sheet."""

    title: str  # what tells this row from the others: sample, cell
    prompt: Prompt


def contact_sheet(rows: Sequence[SheetRow], *, width: int = 1000, tile: int = 300) -> Image.Image:
    """Draw prompts under each other: title, pictures in order with number, role and size, then the text.

    In the text "[picture 1]" stands where the picture is shown. A picture that cannot be read becomes a grey tile
    that says so; its item would fail as bad input.

    Args:
        rows: the prompts, at least one.
        width: of the sheet in pixels.
        tile: greatest width and height of a picture in pixels.
    """
    drawn = [_draw_row(row, width, tile) for row in rows]
    sheet = Image.new("RGB", (width, sum(part.height for part in drawn)), _PAPER)
    top = 0
    for part in drawn:
        sheet.paste(part, (0, top))
        top += part.height
    return sheet


def _draw_row(row: SheetRow, width: int, tile: int) -> Image.Image:
    columns = max(1, (width - 2 * _MARGIN + _GAP) // (tile + _GAP))
    views = row.prompt.views
    picture_rows = -(-len(views) // columns)
    lines = _lines(row.prompt, width)
    text_top = _MARGIN + _TITLE + picture_rows * (tile + _LINE + _GAP)
    image = Image.new("RGB", (width, text_top + len(lines) * _LINE + _MARGIN), _PAPER)
    draw = ImageDraw.Draw(image)
    draw.text((_MARGIN, _MARGIN - 4), row.title, _INK, ImageFont.load_default(20))
    for index, view in enumerate(views):
        left = _MARGIN + index % columns * (tile + _GAP)
        top = _MARGIN + _TITLE + index // columns * (tile + _LINE + _GAP)
        image.paste(_tile(view, tile), (left, top + _LINE))
        caption = f"{index + 1}  {view.role}  {view.size[0]} x {view.size[1]}"
        draw.text((left, top), caption, _FAINT, ImageFont.load_default(14))
    for number, (line, colour) in enumerate(lines):
        draw.text((_MARGIN, text_top + number * _LINE), line, colour, ImageFont.load_default(16))
    draw.line((0, image.height - 1, width, image.height - 1), _RULE)
    return image


def _tile(view: View, side: int) -> Image.Image:
    try:
        with Image.open(io.BytesIO(view.read())) as opened:
            image = opened.convert("RGB")
    except (BadInputError, OSError) as error:
        image = Image.new("RGB", (side, side), _RULE)
        message = textwrap.fill(f"cannot be read: {error}", 34)
        ImageDraw.Draw(image).multiline_text((10, 10), message, _INK, ImageFont.load_default(14))
        return image
    factor = side / max(image.size)
    size = max(1, round(image.width * factor)), max(1, round(image.height * factor))
    return image.resize(size, Image.Resampling.LANCZOS)


def _lines(prompt: Prompt, width: int) -> list[tuple[str, str]]:
    """Wrap a prompt's text to the sheet's width; each line comes with its colour."""
    lines: list[tuple[str, str]] = []
    shown = 0
    for turn in prompt.turns:
        lines.append((f"{turn.role}:", _FAINT))
        text = ""
        for part in turn.parts:
            if isinstance(part, View):
                shown += 1
                text += f" [picture {shown}] "
            else:
                text += part
        for paragraph in text.split("\n"):
            lines.extend((line, _INK) for line in _wrap(paragraph, width - 2 * _MARGIN))
    return lines


def _wrap(paragraph: str, width: int) -> list[str]:
    """Break a paragraph at spaces by its drawn width in pixels; a longer word is broken inside."""
    font = ImageFont.load_default(16)
    most = max(1, width // 16)  # characters that fit even if each is as wide as it is high
    words = [piece for word in paragraph.split() for piece in textwrap.wrap(word, most)]
    lines = words[:1] or [""]
    for word in words[1:]:
        longer = f"{lines[-1]} {word}"
        if font.getlength(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines
