import io
import pickle

import numpy as np
import pytest
from PIL import Image

from vlm_eval.errors import BadInputError, InputError, MissingExtraError
from vlm_eval.flow import Step
from vlm_eval.views.open import count_views, make_recipe, open_views, override
from vlm_eval.views.parts import open_parts
from vlm_eval.views.render import draw_labels, render


@pytest.fixture
def cloud(tmp_path):
    np.save(tmp_path / "a.npy", np.random.default_rng(0).normal(size=(500, 3)))
    return tmp_path / "a.npy"


@pytest.fixture
def series(tmp_path):
    (tmp_path / "s.csv").write_text("time,value\n" + "\n".join(f"{t},{t % 7}" for t in range(200)))
    return tmp_path / "s.csv"


def size(view):
    return Image.open(io.BytesIO(view.read())).size


def test_without_steps_a_picture_passes_as_before(save, colours) -> None:
    path = save(colours, "a.png")
    (view,) = open_views(path, "query")
    assert view.recipe == () and view.read() == path.read_bytes()


@pytest.mark.parametrize(
    ("steps", "count"),
    [
        ({"project": {"size": 64}}, 1),
        ({"project": {"size": 64, "views": "around 5"}}, 5),
        ({"project": {"size": 32, "views": "cpmf27", "layout": "sheet"}}, 1),
        ({"project": {"size": 64, "views": "0/0, 0/90"}, "tile": {"k": 2}}, 8),
        ({"project": {"size": 96}, "zoom": {"left": 0.5, "size": 80}, "marks": {"count": 4}}, 1),
    ],
)
def test_every_view_of_a_cloud_has_the_size_that_was_planned(cloud, steps, count) -> None:
    views = open_views(cloud, "query", make_recipe(steps))
    assert len(views) == count == count_views(make_recipe(steps))
    assert len({view.identity for view in views}) == count
    for view in views:
        assert size(view) == view.size
        assert pickle.loads(pickle.dumps(view)).read() == view.read()


def test_windows_of_a_series_are_views_of_their_own(series) -> None:
    views = open_views(series, "query", make_recipe({"plot": {"windows": 3, "size": 96}}))
    assert [size(view) for view in views] == [(96, 96)] * 3
    assert len({view.read() for view in views}) == 3


def test_a_default_that_is_written_out_changes_no_identity(cloud) -> None:
    plain, spelled = (
        open_views(cloud, "query", make_recipe({"project": given}))[0] for given in ({}, {"size": 448, "up": "z"})
    )
    assert plain.identity == spelled.identity


def test_a_file_that_changed_or_is_not_there_fails_when_it_is_read(cloud, tmp_path) -> None:
    recipe = make_recipe({"project": {"size": 64}})
    (view,) = open_views(cloud, "query", recipe)
    np.save(cloud, np.ones((5, 3)))
    with pytest.raises(BadInputError, match="is not the picture that the run was planned with"):
        view.read()
    (missing,) = open_views(tmp_path / "none.ply", "query", recipe)
    assert missing.size == (0, 0)
    with pytest.raises(BadInputError, match="cannot be read"):
        missing.read()


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ({"draw": {}}, "no step 'draw'; allowed are blank, blur, darken, dicom"),
        ({"project": {"angle": 3}}, "no parameter 'angle'; allowed are azimuth"),
        ({"project": {"style": "pretty"}}, "allowed are shaded, depth, height"),
        ({"project": {"size": 9}}, "from 16 to 4096"),
        ({"project": {"size": 64.5}}, "a whole number is needed"),
        ({"project": {"azimuth": "left"}}, "a number is needed"),
        ({"tile": {}, "plot": {}}, "must come first"),
        ({"text": {}, "tile": {}}, "is no picture"),
        ({"marks": {"regions": "masks"}}, "need `path`"),
        ({"marks": {"path": "a.png"}}, "take no `path`"),
    ],
)
def test_steps_that_cannot_be_are_refused_before_anything_is_read(steps, said) -> None:
    with pytest.raises(InputError, match=said):
        make_recipe(steps)


def test_an_unknown_step_of_another_version_fails_as_bad_input(save, colours) -> None:
    with pytest.raises(BadInputError, match="unknown step 'polish'"):
        render(save(colours, "a.png"), (Step("polish"),))


def test_an_experiments_steps_go_over_the_cards() -> None:
    card = make_recipe({"plot": {"values": "v", "size": 100}, "tile": {"k": 2}})
    assert override(card, make_recipe({"plot": {"size": 200}})) == make_recipe(
        {"plot": {"values": "v", "size": 200}, "tile": {"k": 2}}
    )
    assert override(card[:1], make_recipe({"text": {}})) == make_recipe({"text": {"values": "v"}})
    assert override((), make_recipe({"zoom": {}}))[0].operation == "zoom"
    assert [step.operation for step in override(card[1:], make_recipe({"plot": {}}))] == ["plot", "tile"]


def test_given_regions_belong_to_the_identity_and_may_not_change(save, colours, tmp_path) -> None:
    path = save(colours.resize((200, 120)), "a.png")
    regions = np.zeros((120, 200), np.uint8)
    regions[:60], regions[60:] = 1, 2
    Image.fromarray(regions).save(tmp_path / "a_regions.png")
    recipe = make_recipe({"marks": {"regions": "masks", "path": "{stem}_regions.png"}})
    (view,) = open_views(path, "marked", recipe)
    assert np.array_equal(draw_labels(view), regions)
    Image.fromarray(regions * 2).save(tmp_path / "a_regions.png")
    assert open_views(path, "marked", recipe)[0].identity != view.identity
    with pytest.raises(BadInputError, match="changed since the run was planned"):
        view.read()


def test_a_series_may_be_shown_as_text_thinned_with_its_extremes_kept(tmp_path) -> None:
    rows = [f"2024-01-{1 + t // 24:02d} {t % 24:02d}:00,{99.5 if t == 333 else t % 3}" for t in range(480)]
    (tmp_path / "s.csv").write_text("time,value\n" + "\n".join(rows))
    (text,) = open_parts(tmp_path / "s.csv", "query", make_recipe({"text": {"points": 60}}))
    heading, names, *lines = text.splitlines()
    assert heading == "Series, 60 of its 480 readings:" and names == "time,value" and len(lines) == 60
    assert lines[0] == "2024-01-01 00:00,0" and "2024-01-14 21:00,99.5" in lines
    (whole,) = open_parts(tmp_path / "s.csv", "reference", make_recipe({"text": {"end": "2024-01-01T02:00"}}))
    assert whole == "Reference series:\ntime,value\n2024-01-01 00:00,0\n2024-01-01 01:00,1\n2024-01-01 02:00,2\n"


def test_a_series_that_cannot_be_text_fails_alone_when_it_is_read(tmp_path) -> None:
    (tmp_path / "s.csv").write_text("time,value\n1,\n")
    (view,) = open_parts(tmp_path / "s.csv", "query", make_recipe({"text": {}}))
    with pytest.raises(BadInputError, match="no finite value"):
        view.read()


@pytest.mark.parametrize(
    ("name", "step", "extra"),
    [("a.mp4", "video", "video"), ("IM0001", "dicom", "medical"), ("a.nii.gz", "nifti", "medical")],
)
def test_a_package_that_is_not_there_is_named_before_anything_is_asked(
    tmp_path, monkeypatch, name, step, extra
) -> None:
    monkeypatch.setattr("vlm_eval.views.sources.find_spec", lambda package: None)
    with pytest.raises(MissingExtraError, match=rf"vlm-eval\[{extra}\]"):
        open_views(tmp_path / name, "query", make_recipe({step: {}}))


def test_a_folder_of_frames_needs_no_package(save, colours, monkeypatch) -> None:
    monkeypatch.setattr("vlm_eval.views.sources.find_spec", lambda package: None)
    (view,) = open_views(save(colours, "1.png"), "query", make_recipe({"video": {"frames": 1}}))
    assert view.read()


def test_the_text_of_a_series_tells_parts_of_a_second_apart(tmp_path) -> None:
    stamps = [f"2024-03-30 10:00:00.{part}00" for part in range(5)]
    (tmp_path / "a.csv").write_text("time,value\n" + "".join(f"{stamp},1\n" for stamp in stamps))
    (text,) = open_parts(tmp_path / "a.csv", "query", make_recipe({"text": {}}))
    assert all(stamp in text for stamp in stamps)
