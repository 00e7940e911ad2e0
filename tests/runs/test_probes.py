"""Probes: which control cells are asked, what they show, and what the report makes of them."""

import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from rich.console import Console

from vlm_eval.backends.scripted import ScriptedBackend, scripted_answer
from vlm_eval.errors import ExperimentError
from vlm_eval.reports.panel import read_panels
from vlm_eval.reports.probes import probe_panels, probe_rows
from vlm_eval.reports.run_info import read_info
from vlm_eval.reports.write import write_report
from vlm_eval.runs.experiment import parse_experiment
from vlm_eval.runs.frame import read_frame
from vlm_eval.runs.plan import find_notes, make_plan
from vlm_eval.runs.probes import PROBES, base_name, probe_name, read_probes
from vlm_eval.runs.runner import execute

EACH = 41  # items of each class and gold
FULL = {"class": [1], "standard": [1], "reference": [1]}
CARD = """
name: dots
title: Parts with a red dot where they are defective
reader: table
root: .
licence: none
options: {file: items.csv, columns: {object_class: kind, mask: mask}}
classes:
  screw: {nouns: {noun: screw, plural: screws}, standard: {normal: show a straight thread}}
  washer: {nouns: {noun: washer, plural: washers}, standard: {normal: show a round hole}}
"""


@pytest.fixture(scope="module")
def dots(tmp_path_factory):
    """Two classes of parts; a defective one has a red dot of 6 x 6 pixels."""
    root = tmp_path_factory.mktemp("dots")
    lines = ["image,label,kind,mask"]
    mask = np.zeros((32, 32), dtype=np.uint8)
    mask[20:26, 4:10] = 255
    (root / "masks").mkdir()
    Image.fromarray(mask).save(root / "masks" / "dot.png")
    for number in range(4 * EACH):
        defective, kind = number % 2, ("screw", "washer")[number // 2 % 2]
        pixels = np.full((32, 32, 3), 60 + number, dtype=np.uint8)
        pixels[4:28, 12:20] = 200 if kind == "screw" else 10
        if defective:
            pixels[20:26, 4:10] = (255, 0, 0)
        Image.fromarray(pixels).save(root / f"{number:03}.png")
        lines.append(f"{number:03}.png,{defective},{kind},{'masks/dot.png' if defective else ''}")
    (root / "items.csv").write_text("\n".join(lines), encoding="utf-8")
    (root / "dots.yaml").write_text(CARD, encoding="utf-8")
    return root


def plan_of(dots, probes, grid=None, **changes):
    data = {"dataset": "dots", "datasets": [str(dots)], "models": ["scripted:no"], "grid": grid or FULL}
    experiment = parse_experiment({**data, "probes": probes, **changes}, "test")
    return make_plan(experiment, datasets=[dots])


def has_dot(view):
    with Image.open(io.BytesIO(view.read())) as image:
        pixels = np.asarray(image.convert("RGB")).astype(int)
    return bool(((pixels[..., 0] > 240) & (pixels[..., 1:] < 15).all(axis=-1)).sum() > 8)


def findings(plan, folder, decide):
    """Run a model that answers by a function of the prompt; return the findings by probe, and the rows."""

    def reply(request):
        said = decide(request.prompt)
        sure = 0.6 + 0.3 * int(request.prompt.views[-1].path.stem) / (4 * EACH)  # graded, by the picture's number
        return scripted_answer("Yes." if said else "No.", request, sure if said else 1 - sure)

    execute(plan, folder, open_with=lambda spec, scratch: ScriptedBackend(reply))
    (panel,) = probe_panels(read_frame(folder))
    rows = {row.probe: row for row in probe_rows(panel, read_info(folder))}
    return {name: row.finding.kind for name, row in rows.items()}, rows


def test_a_model_that_reads_the_picture_looks_and_tells_query_from_reference(dots, tmp_path):
    plan = plan_of(dots, ["blank", "class-only", "shuffle", "swap", "other-reference", "jpeg", "size"])
    found, rows = findings(plan, tmp_path, lambda prompt: has_dot(prompt.views[-1]))
    assert found == {
        "blank": "yes",
        "class-only": "yes",
        "shuffle": "no",  # it finds the colour wherever it lies
        "swap": "yes",
        "other-reference": "no",  # it never looks at the reference
        "jpeg": "no",  # the red is no longer pure
        "size": "yes",
    }
    blank = rows["blank"].change
    assert blank.recall.difference.value == pytest.approx(-1)
    assert blank.overkill.difference.value == pytest.approx(0)
    assert blank.flips.difference.value == pytest.approx(0.5, abs=0.01)
    assert blank.auroc.value == pytest.approx(-0.5, abs=0.05)
    assert rows["blank"].finding.words == "looks: 50 points worse without the picture"


def test_a_blind_model_does_not_look(dots, tmp_path):
    names = ["blank", "class-only", "shuffle", "swap", "other-reference", "same-reference"]
    found, rows = findings(plan_of(dots, names), tmp_path, lambda prompt: True)
    assert set(found.values()) == {"no"}
    assert rows["blank"].finding.words == "does not look: it says the same without the picture (no answer changes)"
    assert rows["blank"].change.auroc.value == 0


def test_a_model_whose_answers_change_without_being_better_with_the_picture_is_not_said_to_look(dots, tmp_path):
    def decide(prompt):
        return int(prompt.views[-1].identity[:8], 16) % 2 == 0  # by the bytes, not by what they show

    found, rows = findings(plan_of(dots, ["blank"]), tmp_path, decide)
    assert rows["blank"].change.flips.difference.value > 0.3
    assert found["blank"] != "yes"


def test_a_model_that_compares_is_found_by_the_query_as_its_own_reference(dots, tmp_path):
    def decide(prompt):
        return has_dot(prompt.views[-1]) != has_dot(prompt.views[0])

    found, rows = findings(plan_of(dots, ["same-reference", "swap"]), tmp_path, decide)
    assert found == {"same-reference": "yes", "swap": "no"}  # a difference has no direction
    assert rows["same-reference"].change.recall.difference.value == pytest.approx(-1)


def test_a_model_that_ignores_the_prompt_does_not_read(dots, tmp_path):
    plan = plan_of(dots, "read")
    found, rows = findings(plan, tmp_path, lambda prompt: has_dot(prompt.views[-1]))
    reading = {"no-class", "other-class", "other-standard", "shuffled-standard", "only-part", "confirm-fine"}
    assert {name for name in found if found[name] == "no"} == reading
    assert {name for name in found if found[name] == "yes"} == {
        "confirm-defective", "paraphrase", "yes-or-no", "no-or-yes"
    }  # fmt: skip
    assert "does not read which part is asked about" in rows["only-part"].finding.words


def test_a_model_that_reads_the_class_the_standard_and_the_question_is_found_to_read(dots, tmp_path):
    def decide(prompt):
        screw = "straight thread" in prompt.text and "about the screw" in prompt.text
        washer = "round hole" in prompt.text and "about the washer" in prompt.text
        found = has_dot(prompt.views[-1]) if screw or washer else True
        if "nine equal parts" in prompt.text:
            found = found and ("middle left" in prompt.text or "bottom left" in prompt.text)
        return found != ("free of" in prompt.text)

    found, rows = findings(plan_of(dots, "read"), tmp_path, decide)
    assert set(found.values()) == {"yes"}
    assert rows["other-class"].change.overkill.difference.value == pytest.approx(1)
    assert rows["confirm-fine"].change.flips.difference.value == 0
    assert rows["confirm-fine"].change.auroc.value == 0  # its yes counts for normal
    assert rows["only-part"].change.recall.difference.value == pytest.approx(-1)
    assert rows["only-part"].change.overkill.difference.value == 0
    assert rows["no-or-yes"].base.endswith("~ yes-or-no")


def test_few_items_on_which_nothing_changes_show_nothing(dots, tmp_path):
    found, rows = findings(plan_of(dots, ["blank", "no-class"], limit=12), tmp_path, lambda prompt: True)
    assert set(found.values()) == {"undecided"}
    assert "12 items are too few" in rows["blank"].finding.words


def test_probes_change_no_key_of_the_grid_and_stand_in_no_table_of_it(dots, tmp_path):
    without, probed = plan_of(dots, [], limit=12), plan_of(dots, "look", limit=12)
    keys = [ask.request.key for ask in without.asks()]
    assert keys == [ask.request.key for ask in probed.asks() if probe_name(ask.cell.name) is None]
    findings(probed, tmp_path, lambda prompt: has_dot(prompt.views[-1]))
    frame, info = read_frame(tmp_path), read_info(tmp_path)
    (panel,) = read_panels(frame, [name for name, _ in info["cells"]])
    assert list(panel.cells) == ["task+class+standard+reference"]
    console = Console(file=io.StringIO(), width=80)
    written = write_report(frame, tmp_path / "report", info=info, console=console)
    table = pd.read_csv(tmp_path / "report" / "probes.csv")
    assert tmp_path / "report" / "probes.csv" in written.more
    needs_more = {"random-marks", "view"}  # marks; a recipe
    looking = [name for name, probe in PROBES.items() if probe.group == "look"]
    assert list(table["probe"]) == [name for name in looking if name not in needs_more]
    assert not pd.read_csv(tmp_path / "report" / "ablation.csv")["cell"].str.contains("~").any()
    assert not pd.read_csv(tmp_path / "report" / "confusion_verdict.csv")["cell"].str.contains("~").any()
    printed = console.file.getvalue()
    assert "Does it look, does it read?" in printed
    assert "What it scores blindly: without the picture accuracy" in printed
    assert max(map(len, printed.splitlines())) <= 80


def test_a_run_grows_by_probes_and_asks_only_them(dots, tmp_path):
    asked = []

    def reply(request):
        asked.append(request.key)
        return "Yes." if len(request.prompt.views) else "No."

    def run(plan):
        asked.clear()
        execute(plan, tmp_path, open_with=lambda spec, scratch: ScriptedBackend(reply))
        return len(asked)

    first = run(plan_of(dots, [], limit=8))
    assert run(plan_of(dots, ["blank"], limit=8)) == first
    assert run(plan_of(dots, ["blank"], limit=8)) == 0


def test_each_probe_is_put_to_the_fullest_cell_that_it_fits(dots):
    grid = {"class": [0, 1], "standard": [0, 1], "reference": [0, 1, 2]}
    bases = {cell.probe: cell.base.name for cell in plan_of(dots, ["look", "read"], grid).probes}
    assert bases["blank"] == bases["swap"] == "task+class+standard+reference"
    assert bases["no-or-yes"] == "task+class+standard+reference ~ yes-or-no"
    assert set(bases) == set(PROBES) - {"random-marks"}
    (cell,) = plan_of(dots, "blank", {"class": [0]}).probes
    assert (cell.name, base_name(cell.name)) == ("task ~ blank", "task")


def test_what_no_cell_has_is_left_out_and_told(dots):
    plan = plan_of(dots, ["look", "read"], {"class": [0]})
    asked = {cell.probe for cell in plan.probes}
    assert not asked & {"class-only", "swap", "other-reference", "same-reference", "no-class", "other-standard"}
    (note,) = [note for note in find_notes(plan) if "Probes" in note]
    assert "class-only, swap, other-reference, same-reference, random-marks, view, no-class" in note
    assert (
        "shuffled-standard, shuffled-rules, swapped-options (see" in note
    )  # only-part needs no more than a place


def test_a_blank_query_leaves_the_reference_as_it_is(dots):
    plan = plan_of(dots, ["blank", "swap"], limit=4)
    asks = {ask.cell.name.rpartition(" ~ ")[2]: ask for ask in plan.asks() if ask.sample == plan.samples[0]}
    plain = asks["task+class+standard+reference"].request.prompt.views
    blank, swapped = asks["blank"].request.prompt.views, asks["swap"].request.prompt.views
    assert blank[0] == plain[0]
    assert blank[1].path == plain[1].path
    assert len(Image.open(io.BytesIO(blank[1].read())).getcolors()) == 1
    assert [view.identity for view in swapped] == [view.identity for view in plain[::-1]]


def test_unknown_probes_are_refused_with_those_that_are_known(dots):
    with pytest.raises(ExperimentError, match=r"no probe 'blnk'\. Allowed: look, read, blank, class-only"):
        plan_of(dots, ["blnk"])
    assert read_probes(["read", "blank", "no-class"])[-1] == "blank"


def test_a_probe_brings_along_the_one_that_is_its_base(dots):
    assert read_probes(["no-or-yes"]) == ("yes-or-no", "no-or-yes")
    assert {cell.probe for cell in plan_of(dots, ["no-or-yes"]).probes} == {"yes-or-no", "no-or-yes"}
    assert not plan_of(dots, ["no-or-yes"], layout="json").probes  # it declares its verdict


def test_the_order_of_yes_and_no_changes_in_the_question_and_in_the_forced_answer(dots):
    plan = plan_of(dots, ["no-or-yes"], limit=4, yes_no=True)
    texts = {(ask.cell.name.rpartition(" ~ ")[2], ask.purpose): ask.request.prompt.text for ask in plan.asks()}
    for purpose in ("answer", "score"):
        one, other = texts["yes-or-no", purpose], texts["no-or-yes", purpose]
        assert one != other
        assert one.replace("yes or no", "no or yes") == other


def test_a_model_that_follows_the_last_word_it_is_offered_hangs_on_the_order_of_yes_and_no(dots, tmp_path):
    found, rows = findings(plan_of(dots, ["no-or-yes"]), tmp_path, lambda prompt: "no or yes" in prompt.text)
    assert found == {"yes-or-no": "yes", "no-or-yes": "no"}
    assert rows["no-or-yes"].change.flips.difference.value == 1


def test_marks_at_random_places_take_the_place_of_those_shown(dots, tmp_path):
    grid = {"class": [1], "marks": [1]}
    plan = plan_of(dots, ["random-marks", "blank"], grid, marks={"regions": "grid", "count": 4, "style": "box"})
    assert [cell.probe for cell in plan.probes] == ["random-marks"]  # blank: the marked picture would show it
    grid_ask, probe_ask = (ask for ask in plan.asks() if ask.sample == plan.samples[0] and ask.purpose == "answer")
    before, after = (ask.request.prompt.views for ask in (grid_ask, probe_ask))
    assert [view.role for view in after] == ["query", "marked"]
    assert after[0] == before[0]
    steps = dict(after[1].recipe[-1].parameters)
    assert steps == {"count": 4, "regions": "random", "style": "box"}

    def decide(prompt):
        return "random" in str(prompt.views[-1].recipe) or has_dot(prompt.views[0])

    found, rows = findings(plan, tmp_path, decide)
    assert found == {"random-marks": "yes"}
    assert "looks at the marks" in rows["random-marks"].finding.words


def test_a_probe_that_changes_nothing_of_an_item_is_not_put_to_it(dots):
    own = (dots / "items.csv").read_text().splitlines()
    asked = [f"{own[0]},asked", *(f"{line},Is it fine?" for line in own[1:])]
    (dots / "asked.csv").write_text("\n".join(asked))
    card = CARD.replace("name: dots", "name: asked").replace("items.csv", "asked.csv")
    (dots / "asked.yaml").write_text(card.replace("object_class: kind", "object_class: kind, question: asked"))
    plan = plan_of(dots, "read", dataset="asked", layout="vqa")
    put = {ask.cell.name.rpartition(" ~ ")[2] for ask in plan.asks()}
    same = {"only-part", "paraphrase", "confirm-fine", "confirm-defective", "yes-or-no", "no-or-yes"}
    assert put and not put & same  # the question is the own one of the items
    assert any("paraphrase" in note for note in find_notes(plan))
