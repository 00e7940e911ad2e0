#!/usr/bin/env python
"""Measure pocket-llava with vlm-eval on `demo-large`, drawn by other code than its training, for its model card.

Prints the table of the model card: by kind of picture, without and with a reference, and on the items that only a
reference decides. Running it again with the same --out measures nothing anew.
"""

import argparse
import sys
from pathlib import Path

import pandas as pd

import vlm_eval
from vlm_eval.metrics.estimate import Estimate
from vlm_eval.reports.measures import measure
from vlm_eval.reports.panel import read_panels

CELLS = {"task": "no reference", "task+reference": "one reference"}


def subset(frame: pd.DataFrame, kind: str) -> pd.DataFrame:
    """Return the items of a kind; `reference` for those that only a reference decides, which parts leave out."""
    needs = frame["metadata"].map(lambda metadata: bool(metadata.get("needs_reference")))
    kinds = frame["metadata"].map(lambda metadata: str(metadata["kind"]))
    chosen = needs if kind == "reference" else (kinds == kind) & ~needs
    return frame[chosen].assign(object_class=kind)


def shown(estimate: Estimate) -> str:
    """Write a value with its interval."""
    if estimate.value is None:
        return "-"
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:.3f}"
    return f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]"


def main() -> None:
    """Run, then print Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("runs/pocket-card"))
    parser.add_argument("--model", default="pocket-llava")
    parser.add_argument("--dataset", default="demo-large")
    arguments = parser.parse_args()
    run = vlm_eval.run(
        arguments.dataset,
        arguments.model,
        out=arguments.out,
        grid={"reference": [0, 1]},
        generation={"max_tokens": 24},
    )
    frame = run.frame()
    lines = ["| items | prompt | n | AUROC | accuracy | names the defect |", "|---|---|---|---|---|---|"]
    for kind in ("part", "series", "depth", "scene", "cloud", "signal", "clip", "reference"):
        if subset(frame, kind).empty:
            continue
        for panel in read_panels(subset(frame, kind), list(CELLS)):
            for cell, prompt in CELLS.items():
                result = measure(panel, cell)
                auroc, accuracy, words = (shown(result.measures[name]) for name in ("auroc", "accuracy", "words"))
                lines.append(f"| {kind} | {prompt} | {result.items} | {auroc} | {accuracy} | {words} |")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
