"""Wording and reference seed as factors: from the experiment to the report."""

import io
from dataclasses import replace

import pandas as pd
import pytest
from rich.console import Console

from vlm_eval.errors import ExperimentError, InputError
from vlm_eval.flow import Answer, Capabilities
from vlm_eval.prompting.cells import ABLATED
from vlm_eval.reports.effects import SAMPLED, effect_rows, name_contrast
from vlm_eval.reports.interactions import absent_notes, interaction_rows
from vlm_eval.reports.panel import read_panels
from vlm_eval.reports.run_info import completed, read_info
from vlm_eval.reports.write import write_report
from vlm_eval.runs.experiment import parse_experiment
from vlm_eval.runs.frame import read_frame
from vlm_eval.runs.plan import find_notes, find_problems, make_plan
from vlm_eval.runs.runner import execute

SEEDS = [0, 1, 3]  # which choose three different pictures of the fixture's six
FULL = {"reference": [0, 1], "wording": [0, 1, 2], "reference_seed": SEEDS}


def plan_of(data, grid, **changes):
    experiment = {"dataset": str(data), "models": ["scripted:no"], "grid": grid, "yes_no": False, **changes}
    return make_plan(parse_experiment(experiment, "test"))


class Reader:
    """Answers yes where a function of the prompt says so."""

    capabilities = Capabilities()

    def __init__(self, decide):
        self.decide = decide

    def answer(self, requests):
        for request in requests:
            yes = self.decide(request.prompt)
            yield request.key, Answer("Yes, there is a scratch." if yes else "No, it is normal.")


def run_with(plan, folder, decide):
    execute(plan, folder, open_with=lambda spec, scratch: Reader(decide))
    (panel,) = read_panels(read_frame(folder), [name for name, _ in read_info(folder)["cells"]])
    return panel, read_info(folder)


def test_each_reference_seed_shows_its_own_pictures_and_all_of_them_are_withdrawn(parts):
    plan = plan_of(parts, {"reference": [0, 1], "reference_seed": SEEDS})
    shown = {cell.name: plan.references_of(plan.samples[0], cell)[:1] for cell in plan.cells[1:]}
    assert list(shown) == ["task+reference", "task+reference+seed1", "task+reference+seed3"]
    assert len(set(shown.values())) == 3
    evaluated = {path for sample in plan.samples for path in sample.sources}
    assert not evaluated & {path for paths in shown.values() for path in paths}
    assert len(plan.samples) == 12 - 3


def test_the_usual_cells_ask_what_they_asked_before_the_factors_were_in_the_grid(parts):
    before = plan_of(parts, {"class": [0], "reference": [1]}, reference_seed=1)
    after = plan_of(
        parts, {"class": [0], "reference": [1], "wording": [0, 3], "reference_seed": [1]}, reference_seed=1
    )
    keys = {ask.request.key for ask in before.asks()}
    assert keys < {ask.request.key for ask in after.asks()}


def test_effects_and_variance_of_both_factors_reach_the_report(parts, tmp_path):
    plan = plan_of(parts, FULL)
    last = plan.cells[-1]
    only = plan.references_of(plan.samples[0], last)[0]
    assert last.ingredients.reference_seed == SEEDS[-1]

    def decide(prompt):
        return "any sign" in prompt.text or only in [view.path for view in prompt.views]

    panel, info = run_with(plan, tmp_path / "run", decide)
    found = {(name_contrast(row.contrast), row.measure): row for row in effect_rows(panel, info)}
    assert found["wording (0 to 1)", "recall"].effect.difference.value == pytest.approx(
        3 / 4
    )  # in 3 + 2 x 3 of 12 cells nothing hides it
    assert found["wording (0 to 2)", "recall"].effect.difference.value == 0
    assert found["reference_seed (0 to 3)", "overkill"].effect.difference.value == pytest.approx(2 / 3)
    assert found["reference_seed (0 to 1)", "overkill"].effect.difference.value == 0
    reference = found["reference", "overkill"]
    assert len(reference.contrast.pairs) == 9
    assert reference.contrast.unmatched == ()
    assert reference.effect.difference.value == pytest.approx(2 / 9)


def test_a_setting_that_does_not_apply_leaves_the_other_effects_whole_and_is_told(parts, tmp_path):
    panel, info = run_with(plan_of(parts, FULL), tmp_path / "run", lambda prompt: "any sign" in prompt.text)
    crossed = {(row.first.ingredient, row.second.ingredient): row.quads for row in interaction_rows(panel, info)}
    assert crossed["reference", "wording"] == 3
    assert ("reference", "reference_seed") not in crossed
    (note,) = absent_notes(panel, info)
    assert note.startswith("reference_seed does not apply to task, task+wording1, task+wording2:")


def test_the_shares_of_the_variance_are_told_and_written(parts, tmp_path):
    folder = tmp_path / "run"
    _, info = run_with(plan_of(parts, FULL), folder, lambda prompt: "any sign" in prompt.text)
    stream = io.StringIO()
    write_report(read_frame(folder), tmp_path / "out", info=info, console=Console(file=stream, width=200))
    assert "wording 100.0 %, reference_seed 0.0 %" in " ".join(stream.getvalue().split())
    shares = pd.read_csv(tmp_path / "out" / "variance.csv")
    assert set(shares["source"]) >= {"wording", "reference_seed", "item", "wording x reference_seed x item"}
    ablation = pd.read_csv(tmp_path / "out" / "ablation.csv")
    assert sorted(ablation["ingredient_wording"].unique()) == [0, 1, 2]
    assert ablation["ingredient_reference_seed"].isna().sum() == 3


def test_a_wording_with_a_name_survives_the_store(parts, tmp_path):
    (tmp_path / "words" / "wordings" / "terse").mkdir(parents=True)
    (tmp_path / "words" / "wordings" / "terse" / "task.jinja").write_text("{{ findings }}?")
    experiment = {"dataset": str(parts), "models": ["scripted:no"], "grid": {"wording": [0, "terse"]}}
    plan = make_plan(parse_experiment(experiment, "x"), prompts=[tmp_path / "words"])
    panel, info = run_with(plan, tmp_path / "run", lambda prompt: prompt.text == "anomalies or defects?")
    assert [settings["wording"] for _, settings in info["cells"]] == [0, "terse"]
    assert name_contrast(effect_rows(panel, info)[0].contrast) == "wording (0 to terse)"


def with_training_split(parts, folder):
    """Turn two folders into a data set with a training split, whose references withdraw nothing."""
    pictures = [path.relative_to(folder) for path in sorted(parts.rglob("*.png"))]
    rows = [
        f"{path},{'yes' if path.parent.name == 'anomalous' else 'no'},{'train' if number % 2 else 'test'}"
        for number, path in enumerate(pictures)
    ]
    (folder / "mine.csv").write_text("\n".join(["image,label,split", *rows]))
    card = folder / "mine.yaml"
    card.write_text(
        "name: mine\ntitle: Mine\nlicence: CC0\nreader: table\nroot: .\n"
        "options: {file: mine.csv, columns: {split: split}}\n"
    )
    return card


def test_a_run_can_grow_by_both_factors_and_its_old_cells_get_their_level(tmp_path, parts):
    table = with_training_split(parts, tmp_path)
    run_with(plan_of(table, {"reference": [0, 1]}), tmp_path / "run", lambda prompt: False)
    grown = plan_of(table, {"reference": [0, 1], "wording": [0, 1], "reference_seed": [0, 1]})
    _, info = run_with(grown, tmp_path / "run", lambda prompt: False)
    levels = {cell: (own["wording"], own.get("reference_seed")) for cell, own in info["cells"]}
    assert levels["task"] == (0, None)
    assert levels["task+reference"] == (0, 0)
    assert levels["task+reference+wording1+seed1"] == (1, 1)
    assert len(levels) == 6


def test_cells_of_a_run_from_before_the_factors_get_the_usual_level_where_one_is_needed():
    cells = [
        ("task+reference", {"reference": 1}),
        ("task", {"reference": 0}),
        ("x", {"wording": 1, "reference": 0}),
    ]
    assert [own.get("wording") for _, own in completed(cells, 5)] == [0, 0, 1]
    assert all("reference_seed" not in own for _, own in completed(cells, 5))
    cells.append(("y", {"reference": 1, "reference_seed": 6}))
    assert [own.get("reference_seed") for _, own in completed(cells, 5)] == [5, None, None, 6]


def test_seeds_that_choose_the_same_pictures_are_named(parts, tmp_path):
    table = with_training_split(parts, tmp_path)
    (note,) = find_notes(plan_of(table, {"reference": [1], "reference_seed": [0, 1, 2, 3]}))
    assert note.startswith("Two reference seeds choose the same pictures (mine:")
    assert find_notes(plan_of(parts, FULL)) == []


def test_seeds_choose_nothing_where_items_bring_references_of_their_own(parts):
    plan = plan_of(parts, {"reference": [1], "reference_seed": [0, 1]})
    own = replace(plan, samples=tuple(replace(sample, references=sample.sources) for sample in plan.samples))
    assert find_problems(plan) == []
    assert "which no reference_seed chooses" in find_problems(own)[0]


@pytest.mark.parametrize(
    ("grid", "message"),
    [
        ({"levels": ["naive"], "wording": [0, 1]}, "wording: a factor of a grid of ingredients"),
        ({"levels": ["naive"], "reference_seed": [0, 1]}, "reference_seed: a factor"),
    ],
)
def test_a_grid_of_levels_takes_no_other_factors(grid, message):
    with pytest.raises(ExperimentError, match=message):
        parse_experiment({"dataset": "demo", "models": ["scripted:no"], "grid": grid}, "x")


def test_an_unknown_wording_is_refused_before_anything_is_spent(parts):
    with pytest.raises(InputError, match="no wording 9"):
        plan_of(parts, {"wording": [0, 9]})


def test_switches_in_a_file_are_still_off_and_on():
    experiment = parse_experiment(
        {"dataset": "demo", "models": ["scripted:no"], "grid": {"class": [False, True], "wording": ["1", "b"]}},
        "x",
    )
    assert [cell.name for cell in experiment.cells()] == [
        "task+wording1", "task+wording-b", "task+class+wording1", "task+class+wording-b",
    ]  # fmt: skip


def test_the_report_tells_the_variance_of_every_factor_that_stands_for_many():
    assert tuple(ABLATED) == SAMPLED
