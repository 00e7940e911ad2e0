"""Going on with a run without planning it anew."""

import os
from dataclasses import replace

import pytest
from PIL import Image

from vlm_eval.runs import plan as plan_module
from vlm_eval.runs.experiment import parse_experiment
from vlm_eval.runs.plan import Plan, make_plan
from vlm_eval.runs.plan_digest import plan_digest
from vlm_eval.runs.runner import execute
from vlm_eval.runs.store import Store


def plan_of(parts, prompts=(), **changes):
    experiment = {"dataset": str(parts), "models": ["scripted:no"], "grid": {"reference": [0, 1]}, **changes}
    return make_plan(parse_experiment(experiment, "test"), prompts=prompts)


def test_the_same_experiment_has_the_same_digest(parts):
    assert plan_digest(plan_of(parts)) == plan_digest(plan_of(parts))


@pytest.mark.parametrize(
    "changes",
    [
        {"repeats": 2},
        {"limit": 8},
        {"seed": 1, "limit": 8},
        {"layout": "json"},
        {"models": ["scripted:yes"]},
        {"grid": {"reference": [0]}},
        {"generation": {"max_tokens": 9}},
        {"yes_no": False},
        {"reference_seed": 5},
    ],
    ids=str,
)
def test_another_experiment_has_another_digest(parts, changes):
    assert plan_digest(plan_of(parts, **changes)) != plan_digest(plan_of(parts))


def test_a_changed_picture_changes_the_digest_even_at_the_same_size(parts):
    before = plan_digest(plan_of(parts))
    picture = parts / "normal" / "02.png"
    status = picture.stat()
    os.utime(picture, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    assert plan_digest(plan_of(parts)) != before


def test_a_file_in_a_folder_that_is_shown_counts(parts, tmp_path):
    plan = plan_of(parts)
    series = tmp_path / "series"
    series.mkdir()
    (series / "1.dcm").write_bytes(b"one")
    shown = replace(plan, samples=(replace(plan.samples[0], sources=(series,)),))
    before = plan_digest(shown)
    (series / "1.dcm").write_bytes(b"other")
    assert plan_digest(shown) != before


def test_other_words_change_the_digest(parts, tmp_path):
    templates = tmp_path / "prompts" / "ingredients"
    templates.mkdir(parents=True)
    (templates / "task.jinja").write_text("Look hard.")
    assert plan_digest(plan_of(parts, [tmp_path / "prompts"])) != plan_digest(plan_of(parts))


def test_other_gold_changes_the_digest(parts):
    plan = plan_of(parts)
    first, *rest = plan.samples
    other = replace(first, gold=replace(first.gold, anomalous="unknown"))
    assert plan_digest(replace(plan, samples=(other, *rest))) != plan_digest(plan)


def test_going_on_renders_nothing_and_asks_nothing(parts, tmp_path, monkeypatch):
    execute(plan_of(parts), tmp_path / "run")

    def refuse(*given, **named):
        raise AssertionError("a prompt was rendered")

    monkeypatch.setattr(plan_module, "render_prompt", refuse)
    result = execute(plan_of(parts), tmp_path / "run")
    assert (result.answered, result.open) == (44, 0)


def planned_again(plan):
    pytest.fail("it was planned again")
    yield


def test_a_run_that_was_stopped_goes_on_without_a_new_plan(parts, tmp_path, monkeypatch):
    stopping = plan_of(parts, models=[{"model": "scripted:no", "options": {"die_at": 5}}])
    assert execute(stopping, tmp_path / "run").stopped
    monkeypatch.setattr(Plan, "asks", planned_again)
    assert execute(plan_of(parts, models=["scripted:no"]), tmp_path / "run").open == 0


def test_a_plan_that_was_refused_is_not_taken_for_written(parts, tmp_path):
    execute(plan_of(parts), tmp_path / "run")
    with Store(tmp_path / "run") as store:
        digest = store.get_meta("plan digest")
    smaller = plan_of(parts, limit=4)
    for _ in range(2):
        with pytest.raises(Exception, match="may grow, not shrink"):
            execute(smaller, tmp_path / "run")
    with Store(tmp_path / "run") as store:
        assert store.get_meta("plan digest") == digest


def test_new_items_are_planned(parts, tmp_path):
    execute(plan_of(parts), tmp_path / "run")
    Image.new("RGB", (24, 24), "white").save(parts / "normal" / "99.png")
    assert execute(plan_of(parts), tmp_path / "run").answered == 48
