from collections.abc import Callable
from itertools import product

import numpy as np
import pandas as pd
import pytest

CELLS = [
    ("+".join(["task", *(name for name, on in zip(("class", "standard", "reference"), levels, strict=True) if on)]),
     dict(zip(("class", "standard", "reference"), levels, strict=True)))
    for levels in product((0, 1), repeat=3)
]
TYPES = {"part": ("scratch", "stain", "hole"), "series": ("spike", "level shift"), "depth": ("dent",), "scene": ("misplaced object",)}


def build_frame(
    models=("pocket-llava (toy)",), card="demo", cells=CELLS, per_class=30, classes=tuple(TYPES), repeats=1, seed=0
) -> pd.DataFrame:
    """Draw a frame as runs/frame.py would read it: a model that is better with more ingredients."""
    generator = np.random.default_rng(seed)
    rows = []
    for model, (cell, settings), object_class, number, repeat in product(
        models, cells, classes, range(per_class), range(repeats)
    ):
        gold = number % 2
        types = TYPES.get(object_class, ("crack",))
        skill = 0.9 + 0.5 * settings.get("standard", 0) + 0.8 * settings.get("reference", 0)
        logit = generator.normal() + skill * (2 * gold - 1) + 0.4 * settings.get("class", 0)
        verdict = "anomalous" if logit > 0 else "normal"
        reason = None
        if generator.random() < 0.06:
            verdict, reason = None, str(generator.choice(["hedge", "refusal", "truncated"]))
        defect = types[(number // 2) % len(types)] if gold else None
        named = defect if generator.random() < 0.7 and gold else str(generator.choice(types))
        rows.append(
            {
                "model": model, "cell": cell, "card": card,
                "sample_id": f"{card}/{object_class}/{number:03d}.png", "object_class": object_class,
                "group": f"{card}/{object_class}/{number:03d}.png", "gold": "yes" if gold else "no",
                "defect_type": defect, "repeat": repeat, "status": "answered", "failure": None,
                "text": "Yes, [bold]x[/bold]." if logit > 0 else "No, all good.", "finish": "stop",
                "verdict": verdict, "verdict_reason": reason,
                "words": (named == defect) if gold else None,
                "label": None if verdict is None else "normal" if verdict == "normal" else named,
                "anomaly_score": 1 / (1 + np.exp(-logit)), "yes_no_mass": 0.93,
                "latency": 0.1, "prompt_tokens": 40, "completion_tokens": 9,
            }
        )
    return pd.DataFrame(rows)


@pytest.fixture
def frame_of() -> Callable[..., pd.DataFrame]:
    return build_frame
