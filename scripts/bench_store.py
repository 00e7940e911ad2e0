#!/usr/bin/env python3
"""Measure planning, asking and storing at scale, against bare SQLite.

Plans so many requests over so many distinct pictures (four prompts a picture, the rest repeats), answers them
with the scripted backend, and stores them in a run folder; then opens the run again, as a resumed one. The floor,
in the same run, writes the very same rows of the same tables with `executemany` in one transaction. With --report,
scoring and the report are measured too. Each step runs in a process of its own, whose largest memory is its own.
"""

import argparse
import json
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

CELLS = 4
CARD = """\
name: plates
title: Plates
licence: none
reader: folders
root: {}
common: {{nouns: {{noun: plate, plural: plates}}}}
"""


def draw(folder: Path, count: int) -> None:
    """Write so many small pictures, all different, half of them anomalous."""
    from PIL import Image

    for number in range(count):
        place = folder / ("normal" if number % 2 else "anomalous")
        place.mkdir(parents=True, exist_ok=True)
        colour = (number % 256, number // 256 % 256, 90)
        Image.new("RGB", (24, 24), colour).save(place / f"{number:05d}.png")
    (folder.parent / "plates.yaml").write_text(CARD.format(folder))


def make(folder: Path, requests: int, pictures: int):
    """Return the plan: pictures x cells x repeats."""
    from vlm_eval.runs.experiment import parse_experiment
    from vlm_eval.runs.plan import make_plan

    experiment = {
        "dataset": "plates",
        "models": ["scripted:coin"],
        "grid": {"class": [0, 1], "reference": [0, 1]},
        "repeats": -(-requests // (CELLS * pictures)),
        "yes_no": False,
        "scorers": [],
    }
    return make_plan(parse_experiment(experiment, "the benchmark"), datasets=[folder])


def step_run(folder: Path, arguments: argparse.Namespace) -> dict[str, float]:
    """Plan, ask and store."""
    from vlm_eval.runs.runner import Silent, execute

    times = {}

    class Watch(Silent):
        def planned(self, growth, open_requests):
            times["planned"] = time.perf_counter()
            times["requests"] = open_requests

    start = time.perf_counter()
    execute(make(folder, arguments.requests, arguments.pictures), folder / "run", listener=Watch())
    end = time.perf_counter()
    return {"requests": times["requests"], "plan": times["planned"] - start, "ask": end - times["planned"]}


def step_resume(folder: Path, arguments: argparse.Namespace) -> dict[str, float]:
    """Run again: nothing is left to ask, and nothing may be rendered."""
    from vlm_eval.runs.runner import Silent, execute
    from vlm_eval.views import render

    rendered = []
    original = render.render
    render.render = lambda *given, **named: (rendered.append(given), original(*given, **named))[1]
    start = time.perf_counter()
    result = execute(make(folder, arguments.requests, arguments.pictures), folder / "run", listener=Silent())
    assert result.open == 0, result
    return {"resume": time.perf_counter() - start, "rendered": len(rendered)}


def step_score(folder: Path, arguments: argparse.Namespace) -> dict[str, float]:
    """Judge every answer by the default scorers."""
    from vlm_eval.runs.judging import judge_run
    from vlm_eval.runs.store import Store

    start = time.perf_counter()
    with Store(folder / "run", write=True) as store:
        judged = judge_run(store, ["verdict", "words", "labels"])
    return {"score": time.perf_counter() - start, "judged": judged}


def step_report(folder: Path, arguments: argparse.Namespace) -> dict[str, float]:
    """Make tables and figures of what was judged."""
    import io

    from rich.console import Console

    from vlm_eval.reports.run_info import read_info
    from vlm_eval.reports.write import write_report
    from vlm_eval.runs.frame import read_frame

    start = time.perf_counter()
    frame = read_frame(folder / "run")
    read = time.perf_counter()
    console = Console(file=io.StringIO(), width=120)
    write_report(frame, folder / "report", info=read_info(folder / "run"), console=console)
    return {"frame": read - start, "report": time.perf_counter() - start}


def step_floor(folder: Path, arguments: argparse.Namespace) -> dict[str, float]:
    """Write the run's rows to a fresh database with executemany; reading them is not counted."""
    from vlm_eval.runs.schema import TABLES

    source = sqlite3.connect(folder / "run" / "run.sqlite")
    target = sqlite3.connect(folder / "floor.sqlite", isolation_level=None)
    target.execute("PRAGMA journal_mode=WAL")
    target.execute("PRAGMA synchronous=NORMAL")
    target.executescript(TABLES)
    wall = cpu = 0.0
    target.execute("BEGIN")
    for table in ("model", "cell", "sample", "text", "view", "request", "ask", "outcome"):
        rows = source.execute(f"SELECT * FROM {table}")
        width = len(rows.description)
        while page := rows.fetchmany(50_000):
            start = clock()
            target.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * width)})", page)
            wall, cpu = (
                before + now - then for before, now, then in zip((wall, cpu), clock(), start, strict=True)
            )
    start = clock()
    target.execute("COMMIT")
    target.close()
    wall, cpu = (before + now - then for before, now, then in zip((wall, cpu), clock(), start, strict=True))
    return {"floor": wall, "floor CPU": cpu}


def clock() -> tuple[float, float]:
    """Return seconds on the wall and of CPU."""
    return time.perf_counter(), time.process_time()


STEPS: dict[str, Callable[[Path, argparse.Namespace], dict[str, float]]] = {
    "run": step_run,
    "resume": step_resume,
    "score": step_score,
    "report": step_report,
    "floor": step_floor,
}


def main() -> None:
    """Run the steps and print what they took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=50_000)
    parser.add_argument("--pictures", type=int, default=1000)
    parser.add_argument("--report", action="store_true", help="measure scoring and the report too")
    parser.add_argument("--folder", type=Path, help="where to work; by default a temporary folder")
    parser.add_argument("--step", choices=STEPS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.step:
        before = time.process_time()
        found = STEPS[arguments.step](arguments.folder, arguments)
        found.setdefault(f"{arguments.step} CPU", time.process_time() - before)
        found[f"{arguments.step} MB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps(found))
        return
    with tempfile.TemporaryDirectory() as temporary:
        compare(arguments.folder or Path(temporary), arguments)


def compare(folder: Path, arguments: argparse.Namespace) -> None:
    """Run every step in turn and print figures and ratios."""
    draw(folder / "pictures", arguments.pictures + 1)  # one becomes the reference
    found: dict[str, float] = {}
    steps = ["run", "resume", "floor"] + (["score", "report"] if arguments.report else [])
    for step in steps:
        command = [sys.executable, __file__, "--step", step, "--folder", str(folder)]
        command += ["--requests", str(arguments.requests), "--pictures", str(arguments.pictures)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        found |= json.loads(done.stdout.splitlines()[-1])
    show(found, folder)


def show(found: dict[str, float], folder: Path) -> None:
    """Print the figures; CPU seconds beside those on the wall, as others may use the machine too."""
    requests, whole = found["requests"], found["plan"] + found["ask"]
    size = (folder / "run" / "run.sqlite").stat().st_size / 2**20
    print(f"{requests:,.0f} requests; the database has {size:,.0f} MB")
    print(f"{'':34}{'wall s':>8}{'CPU s':>8}{'MB':>6}")
    lines = {
        "plan, ask and store": (whole, "run"),
        "bare executemany of the same rows": (found["floor"], "floor"),
        "resume": (found["resume"], "resume"),
    }
    if "report" in found:
        lines |= {
            f"score ({found['judged']:,.0f} judgements)": (found["score"], "score"),
            "tables and figures": (found["report"], "report"),
        }
    for name, (wall, step) in lines.items():
        print(f"{name:34}{wall:8.1f}{found[f'{step} CPU']:8.1f}{found[f'{step} MB']:6.0f}")
    print(f"planned in {found['plan']:.1f} s, asked and stored in {found['ask']:.1f} s; end to end ", end="")
    print(f"{requests / whole:,.0f} a second, {requests / found['run CPU']:,.0f} a CPU second")
    cpu = found["run CPU"] / found["floor CPU"]
    print(f"run / floor: {whole / found['floor']:.1f} on the wall, {cpu:.1f} of CPU")
    print(f"pictures rendered on resuming: {found['rendered']:.0f}")


if __name__ == "__main__":
    main()
