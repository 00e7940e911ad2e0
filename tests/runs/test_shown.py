import io
import json

import numpy as np
import pytest
from PIL import Image

from vlm_eval.errors import ExperimentError
from vlm_eval.flow import Box, Gold, Sample
from vlm_eval.prompting.render import render_prompt
from vlm_eval.runs.experiment import parse_experiment
from vlm_eval.runs.plan import make_plan
from vlm_eval.runs.runner import execute
from vlm_eval.runs.shown import as_shown
from vlm_eval.runs.store import Store


@pytest.fixture
def sample(tmp_path):
    Image.new("RGB", (300, 300), "grey").save(tmp_path / "a.png")
    gold = Gold("yes", boxes=(Box(10, 10, 90, 90),))
    return Sample("c/a", "c", "image", (tmp_path / "a.png",), "part", gold, "c/a", nouns={"noun": "part"})


def test_marks_of_an_experiment_are_shown_and_known_to_scorers(sample) -> None:
    (shown,) = as_shown([sample], None, {"regions": "grid", "count": 9})
    assert shown.gold.marks == (1,) and shown.metadata["marks"] == 9
    assert shown.metadata["mark 9"] == "200 200 300 300" and shown.metadata["marks_iou"] == pytest.approx(0.64)
    prompt = render_prompt(shown, {"class": 1, "marks": 1})
    assert [view.role for view in prompt.views] == ["query", "marked"]
    assert prompt.views[0].read() == sample.sources[0].read_bytes() != prompt.views[1].read()


def test_a_data_sets_own_marks_stay(sample) -> None:
    from dataclasses import replace

    own = replace(sample, marked=sample.sources[0])
    assert as_shown([own], None, {}) == [own]


def test_an_item_that_cannot_be_drawn_fails_alone_when_it_is_asked(sample, tmp_path) -> None:
    (tmp_path / "a.png").write_bytes(b"no picture")
    (shown,) = as_shown([sample], {"resize": {"size": 100}}, {})
    assert shown.gold.marks == () and shown.marking and shown.recipe[0].operation == "resize"


def test_steps_that_cannot_be_are_an_error_of_the_experiment(sample) -> None:
    with pytest.raises(ExperimentError, match="allowed are shaded"):
        as_shown([sample], {"project": {"style": "pretty"}}, None)


def test_text_instead_of_a_plot_is_asked_about_in_words_for_text(tmp_path) -> None:
    (tmp_path / "s.csv").write_text("time,value\n1,2\n2,3\n")
    gold = Gold("no")
    series = Sample("c/s", "c", "time-series", (tmp_path / "s.csv",), "s", gold, "c/s", domain="time-series")
    (shown,) = as_shown([series], {"text": {}}, None)
    prompt = render_prompt(shown)
    assert prompt.views == () and "time,value\n1,2\n2,3" in prompt.text
    assert "Please determine whether the series contains" in prompt.text


def test_broken_clouds_and_series_fail_as_bad_input_and_the_others_are_answered(tmp_path) -> None:
    files = {"good": "x,y\n1,2\n2,1\n3,2\n", "empty": "x,y\n1,\n2,\n", "text": "x,y\n1,two\n"}
    for name, text in files.items():
        (tmp_path / f"{name}.csv").write_text(text)
    (tmp_path / "labels.json").write_text(json.dumps({f"{name}.csv": [] for name in files}))
    experiment = {
        "dataset": "outlier-scatter",
        "models": "scripted:yes",
        "yes_no": False,
        "roots": {"outlier-scatter": str(tmp_path)},
    }
    plan = make_plan(parse_experiment(experiment, "test"))
    execute(plan, tmp_path / "run")
    with Store(tmp_path / "run") as store:
        tally = store.tally()
    assert {kind: count for (_, kind), count in tally.items()} == {"answer": 1, "bad-input": 2}


def test_one_view_more_than_a_model_takes_is_refused_in_the_plan(tmp_path) -> None:
    folder = tmp_path / "duck" / "test"
    folder.mkdir(parents=True)
    np.savetxt(folder / "1_good.pcd", np.ones((3, 3)))
    experiment = {
        "dataset": "real3d-ad",
        "models": "blip2:Salesforce/blip2-opt-2.7b",
        "roots": {"real3d-ad": str(tmp_path)},
        "views": {"project": {"views": "around 4", "layout": "separate"}},
    }
    with pytest.raises(Exception, match=r"shows 4 pictures, but .* takes at most 1"):
        make_plan(parse_experiment(experiment, "test"))


@pytest.fixture
def mixed(sample, tmp_path) -> list[Sample]:
    (tmp_path / "s.csv").write_text("time,value\n1,2\n2,3\n")
    series = Sample("c/s", "c", "time-series", (tmp_path / "s.csv",), "s", Gold("no"), "c/s")
    return [sample, series]


def test_where_items_are_of_several_modalities_a_step_that_reads_a_file_is_for_those_of_its_own(mixed) -> None:
    picture, series = as_shown(mixed, {"plot": {"size": 200}, "blur": {}}, None)
    assert [step.operation for step in picture.recipe] == ["blur"]
    assert [step.operation for step in series.recipe] == ["plot", "blur"]


def test_a_step_for_which_there_is_no_item_is_refused(mixed) -> None:
    with pytest.raises(
        ExperimentError, match=r"'dicom' is for items of the modality medical.* image, time-series"
    ):
        as_shown(mixed, {"dicom": {}}, None)


def test_the_choice_of_items_changes_nothing_about_how_they_are_shown(mixed) -> None:
    (alone,) = as_shown(mixed, {"plot": {}, "resize": {"size": 100}}, {}, lambda samples: samples[:1])
    assert [step.operation for step in alone.recipe] == ["resize"]
    assert alone.metadata["marks"] == 9


def test_marks_lie_where_a_baseline_of_another_run_found_an_item_most_anomalous(tmp_path) -> None:
    from vlm_eval.errors import InputError
    from vlm_eval.flow import Answer, Capabilities

    class Hot:
        """A baseline whose map is hot at the lower right."""

        capabilities = Capabilities(support=True)

        def answer(self, requests):
            heat = np.zeros((14, 14), np.float32)
            heat[11:13, 11:13] = 1
            out = io.BytesIO()
            np.save(out, heat)
            for request in requests:
                yield request.key, Answer("", score=1.0, score_map=out.getvalue())

    for kind in ("normal", "anomalous"):
        (tmp_path / "parts" / kind).mkdir(parents=True)
        for number in range(3):
            colour = (60 * number, 90, len(kind))
            Image.new("RGB", (280, 140), colour).save(tmp_path / "parts" / kind / f"{number}.png")
    asked = {"dataset": str(tmp_path / "parts"), "models": ["baseline:patch-nn"], "support": 1}
    execute(make_plan(parse_experiment(asked, "test")), tmp_path / "run", open_with=lambda spec, scratch: Hot())
    marks = {"regions": "heat", "run": str(tmp_path / "run")}
    marked = asked | {"models": ["scripted:no"], "grid": {"marks": [1]}, "marks": marks}
    with pytest.raises(InputError, match="no score map of 1 of 6 items"):
        make_plan(parse_experiment({**marked, "support": None}, "test"))
    plan = make_plan(parse_experiment(marked, "test"))
    left, top, right, bottom = map(float, str(plan.samples[0].metadata["mark 1"]).split())
    assert left > 200 and top > 100 and right > 240 and bottom > 120
    with pytest.raises(InputError, match="for heat regions alone"):
        make_plan(parse_experiment({**marked, "marks": {"regions": "grid", "run": "x"}}, "test"))
