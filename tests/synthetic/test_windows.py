import numpy as np
import pytest

from vlm_eval.errors import BadInputError
from vlm_eval.synthetic.windows import Window, bounds, box_hole, check_hole, choose_hole, square_window

PICTURE = np.zeros((60, 100, 3), dtype=np.uint8)


def test_the_bounds_of_a_mask_are_its_outermost_pixels():
    mask = np.zeros((60, 100), dtype=bool)
    mask[10, 20] = mask[30, 50] = True
    assert bounds(mask) == Window(20, 10, 51, 31)


@pytest.mark.parametrize("box", [(-1, 0, 10, 10), (0, 0, 101, 10), (10, 10, 10, 20), (5, 50, 9, 61)])
def test_a_box_that_is_empty_or_leaves_its_picture_is_refused(box):
    with pytest.raises(BadInputError, match="empty or lies outside its picture of 100x60"):
        box_hole(box, PICTURE)


def test_a_mask_of_another_size_an_empty_one_and_one_as_large_as_the_picture_are_refused():
    with pytest.raises(BadInputError, match="lies outside its picture"):
        check_hole(np.ones((60, 101), dtype=bool), PICTURE)
    with pytest.raises(BadInputError, match="the mask is empty"):
        check_hole(np.zeros((60, 100), dtype=bool), PICTURE)
    with pytest.raises(BadInputError, match="covers 100% of its picture"):
        check_hole(np.ones((60, 100), dtype=bool), PICTURE)


@pytest.mark.parametrize("corner", [(0, 0), (88, 52), (45, 20)])
def test_the_crop_is_a_square_that_holds_the_hole_and_lies_in_the_picture(corner):
    hole = np.zeros((60, 100), dtype=bool)
    hole[corner[1] : corner[1] + 8, corner[0] : corner[0] + 12] = True
    window = square_window(hole, factor=2, least=16)
    assert window.size == (24, 24)
    assert window.left >= 0 and window.right <= 100 and window.top >= 0 and window.bottom <= 60
    assert window.crop(hole).sum() == 96


def test_a_crop_cannot_be_larger_than_its_picture():
    hole = np.zeros((20, 100), dtype=bool)
    hole[5:10, 40:90] = True
    assert square_window(hole, factor=3).size == (100, 20)


def test_every_chosen_hole_lies_in_the_valid_region_and_keeps_its_limits():
    valid = np.zeros((60, 100), dtype=bool)
    valid[30:55, 10:70] = True
    for seed in range(50):
        hole = choose_hole(valid, (0.1, 0.3), np.random.default_rng(seed))
        assert not (hole & ~valid).any()
        assert all(6 <= side <= 18 for side in bounds(hole).size)


def test_a_narrow_region_is_found_by_smaller_holes_and_a_scene_without_room_is_refused():
    valid = np.zeros((60, 100), dtype=bool)
    valid[20:28, :] = True
    hole = choose_hole(valid, (0.1, 0.9), np.random.default_rng(0))
    assert not (hole & ~valid).any()
    with pytest.raises(BadInputError, match=r"no hole of 0.20 to 0.40 .* 13% of the picture"):
        choose_hole(valid, (0.2, 0.4), np.random.default_rng(0))
    with pytest.raises(BadInputError, match="no hole"):
        choose_hole(np.zeros((60, 100), dtype=bool), (0.1, 0.3), np.random.default_rng(0))


def test_part_of_a_hole_may_lie_outside_where_that_is_allowed():
    valid = np.zeros((60, 100), dtype=bool)
    valid[:, :50] = True
    shares = [
        (choose_hole(valid, (0.4, 0.5), np.random.default_rng(seed), inside=0.5) & valid).mean()
        for seed in range(20)
    ]
    holes = [choose_hole(valid, (0.4, 0.5), np.random.default_rng(seed), inside=0.5) for seed in range(20)]
    parts = [share / hole.mean() for share, hole in zip(shares, holes, strict=True)]
    assert min(parts) >= 0.5 and min(parts) < 1
