import numpy as np
from PIL import Image

from vlm_eval.flow import Prompt, Turn
from vlm_eval.views.image import image_view
from vlm_eval.views.sheet import SheetRow, contact_sheet


def prompt(*parts) -> Prompt:
    return Prompt((Turn("user", parts),))


def colour_places(sheet: Image.Image, colour: tuple[int, int, int]) -> np.ndarray:
    return np.argwhere(np.abs(np.asarray(sheet).astype(int) - colour).max(axis=-1) < 3)


def test_pictures_stand_in_order_above_the_text(save) -> None:
    red = image_view(save(Image.new("RGB", (50, 50), (200, 0, 0)), "r.png"), "reference")
    blue = image_view(save(Image.new("RGB", (50, 50), (0, 0, 200)), "b.png"), "query")
    sheet = contact_sheet([SheetRow("part-a/7", prompt("Normal: ", red, "Now look: ", blue, "Any defect?"))])
    reds, blues = colour_places(sheet, (200, 0, 0)), colour_places(sheet, (0, 0, 200))
    assert reds[:, 1].max() < blues[:, 1].min()
    assert reds[:, 0].min() == blues[:, 0].min()
    below = np.asarray(sheet.convert("L"))[reds[:, 0].max() + 1 :]
    assert (below < 100).any()


def test_more_pictures_than_fit_go_to_the_next_line(save) -> None:
    red = image_view(save(Image.new("RGB", (50, 50), (200, 0, 0)), "r.png"), "reference")
    wide = contact_sheet([SheetRow("x", prompt(red, red, red))], width=1000, tile=300)
    narrow = contact_sheet([SheetRow("x", prompt(red, red, red))], width=400, tile=300)
    assert wide.width == 1000 and narrow.width == 400
    assert narrow.height > wide.height + 500
    assert len(colour_places(wide, (200, 0, 0))) == len(colour_places(narrow, (200, 0, 0))) == 3 * 300 * 300


def test_long_text_stays_inside_the_sheet() -> None:
    text = "A standard of many words. " * 40 + "\n" + "x" * 500 + "\nLast line."
    sheet = np.asarray(contact_sheet([SheetRow("x", prompt(text))], width=500).convert("L"))
    assert (sheet[:-1, -20:] == 255).all()
    assert sheet.shape[0] > 22 * 25


def test_a_picture_that_cannot_be_read_is_shown_as_such(tmp_path) -> None:
    view = image_view(tmp_path / "missing.png", "query")
    sheet = contact_sheet([SheetRow("x", prompt(view, "Any defect?"))])
    assert len(colour_places(sheet, (0xD5, 0xDC, 0xE3))) > 0.8 * 300 * 300


def test_rows_stand_under_each_other() -> None:
    row = SheetRow("x", prompt("Any defect?"))
    assert contact_sheet([row, row]).height == 2 * contact_sheet([row]).height
