from collections.abc import Callable
from itertools import product

import numpy as np
import pandas as pd
import pytest

from vlm_eval.reports.info import ReportInfo

INGREDIENTS = ("class", "standard", "reference")
CELLS = [
    (
        "+".join(["task", *(name for name, level in zip(INGREDIENTS, levels, strict=True) if level)]),
        dict(zip(INGREDIENTS, levels, strict=True)),
    )
    for levels in product((0, 1), repeat=3)
]
TYPES = {
    "part": ("scratch", "stain", "hole"),
    "series": ("spike", "level shift"),
    "depth": ("dent",),
    "scene": ("misplaced object",),
}
COLUMNS = (
    "model cell card sample_id object_class group gold defect_type repeat status failure text finish verdict"
    " verdict_reason words label anomaly_score yes_no_mass latency prompt_tokens completion_tokens metadata"
)


def one_ask(generator: np.random.Generator, settings: dict, object_class: str, number: int) -> dict:
    """Answer as a model that gains from the standard and the reference, and says yes more often with the class."""
    gold, types = number % 2, TYPES.get(object_class, ("crack",))
    skill = 0.9 + 0.5 * settings.get("standard", 0) + 0.8 * settings.get("reference", 0)
    logit = generator.normal() + skill * (2 * gold - 1) + 0.4 * settings.get("class", 0)
    verdict, reason = "anomalous" if logit > 0 else "normal", None
    if generator.random() < 0.06:
        verdict, reason = None, str(generator.choice(["hedge", "refused", "truncated"]))
    defect = types[(number // 2) % len(types)] if gold else None
    named = defect if gold and generator.random() < 0.7 else str(generator.choice(types))
    return {
        "gold": "yes" if gold else "no",
        "defect_type": defect,
        "status": "answered",
        "failure": None,
        "text": "Yes. There is a scratch." if logit > 0 else "No. There are no defects.",
        "verdict": verdict,
        "verdict_reason": reason,
        "words": (named == defect) if gold else None,
        "label": None if verdict is None else "normal" if verdict == "normal" else named,
        "anomaly_score": 1 / (1 + np.exp(-logit)),
        "yes_no_mass": 0.93,
    }


def build_frame(
    models=("pocket-llava (toy)",), card="demo", cells=CELLS, per_class=30, classes=tuple(TYPES), repeats=1, seed=0
) -> pd.DataFrame:
    """Draw a frame as runs/frame.py reads it."""
    generator = np.random.default_rng(seed)
    rows = []
    for model, (cell, settings), name, number, repeat in product(
        models, cells, classes, range(per_class), range(repeats)
    ):
        sample = f"{card}/{name}/{number:03d}.png"
        ask = one_ask(generator, settings, name, number)
        place = {"model": model, "cell": cell, "card": card, "sample_id": sample, "object_class": name}
        rest = {"group": sample, "repeat": repeat, "finish": "stop", "latency": 0.1, "prompt_tokens": 40}
        rows.append(place | ask | rest | {"completion_tokens": 9, "metadata": "{}"})
    return pd.DataFrame(rows, columns=COLUMNS.split())


def fail(frame: pd.DataFrame, rows: object, status: str = "failed", failure: str | None = "timeout") -> None:
    """Turn some asks into failed or open ones, as the store gives them."""
    frame.loc[rows, ["status", "failure"]] = [status, failure]
    frame.loc[rows, ["text", "verdict", "verdict_reason", "words", "label"]] = None
    frame.loc[rows, ["anomaly_score", "yes_no_mass"]] = float("nan")


@pytest.fixture(scope="session")
def frame_of() -> Callable[..., pd.DataFrame]:
    return build_frame


@pytest.fixture(scope="session")
def fail_asks() -> Callable[..., None]:
    return fail


@pytest.fixture(scope="session")
def info() -> ReportInfo:
    return {
        "title": "demo run",
        "datasets": {"demo": "vlm-eval demo items"},
        "licences": {"demo": "Apache-2.0"},
        "cells": CELLS,
    }
