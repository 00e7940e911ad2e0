"""A baseline in a run: what it compares with, what is stored, and what is left out for it."""

import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from vlm_eval.backends.patch_nn import PatchNearestNeighbour
from vlm_eval.backends.registry import open_backend
from vlm_eval.errors import CardError, ExperimentError, InputError, RunFolderError
from vlm_eval.runs.experiment import parse_experiment
from vlm_eval.runs.forecast import forecast
from vlm_eval.runs.frame import read_frame
from vlm_eval.runs.merge import merge_runs
from vlm_eval.runs.plan import make_plan
from vlm_eval.runs.runner import execute
from vlm_eval.runs.score_maps import read_score_map, stretch
from vlm_eval.runs.scores import choose_source
from vlm_eval.runs.shard import Shard
from vlm_eval.runs.store import Store

BASELINE = "baseline:patch-nn"


def colours(pictures):
    """Take the mean colour of the quarters of each picture as its features."""
    return np.stack(pictures).astype(np.float32).reshape(len(pictures), 2, 112, 2, 112, 3).mean(axis=(2, 4))


def open_with(spec, scratch):
    return PatchNearestNeighbour(colours) if spec.model.family == "baseline" else open_backend(spec, scratch)


def plan_of(dataset, shard=None, **changes):
    experiment = {"dataset": str(dataset), "models": [BASELINE], "support": 2, **changes}
    return replace(make_plan(parse_experiment(experiment, "test")), shard=shard)


def run(dataset, folder, **changes):
    return execute(plan_of(dataset, **changes), folder, open_with=open_with)


@pytest.fixture
def bottles(tmp_path):
    """A miniature of MVTec AD's layout: four training pictures, two good and two broken ones to test."""
    root = tmp_path / "mvtec"
    for split, kind, count in (("train", "good", 4), ("test", "good", 2), ("test", "broken_large", 2)):
        for number in range(count):
            path = root / "bottle" / split / kind / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            shade = (200, 20, 20) if kind != "good" else (100 + number + (10 if split == "test" else 0), 100, 100)
            Image.new("RGB", (32, 32), shade).save(path)
    return root


def test_cells_that_differ_in_words_share_one_request(parts, tmp_path):
    run(parts, tmp_path / "run", grid={"wording": [0, 1], "reference": [0, 1]}, repeats=2)
    with Store(tmp_path / "run") as store:
        asks, requests = (
            store.connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in ("ask", "request")
        )
    assert (asks, requests) == (10 * 4 * 2, 10)


def test_the_support_set_is_not_evaluated_and_holds_the_references_of_the_prompts(parts):
    plan = plan_of(parts, support=3, grid={"reference": [0, 1]})
    (support,) = plan.support.by_class.values()
    (references,) = plan.references.values()
    assert len(support) == 3 and support[:1] == references
    assert len(plan.samples) == 12 - 3
    assert not {sample.sources[0] for sample in plan.samples} & set(support)
    views = next(iter(plan.asks())).request.prompt.views
    assert [view.role for view in views] == ["query"] + ["reference"] * 3


def test_train_takes_every_normal_training_picture(bottles):
    plan = plan_of("mvtec-ad", roots={"mvtec-ad": str(bottles)}, support="train")
    (support,) = plan.support.by_class.values()
    assert {path.parent.relative_to(bottles).as_posix() for path in support} == {"bottle/train/good"}
    assert (len(support), len(plan.samples), plan.withdrawn) == (4, 4, frozenset())


def test_train_is_refused_where_there_is_no_training_split(parts):
    with pytest.raises(CardError, match="no normal pictures in a training split"):
        plan_of(parts, support="train")


@pytest.mark.parametrize("support", [0, "all", 1.5])
def test_another_support_is_refused(parts, support):
    with pytest.raises(ExperimentError, match="support"):
        plan_of(parts, support=support)


def test_a_cell_without_normal_pictures_is_refused_before_anything_is_asked(parts):
    with pytest.raises(InputError, match=r"no normal picture to compare .* with in the cell naive/zero-shot"):
        plan_of(parts, support=None, levels=["naive"], shots=[0, 1])
    assert plan_of(parts, support=None, levels=["naive"], shots=[1]).samples


def test_a_baseline_stands_beside_models_with_rounds_and_beams(parts, tmp_path):
    changes = {"models": [BASELINE, "scripted:yes"], "rounds": ["look-again"], "generation": {"beams": 2}}
    run(parts, tmp_path / "run", levels=["naive"], shots=[0], **changes)
    rounds = read_frame(tmp_path / "run").groupby("model")["round"].max()
    assert dict(rounds) == {BASELINE: 0, "scripted:yes": 1}


def test_a_forecast_counts_no_tokens_of_a_baseline(parts, tmp_path):
    found = forecast(plan_of(parts, models=[BASELINE, "scripted:no"]), tmp_path / "run", None)
    tokens = {model.name: (model.tokens_in, model.tokens_out) for model in found.models}
    assert tokens[BASELINE] == (0, 0) and min(tokens["scripted:no"]) > 0
    assert found.models[0].images == 12


def test_scores_and_maps_are_stored_and_nothing_is_asked_again(parts, tmp_path):
    folder = tmp_path / "run"
    assert run(parts, folder).answered == 10
    frame = read_frame(folder)
    assert set(frame["score_source"]) == {"model"} and frame["anomaly_score"].notna().all()
    assert set(frame["text"]) == {""} and frame["verdict"].isna().all()
    with Store(folder) as store:
        answers = [json.loads(data) for (data,) in store.connection.execute("SELECT data FROM outcome")]
    assert all(answer["score_map"] is None for answer in answers)
    assert {answer["score_map_digest"] for answer in answers} == {
        path.name for path in (folder / "maps").iterdir()
    }
    assert read_score_map(folder, answers[0]["score_map_digest"]).shape == (2, 2)

    def never(spec, scratch):
        raise AssertionError("opened although everything is answered")

    assert execute(plan_of(parts), folder, open_with=never).answered == 10


def test_a_baseline_keeps_its_score_whatever_source_is_chosen_for_the_models(parts, tmp_path):
    folder = tmp_path / "run"
    run(parts, folder, models=[BASELINE, "scripted:coin"], scorers=["verdict", "votes"])
    with Store(folder, write=True) as store:
        choose_source(store, "votes")
    sources = read_frame(folder).groupby("model")["score_source"].unique()
    assert {model: list(found) for model, found in sources.items()} == {
        BASELINE: ["model"],
        "scripted:coin": ["votes"],
    }


def test_merged_shards_hold_every_score_map(parts, tmp_path):
    shards = []
    for index in (1, 2):
        shards.append(tmp_path / f"shard{index}")
        execute(plan_of(parts, Shard(index, 2)), shards[-1], open_with=open_with)
    merge_runs(shards, tmp_path / "whole")
    with Store(tmp_path / "whole") as store:
        digests = [
            digest for (digest,) in store.connection.execute("SELECT data ->> 'score_map_digest' FROM outcome")
        ]
    assert len(digests) == 10
    assert all(read_score_map(tmp_path / "whole", digest).shape == (2, 2) for digest in digests)


def test_a_map_that_is_gone_or_damaged_is_an_error_that_names_it(tmp_path):
    with pytest.raises(RunFolderError, match="abc cannot be read"):
        read_score_map(tmp_path, "abc")
    (tmp_path / "maps").mkdir()
    (tmp_path / "maps" / "abc").write_bytes(b"\x93NUMPY cut")
    with pytest.raises(RunFolderError, match="abc cannot be read"):
        read_score_map(tmp_path, "abc")


def test_a_map_is_stretched_between_the_centres_of_its_patches():
    found = stretch(np.array([[0.0, 1.0]], dtype=np.float32), (4, 2))
    np.testing.assert_allclose(found, [[0, 0.25, 0.75, 1]] * 2, atol=1e-6)
