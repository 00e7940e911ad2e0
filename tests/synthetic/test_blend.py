import numpy as np
import pytest

pytest.importorskip("cv2", reason="needs the extra synth")

from vlm_eval.synthetic.blend import BLENDS, Patch, paste_back
from vlm_eval.synthetic.windows import Window


def picture(seed, height=70, width=90):
    rng = np.random.default_rng(seed)
    smooth = np.cumsum(rng.normal(0, 1, (height, width, 3)), axis=1)
    return np.clip(120 + 4 * smooth, 0, 255).astype(np.uint8)


def square(height=70, width=90):
    mask = np.zeros((height, width), dtype=bool)
    mask[21:44, 30:55] = True
    return mask


@pytest.mark.parametrize("blend", BLENDS.values(), ids=BLENDS)
def test_a_crop_blended_with_itself_stays_as_it_is_to_the_byte(blend):
    crop = picture(0)
    assert np.array_equal(blend(crop, Patch(crop, square())), crop)


@pytest.mark.parametrize("blend", BLENDS.values(), ids=BLENDS)
def test_nothing_changes_far_from_the_silhouette(blend):
    crop = picture(0)
    blended = blend(crop, Patch(picture(1), square()))
    far = np.ones((70, 90), dtype=bool)
    far[15:50, 24:61] = False
    assert np.array_equal(blended[far], crop[far])
    assert (blended != crop)[square()].any()


def test_poisson_blending_keeps_the_patches_gradients_and_takes_the_level_of_the_crop():
    crop, patch = np.full((70, 90, 3), 60, np.uint8), np.full((70, 90, 3), 200, np.uint8)
    patch[28:36, 38:46] = 170  # 30 darker than its surroundings
    blended = BLENDS["poisson"](crop, Patch(patch, square())).astype(int)
    assert abs(blended[22:26, 32:36].mean() - 60) < 2
    assert abs(blended[30:34, 40:44].mean() - 30) < 3


def test_poisson_blending_does_not_move_the_patch():
    crop, patch = np.full((71, 90, 3), 100, np.uint8), np.full((71, 90, 3), 100, np.uint8)
    patch[30, 40] = 220
    for mask in (square(71), np.pad(square(71)[:, 1:], ((0, 0), (1, 0)))):
        blended = BLENDS["poisson"](crop, Patch(patch, mask)).astype(int)
        assert np.unravel_index(blended[..., 0].argmax(), (71, 90)) == (30, 40)


def test_a_silhouette_that_touches_the_border_of_the_crop_is_blended_too():
    mask = np.zeros((70, 90), dtype=bool)
    mask[0:20, 0:90] = True
    blended = BLENDS["poisson"](picture(0), Patch(picture(1), mask))
    assert blended.shape == (70, 90, 3)


def test_opacity_mixes_the_patch_with_the_crop():
    crop, patch = np.full((70, 90, 3), 100, np.uint8), np.full((70, 90, 3), 200, np.uint8)
    blended = BLENDS["paste"](crop, Patch(patch, square(), opacity=0.25))
    assert set(np.unique(blended[square()])) == {125}


def test_pasting_back_blurs_the_holes_edge_and_leaves_the_rest_of_the_picture_alone():
    whole, window, hole = picture(2, 100, 120), Window(20, 10, 110, 80), square()
    filled = np.full((70, 90, 3), 255, np.uint8)
    hard = paste_back(whole, window, filled, hole, blur=0)
    assert (hard[10:80, 20:110][hole] == 255).all()
    assert np.array_equal(hard[10:80, 20:110][~hole], whole[10:80, 20:110][~hole])
    soft = paste_back(whole, window, filled, hole, blur=2)
    centre = soft[10 + 32, 20 + 42]
    edge = soft[10 + 21, 20 + 42].astype(int)
    assert (centre == 255).all() and (edge < 255).all() and (edge > whole[31, 62]).all()
    assert np.array_equal(soft[:10], whole[:10]) and np.array_equal(soft[:, :20], whole[:, :20])
