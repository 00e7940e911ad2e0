"""Boxes that may hold an object: by segmentation, from a file, by a detector."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vlm_eval.backends.region_proposals import open_proposer
from vlm_eval.errors import BadInputError, InputError


@pytest.fixture
def picture():
    """A grey picture of 400 x 300 with a red square at 240..320 x 60..140."""
    pixels = np.full((300, 400, 3), 128, np.uint8)
    pixels[60:140, 240:320] = (220, 10, 10)
    return Image.fromarray(pixels)


def overlap(box, other):
    width = min(box[2], other[2]) - max(box[0], other[0])
    height = min(box[3], other[3]) - max(box[1], other[1])
    shared = max(0, width) * max(0, height)
    areas = sum((one[2] - one[0]) * (one[3] - one[1]) for one in (box, other))
    return shared / (areas - shared)


@pytest.mark.parametrize("kind", ["slic", "felzenszwalb"])
def test_a_segment_lies_round_the_object_in_pixels_of_the_whole_picture(picture, kind):
    pytest.importorskip("skimage")
    boxes = open_proposer(kind, 16, 0.5)(picture, Path("kitchen.png"))
    assert all(0 <= box[0] < box[2] <= 400 and 0 <= box[1] < box[3] <= 300 for box in boxes)
    # SLIC cuts a square of this size into a few segments; Felzenszwalb finds it whole.
    assert max(overlap(box, (240, 60, 320, 140)) for box in boxes) > (0.8 if kind == "felzenszwalb" else 0.2)


def test_given_boxes_are_found_by_the_end_of_the_path(picture, tmp_path):
    table = tmp_path / "boxes.csv"
    table.write_text(
        "file,left,top,right,bottom\na/1.png,1,2,30,40\nb/1.png,5,5,6,6\na/1.png,0,0,400,300\n1.png,9,9,10,10\n"
    )
    propose = open_proposer(str(table), 16, 0.5)
    assert propose(picture, Path("/data/a/1.png")) == ((1, 2, 30, 40), (0, 0, 400, 300))
    assert propose(picture, Path("/data/b/1.png")) == ((5, 5, 6, 6),)
    assert propose(picture, Path("/data/c/1.png")) == ((9, 9, 10, 10),)
    with pytest.raises(BadInputError, match="no region of"):
        propose(picture, Path("/data/a/2.png"))


@pytest.mark.parametrize("box", ["300,0,401,10", "-1,0,10,10", "10,0,10,5"])
def test_a_given_box_outside_its_picture_is_refused(picture, tmp_path, box):
    table = tmp_path / "boxes.csv"
    table.write_text(f"file,left,top,right,bottom\n1.png,{box}\n")
    with pytest.raises(BadInputError, match=r"does not lie inside .* 400 x 300"):
        open_proposer(str(table), 16, 0.5)(picture, Path("1.png"))


@pytest.mark.parametrize("text", ["file,left\n1.png,3\n", "file,left,top,right,bottom\n1.png,a,b,c,d\n"])
def test_a_file_of_boxes_that_cannot_be_read_is_explained(tmp_path, text):
    table = tmp_path / "boxes.csv"
    table.write_text(text)
    with pytest.raises(InputError, match="file, left, top, right, bottom"):
        open_proposer(str(table), 16, 0.5)
    with pytest.raises(InputError, match="cannot be read"):
        open_proposer(str(tmp_path / "absent.csv"), 16, 0.5)


@pytest.mark.local
def test_a_detector_gives_the_boxes_of_its_own_processor(tiny, picture):
    import torch
    import transformers as hf

    folder = tiny("detr")
    found = open_proposer(str(folder), 16, 0.0)(picture, Path("1.png"))
    model, prepare = (kind.from_pretrained(folder) for kind in (hf.DetrForObjectDetection, hf.AutoImageProcessor))
    with torch.inference_mode():
        centre = model.eval()(**prepare(images=picture, return_tensors="pt")).pred_boxes[0].numpy()
    x, y, width, height = (centre * np.array([400, 300, 400, 300])).T
    expected = np.stack([x - width / 2, y - height / 2, x + width / 2, y + height / 2], axis=1)
    np.testing.assert_allclose(found, np.clip(expected, 0, [400, 300, 400, 300]), atol=0.05)
    assert open_proposer(str(folder), 16, 1.0)(picture, Path("1.png")) == ()


@pytest.mark.local
def test_a_detector_that_cannot_be_loaded_is_explained(tmp_path):
    pytest.importorskip("transformers")
    with pytest.raises(InputError, match="slic, felzenszwalb, which need no network"):
        open_proposer(str(tmp_path), 16, 0.5)
