import re

import pytest
from typer.testing import CliRunner

from vlm_eval.cli.main import app
from vlm_eval.cli.step_flags import parse_marks, parse_views
from vlm_eval.errors import ExperimentError


@pytest.mark.parametrize(
    ("given", "means"),
    [
        (["plot.kind=scatter"], {"plot": {"kind": "scatter"}}),
        (["project.style=depth,project.size=224"], {"project": {"style": "depth", "size": 224}}),
        (["project.style=depth", "project.azimuth=12.5"], {"project": {"style": "depth", "azimuth": 12.5}}),
        (["blur"], {"blur": {}}),
        (["plot.kind=scatter, blur"], {"plot": {"kind": "scatter"}, "blur": {}}),
        (["project.views=0/90, 45/30,project.size=100"], {"project": {"views": "0/90, 45/30", "size": 100}}),
        (
            ["plot.values=speed,load,blur.radius=0.02"],
            {"plot": {"values": "speed,load"}, "blur": {"radius": 0.02}},
        ),
        (["plot.start=3"], {"plot": {"start": "3"}}),
    ],
)
def test_views_are_read_as_a_newcomer_types_them(given, means) -> None:
    assert parse_views(given) == means


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("plt.kind=line", "There is no step 'plt'; allowed are .*plot"),
        ("plot.kid=line", "no parameter 'kid'; allowed are .*kind"),
        ("plot.kind=pie", "is 'pie'; allowed are line, scatter"),
        ("plot.size=large", "is 'large'; a number is needed"),
        ("plot.size=9999", "allowed are numbers from 96 to 4096"),
        ("kind=scatter", "write step.parameter=value, such as plot.kind=scatter"),
        ("", "There is no step ''; allowed are"),
    ],
)
def test_views_that_cannot_be_are_refused_with_what_is_allowed(given, told) -> None:
    with pytest.raises(ExperimentError, match=told):
        parse_views([given])


@pytest.mark.parametrize(
    ("given", "means"),
    [
        ("grid", {"regions": "grid"}),
        ("slic,count=16", {"regions": "slic", "count": 16}),
        ("regions=masks, path=masks/{stem}.png", {"regions": "masks", "path": "masks/{stem}.png"}),
    ],
)
def test_marks_are_read_by_the_kind_of_their_regions(given, means) -> None:
    assert parse_marks(given) == means


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("circles", "is 'circles'; allowed are grid, slic"),
        ("grid,16", "write the kind of regions first"),
        ("grid,size=3", "no parameter 'size'; allowed are .*count"),
    ],
)
def test_marks_that_cannot_be_are_refused_with_what_is_allowed(given, told) -> None:
    with pytest.raises(ExperimentError, match=told):
        parse_marks(given)


def test_no_flag_leaves_an_experiments_own_steps(tmp_path) -> None:
    assert parse_views(None) is None and parse_marks(None) is None


@pytest.fixture
def series(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "s.csv").write_text("time,speed,load\n" + "".join(f"{n},{n % 7},{n % 3}\n" for n in range(60)))
    (folder / "items.csv").write_text("image,label,intervals\ns.csv,normal,\n")
    card = "name: mine\ntitle: M\nlicence: x\nreader: table\noptions: {file: items.csv}\nmodality: time-series\n"
    (folder / "mine.yaml").write_text(f"{card}domain: time-series\nviews: {{plot: {{windows: 2}}}}\nroot: .\n")
    return folder / "mine.yaml"


def call(*words: object):
    return CliRunner().invoke(app, [str(word) for word in words])


def test_preview_tells_each_pictures_size_and_steps(series, tmp_path) -> None:
    result = call(
        "preview", "-d", series, "--views", "plot.values=speed,plot.size=200", "--out", tmp_path / "a.png"
    )
    assert result.exit_code == 0, result.output
    assert re.search(r"picture 1: query, s\.csv, 200 x 200, .*plot\.values=speed,plot\.window=0", result.output)
    assert re.search(r"picture 2: query, s\.csv, 200 x 200, .*plot\.window=1", result.output)
    assert (tmp_path / "a.png").is_file()


def test_preview_shows_each_view_alone_where_they_are_asked_one_by_one(series, tmp_path) -> None:
    result = call("preview", "-d", series, "--join", "any", "--out", tmp_path / "a.png")
    assert "view 1 alone" in result.output and "view 2 alone" in result.output
    assert "picture 2" not in result.output


def test_marks_of_the_command_line_are_shown_without_a_grid_of_ones_own(tmp_path, series) -> None:
    result = call(
        "preview",
        "-d",
        series,
        "--views",
        "plot.windows=1",
        "--marks",
        "grid,count=4",
        "--out",
        tmp_path / "a.png",
    )
    assert result.exit_code == 0, result.output
    assert re.search(r"picture 2: marked, s\.csv, .*marks\.count=4", result.output)


def test_marks_that_no_cell_shows_are_refused(series) -> None:
    result = call("run", "-d", series, "-m", "scripted:no", "--levels", "naive", "--marks", "grid", "--dry-run")
    assert "no cell shows marks" in str(result.exception)


def test_a_run_takes_the_same_flags(series, tmp_path) -> None:
    result = call("run", "-d", series, "-m", "scripted:no", "--views", "plot.windows=3", "--dry-run")
    assert result.exit_code == 0, result.output
    assert "3 pictures" in result.output
