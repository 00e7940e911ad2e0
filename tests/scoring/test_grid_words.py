import pytest

from vlm_eval.scoring.grid_words import CELLS, cell_names, find_grid_places


def named(text):
    return [cell_names([place.cell]) for place in find_grid_places(text)]


@pytest.mark.parametrize("name", CELLS)
def test_every_cell_is_read_by_its_own_name(name):
    (place,) = find_grid_places(name)
    assert place.cell == CELLS[name]
    assert place.cell in place.cells


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The top left candle has a dent.", ["top left"]),
        ("in the upper-left corner", ["top left"]),
        ("on the lower right-hand side", ["bottom right"]),
        ("in the upper part of the left side", ["top left"]),
        ("top middle", ["top"]),
        ("middle left", ["left"]),
        ("in the centre of the image", ["center"]),
        ("the lower part", ["bottom"]),
        ("near the top of the torus", ["top"]),
        ("to the left of the image", ["left"]),
        ("on the top left and bottom right candles", ["top left", "bottom right"]),
    ],
)
def test_other_words_for_a_place_are_read(text, expected):
    assert named(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "two washers left",
        "All right, it is fine.",
        "the right number of screws",
        "it was left behind",
        "a lower contrast than usual",
        "On top of the bottle there is a cap.",
        "to the left of the hole",
        "The bottom line is that it is fine.",
        "The wick is centered.",
    ],
)
def test_words_that_are_no_places_are_not_read(text):
    assert named(text) == []


def test_top_alone_allows_the_whole_row_and_top_left_one_cell():
    assert len(find_grid_places("at the top")[0].cells) == 3
    assert len(find_grid_places("at the top left")[0].cells) == 1


@pytest.mark.parametrize(
    ("text", "clear"),
    [
        ("on the left side of the image", True),
        ("in the image's left half", True),
        ("in the left lung", False),
        ("in the left upper lobe", False),
    ],
)
def test_whose_left_it_is(text, clear):
    assert find_grid_places(text)[0].of_the_image is clear
