#!/usr/bin/env python
"""Draw the pictures of the README from the run folder of `scripts/demo`."""

import argparse
import io
import shutil
import textwrap
from pathlib import Path

import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

import vlm_eval
from vlm_eval.flow import Sample
from vlm_eval.views.open import open_views

CELL = "task+class+reference"


def choose(frame: pd.DataFrame) -> list[pd.Series]:
    """Choose the first anomalous and the first normal item of each kind, whatever was answered."""
    frame = frame[frame["cell"] == CELL].assign(
        kind=[metadata["kind"] for metadata in frame["metadata"][frame["cell"] == CELL]]
    )
    kinds = ("part", "series", "depth", "scene", "cloud", "signal", "clip")
    return [
        frame[(frame["kind"] == kind) & (frame["gold"] == gold)].iloc[0]
        for gold in ("yes", "no")
        for kind in kinds
    ]


def draw(rows: list[pd.Series], samples: dict[str, Sample], target: Path) -> None:
    """Draw the last view of items with what is true and what was answered."""
    columns = len(rows) // 2
    figure = Figure(figsize=(2.3 * columns, 6.2), dpi=110)
    FigureCanvasAgg(figure)
    for number, row in enumerate(rows, 1):
        axes = figure.add_subplot(2, columns, number)
        sample = samples[row["sample_id"]]
        view = open_views(sample.sources[0], "query", sample.recipe)[-1]
        axes.imshow(Image.open(io.BytesIO(view.read())).convert("RGB"))
        axes.set_axis_off()
        truth = row["defect_type"] if row["gold"] == "yes" else "normal"
        right = (row["verdict"] == "anomalous") == (row["gold"] == "yes")
        answer = textwrap.fill(f"“{row['text']}”", 30)
        axes.set_title(f"{truth}", fontsize=10, fontweight="bold")
        axes.text(0.5, -0.04, answer, transform=axes.transAxes, ha="center", va="top", fontsize=9,
                  color="#00694d" if right else "#a33b00")  # fmt: skip
    figure.subplots_adjust(left=0.02, right=0.98, top=0.94, bottom=0.1, wspace=0.08, hspace=0.38)
    figure.savefig(target)


def main() -> None:
    """Copy two figures of the report, and draw the third picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, default=Path("runs/demo"))
    parser.add_argument("--out", type=Path, default=Path("docs/pictures"))
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    report = arguments.run / "report"
    shutil.copy(report / "ablation.png", arguments.out / "ablation.png")
    shutil.copy(next(report.glob("confusion_verdict_*.png")), arguments.out / "confusion.png")
    frame = vlm_eval.open_run(arguments.run).frame()
    samples = {sample.id: sample for sample in vlm_eval.load_dataset("demo").samples}
    draw(choose(frame), samples, arguments.out / "demo.png")


if __name__ == "__main__":
    main()
