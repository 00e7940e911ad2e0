"""Baselines in a run, beside each other and beside models."""

from dataclasses import replace

import numpy as np
import pytest

from vlm_eval.backends.baseline_kinds import parse_baseline
from vlm_eval.backends.joint_encoder import unit
from vlm_eval.backends.prompt_pair import PromptPair
from vlm_eval.backends.registry import capabilities, open_backend
from vlm_eval.backends.similarity import ObjectClasses, Similarity, SimilaritySettings
from vlm_eval.errors import InputError
from vlm_eval.prompting.environment import open_templates
from vlm_eval.prompting.render import render_pair
from vlm_eval.runs.experiment import parse_experiment
from vlm_eval.runs.frame import read_frame
from vlm_eval.runs.plan import make_plan
from vlm_eval.runs.runner import execute
from vlm_eval.runs.store import Store

# Appendix A.5 of "Model selection of anomaly detectors in the absence of labeled validation data": the middle of
# each of its ten pairs, for MVTec; "a photo of a {}" against "a photo of something" and so on.
TEMPLATES = {
    0: "a photo of a {}",
    "pair-cropped": "a cropped photo of a {}",
    "pair-dark": "a dark photo of a {}",
    "pair-inspection": "a photo of a {} for inspection",
    "pair-viewing": "a photo of a {} for viewing",
    "pair-bright": "a bright photo of a {}",
    "pair-close-up": "a close-up photo of a {}",
    "pair-blurry": "a blurry photo of a {}",
    "pair-small": "a photo of a small {}",
    "pair-large": "a photo of a large {}",
}


class Lengths:
    """Pictures by their mean colour, texts by the length of their words: enough to tell pairs apart."""

    name, scale, facts = "lengths", 10.0, {}

    def images(self, pictures):
        return unit(np.stack([np.asarray(picture, np.float32).mean(axis=(0, 1)) for picture in pictures]))

    def texts(self, texts):
        return unit(np.array([[len(text), text.count("e"), text.count("o")] for text in texts], dtype=np.float32))


def open_with(spec, scratch):
    if spec.model.family != "baseline":
        return open_backend(spec, scratch)
    if capabilities(spec).pair is not None:
        return PromptPair(Lengths())
    assert parse_baseline(spec.model.checkpoint).name == "similarity"
    classes = ObjectClasses(("scratch", "dent"), ("a line", "a hole"))
    boxes = ((0.0, 0.0, 9.0, 9.0), (9.0, 9.0, 18.0, 18.0))
    return Similarity(Lengths(), lambda picture, path: boxes, classes, SimilaritySettings())


def plan_of(dataset, **changes):
    experiment = {"dataset": "bolts", "roots": {"bolts": str(dataset)}, **changes}
    return make_plan(parse_experiment(experiment, "test"), datasets=[dataset.parent / "cards"])


@pytest.fixture(autouse=True)
def card(tmp_path):
    folder = tmp_path / "cards"
    folder.mkdir()
    (folder / "bolts.yaml").write_text(
        "name: bolts\ntitle: Bolts\nreader: folders\noptions: {object_class: bolt}\nobtain: drawn by the test\n"
        "licence: none\ncommon:\n  nouns: {noun: bolt, plural: bolts}\n"
    )


@pytest.fixture
def sample(parts):
    return plan_of(parts, models=["scripted:yes"]).samples[0]


@pytest.mark.parametrize("wording", TEMPLATES)
def test_the_ten_templates_read_as_printed_for_objects_flowers_and_birds(sample, wording):
    text = TEMPLATES[wording]
    of_thing = replace(sample, nouns={"noun": "cable"})
    expected = text.format("cable"), text.replace("a {}", "something").replace("{}", "something")
    assert render_pair(of_thing, wording, open_templates()) == expected
    for kind, name in (("flower", "daisy"), ("bird", "red cardinal")):
        # As printed: "a photo of some flower", but "a photo of a small some flower".
        some = text.replace("a {}", f"some {kind}").replace("{}", f"some {kind}")
        of_kind = replace(sample, nouns={"noun": name, "kind": kind})
        assert render_pair(of_kind, wording, open_templates()) == (text.format(f"{name} {kind}"), some)


def test_ten_templates_are_ten_models_or_ten_cells_of_one(parts, tmp_path):
    names = [str(name).removeprefix("pair-") for name in TEMPLATES if name]
    models = ["baseline:prompt-pair", *(f"baseline:prompt-pair,template={name}" for name in names)]
    execute(plan_of(parts, models=models), tmp_path / "models", open_with=open_with)
    wordings = plan_of(parts, models=models[:1], grid={"wording": list(TEMPLATES)})
    execute(wordings, tmp_path / "cells", open_with=open_with)
    by_model, by_cell = read_frame(tmp_path / "models"), read_frame(tmp_path / "cells")
    assert by_model["model"].nunique() == by_cell["cell"].nunique() == 10
    assert (by_model["score_source"] == "model").all()
    first = by_model[by_model["model"] == models[1]].set_index("sample_id")["anomaly_score"]
    cropped = by_cell[by_cell["cell"].str.contains("cropped")].set_index("sample_id")["anomaly_score"]
    assert first.to_dict() == cropped.to_dict() and first.nunique() > 1


def test_a_pair_stands_beside_models_whose_words_it_does_not_read(parts, tmp_path):
    models = ["scripted:yes", "baseline:prompt-pair", "baseline:similarity"]
    plan = plan_of(parts, models=models, grid={"class": [0, 1]}, repeats=2)
    execute(plan, tmp_path / "run", open_with=open_with)
    with Store(tmp_path / "run") as store:
        rows = store.connection.execute(
            "SELECT model.name, count(DISTINCT ask.request) FROM ask JOIN model ON model.id = ask.model "
            "WHERE purpose = 'answer' GROUP BY model.name"
        ).fetchall()
    asked = dict(rows)
    items = len(plan.samples)
    assert asked["baseline:prompt-pair"] == asked["baseline:similarity"] == items
    assert asked["scripted:yes"] == items * 2 * 2


def test_the_class_that_similarity_names_is_read_as_an_answer(parts, tmp_path):
    execute(plan_of(parts, models=["baseline:similarity"]), tmp_path / "run", open_with=open_with)
    frame = read_frame(tmp_path / "run")
    assert (frame["status"] == "answered").all()
    assert frame["anomaly_score"].isna().all()
    assert (
        frame["score_source"] == "model"
    ).all()  # so that reports take it for a baseline, not for a silent model
    assert set(frame["text"]) <= {"scratch", "dent"}


def test_a_template_that_is_not_there_and_a_card_without_a_noun_are_refused(parts):
    bare = parse_experiment({"dataset": str(parts), "models": ["baseline:prompt-pair"]}, "test")
    with pytest.raises(InputError, match="no attribute 'noun'"):
        make_plan(bare)
    with pytest.raises(InputError, match="no wording 'pair-purple'"):
        plan_of(parts, models=["baseline:prompt-pair,template=purple"])


def test_a_bank_that_needs_more_normal_pictures_than_there_are_is_refused(parts):
    with pytest.raises(InputError, match="fewer than the 3 normal pictures it needs"):
        plan_of(parts, models=["baseline:feature-bank"], support=2)
    with pytest.raises(InputError, match="baseline:feature-bank has fewer"):
        plan_of(parts, models=["baseline:feature-bank", "baseline:prompt-pair"])
    assert plan_of(parts, models=["baseline:feature-bank,k=1"], support=1).samples


def test_the_texts_of_a_pair_are_part_of_the_key(parts):
    plan = plan_of(parts, models=["baseline:prompt-pair"], grid={"wording": [0, "pair-dark"]})
    first, second = list(plan.asks())[:2]
    assert first.request.key != second.request.key
    assert first.request.prompt.text == "a photo of a bolt\na photo of something"
    assert second.request.prompt.text == "a dark photo of a bolt\na dark photo of something"
