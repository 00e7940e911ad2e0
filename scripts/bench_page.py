"""Measure the page of a report: its size, and how long a browser takes to open it.

    python scripts/bench_page.py --items 2000

Pictures of noise, which compress badly, are asked about with the scripted model in one cell; the page is written
as one file and opened by Chromium. Needs `vlm-eval[browser]` and Chromium.
"""

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import sync_playwright

from vlm_eval.reports.html_write import write_page
from vlm_eval.runs.experiment import parse_experiment
from vlm_eval.runs.plan import make_plan
from vlm_eval.runs.runner import execute

MOST_BYTES, MOST_SECONDS = 25_000_000, 2.0


def main() -> int:
    """Build, write, open, print; return 1 where a limit is passed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=2000)
    parser.add_argument("--side", type=int, default=256, help="of a picture, in pixels")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        run = build(Path(place), given.items, given.side)
        started = time.perf_counter()
        page = write_page([run], Path(place) / "page.html")
        written = time.perf_counter() - started
        seconds = sorted(open_page(page.path) for _ in range(3))
    print(
        f"{given.items} items: {page.size / 1e6:.1f} MB, written in {written:.1f} s, opened in {seconds[0]:.2f} s"
    )
    for note in page.left_out:
        print(f"Note: {note}")
    return int(page.size > MOST_BYTES or seconds[0] > MOST_SECONDS)


def build(place: Path, items: int, side: int) -> Path:
    """Draw the pictures and run the scripted model over them; return the run folder."""
    generator = np.random.default_rng(0)
    for number in range(items):
        folder = place / "parts" / ("anomalous" if number % 2 else "normal")
        folder.mkdir(parents=True, exist_ok=True)
        coarse = generator.integers(0, 255, (side // 4, side // 4, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((side, side)).save(folder / f"{number:05d}.jpg", quality=90)
    experiment = {"dataset": str(place / "parts"), "models": ["scripted:coin"]}
    execute(make_plan(parse_experiment(experiment, "bench")), place / "run")
    return place / "run"


def open_page(path: Path) -> float:
    """Return the seconds from the call until the page is drawn and its gallery can be used."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1366, "height": 768})
        begun = time.perf_counter()
        page.goto(path.as_uri())
        page.wait_for_selector("#gallery a")
        page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        seconds = time.perf_counter() - begun
        browser.close()
    return seconds


if __name__ == "__main__":
    sys.exit(main())
