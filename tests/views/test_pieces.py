import io

import numpy as np
import pytest
from PIL import Image

from vlm_eval.errors import InputError
from vlm_eval.flow import Step
from vlm_eval.views import render
from vlm_eval.views.open import make_recipe, open_views
from vlm_eval.views.pieces import piece_of, tiles_of
from vlm_eval.views.settings import Tile


def opened(view):
    return Image.open(io.BytesIO(view.read())).convert("RGB")


@pytest.mark.parametrize("size", [(20, 12), (7, 5), (101, 33)])
@pytest.mark.parametrize("k", [1, 2, 3])
@pytest.mark.parametrize("overlap", [0.0, 0.3])
def test_tiles_cover_every_pixel_and_overlap_as_stated(size, k, overlap) -> None:
    seen = np.zeros(size[::-1], int)
    for tile in tiles_of(Tile(k=k, overlap=overlap)):
        step = Step("tile", (("column", tile.column), ("k", k), ("overlap", overlap), ("row", tile.row)))
        left, top, right, bottom = piece_of(step, size).box
        seen[top:bottom, left:right] += 1
    assert seen.min() >= 1
    assert overlap > 0 or seen.max() == 1
    assert k == 1 or overlap == 0 or seen.max() > 1


def test_tiles_put_together_are_the_picture_again(save, colours) -> None:
    views = open_views(save(colours, "a.png"), "query", make_recipe({"tile": {"k": 2}}))
    (a, b), (c, d) = [[np.asarray(opened(view)) for view in views[i : i + 2]] for i in (0, 2)]
    assert np.array_equal(np.vstack([np.hstack([a, b]), np.hstack([c, d])]), np.asarray(colours))


def test_zoom_cuts_a_region_and_may_enlarge_it(save, colours) -> None:
    path = save(colours, "a.png")
    box = {"left": 0.25, "top": 0.5, "right": 0.75, "bottom": 1}
    (cut,) = open_views(path, "query", make_recipe({"zoom": box}))
    assert np.array_equal(np.asarray(opened(cut)), np.asarray(colours)[6:12, 5:15])
    (large,) = open_views(path, "query", make_recipe({"zoom": {**box, "size": 50}}))
    assert large.size == opened(large).size == (50, 30)


def test_resize_takes_area_means_and_never_enlarges(save) -> None:
    checks = Image.fromarray((np.indices((64, 64)).sum(axis=0) % 2 * 255).astype(np.uint8))
    path = save(checks, "a.png")
    (small,) = open_views(path, "query", make_recipe({"resize": {"size": 32}}))
    assert (
        np.ptp(np.asarray(opened(small)).astype(int)) == 0
        and abs(int(np.asarray(opened(small))[0, 0, 0]) - 127) < 2
    )
    (same,) = open_views(path, "query", make_recipe({"resize": {"size": 100}}))
    assert np.array_equal(np.asarray(opened(same).convert("L")), np.asarray(checks))


@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_pieces_are_cut_from_the_upright_picture(save, colours, orientation) -> None:
    tags = Image.Exif()
    tags[0x0112] = orientation
    path = save(colours, "a.png", exif=tags)
    upright = opened(open_views(path, "query")[0])
    (view,) = open_views(path, "query", make_recipe({"zoom": {"right": 0.5}}))
    assert view.size == opened(view).size
    assert np.array_equal(np.asarray(opened(view)), np.asarray(upright)[:, : upright.width // 2])


def test_masks_follow_their_picture() -> None:
    mask = np.zeros((12, 20), bool)
    mask[6:9, 5:10] = True
    step = Step("zoom", (("left", 0.25), ("size", 30), ("top", 0.5)))
    piece = piece_of(step, (20, 12))
    assert piece.apply_mask(mask).shape == (piece.size[1], piece.size[0])
    assert piece.apply_mask(mask).mean() == pytest.approx(15 / 90, abs=0.02)


@pytest.mark.parametrize(
    "steps",
    [
        {"zoom": {"left": 0.5, "right": 0.5}},
        {"tile": {"k": 2, "row": 2, "column": 0}},
        {"tile": {"k": 2, "row": 1}},
    ],
)
def test_pieces_that_show_nothing_are_refused(save, colours, steps) -> None:
    with pytest.raises(InputError, match=r"shows nothing|give both"):
        open_views(save(colours, "a.png"), "query", make_recipe(steps))


def test_a_picture_that_is_cut_into_tiles_is_decoded_once(save, colours, monkeypatch) -> None:
    decoded = []
    read = render._read_rgb8
    monkeypatch.setattr(render, "_read_rgb8", lambda data, path: decoded.append(path) or read(data, path))
    for number in range(2):
        path = save(colours.rotate(90 + 90 * number), f"tiles{number}.png")
        pieces = [np.asarray(opened(view)) for view in open_views(path, "query", make_recipe({"tile": {"k": 3}}))]
        assert len(pieces) == 9 and len(decoded) == number + 1
        assert not np.array_equal(pieces[0], pieces[8])
