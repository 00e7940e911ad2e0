"""Steps that spoil a picture in a stated way."""

import io

import numpy as np
import pytest
from PIL import Image

from vlm_eval.errors import InputError
from vlm_eval.flow import Step
from vlm_eval.views.disturb import disturb
from vlm_eval.views.open import make_recipe, open_views

NAMES = ("blank", "shuffle", "blur", "darken", "occlude", "recolour", "jpeg")


def picture(mode="RGB", size=(64, 48)):
    noise = np.random.default_rng(1).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    return Image.fromarray(noise).convert(mode)


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("name", NAMES)
def test_every_step_keeps_size_and_mode_gives_the_same_each_time_and_changes_the_picture(name, mode):
    image = picture(mode)
    spoilt = disturb(image, Step(name))
    assert (spoilt.size, spoilt.mode) == (image.size, image.mode)
    assert spoilt.tobytes() == disturb(image, Step(name)).tobytes()
    assert spoilt.tobytes() != image.tobytes()


def test_a_blank_picture_holds_one_value():
    assert disturb(picture("L"), Step("blank")).getextrema() == (128, 128)


def test_a_shuffle_keeps_every_pixel_and_every_patch_and_moves_most_patches():
    image = picture()
    shuffled = np.asarray(disturb(image, Step("shuffle", (("k", 4),))))
    pixels = np.asarray(image)

    def patches(of):
        return [of[r : r + 12, c : c + 16].tobytes() for r in range(0, 48, 12) for c in range(0, 64, 16)]

    before, after = patches(pixels), patches(shuffled)
    assert sorted(before) == sorted(after)
    assert sum(one != other for one, other in zip(before, after, strict=True)) > 8


def test_a_picture_smaller_than_the_patches_is_left_alone():
    image = picture(size=(5, 5))
    assert disturb(image, Step("shuffle")).tobytes() == image.tobytes()


def test_an_occlusion_covers_the_stated_share():
    covered = np.asarray(disturb(Image.new("L", (100, 100)), Step("occlude", (("share", 0.25),))))
    assert (covered == 128).mean() == 0.25


def test_low_light_leaves_the_stated_share_of_the_light():
    dark = np.asarray(disturb(Image.new("L", (200, 200), 200), Step("darken", (("light", 0.5),))))
    assert dark.mean() == pytest.approx(100, abs=0.5)
    assert dark.std() == pytest.approx(6, abs=0.3)


def test_colours_are_inverted_removed_or_swapped():
    image = Image.new("RGB", (2, 2), (10, 20, 200))
    shown = {
        kind: disturb(image, Step("recolour", (("map", kind),))).getpixel((0, 0))
        for kind in ("inverted", "grey", "swapped")
    }
    assert shown["inverted"] == (245, 235, 55)
    assert len(set(shown["grey"])) == 1
    assert shown["swapped"] == (200, 20, 10)


def test_a_disturbed_file_is_a_view_of_its_own_whose_size_is_foretold(tmp_path):
    path = tmp_path / "part.png"
    picture().save(path)
    (plain,) = open_views(path, "query")
    (half,) = open_views(path, "query", make_recipe({"blur": {}, "scale": {"factor": 0.5}}))
    assert half.identity != plain.identity
    assert half.size == (32, 24)
    with Image.open(io.BytesIO(half.read())) as shown:
        assert shown.size == (32, 24)


def test_a_parameter_out_of_range_is_refused_with_what_is_allowed():
    with pytest.raises(InputError, match="allowed are numbers from 1 to 95"):
        make_recipe({"jpeg": {"quality": 0}})
