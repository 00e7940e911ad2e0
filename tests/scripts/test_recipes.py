"""Every recipe runs on drawn data with an offline model, and prints the published figures beside ours."""

import csv
import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from PIL import Image
from typer.testing import CliRunner

from vlm_eval.cli.main import app
from vlm_eval.data.cards import list_cards
from vlm_eval.data.loading import load_dataset
from vlm_eval.runs.experiment import read_experiment
from vlm_eval.scoring import mapping
from vlm_eval.scoring.embedding import Embedded

RECIPES = {
    path.stem: (path, yaml.safe_load(path.read_text(encoding="utf-8")))
    for path in sorted((Path(__file__).parents[2] / "scripts" / "recipes").glob("00*.yaml"))
}
ASKING = [name for name, (_, recipe) in RECIPES.items() if "dataset" in recipe]
MAKING = [name for name in RECIPES if name not in ASKING]
CHOOSING = [name for name in ASKING if "selection" in RECIPES[name][1]]
ON_MADE = {
    "000-figure-4": "000-made-context",
    "000-table-2": "000-made-context",
    "000-table-3": "000-made-context",
}
PLAIN = [name for name in ASKING if name not in (*CHOOSING, "002-table-2")]


def test_there_is_a_recipe_for_every_table_of_the_seeds():
    tables = {"000-table-2", "000-table-3", "000-figure-4", "001-prompts-mvtec-ad", "001-detectors-mvtec-ad"}
    assert {*ASKING} >= tables | {"002-table-2", "003-mvtec-ad"}
    assert len([name for name in ASKING if name.startswith("004-")]) == 9
    assert len(MAKING) == 9 and len(CHOOSING) == 7


@pytest.mark.parametrize("name", ASKING)
def test_a_recipe_names_cards_and_models_that_are_there_and_says_what_differs(name):
    experiment = read_experiment(RECIPES[name][0])
    made = {f"synthetic/{RECIPES[one][1]['name']}" for one in MAKING}
    assert set(experiment.dataset) <= set(list_cards([])) | made
    assert experiment.published
    for figure in experiment.published:
        assert figure.differs
        assert "seed" in figure.source or figure.source == "not printed"


class Hashed:
    """Embeds a text by a hash of it, so that the same text is always the nearest one."""

    name = identity = "hashed"
    max_tokens = 100

    def embed(self, texts):
        def vector(text):
            seed = int.from_bytes(hashlib.sha256(text.strip().lower().encode()).digest()[:4])
            return np.random.default_rng(seed).normal(size=64)

        rows = np.array([vector(text) for text in texts], dtype=np.float32)
        return Embedded(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.ones(len(texts), dtype=np.int64))


def paint(crop, hole, target, seed):
    filled = crop.copy()
    filled[hole] = 255 - filled[hole]
    return filled


class Blend:
    """Stands in for the diffusion model: mixes pixels."""

    def invert(self, picture):
        return picture

    def mix(self, style, content, gamma):
        return ((1 - gamma) * style + gamma * content).astype(np.uint8)

    def reconstruct(self, style):
        return style.copy()


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """A folder of drawn parts, normal and anomalous, and a table of drawn rooms with their holes."""
    folder = tmp_path_factory.mktemp("drawn")
    rng = np.random.default_rng(0)
    for kind, count in (("normal", 12), ("anomalous", 4)):
        (folder / "parts" / kind).mkdir(parents=True)
        for number in range(count):
            grey = rng.normal(120 if kind == "normal" else 90, 8, (96, 96)).clip(0, 255).astype(np.uint8)
            Image.fromarray(grey).save(folder / "parts" / kind / f"{number}.png")
    (folder / "rooms").mkdir()
    with (folder / "scenes.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["image", "scene", "size", "left", "top", "right", "bottom"])
        for number in range(3):
            Image.fromarray(rng.integers(0, 255, (80, 96, 3), dtype=np.uint8)).save(folder / f"rooms/{number}.png")
            for size, left in (("small", 10), ("medium", 35), ("large", 60)):
                rows.writerow([f"rooms/{number}.png", "kitchen", size, left, 20, left + 20, 50])
    return folder


@pytest.fixture(scope="module")
def made(drawn):
    """Return a function that makes the data set of a synthesis recipe, once, of the drawn parts or rooms."""
    pytest.importorskip("cv2", reason="needs the extra synth")
    from vlm_eval.synthetic.interpolate import interpolate
    from vlm_eval.synthetic.look import difference_look
    from vlm_eval.synthetic.seams import Fillers
    from vlm_eval.synthetic.settings import Interpolation, read_synthesis
    from vlm_eval.synthetic.synthesise import Opened, synthesise

    def make(name):
        folder = drawn / "made" / name
        if folder.exists():
            return folder
        recipe = dict(RECIPES[name][1])
        if "table" not in recipe["scenes"]:
            recipe["scenes"] = {"dataset": "parts", "support": 4, "each": 4}
        if recipe["generator"] == "interpolation":
            recipe |= {"style": 2, "content": 3, "scenes": {"dataset": "parts", "each": 9}}
        if "size" in recipe:
            recipe["size"] = [0.1, 0.3]
        if "variants" in recipe:
            recipe["variants"] = 2
        file = drawn / f"{name}.yaml"
        file.write_text(yaml.safe_dump(recipe))
        settings = read_synthesis(file)
        if isinstance(settings, Interpolation):
            interpolate(settings, drawn, folder, opened=Blend)
        elif settings.inpainter.startswith("diffusers:"):  # the models alone are replaced
            keep = Fillers("painter", paint, lambda crop, *_: crop.copy(), lambda crop, *_: crop.copy())
            synthesise(settings, drawn, folder, opened=Opened(keep, difference_look()))
        else:
            synthesise(settings, drawn, folder)
        return folder

    return make


@pytest.mark.parametrize("name", MAKING)
def test_a_synthesis_recipe_makes_a_data_set_with_anomalies_and_controls(name, made):
    samples = load_dataset(made(name)).samples
    kinds = {sample.metadata["kind"] for sample in samples}
    assert {"anomaly", "untouched"} <= kinds
    assert all(
        sample.gold.anomalous == ("yes" if sample.metadata["kind"] == "anomaly" else "no") for sample in samples
    )
    if name == "000-made-context":
        assert all("context-dependent anomaly in this scene?" in (sample.question or "") for sample in samples)
    if "support" in RECIPES[name][1]["scenes"]:
        kept = {sample.group for sample in samples if sample.split == "train"}
        edited = {sample.group for sample in samples if sample.split == "test"}
        assert len(kept) == len(edited) == 4 and not kept & edited


def run(recipe, tmp_path):
    file = tmp_path / "recipe.yaml"
    file.write_text(yaml.safe_dump(recipe))
    result = CliRunner().invoke(app, ["run", str(file), "--out", str(tmp_path / "run")])
    assert result.exit_code == 0, (result.output, result.exception)
    return pd.read_csv(tmp_path / "run" / "report" / "beside_published.csv")


def without_models(recipe):
    """Return the published figures, of whatever model."""
    return [
        {
            **one,
            "where": {
                key: value for key, value in one.get("where", {}).items() if key not in ("model", "gold", "label")
            },
        }
        for one in recipe["published"]
    ]


@pytest.mark.parametrize("name", PLAIN)
def test_a_recipe_runs_on_drawn_data(name, made, tmp_path, monkeypatch):
    monkeypatch.setattr(mapping, "_open_once", lambda _: Hashed())
    _, recipe = RECIPES[name]
    dataset = str(made(ON_MADE[name])) if name in ON_MADE else "demo"
    changes = {"dataset": dataset, "models": ["scripted:coin"], "limit": 8, "published": without_models(recipe)}
    table = run({key: value for key, value in recipe.items() if key != "support"} | changes, tmp_path)
    assert {"published", "ours", "source", "differs"} <= set(table.columns)
    counted = ~table["figure"].isin(["ablation: auroc", "ablation: auroc_as_published"])
    assert table.loc[counted, "ours"].notna().all(), table[["figure", "reason"]]


@pytest.mark.parametrize("name", CHOOSING)
def test_a_recipe_that_chooses_judges_the_choice_on_pictures_that_nothing_was_made_of(name, drawn, made, tmp_path):
    _, recipe = RECIPES[name]
    sources = {RECIPES[one][1]["name"]: one for one in MAKING}
    chosen = {"synthetic": recipe["selection"]["synthetic"], "real": "parts", "default": "scripted:coin"}
    changes = {
        "dataset": [str(made(sources[chosen["synthetic"]])), str(drawn / "parts")],
        "models": ["scripted:coin", "scripted:yes"],
        "yes_no": True,
        "selection": chosen,
    }
    table = run(
        {key: value for key, value in recipe.items() if key not in ("support", "limit")} | changes, tmp_path
    )
    assert table["ours"].notna().all() and (table["n"] < 16).all()
    assert len(table) == len(recipe["published"])


def test_the_pixels_of_inserted_objects_are_compared_as_the_seed_does(made, tmp_path):
    pytest.importorskip("onnxruntime", reason="needs the extra baseline")
    _, recipe = RECIPES["002-table-2"]
    changes = {"dataset": str(made("002-made-street")), "models": recipe["models"][:1]}
    table = run(recipe | changes, tmp_path)
    assert set(table["figure"]) == {"pixels: f1_max", "pixels: auprc", "pixels: false_positive_rate_at_95"}
    assert table["ours"].between(0, 1).all() and len(table) == len(recipe["published"])
