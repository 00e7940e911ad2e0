from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("cv2", reason="needs the extra synth")

from vlm_eval.data.loading import load_dataset
from vlm_eval.errors import BadInputError, CardError
from vlm_eval.flow import Box
from vlm_eval.synthetic.cut_outs import MARGIN, cut, drawn_cut_outs, names_of, read_cut_outs

DATA = Path(__file__).parents[2].parent / "shared" / "data"


def test_each_connected_part_of_a_mask_is_a_cut_out_with_its_margin(plates):
    found = read_cut_outs(load_dataset(plates).samples)
    assert [one.name for one in found] == ["dark spot", "dark spot"]
    assert found[0].silhouette.shape == (12 + 2 * MARGIN, 14 + 2 * MARGIN) and found[0].silhouette.sum() == 12 * 14
    assert (found[0].picture[found[0].silhouette] == 15).all()
    assert len(read_cut_outs(load_dataset(plates).samples, each=1)) == 1


def test_samples_without_a_region_give_nothing_to_cut(plates):
    normal = [sample for sample in load_dataset(plates).samples if sample.gold.anomalous == "no"]
    with pytest.raises(CardError, match="mask or a box"):
        read_cut_outs(normal)


def test_a_box_gives_what_differs_from_the_template(plates, tmp_path):
    sample = next(one for one in load_dataset(plates).samples if one.gold.anomalous == "yes")
    template = np.asarray(Image.open(sample.sources[0])).copy()
    template[30:42, 40:54] = 120
    Image.fromarray(template).save(tmp_path / "template.png")
    boxed = replace(
        sample,
        gold=replace(sample.gold, masks=(), boxes=(Box(30, 20, 70, 60, "spot"),)),
        references=(tmp_path / "template.png",),
    )
    (one,) = read_cut_outs([boxed])
    assert one.name == "spot" and 12 * 14 <= one.silhouette.sum() <= 14 * 16
    whole = replace(boxed, references=())
    assert read_cut_outs([whole])[0].silhouette.sum() == 40 * 40
    outside = replace(boxed, gold=replace(boxed.gold, boxes=(Box(30, 20, 170, 60, "spot"),)))
    with pytest.raises(BadInputError, match="outside its picture"):
        read_cut_outs([outside])


def test_a_silhouette_at_the_border_is_cut_without_a_margin_there():
    mask = np.zeros((20, 20), dtype=bool)
    mask[0:5, 0:5] = True
    assert cut(np.zeros((20, 20, 3), np.uint8), mask, "x", "y").silhouette.shape == (5 + MARGIN, 5 + MARGIN)


def test_drawn_objects_are_named_after_what_they_are():
    found = drawn_cut_outs(12, seed=1)
    assert len(found) == 12 and set(names_of(found)) <= {"fork", "knife", "spoon", "cup"}
    assert all(one.silhouette.sum() > 100 for one in found)


@pytest.mark.skipif(not (DATA / "deeppcb").is_dir(), reason="the real boards are not on this machine")
def test_the_defects_of_real_boards_are_cut_by_their_boxes():
    found = read_cut_outs(load_dataset("deeppcb", root=DATA / "deeppcb").samples, each=5)
    assert set(names_of(found)) >= {"pin hole", "spurious copper", "mouse bite"}
    assert all(one.silhouette.mean() < 0.9 for one in found)
