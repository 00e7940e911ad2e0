#!/usr/bin/env python3
"""Time the statistics: 1,000 resampled AUROCs against scikit-learn in a loop, and the report of a large run.

python scripts/bench_statistics.py              # both
python scripts/bench_statistics.py --cells 10   # a smaller report
"""

import argparse
import io
import tempfile
from itertools import product
from pathlib import Path
from time import perf_counter, process_time

import numpy as np
import pandas as pd
from rich.console import Console
from sklearn.metrics import roc_auc_score

from vlm_eval.metrics.bootstrap import auroc_of_resamples
from vlm_eval.reports.write import write_report

CLASSES = 4


def bench_bootstrap(items: int, resamples: int) -> None:
    """Compare values and times of the resampled AUROCs."""
    generator = np.random.default_rng(0)
    gold = generator.integers(0, 2, items)
    score = np.round(generator.normal(size=items) + gold, 3)
    drawn = generator.integers(0, items, (resamples, items))
    start = perf_counter()
    ours = auroc_of_resamples(gold, score, np.arange(items), drawn)
    middle = perf_counter()
    theirs = np.array([roc_auc_score(gold[own], score[own]) for own in drawn])
    end = perf_counter()
    print(f"{resamples:,} resampled AUROCs of {items:,} items")
    print(f"  vlm-eval {middle - start:.3f} s, scikit-learn {end - middle:.3f} s", end="")
    print(f": {(end - middle) / (middle - start):.0f} times; largest difference {np.abs(ours - theirs).max():.1e}")


def draw_run(cells: int, items: int) -> tuple[pd.DataFrame, list[tuple[str, dict[str, int]]]]:
    """Draw a run whose cells form a grid, as the frame that reports read."""
    generator = np.random.default_rng(0)
    grid = list(product((0, 1), (0, 1), range(max(1, -(-cells // 4)))))[:cells]
    named = [(f"{a}{b}-{wording}", {"class": a, "standard": b, "wording": wording}) for a, b, wording in grid]
    number = np.arange(items)
    gold = number % 2
    shared = {
        "model": "model",
        "card": "card",
        "sample_id": [f"card/{index}.png" for index in number],
        "object_class": [f"class {index % CLASSES}" for index in number // 2],
        "group": [f"card/{index}.png" for index in number],
        "gold": np.where(gold == 1, "yes", "no"),
        "defect_type": np.where(gold == 1, np.array(["dent", "hole", "scratch"])[number % 3], None),
        "round": 0,
        "repeat": 0,
        "status": "answered",
        "failure": None,
        "text": "Yes. There is a scratch at the top left.",
        "finish": "stop",
        "yes_no_mass": 0.9,
        "score_source": "yes-no",
        "latency": 0.2,
        "prompt_tokens": 300,
        "completion_tokens": 20,
    }
    frames = []
    for name, settings in named:
        logit = generator.normal(size=items) + (1 + 0.3 * settings["standard"]) * (2 * gold - 1)
        silent = generator.random(items) < 0.05
        verdict = np.where(silent, None, np.where(logit > 0, "anomalous", "normal"))
        own = {"cell": name, "verdict": verdict, "verdict_reason": np.where(silent, "hedged", None)}
        own |= {"words": np.where(gold == 1, True, None), "label": np.where(logit > 0, "dent", "normal")}
        frames.append(pd.DataFrame(shared | own | {"anomaly_score": 1 / (1 + np.exp(-logit))}))
    return pd.concat(frames, ignore_index=True), named


def bench_report(cells: int, items: int) -> None:
    """Time a full report."""
    frame, named = draw_run(cells, items)
    with tempfile.TemporaryDirectory() as folder:
        console = Console(file=io.StringIO(), width=80)
        start, busy = perf_counter(), process_time()
        write_report(frame, Path(folder), info={"cells": named}, console=console)
        wall, busy = perf_counter() - start, process_time() - busy
        print(f"report of {cells} cells x {items:,} items: {wall:.1f} s ({busy:.1f} s of CPU)")


def main() -> None:
    """Run both benchmarks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=int, default=100)
    parser.add_argument("--items", type=int, default=10_000)
    parser.add_argument("--resamples", type=int, default=1_000)
    options = parser.parse_args()
    bench_bootstrap(options.items, options.resamples)
    bench_report(options.cells, options.items)


if __name__ == "__main__":
    main()
