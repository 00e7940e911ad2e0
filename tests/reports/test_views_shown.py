"""From clips and series on disk to the tables along time and by number of views."""

import io
import json
import math

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from rich.console import Console

from vlm_eval.backends.scripted import ScriptedBackend
from vlm_eval.flow import Answer, YesNo
from vlm_eval.reports.html_beside import read_beside
from vlm_eval.reports.html_read import read_run
from vlm_eval.reports.views_shown import show_views
from vlm_eval.runs.experiment import parse_experiment
from vlm_eval.runs.judging import rescore
from vlm_eval.runs.plan import make_plan
from vlm_eval.runs.runner import execute
from vlm_eval.runs.store import Store

sklearn = pytest.importorskip("sklearn.metrics")
CLIPS, FRAMES = 4, 40


@pytest.fixture(scope="module")
def ucsd(tmp_path_factory):
    """Clips of forty grey frames in UCSD's layout; in three of them a brighter stretch is anomalous."""
    draw = np.random.default_rng(3)
    scene = tmp_path_factory.mktemp("ucsd") / "UCSDped1"
    levels = draw.integers(20, 120, (CLIPS, FRAMES))
    truth = np.zeros((CLIPS, FRAMES), dtype=bool)
    lines = []
    for clip in range(CLIPS):
        start = int(draw.integers(2, 15))
        if clip < CLIPS - 1:
            truth[clip, start : start + 17] = True
            levels[clip, start : start + 17] += 60
            lines.append(f"TestVideoFile{{end+1}}.gt_frame = [{start + 1}:{start + 17}];")
        else:
            lines.append("TestVideoFile{end+1}.gt_frame = [];")
        folder = scene / "Test" / f"Test{clip + 1:03d}"
        folder.mkdir(parents=True)
        for frame in range(FRAMES):
            Image.new("L", (16, 16), int(levels[clip, frame])).save(folder / f"{frame + 1:03d}.tif")
    (scene / "Test" / "UCSDped1.m").write_text("\n".join(lines))
    return scene.parent, levels, truth


def brightness(request):
    """Score a picture by how bright it is."""
    with Image.open(io.BytesIO(request.prompt.views[-1].read())) as picture:
        level = np.asarray(picture.convert("L")).mean() / 255
    return Answer(
        "Yes." if level > 0.5 else "No.", yes_no=YesNo(math.log(level), math.log(1 - level)), served_model="bright"
    )


def asked(folder, **experiment):
    plan = make_plan(parse_experiment({"models": ["scripted:coin"], "yes_no": True, **experiment}, "test"))
    execute(plan, folder, open_with=lambda spec, scratch: ScriptedBackend(brightness))
    return folder


def shown(folder, target, join=None):
    console = Console(width=100, record=True)
    target.mkdir(exist_ok=True)
    files = show_views(folder, target, console, join)
    return [path.name for path in files], console.export_text()


def test_frames_asked_one_by_one_rank_their_parts_of_the_clips(ucsd, tmp_path):
    root, levels, truth = ucsd
    run = asked(
        tmp_path / "run", dataset="ucsd-pedestrian", roots={"ucsd-pedestrian": str(root)}, join="mean"
    )  # two windows of twenty frames a clip, two frames a window: ten frames each
    names, text = shown(run, tmp_path / "report")
    assert names == ["views.csv", "timeline.csv"] and "Along time" in text and "1 of 2" in text
    page = {one.title.split(":")[0]: one for one in read_beside(read_run(run)).tables}
    assert list(page) == ["By number of views", "Along time"]
    assert page["By number of views"].headings == ("cell", "1 of 2", "2 of 2")
    assert page["Along time"].rows[0][1] == f"{CLIPS - 1}/{CLIPS}"
    (line,) = pd.read_csv(tmp_path / "report" / "timeline.csv").to_dict("records")
    score = np.repeat(levels[:, 5::10], 10, axis=1)
    ranked = [(truth[clip], score[clip]) for clip in range(CLIPS - 1)]
    assert line["auroc"] == pytest.approx(np.mean([sklearn.roc_auc_score(*one) for one in ranked]), abs=1e-6)
    assert line["aupr"] == pytest.approx(
        np.mean([sklearn.average_precision_score(*one) for one in ranked]), abs=1e-6
    )
    assert line["auroc_pooled"] == pytest.approx(sklearn.roc_auc_score(truth.ravel(), score.ravel()), abs=1e-6)
    assert (line["tracks"], line["ranked"]) == (CLIPS, CLIPS - 1)
    assert line["anomalous_time"] == pytest.approx(truth.mean(), abs=1e-6)


def test_windows_asked_jointly_rank_as_wholes_and_files_of_before_are_taken_away(ucsd, tmp_path):
    root, _, _ = ucsd
    run = asked(tmp_path / "run", dataset="ucsd-pedestrian", roots={"ucsd-pedestrian": str(root)})
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "views.csv").write_text("old")
    names, _ = shown(run, tmp_path / "report")
    assert names == ["timeline.csv"] and not (tmp_path / "report" / "views.csv").exists()


def test_windows_of_series_rank_their_readings_the_last_one_among_them(tmp_path):
    draw = np.random.default_rng(5)
    rows, cards = 60, tmp_path / "cards"
    truth = np.zeros((3, rows), dtype=bool)
    labels = {}
    (tmp_path / "data").mkdir()
    cards.mkdir()
    for number in range(3):
        start = 60 - 12 if number == 0 else int(draw.integers(0, 40))
        truth[number, start : start + 12] = True
        readings = "".join(f"{row},{draw.random() + 3 * truth[number, row]:.3f}\n" for row in range(rows))
        (tmp_path / "data" / f"{number}.csv").write_text("timestamp,value\n" + readings)
        labels[f"{number}.csv"] = [[start, start + 11]]
    (tmp_path / "data" / "labels.json").write_text(json.dumps(labels))
    (cards / "pump.yaml").write_text(
        f"name: pump\ntitle: Pump\nlicence: none\nreader: series\nroot: {tmp_path / 'data'}\n"
        "modality: time-series\nviews: {plot: {time: timestamp, scale: window}}\n"
        "common: {nouns: {noun: pump reading, plural: pump readings}}\n"
    )
    scores = {}

    def reply(request):
        view = request.prompt.views[-1]
        window = dict(view.recipe[0].parameters)["window"]
        level = 0.1 + 0.08 * ((int(view.path.stem) + 3 * window) % 7)
        scores[int(view.path.stem), window] = level
        return Answer("No.", yes_no=YesNo(math.log(level), math.log(1 - level)))

    settings = {"dataset": "pump", "models": ["scripted:coin"], "join": "max", "yes_no": True}
    plan = make_plan(parse_experiment({**settings, "views": {"plot": {"windows": 4}}}, "test"), datasets=[cards])
    execute(plan, tmp_path / "run", open_with=lambda spec, scratch: ScriptedBackend(reply))
    shown(tmp_path / "run", tmp_path / "report")
    (line,) = pd.read_csv(tmp_path / "report" / "timeline.csv").to_dict("records")
    # Each window holds the readings from its start up to the next one's; times go from 0 to 59.
    place = np.minimum(np.arange(rows) * 4 // 59, 3)
    score = np.array([[scores[number, window] for window in place] for number in range(3)])
    assert line["auroc_pooled"] == pytest.approx(sklearn.roc_auc_score(truth.ravel(), score.ravel()), abs=0.01)
    assert line["anomalous_time"] == pytest.approx(truth.mean(), abs=1e-6)


def test_pictures_have_no_timeline_and_choices_read_from_single_views_are_said_to_be_left_out(tmp_path):
    for name, level in (("normal", 90), ("anomalous", 200)):
        (tmp_path / "parts" / name).mkdir(parents=True)
        Image.new("RGB", (16, 16), (level, 0, 0)).save(tmp_path / "parts" / name / "0.png")
    tiles = {"tile": {"k": 2}}
    run = asked(tmp_path / "run", dataset=str(tmp_path / "parts"), join="any", views=tiles)
    assert shown(run, tmp_path / "report")[0] == ["views.csv"]
    with Store(run, write=True) as store:
        rescore(store, ["choice"])
    assert "with views asked one by one there is no table of them" in " ".join(
        shown(run, tmp_path / "report")[1].split()
    )
    whole = asked(tmp_path / "whole", dataset=str(tmp_path / "parts"), views=tiles)
    assert shown(whole, tmp_path / "report") == ([], "")
