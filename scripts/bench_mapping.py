#!/usr/bin/env python3
"""Measures the embedding scorers: do the descriptions tell their labels apart, the ceilings, and the speed.

Run: OMP_NUM_THREADS=1 python scripts/bench_mapping.py (about five minutes). One core, no network, MiniLM from its
PyPI package. Every ratio is of two times measured in this very run. Long texts gain less from batches, as one core
is busy with arithmetic: there most of the gain is that equal ones are embedded once.

Ceilings are percent of correct names that are mapped to themselves. Where answers are described, it is by our own
description of that very class, word for word the label's: no model describes so well.
"""

import argparse
import os
import time
from collections.abc import Sequence
from itertools import product

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np

from vlm_eval.scoring.categories import category_space
from vlm_eval.scoring.descriptions import text_hash
from vlm_eval.scoring.embedding import Embedder, open_embedder
from vlm_eval.scoring.label_space import OPEN_IMAGES, LabelSpace, load_label_space
from vlm_eval.scoring.mapping import DESCRIPTIONS, Descriptions, map_answers
from vlm_eval.scoring.mapping_baselines import MappingRates, best_constant_guess, rate_mapping, shuffled_floor
from vlm_eval.scoring.passages import PARTS, Part, find_passages

FORMS = {
    "bare name": "{name}",
    "accusing clause": "The {name} is out of place in this room.",
    "long answer": (
        "The image shows a living room with a sofa, a coffee table, a bookshelf, a lamp and a rug on the floor. "
        "There is a television on the wall and a window with curtains. The context-dependent anomaly in this "
        "scene is the {name}, because it does not belong in a living room."
    ),
}
# Table 4 of the study; "computer" is no class of Open Images, and "microwave" is written as the class is.
STUDY = """
apple; alpaca; baseball glove; binoculars; bidet; chainsaw; crocodile; cutting board; dishwasher;
doll; drum; dumbbell; fire hydrant; fish; helmet; frying pan; golf ball; hamburger; harpsichord;
lifejacket; microwave oven; office supplies; oyster; panda; perfume; pizza; printer; punching bag;
rocket; saxophone; sewing machine; slow cooker; snowman; spice rack; spoon; squirrel; stationary
bicycle; stethoscope; stretcher; surfboard; syringe; toilet paper; toothbrush; towel; traffic light;
violin; washing machine
"""
STUDY_NAMES = tuple(" ".join(name.split()) for name in STUDY.split(";"))


def ceiling(
    names: Sequence[str],
    form: str,
    space: LabelSpace,
    gold: Sequence[str],
    part: Part,
    sides: Descriptions,
    model: Embedder,
) -> MappingRates:
    """Map the correct names, written in one form, with our own descriptions where answers are described."""
    classes = load_label_space(OPEN_IMAGES)
    own = dict(zip(classes.labels, classes.descriptions, strict=True))
    answers = [FORMS[form].format(name=name) for name in names]
    described = {}
    for answer, name in zip(answers, names, strict=True):
        passages = find_passages(answer, part).passages
        described |= {text_hash(passage.text): own[str(classes.find(name))] for passage in passages}
    mapped = map_answers(
        answers, space, embed=part, descriptions=sides, answer_descriptions=described, embedder=model
    )
    return rate_mapping(mapped, gold)


def print_ceilings(names: Sequence[str], title: str, model: Embedder) -> None:
    """Print the ceilings of one list of names for every form, part and side with descriptions."""
    classes = load_label_space(OPEN_IMAGES)
    labels = [str(classes.find(name)) for name in names]
    categories = [classes.categories[label] for label in labels]
    spaces = (
        ("601 classes", classes, labels),
        ("10 categories, directly", category_space(via_classes=False), categories),
        ("10 categories, via classes", category_space(via_classes=True), categories),
    )
    guess, share = best_constant_guess(categories)
    print(f"\n{title}: {len(names)} names. Best constant guess of ten: {guess!r}, {share:.0%}.")
    print("Top-1 / top-3, percent:")
    print(f"{'embedded':9} {'descriptions':12} {'space':27}" + "".join(f"{form:>17}" for form in FORMS))
    for part, sides, (name, space, gold) in product(("accused", "whole"), DESCRIPTIONS, spaces):
        rates = [ceiling(names, form, space, gold, part, sides, model) for form in FORMS]
        cells = "".join(f"{f'{100 * rate.top_1:.0f} / {100 * rate.top_3:.0f}':>17}" for rate in rates)
        print(f"{part:9} {sides:12} {name:27}{cells}")


def print_descriptions(model: Embedder) -> None:
    """Print whether each description alone is nearest to its own label."""
    space = load_label_space(OPEN_IMAGES)
    alone = model.embed(space.descriptions).vectors
    full = [f"{label}: {text}" for label, text in zip(space.texts, space.descriptions, strict=True)]
    for title, texts in (("bare labels", space.texts), ("labels with descriptions", full)):
        nearest = (alone @ model.embed(texts).vectors.T).argmax(axis=1)
        own = float(np.mean(nearest == np.arange(len(space.texts))))
        print(f"Descriptions alone against the {len(texts)} {title}: own label first for {own:.1%}")
    without = [
        text for label, text in zip(space.texts, space.descriptions, strict=True) if label.lower() in text.lower()
    ]
    print(f"{len(without)} of {len(space.texts)} descriptions name their label; the others do without.")


def draw_answers(count: int, unique: int) -> list[str]:
    """Return answers with repetitions, as a model gives them: a few are frequent, most are rare."""
    names = load_label_space(OPEN_IMAGES).labels
    forms = (
        "{}",
        "The object that does not belong in this room is the {}.",
        "The {} is out of place in this scene because it is not usually found indoors.",
    )
    texts = [form.format(name.lower()) for form in forms for name in names][:unique]
    random = np.random.default_rng(0)
    ranks = np.concatenate([np.arange(len(texts)), random.integers(0, len(texts), count - len(texts))])
    return [texts[rank] for rank in random.permutation(ranks)]


def print_speed(count: int, unique: int, looped: int, part: Part, model: Embedder) -> None:
    """Print how much faster all answers are mapped than by encoding one at a time."""
    answers = draw_answers(count, unique)
    space = load_label_space(OPEN_IMAGES)
    labels = model.embed(space.texts).vectors
    map_answers(answers[:50], space, embed=part, embedder=model)  # labels are cached now, on both sides
    singles = [found.passages[0].text for found in (find_passages(answer, part) for answer in answers[:looped])]
    start = time.perf_counter()
    alone = [space.labels[int((model.embed([text]).vectors @ labels.T).argmax())] for text in singles]
    loop = looped / (time.perf_counter() - start)
    start = time.perf_counter()
    mapped = map_answers(answers, space, embed=part, embedder=model)
    batched = count / (time.perf_counter() - start)
    same = np.mean([one == many.label for one, many in zip(alone, mapped[:looped], strict=True)])
    print(
        f"{part:9} loop {loop:6.0f}/s ({looped} answers)   map_answers {batched:7.0f}/s ({count} answers, "
        f"{len(set(answers))} unique)   ratio {batched / loop:5.1f}   same label {same:.2%}"
    )


def main() -> None:
    """Print every figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--answers", type=int, default=10_000)
    parser.add_argument("--unique", type=int, default=1_500)
    parser.add_argument(
        "--looped", type=int, default=500, help="answers that the slow loop maps; its rate is per answer"
    )
    parser.add_argument("--only", choices=("descriptions", "ceilings", "speed"))
    arguments = parser.parse_args()
    import torch

    torch.set_num_threads(1)
    model = open_embedder()
    print(f"{model.name}, {model.max_tokens} tokens at most, {torch.get_num_threads()} thread")
    if arguments.only in (None, "descriptions"):
        print_descriptions(model)
    if arguments.only in (None, "ceilings"):
        classes = load_label_space(OPEN_IMAGES)
        print_ceilings(STUDY_NAMES, "Objects of the study", model)
        print_ceilings([label.lower() for label in classes.labels], "All classes of Open Images", model)
    if arguments.only in (None, "speed"):
        print()
        for part in PARTS:
            print_speed(arguments.answers, arguments.unique, arguments.looped, part, model)
    floor_of_all(model)


def floor_of_all(model: Embedder) -> None:
    """Print the floor of shuffled answers for the study's objects."""
    classes = load_label_space(OPEN_IMAGES)
    gold = [str(classes.find(name)) for name in STUDY_NAMES]
    first, third = shuffled_floor(map_answers(STUDY_NAMES, classes, embedder=model), gold)
    print(f"\nShuffled answers over the study's objects: top-1 {first:.1%}, top-3 {third:.1%}")


if __name__ == "__main__":
    main()
