"""The 80 prompts of arXiv:2311.02782, figures 2 to 37, from the shipped cards and templates."""

import json
import re
from pathlib import Path

import pytest

from vlm_eval.data.cards import load_card
from vlm_eval.data.samples import Found, SampleMaker
from vlm_eval.prompting.cells import Ingredients, ingredients_of
from vlm_eval.prompting.render import render_prompt

STUDY = Path(__file__).parents[2].parent / "shared" / "data" / "gpt4v_prompts.jsonl"

CARDS = {
    "MVTec AD": "mvtec-ad",
    "VisA": "visa",
    "MVTec 3D-AD": "mvtec-3d-ad",
    "MVTec LOCO": "mvtec-loco",
    "Chest X-ray [50]": "chest-xray",
    "Retinal OCT [50]": "retinal-oct",
    "Head CT [52]": "head-ct",
    "Head MRI [19]": "head-mri",
}

WITHOUT_CARD = {
    "MOOD2020": "medical",
    "ISIC2016": "medical",
    "EndoTect": "medical",
    "UCF-Crime": "pedestrian",
    "Kaggle Accident Detection": "traffic",
    "Outlier Detection Dataset [84]": "time-series",
    "Catfish Sales [2]": "time-series",
}

SLIPS = {
    "fig12-3": "two full stops at the end",
    "fig16-3": "two full stops at the end",
    "fig29-1": "no full stop at the end",
    "fig30-1": "no full stop at the end",
    "fig31-1": "no full stop at the end",
    "fig32-1": "no full stop at the end",
    "fig33-1": "'the video frames contains' and 'outliner'",
    "fig34-1": "'outliner' for outlier",
}


def cases():
    return [json.loads(line) for line in STUDY.read_text().splitlines()] if STUDY.exists() else []


def sample_of(case, tmp_path):
    picture = tmp_path / "picture.png"
    object_class = re.sub(r" \(.*", "", case["category"])
    found = Found(source=picture, path="item", object_class=object_class, anomalous="yes", references=(picture,))
    if case["dataset"] in WITHOUT_CARD:
        base = load_card("two-folders-test") if False else load_card("mvtec-ad")
        card = base.model_copy(update={"domain": WITHOUT_CARD[case["dataset"]], "name": "study"})
    else:
        card = load_card(CARDS[case["dataset"]])
        found = Found(picture, "item", class_of(card, object_class), "yes", references=(picture,))
    sample = SampleMaker(card).make(found)
    import dataclasses

    return dataclasses.replace(sample, marked=picture)


def class_of(card, name):
    if name in card.classes:
        return name
    assert len(card.classes) <= 1, f"{card.name} does not know the class {name}"
    return next(iter(card.classes), name)


@pytest.mark.skipif(not STUDY.exists(), reason="the study's prompts are not beside this checkout")
@pytest.mark.parametrize("case", cases(), ids=lambda case: case["id"])
def test_the_prompt_of_the_study_is_reproduced_word_for_word(case, tmp_path):
    level = ingredients_of(case["prompt_level"], shots=1 if case["shot"] == "one" else 0)
    marks = case["task"].endswith("-AL")
    ingredients = Ingredients(level.class_info, level.standard, level.shots, marks)
    text = render_prompt(sample_of(case, tmp_path), ingredients).text
    same = " ".join(text.split()) == " ".join(case["prompt"].split())
    assert same != (case["id"] in SLIPS), text
