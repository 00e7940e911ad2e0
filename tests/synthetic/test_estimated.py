import numpy as np
import pytest
from PIL import Image

pytest.importorskip("onnxruntime", reason="needs the extra baseline")

from vlm_eval.data.loading import load_dataset
from vlm_eval.errors import CardError
from vlm_eval.synthetic.estimated import deviating, estimated_cut_outs


def test_the_estimate_finds_a_dark_square_that_no_normal_picture_has(plates):
    samples = load_dataset(plates).samples
    found = estimated_cut_outs(samples, None, 0)
    assert [one.name for one in found] == ["dark spot"] * 2
    for one in found:
        inside = one.picture[one.silhouette].mean()
        assert inside < 90, "half of what is cut out is the square (15), the rest its surroundings (120)"
    assert len(estimated_cut_outs(samples, 1, 0)) == 1


def test_a_class_without_normal_pictures_is_refused(plates):
    anomalous = [sample for sample in load_dataset(plates).samples if sample.gold.anomalous == "yes"]
    with pytest.raises(CardError, match="has no normal picture"):
        estimated_cut_outs(anomalous, None, 0)


def test_the_region_lies_round_the_patch_that_is_furthest_off_and_a_large_one_is_none():
    memory = np.zeros((5, 4), dtype=np.float32)
    own = np.zeros((196, 4), dtype=np.float32)
    own[14 * 3 + 10] = 5  # row 3, column 10 of 14
    region = deviating(own, memory, (140, 280))
    rows, columns = np.nonzero(region)
    assert abs(rows.mean() - 34.5) < 3 and abs(columns.mean() - 209.5) < 6
    own[98:] = 5
    assert deviating(own, memory, (140, 280)) is None


def test_pictures_that_are_all_the_same_give_nothing_to_cut_out(plates):
    for kind in ("good", "dark"):
        for file in (plates / kind).glob("*.png"):
            Image.new("RGB", (96, 80), (128, 128, 128)).save(file)
    with pytest.raises(CardError, match="deviates from the normal ones"):
        estimated_cut_outs(load_dataset(plates).samples, None, 0)
