import itertools

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from vlm_eval.errors import BadInputError
from vlm_eval.views.mark_boxes import mark_boxes
from vlm_eval.views.mark_regions import in_reading_order, regions_of
from vlm_eval.views.marks import draw_marks, gold_marks, place_numbers
from vlm_eval.views.settings import Marks

SIDE = 448


@pytest.fixture
def picture() -> Image.Image:
    rng = np.random.default_rng(0)
    blobs = Image.fromarray(rng.integers(0, 255, (9, 9, 3)).astype(np.uint8)).resize(
        (SIDE, SIDE), Image.Resampling.NEAREST
    )
    noise = rng.normal(0, 6, (SIDE, SIDE, 3))
    return Image.fromarray(np.clip(np.asarray(blobs) + noise, 0, 255).astype(np.uint8))


def boxes_overlap(one, other):
    return one[0] <= other[2] and other[0] <= one[2] and one[1] <= other[3] and other[1] <= one[3]


def npy(array):
    import io

    out = io.BytesIO()
    np.save(out, array)
    return out.getvalue()


@pytest.mark.parametrize(
    ("regions", "count"),
    [("grid", 4), ("grid", 60), ("slic", 4), ("slic", 60), ("felzenszwalb", 16), ("random", 4), ("random", 60)],
)
def test_numbers_never_overlap_and_stand_inside_the_picture(picture, regions, count) -> None:
    labels = regions_of(np.asarray(picture), Marks(regions=regions, count=count))
    labels, numbers = place_numbers(labels)
    assert [number.mark for number in numbers] == list(range(1, labels.max() + 1))
    assert not any(boxes_overlap(a.box, b.box) for a, b in itertools.combinations(numbers, 2))
    for left, top, right, bottom in (number.box for number in numbers):
        assert 0 <= left < right < SIDE and 0 <= top < bottom < SIDE


@pytest.mark.parametrize("regions", ["grid", "slic", "felzenszwalb"])
def test_a_number_stands_wholly_inside_its_own_region_or_points_to_it(picture, regions) -> None:
    labels, numbers = place_numbers(regions_of(np.asarray(picture), Marks(regions=regions, count=20)))
    inside = 0
    for number in numbers:
        left, top, right, bottom = number.box
        if number.anchor is None:
            assert (labels[top : bottom + 1, left : right + 1] == number.mark).all()
            inside += 1
        else:
            assert labels[number.anchor[1], number.anchor[0]] == number.mark
    assert inside >= 0.8 * len(numbers)


@pytest.mark.parametrize("style", ["contour", "fill", "box"])
def test_every_style_draws_and_leaves_most_of_a_region_as_it_was(picture, style) -> None:
    drawn, labels = draw_marks(picture, Marks(style=style))
    changed = (np.asarray(drawn) != np.asarray(picture)).any(axis=-1)
    assert drawn.size == picture.size and labels.max() == 9
    assert changed.mean() > 0.9 if style == "fill" else 0.01 < changed.mean() < 0.15


def test_numbers_are_white_on_black_and_large_enough_to_read(picture) -> None:
    drawn, _ = draw_marks(picture, Marks())
    _, numbers = place_numbers(regions_of(np.asarray(picture), Marks()))
    for number in numbers:
        left, top, right, bottom = number.box
        patch = np.asarray(drawn.convert("L"))[top : bottom + 1, left : right + 1]
        assert number.font >= 15 and bottom - top >= 11
        assert (patch < 40).mean() > 0.4 and patch.max() > 220


def test_marks_scale_with_the_picture() -> None:
    large = np.zeros((1792, 1792, 3), np.uint8)
    _, numbers = place_numbers(regions_of(large, Marks()))
    assert {number.font for number in numbers} == {60}


def test_marks_are_numbered_as_one_reads(picture) -> None:
    labels = regions_of(np.asarray(picture), Marks())
    assert [int(labels[row, column]) for row in (10, 200, 440) for column in (10, 200, 440)] == list(range(1, 10))
    shuffled = np.array([0, 5, 3, 9, 1, 7, 2, 8, 6, 4])[labels].astype(np.int32)
    assert np.array_equal(in_reading_order(shuffled), labels)


def test_equal_pictures_get_equal_marks_and_seeds_change_random_ones(picture) -> None:
    pixels = np.asarray(picture)
    one, two = (regions_of(pixels, Marks(regions="random", seed=seed)) for seed in (0, 1))
    assert np.array_equal(one, regions_of(pixels, Marks(regions="random"))) and not np.array_equal(one, two)
    assert not np.array_equal(one, regions_of(255 - pixels, Marks(regions="random")))


def test_given_masks_become_regions_and_the_smaller_one_lies_on_top() -> None:
    pixels = np.zeros((40, 60, 3), np.uint8)
    stack = np.zeros((2, 40, 60), bool)
    stack[0, 5:10, 5:10] = True
    stack[1, 2:30, 2:30] = True
    labels = regions_of(pixels, Marks(regions="masks", path="a.npy"), npy(stack))
    assert sorted(np.bincount(labels.ravel())[1:].tolist()) == [25, 28 * 28 - 25]
    two = np.zeros((40, 60), np.uint8)
    two[5:10, 5:10] = two[20:30, 40:50] = 255
    assert regions_of(pixels, Marks(regions="masks", path="a.npy"), npy(two)).max() == 2
    named = np.zeros((40, 60), np.int32)
    named[:20], named[20:] = 7, 900
    assert np.unique(regions_of(pixels, Marks(regions="masks", path="a.npy"), npy(named))).tolist() == [1, 2]


def test_a_heat_map_marks_what_stands_out() -> None:
    heat = np.random.default_rng(0).normal(0, 0.1, (64, 64))
    heat[10:20, 10:20] = 5
    heat[40:50, 30:50] = 4
    labels = regions_of(np.zeros((64, 64, 3), np.uint8), Marks(regions="heat", path="a.npy", count=2), npy(heat))
    assert labels[15, 15] == 1 and labels[45, 40] == 2 and (labels > 0).sum() == 300


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.zeros((40, 60)), "gives no region to mark"),
        (np.ones((4, 6)), "the picture 60 x 40"),
        (np.ones((2, 3, 4, 5)), "is needed"),
    ],
)
def test_masks_that_cannot_serve_are_refused(array, said) -> None:
    with pytest.raises(BadInputError, match=said):
        regions_of(np.zeros((40, 60, 3), np.uint8), Marks(regions="masks", path="a.npy"), npy(array))


def test_one_mask_over_everything_gives_one_mark() -> None:
    image = Image.new("RGB", (448, 448), "grey")
    drawn, labels = draw_marks(image, Marks(regions="masks", path="a.npy"), npy(np.ones((448, 448))))
    assert labels.max() == 1 and drawn.size == image.size


def test_five_hundred_regions_give_as_many_marks_as_have_room(picture) -> None:
    labels, numbers = place_numbers(regions_of(np.asarray(picture), Marks(count=500)))
    assert 200 < len(numbers) == labels.max() <= 500
    drawn = np.zeros((SIDE, SIDE), int)
    for left, top, right, bottom in (number.box for number in numbers):
        drawn[top : bottom + 1, left : right + 1] += 1
    assert drawn.max() == 1


def test_a_picture_with_no_room_for_a_number_says_so() -> None:
    with pytest.raises(BadInputError, match=r"no region to mark|no region with room"):
        draw_marks(Image.new("RGB", (448, 448)), Marks(regions="masks", path="a.npy"), npy(np.zeros((448, 448))))


def slow_best(labels, anomaly):
    marks = range(1, labels.max() + 1)
    sets = [s for r in range(1, len(marks) + 1) for s in itertools.combinations(marks, r)]
    iou = {s: (np.isin(labels, s) & anomaly).sum() / (np.isin(labels, s) | anomaly).sum() for s in sets}
    return max(iou.values()), max(iou[(mark,)] for mark in marks)


@pytest.mark.parametrize("seed", range(12))
def test_gold_marks_are_the_best_of_all_sets_of_marks(seed) -> None:
    rng = np.random.default_rng(seed)
    labels = np.kron(rng.permutation(9).reshape(3, 3), np.ones((6, 6), int)).astype(np.int32)
    anomaly = np.zeros((18, 18), bool)
    top, left = rng.integers(0, 12, 2)
    anomaly[top : top + rng.integers(2, 12), left : left + rng.integers(2, 12)] = True
    found = gold_marks(labels, anomaly)
    if not (labels[anomaly] > 0).any():
        assert found is None
        return
    union, single = slow_best(labels, anomaly)
    assert (found.iou, found.best_iou) == pytest.approx((union, single))
    chosen = np.isin(labels, found.marks)
    assert (chosen & anomaly).sum() / (chosen | anomaly).sum() == pytest.approx(union)


def test_marks_keep_their_boxes() -> None:
    labels = np.zeros((10, 20), np.int32)
    labels[2:5, 3:9] = 1
    labels[6:, 10:] = 2
    assert mark_boxes(labels) == {"mark 1": "3 2 9 5", "mark 2": "10 6 20 10"}


def random_regions(seed: int) -> np.ndarray:
    """Draw regions as segmenters give them: large and tiny, thin and torn, with gaps between, of any number."""
    rng = np.random.default_rng(seed)
    height, width = rng.integers(60, 700, 2)
    count = int(rng.integers(1, 90))
    centres = rng.uniform(0, 1, (count, 2)) * (height, width)
    down, across = np.indices((height, width))
    nearest = np.full((height, width), np.inf)
    labels = np.zeros((height, width), np.int32)
    for number, (y, x) in enumerate(centres, 1):
        distance = np.hypot(down - y, (across - x) * rng.uniform(0.2, 5)) * rng.uniform(0.5, 2)
        labels[distance < nearest] = number
        nearest = np.minimum(nearest, distance)
    labels[rng.random((height, width)) < rng.choice([0, 0, 0.001, 0.02])] = 0  # torn
    labels[nearest > rng.uniform(0.05, 1) * max(height, width)] = 0
    return in_reading_order(labels) if labels.any() else np.ones((height, width), np.int32)


@pytest.mark.parametrize("seed", range(20))
def test_numbers_on_any_regions_never_overlap_and_belong_to_their_region(seed) -> None:
    regions = random_regions(seed)
    labels, numbers = place_numbers(regions)
    assert [number.mark for number in numbers] == list(range(1, labels.max() + 1))
    covered = np.zeros(labels.shape, int)
    for number in numbers:
        left, top, right, bottom = number.box
        assert 0 <= left <= right < labels.shape[1] and 0 <= top <= bottom < labels.shape[0]
        covered[top : bottom + 1, left : right + 1] += 1
        if number.anchor is None:
            assert (labels[top : bottom + 1, left : right + 1] == number.mark).all()
        else:
            assert labels[number.anchor[1], number.anchor[0]] == number.mark
        assert number.font >= 8
    assert covered.max() == 1
    # A mark that is kept is a region that was given, pixel for pixel.
    for mark in range(1, labels.max() + 1):
        (name,) = np.unique(regions[labels == mark])
        assert np.array_equal(regions == name, labels == mark)


@pytest.mark.parametrize("seed", range(20))
def test_a_number_stands_deep_inside_a_region_that_has_room_for_it(seed) -> None:
    labels, numbers = place_numbers(random_regions(seed))
    for number in numbers:
        left, top, right, bottom = number.box
        framed = np.pad(labels == number.mark, 1)
        depth = ndimage.distance_transform_edt(framed)[1:-1, 1:-1]
        half = np.hypot(right - left + 1, bottom - top + 1) / 2
        if depth.max() > 2.5 * half:  # a number of the full size fits by far
            assert number.anchor is None
            assert depth[(top + bottom + 1) // 2, (left + right + 1) // 2] > 0.5 * depth.max()
