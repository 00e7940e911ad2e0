"""Gold regions travel with the run folder."""

import numpy as np
from PIL import Image

from vlm_eval.flow import Box, Gold, Sample
from vlm_eval.runs.regions import keep_regions, with_region


def sample(path, gold):
    return Sample("mine/a.png", "mine", "image", (path,), "bolt", gold, "mine/a.png")


def picture(path, pixels):
    Image.fromarray(np.asarray(pixels, np.uint8)).save(path)
    return path


def test_masks_are_united_and_survive_the_data(tmp_path):
    masks = tuple(picture(tmp_path / f"{index}.png", np.eye(4) * 255 * (index + 1) / 2) for index in range(2))
    one = sample(tmp_path / "a.png", Gold("yes", masks=masks))
    assert keep_regions(tmp_path, [(7, one)]) == []
    for mask in masks:
        mask.unlink()
    (kept,) = with_region(tmp_path, 7, one).gold.masks
    assert np.array_equal(np.asarray(Image.open(kept)), np.eye(4, dtype=bool))


def test_boxes_become_a_region_of_the_pictures_size(tmp_path):
    path = picture(tmp_path / "a.png", np.zeros((6, 8)))
    one = sample(path, Gold("yes", boxes=(Box(2, 1, 5, 3),)))
    keep_regions(tmp_path, [(1, one)])
    (kept,) = with_region(tmp_path, 1, one).gold.masks
    region = np.asarray(Image.open(kept))
    assert region.shape == (6, 8)
    assert region[1:3, 2:5].all() and region.sum() == 6


def test_a_mask_that_cannot_be_read_is_told(tmp_path):
    (tmp_path / "bad.png").write_bytes(b"no")
    one = sample(tmp_path / "a.png", Gold("yes", masks=(tmp_path / "bad.png",)))
    (told,) = keep_regions(tmp_path, [(1, one)])
    assert "mine/a.png" in told


def test_specks_of_a_compressed_mask_are_no_region(tmp_path):
    mask = np.zeros((64, 64), np.uint8)
    mask[20:40, 20:40] = 255
    Image.fromarray(mask).save(tmp_path / "m.jpg", quality=40)
    assert (np.asarray(Image.open(tmp_path / "m.jpg")) > 0).sum() > 500  # the specks
    one = sample(tmp_path / "a.png", Gold("yes", masks=(tmp_path / "m.jpg",)))
    keep_regions(tmp_path, [(1, one)])
    (kept,) = with_region(tmp_path, 1, one).gold.masks
    assert np.asarray(Image.open(kept)).sum() == 400


def test_a_region_lies_over_the_first_view_whatever_was_drawn_on_it_and_over_no_other(tmp_path):
    from vlm_eval.runs.regions import lies_over
    from vlm_eval.views.open import expand_recipe, make_recipe

    recipe = make_recipe({"project": {"views": "0/0, 90/0", "size": 64}})
    sample = Sample("c/a", "c", "point-cloud", (tmp_path / "a.ply",), "part", Gold("yes"), "c/a", recipe=recipe)
    first, second = expand_recipe(recipe)
    drawn = make_recipe({"darken": {"light": 0.5}})
    assert lies_over(sample, first) and lies_over(sample, first + drawn)
    assert not lies_over(sample, second)
    assert not lies_over(sample, first + make_recipe({"zoom": {"right": 0.5}}))
    assert not lies_over(sample, ())
    plain = Sample("c/b", "c", "image", (tmp_path / "b.png",), "part", Gold("yes"), "c/b")
    assert lies_over(plain, ()) and not lies_over(plain, make_recipe({"resize": {"size": 10}}))
