"""What pocket-llava is asked and what it answers: the product's own prompts, and a few answers in words."""

from itertools import product
from pathlib import Path

import numpy as np
import yaml
from pocket_pictures import DEFECTS, KINDS, PLACES

from vlm_eval.flow import Gold, Sample, Standard
from vlm_eval.prompting import Ingredients
from vlm_eval.prompting.environment import open_templates
from vlm_eval.prompting.render import render_text

CARDS = Path(__file__).resolve().parents[1] / "datasets"
LAYOUTS = ("chat", "vqa", "json")
DOMAINS = {"series": "time-series", "depth": "point-cloud"}
NORMAL = "No. There are no anomalies or defects."
Prompts = dict[tuple[str, str, bool, bool, int], list[str]]


def card_samples(path: Path) -> list[Sample]:
    """Return one stand-in sample for each class of a card."""
    card = yaml.safe_load(path.read_text())
    samples = []
    for name, words in (card.get("classes") or {}).items():
        words = words or {}
        nouns = words.get("nouns") or {}
        standard = words.get("standard") or {}
        if "noun" not in nouns:
            continue
        known = {key: standard[key] for key in ("normal", "abnormal") if standard.get(key)}
        samples.append(
            Sample(
                id=f"{card['name']}/{name}",
                card=card["name"],
                modality="image",
                sources=(),
                object_class=name,
                gold=Gold("no"),
                group=name,
                domain=DOMAINS.get(name, "industrial"),
                nouns=nouns,
                standard=Standard(**known) if "normal" in known else None,
            )
        )
    return samples


def prompts_of(sample: Sample) -> dict[tuple[str, bool, bool, int], str]:
    """Render the prompts of a sample by (layout, forced follow-up, standard, shots), class on and off."""
    found: dict = {}
    templates = open_templates(())
    for layout, yes_no, known, standard, shots in product(
        LAYOUTS, (False, True), (False, True), (False, True), (0, 1)
    ):
        if standard and sample.standard is None:
            continue
        ingredients = Ingredients(class_info=known, standard=standard, shots=shots)
        text = render_text(sample, ingredients, layout, templates, yes_no=yes_no)
        found.setdefault((layout, yes_no, standard, shots), []).append(text)
    return found


def kind_prompts() -> Prompts:
    """Gather the demo card's prompts of each kind of picture, and other cards' words under "other"."""
    found: Prompts = {}
    for path in sorted(CARDS.glob("*.yaml")):
        for sample in card_samples(path):
            kind = sample.object_class.split("-")[0] if sample.card == "demo" else "other"
            for key, texts in prompts_of(sample).items():
                known = found.setdefault((kind, *key), [])
                known.extend(text for text in texts if text not in known)
    return found


def corpus(prompts: Prompts) -> list[str]:
    """List the texts on which the tokenizer is trained."""
    texts = [text for known in prompts.values() for text in known]
    for path in sorted(CARDS.glob("*.yaml")):
        texts.append(path.read_text())
    for defect, place, layout in product(range(len(DEFECTS)), range(9), LAYOUTS):
        texts.append(" " + answer_of(layout, False, "part", defect, place, 0))
    texts += [
        "USER: ASSISTANT:",
        " Yes",
        " No",
        "Yes",
        "No",
        "yes no",
        " yes no",
        *(" " + kind for kind in KINDS),
    ] * 20
    return texts


def finding(defect: int, place: int, role: int) -> str:
    """Say what is wrong and where; role 1 is another colour than the reference's, role 2 another kind."""
    if defect:
        name = DEFECTS[defect]
        where = "in the center" if PLACES[place] == "center" else f"at the {PLACES[place]}"
        return f"There is a {name} {where}."
    return f"The part has the {'wrong color' if role == 1 else 'wrong shape'}."


def answer_of(layout: str, yes_no: bool, kind: str, defect: int, place: int, role: int) -> str:
    """Word the answer that a layout asks for."""
    del kind
    wrong = bool(defect or role)
    if yes_no and layout != "vqa":
        return "Yes" if wrong else "No"
    said = finding(defect, place, role) if wrong else "There are no anomalies or defects."
    if layout == "json":
        return f'{{"reasoning": "{said}", "verdict": "{"anomalous" if wrong else "normal"}"}}'
    return f"{'Yes' if wrong else 'No'}. {said}"


def choose(rng: np.random.Generator, prompts: Prompts, kind: str, key: tuple[str, bool, bool, int]) -> str:
    """Draw a prompt for a picture of that kind; one in twelve is worded for something else."""
    other = rng.random() < 1 / 12 and ("other", *key) in prompts
    known = prompts[("other" if other else kind, *key)]
    return known[rng.integers(len(known))]
