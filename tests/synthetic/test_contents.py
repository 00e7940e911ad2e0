import numpy as np
import pytest

pytest.importorskip("cv2", reason="needs the extra synth")

from vlm_eval.errors import BadInputError
from vlm_eval.synthetic.blend import BLENDS
from vlm_eval.synthetic.compose import compose
from vlm_eval.synthetic.contents import CutOutContent, cut_paste, strange_texture
from vlm_eval.synthetic.cut_outs import cut
from vlm_eval.synthetic.normal_patch import NormalPatches
from vlm_eval.synthetic.textures import perlin, texture


def scene(seed=0, side=80):
    rng = np.random.default_rng(seed)
    return np.clip(110 + 8 * rng.standard_normal((side, side, 3)), 0, 255).astype(np.uint8)


def hole(side=80):
    mask = np.zeros((side, side), dtype=bool)
    mask[30:54, 24:56] = True
    return mask


def disc():
    picture, mask = np.full((40, 40, 3), 90, np.uint8), np.hypot(*np.mgrid[-20:20, -20:20]) < 8
    picture[mask] = (250, 10, 10)
    return cut(picture, mask, "disc", "drawn")


@pytest.mark.parametrize("content", [CutOutContent([disc()]), cut_paste, strange_texture])
def test_every_content_lies_in_its_hole_and_depends_on_the_seed_alone(content):
    for seed in range(8):
        first, again = (content(scene(), hole(), "disc", np.random.default_rng(seed)) for _ in range(2))
        assert first.silhouette.any() and not (first.silhouette & ~hole()).any()
        assert first.picture.shape == (80, 80, 3)
        assert np.array_equal(first.picture, again.picture) and np.array_equal(first.silhouette, again.silhouette)


def test_a_cut_out_keeps_its_proportions_and_its_colour():
    patch = CutOutContent([disc()], grow=0)(scene(), hole(), "disc", np.random.default_rng(1))
    rows, columns = np.flatnonzero(patch.silhouette.any(1)), np.flatnonzero(patch.silhouette.any(0))
    assert abs(np.ptp(rows) - np.ptp(columns)) <= 1
    red = patch.picture[patch.silhouette].mean(axis=0)
    assert red[0] > 220 and red[1] < 45


def test_a_name_of_which_there_is_no_cut_out_is_refused():
    with pytest.raises(BadInputError, match="no cut-out of 'zebra'; there are disc"):
        CutOutContent([disc()])(scene(), hole(), "zebra", np.random.default_rng(0))


def test_a_moved_patch_is_a_piece_of_the_crop_up_to_brightness():
    crop = scene(3)
    patch = cut_paste(crop, hole(), "", np.random.default_rng(5)).picture[30:54, 24:56].astype(float)
    best = max(
        np.corrcoef(crop[top : top + 24, left : left + 32].astype(float).ravel(), patch.ravel())[0, 1]
        for top in range(57)
        for left in range(49)
        if (top, left) != (30, 24)
    )
    assert best > 0.98


def test_a_patch_that_fills_its_crop_has_no_second_place():
    full = np.zeros((80, 80), dtype=bool)
    full[2:78, 2:78] = True
    with pytest.raises(BadInputError, match="no second place"):
        cut_paste(scene(), full, "", np.random.default_rng(0))


def test_perlin_noise_is_smooth_and_standardised():
    noise = perlin(np.random.default_rng(0), (64, 96), cells=4)
    assert noise.shape == (64, 96) and abs(noise.mean()) < 1e-9 and abs(noise.std() - 1) < 1e-6
    assert np.abs(np.diff(noise, axis=1)).max() < 0.5


def test_a_texture_differs_in_brightness_and_brings_no_colour_into_a_grey_picture():
    grey = np.full((40, 40, 3), 128, np.uint8)
    for seed in range(10):
        made = texture(np.random.default_rng(seed), (30, 30), grey)
        assert abs(made.mean() - 128) > 25
        assert np.ptp(made.astype(int), axis=2).max() == 0


def test_a_constant_picture_can_be_edited_and_its_controls_stay_as_they_are():
    flat = np.full((80, 80, 3), 128, np.uint8)
    fillers = compose("x", strange_texture, BLENDS["feather"], NormalPatches([flat, flat]))
    assert (fillers.edit(flat, hole(), "a", 0) != flat).any()
    assert np.array_equal(fillers.paste_back(flat, hole(), "a", 0), flat)
    assert np.abs(fillers.normal_patch(flat, hole(), "a", 0).astype(int) - flat).max() <= 1


def test_a_normal_patch_comes_from_the_place_whose_surroundings_fit():
    stripes = np.full((120, 200, 3), 60, np.uint8)
    stripes[:, 95:105] = 200
    other = np.full((120, 200, 3), 80, np.uint8)  # a brighter exposure, and the stripe lies elsewhere
    other[:, 40:50] = 220
    crop, mask = stripes[20:84, 70:134], np.zeros((64, 64), dtype=bool)
    mask[20:44, 16:44] = True
    found = NormalPatches([other]).find(crop, mask).astype(int)
    assert np.abs(found - crop)[mask].max() <= 6


def test_a_scene_is_its_own_normal_patch_only_where_there_is_no_other():
    crop, mask = scene(1)[8:72, 8:72], np.zeros((64, 64), dtype=bool)
    mask[20:40, 20:40] = True
    both = NormalPatches([scene(1), scene(2)]).find(crop, mask)
    assert (both != crop)[mask].mean() > 0.5
    alone = NormalPatches([scene(1)]).find(crop, mask).astype(int)
    assert np.abs(alone - crop)[mask].max() <= 3


def test_normal_patches_need_a_normal_picture_that_is_large_enough():
    with pytest.raises(BadInputError, match="give at least two scenes"):
        NormalPatches([])
    with pytest.raises(BadInputError, match="no normal picture is as large as the crop of 80x80"):
        NormalPatches([scene(0, 60)]).find(scene(), hole())


def test_a_control_has_the_silhouette_of_its_anomaly():
    normal = np.full((80, 80, 3), 112, np.uint8)
    fillers = compose("x", CutOutContent([disc()], grow=0), BLENDS["paste"], NormalPatches([normal]))
    crop = scene()
    edit, control = fillers.edit(crop, hole(), "disc", 7), fillers.normal_patch(crop, hole(), "disc", 7)
    changed, untouched = (edit != crop).any(axis=2), (control == crop).all(axis=2)
    assert not (~changed & ~untouched).any()  # what the edit leaves alone, the control leaves alone
    assert (control != crop).any()
