"""Experiment files say what is wrong with them."""

import pytest

from vlm_eval.errors import ExperimentError, InputError
from vlm_eval.runs.experiment import parse_experiment, read_experiment
from vlm_eval.runs.plan import find_contamination, make_plan

GOOD = {"dataset": "demo", "models": ["scripted:no"]}


def test_the_example_of_the_design_is_accepted(tmp_path):
    path = tmp_path / "experiment.yaml"
    path.write_text(
        "dataset: elpv\n"
        'models: [scripted:yes, "openai:gpt-4o"]\n'
        "grid: {class: [off, on], standard: [off, on], reference: [0, 1]}\n"
        "layout: chat\nlimit: 200\nseed: 0\nreference_seed: 0\nrepeats: 1\n"
        "generation: {max_tokens: 256, temperature: 0}\nscorers: [verdict, words]\n"
    )
    experiment = read_experiment(path)
    assert len(experiment.cells()) == 8
    assert [entry.model for entry in experiment.models] == ["scripted:yes", "openai:gpt-4o"]


def test_levels_and_shots_may_stand_inside_the_grid_or_beside_it():
    inside = parse_experiment({**GOOD, "grid": {"levels": ["naive", "expert"], "shots": [0, 1]}}, "x")
    beside = parse_experiment({**GOOD, "levels": ["naive", "expert"], "shots": [0, 1]}, "x")
    assert inside.cells() == beside.cells()
    assert [cell.name for cell in inside.cells()] == [
        "naive/zero-shot",
        "expert/zero-shot",
        "naive/one-shot",
        "expert/one-shot",
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"limt": 3}, "limt: this key is not known. Known keys: dataset"),
        ({"limit": 0}, "limit: Input should be greater than or equal to 1"),
        ({"repeats": "many"}, "repeats"),
        ({"generation": {"temprature": 1}}, "generation.temprature: this key is not known"),
        ({"models": []}, "models"),
        ({"grid": {"class": [0, 1]}, "levels": ["naive"]}, "either grid or levels"),
    ],
)
def test_a_wrong_key_or_value_is_named(change, message):
    with pytest.raises(ExperimentError, match=message):
        parse_experiment({**GOOD, **change}, "experiment.yaml")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"grid": {"colour": [0, 1]}}, "Unknown ingredient 'colour'"),
        ({"grid": {"class": [0, 2]}}, "allowed are off and on"),
        ({"levels": ["genius"]}, "Unknown prompt level 'genius'"),
        ({"shots": [-1]}, "must be 0 or more"),
    ],
)
def test_an_impossible_grid_is_named(change, message):
    with pytest.raises(ExperimentError, match=message):
        parse_experiment({**GOOD, **change}, "x").cells()


def test_every_problem_is_told_before_anything_is_spent(parts):
    keys = {"dataset": str(parts), "models": ["blip2:some/checkpoint"], "grid": {"class": [1], "reference": [1]}}
    with pytest.raises(InputError) as caught:
        make_plan(parse_experiment(keys, "x"))
    assert "takes at most 1" in str(caught.value)
    assert "noun" in str(caught.value)


def test_naming_a_model_twice_is_refused(parts):
    keys = {"dataset": str(parts), "models": ["scripted:no", "scripted:no"]}
    with pytest.raises(ExperimentError, match="named twice"):
        make_plan(parse_experiment(keys, "x"))


def test_a_standard_that_names_the_class_is_told_where_the_class_is_off(tmp_path):
    from PIL import Image

    for kind in ("normal", "anomalous"):
        (tmp_path / "bolts" / kind).mkdir(parents=True)
        Image.new("RGB", (8, 8), "red" if kind == "normal" else "blue").save(tmp_path / "bolts" / kind / "a.png")
    (tmp_path / "mine.yaml").write_text(
        "name: mine\ntitle: Mine\nlicence: CC0\nreader: folders\nroot: bolts\n"
        "common: {nouns: {noun: bolt}, standard: {normal: show a straight bolt}}\n"
    )
    keys = {
        "dataset": str(tmp_path / "mine.yaml"),
        "models": ["scripted:no"],
        "grid": {"class": [0, 1], "standard": [0, 1]},
    }
    notes = find_contamination(make_plan(parse_experiment(keys, "x")))
    assert len(notes) == 1
    assert "task+standard" in notes[0]


def test_what_flags_can_say_a_file_can_say_too():
    experiment = parse_experiment(
        {
            "dataset": "demo",
            "model": "openai:gpt-4o",
            "ablate": "class,reference",
            "concurrency": 16,
            "threads": 2,
            "out": "runs/x",
        },
        "x",
    )
    assert experiment.models[0].options == {"concurrency": 16, "threads": 2}
    assert len(experiment.cells()) == 4
    assert experiment.out == "runs/x"


def test_a_card_comes_before_a_folder_of_the_same_name_beside_the_file(tmp_path):
    (tmp_path / "demo").mkdir()
    (tmp_path / "mine").mkdir()
    path = tmp_path / "experiment.yaml"
    path.write_text("dataset: [demo, mine]\nmodels: scripted:no\nroots: {mine: /data}\n")
    experiment = read_experiment(path)
    assert experiment.dataset == ["demo", str(tmp_path / "mine")]
    assert experiment.roots == {str(tmp_path / "mine"): "/data"}
