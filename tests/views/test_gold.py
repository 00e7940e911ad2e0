import io
from dataclasses import replace

import numpy as np
import pytest
import tifffile
from PIL import Image

from vlm_eval.errors import BadInputError
from vlm_eval.flow import Box, Gold, Sample, Step
from vlm_eval.views.gold import anomalous_points, gold_regions, has_gold_region, mark_sample
from vlm_eval.views.open import make_recipe, open_views


def sample(source, recipe, **gold):
    return Sample("c/a", "c", "image", (source,), "part", Gold("yes", **gold), "c/a", recipe=make_recipe(recipe))


def iou(one, other):
    return (one & other).sum() / (one | other).sum()


@pytest.fixture
def scan(tmp_path):
    """A scanner's grid of a flat plate of 60 x 80 points with a bump whose mask is known."""
    down, across = np.mgrid[0:60, 0:80].astype(np.float32)
    away = 500 - 6 * np.exp(-((down - 20) ** 2 + (across - 60) ** 2) / 18)
    tifffile.imwrite(
        tmp_path / "a.tiff", np.stack([across, down, away], axis=-1).astype(np.float32), photometric="rgb"
    )
    mask = np.hypot(down - 20, across - 60) < 6
    Image.fromarray((mask * 255).astype(np.uint8)).save(tmp_path / "gt.png")
    return tmp_path


def test_the_mask_of_a_scan_comes_out_where_the_bump_is_seen(scan) -> None:
    one = sample(scan / "a.tiff", {"project": {"up": "-y", "size": 160}}, masks=(scan / "gt.png",))
    (region,) = gold_regions(one)
    rows, columns = np.nonzero(region)
    # 79 points wide in 144 of 160 pixels; rows are centred.
    assert columns.mean() == pytest.approx(8 + 60 / 79 * 144, abs=3)
    assert rows.mean() == pytest.approx(80 + (20 - 29.5) / 79 * 144, abs=3)
    assert region.sum() == pytest.approx(np.pi * (6 / 79 * 144) ** 2, rel=0.3)


def test_labels_of_points_may_be_a_table_or_flags(tmp_path) -> None:
    points = np.arange(12.0).reshape(4, 3)
    (tmp_path / "t.txt").write_text("0 1 2 0\n3 4 5 1\n6 7 8 0\n9 10 11 1\n")
    np.save(tmp_path / "f.npy", np.array([0, 1, 0, 1]))
    for name in ("t.txt", "f.npy"):
        assert anomalous_points(tmp_path / name, points, None).tolist() == points[[1, 3]].tolist()
    np.save(tmp_path / "f.npy", np.array([0, 1]))
    (tmp_path / "t.txt").write_text("0 1 2\n")
    for name, said in (("t.txt", "3 columns"), ("f.npy", "2 flags for 4 points"), ("none.txt", "cannot be read")):
        with pytest.raises(BadInputError, match=said):
            anomalous_points(tmp_path / name, points, None)


def test_a_mask_that_does_not_fit_the_grid_is_refused(scan) -> None:
    Image.new("L", (5, 5), 255).save(scan / "gt.png")
    with pytest.raises(BadInputError, match=r"5 x 5 pixels, but the cloud's grid \(60, 80\)"):
        gold_regions(sample(scan / "a.tiff", {"project": {}}, masks=(scan / "gt.png",)))


def test_intervals_become_columns_of_the_plot(tmp_path) -> None:
    (tmp_path / "s.csv").write_text("time,value\n" + "\n".join(f"{t},1" for t in range(101)))
    (region,) = gold_regions(sample(tmp_path / "s.csv", {"plot": {}}, intervals=((50, 60),)))
    columns = np.flatnonzero(region.any(axis=0))
    assert region.shape == (448, 448) and 30 < len(columns) < 45 and 220 < columns.mean() < 270


def test_masks_and_boxes_of_pictures_follow_tiles_and_zoom(save, colours, tmp_path) -> None:
    path = save(colours, "a.png")
    boxed = sample(path, {"tile": {"k": 2}}, boxes=(Box(12, 7, 16, 10),))
    regions = gold_regions(boxed)
    assert [int(region.sum()) for region in regions] == [0, 0, 0, 12] and regions[3][1:4, 2:6].all()
    mask = np.zeros((12, 20), np.uint8)
    mask[7:10, 12:16] = 9
    Image.fromarray(mask).save(tmp_path / "m.png")
    masked = sample(path, {"zoom": {"left": 0.5, "size": 20}}, masks=(tmp_path / "m.png",))
    assert gold_regions(masked)[0].sum() == pytest.approx(12 * (20 / 12) ** 2, rel=0.3)


def test_what_has_no_place_has_no_region(tmp_path) -> None:
    assert gold_regions(sample(tmp_path / "none.csv", {"plot": {}})) == ()
    assert not has_gold_region(sample(tmp_path / "none.csv", {"text": {}}, intervals=((1, 2),)))
    with pytest.raises(BadInputError, match="c/a"):
        gold_regions(sample(tmp_path / "none.csv", {"plot": {}}, intervals=((1, 2),)))


def test_marks_of_a_sample_are_counted_boxed_and_matched_with_gold(save) -> None:
    path = save(Image.new("RGB", (300, 300), "grey"), "a.png")
    one = sample(path, {}, boxes=(Box(110, 110, 190, 190),))
    marked = mark_sample(one, Step("marks"))
    assert marked.metadata["marks"] == 9 and marked.metadata["mark 5"] == "100 100 200 200"
    assert marked.gold == (5,) and marked.iou == pytest.approx(0.64)
    normal = mark_sample(replace(one, gold=Gold("no")), Step("marks"))
    assert normal.gold == () and normal.iou is None and normal.metadata["marks"] == 9


@pytest.mark.parametrize("ending", [".jpg", ".png"])
@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_boxes_and_masks_lie_in_the_picture_as_its_exif_data_turn_it_upright(
    orientation, ending, tmp_path
) -> None:
    stored = np.full((60, 100, 3), 40, np.uint8)
    stored[10:20, 30:70] = (250, 30, 30)
    path, exif = tmp_path / f"a{ending}", Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(stored).save(path, exif=exif)
    shown = np.asarray(Image.open(io.BytesIO(open_views(path, "query")[0].read())))
    red = shown[..., 0] > 145
    rows, columns = np.flatnonzero(red.any(axis=1)), np.flatnonzero(red.any(axis=0))
    box = Box(int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
    assert iou(gold_regions(sample(path, {}, boxes=(box,)))[0], red) > 0.97
    Image.fromarray(red).save(tmp_path / "upright.png")
    assert iou(gold_regions(sample(path, {}, masks=(tmp_path / "upright.png",)))[0], red) > 0.97
    Image.fromarray(stored[..., 0] > 145).save(tmp_path / "stored.png")
    if orientation != 3:  # where the picture keeps its size nothing tells which of the two a mask is
        assert iou(gold_regions(sample(path, {}, masks=(tmp_path / "stored.png",)))[0], red) > 0.97
        with pytest.raises(BadInputError, match="State boxes in the upright picture"):
            gold_regions(sample(path, {}, boxes=(Box(30, 10, 70, 20),)))
