#!/usr/bin/env python3
"""Measure a local model in batches against one request at a time, on one thread, and compare the answers.

The floor is the same backend with batch size 1. Requests are the first ones of an ablation of the drawn demo, with
texts of several lengths; loading the model is excluded, rendering and processing the pictures is included.
"""

import argparse
import os
import resource
import statistics
import tempfile
import time
from pathlib import Path


def read_requests(model: str, count: int, yes_no: bool):
    """Return the model's order and so many different requests."""
    from vlm_eval.runs.experiment import parse_experiment
    from vlm_eval.runs.plan import make_plan

    experiment = {"dataset": "demo", "models": [model], "grid": {"class": [0, 1], "standard": [0, 1]}}
    plan = make_plan(parse_experiment(experiment, "the benchmark"))
    wanted = "score" if yes_no else "answer"
    requests = {ask.request.key: ask.request for ask in plan.asks() if ask.purpose == wanted}
    return plan.specs[0], list(requests.values())[:count]


def measure(backend, requests, batch_size: int) -> tuple[float, float, dict]:
    """Return seconds on the wall and of CPU, and the outcomes by key."""
    backend.batch_size = batch_size
    before, start = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    outcomes = dict(backend.answer(iter(requests)))
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, outcomes


def alike(one, other, tolerance: float = 1e-4) -> bool:
    """Say whether two answers say the same: the same text, and log-probabilities that agree to a tolerance."""
    if one.yes_no is None or other.yes_no is None:
        return (one.text, one.finish) == (other.text, other.finish)
    return abs(one.yes_no.yes - other.yes_no.yes) < tolerance and abs(one.yes_no.no - other.yes_no.no) < tolerance


def main() -> None:
    """Measure every batch size in turn, round by round, and print medians and ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="pocket-llava")
    parser.add_argument("--items", type=int, default=64)
    parser.add_argument("--batch-sizes", default="1,4,8,16,32", help="the first is the floor")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--yes-no", action="store_true", help="score yes and no instead of generating")
    arguments = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = str(arguments.threads)  # before torch is imported
    from dataclasses import replace

    from vlm_eval.backends.registry import open_backend

    spec, requests = read_requests(arguments.model, arguments.items, arguments.yes_no)
    sizes = [int(size) for size in arguments.batch_sizes.split(",")]
    with tempfile.TemporaryDirectory() as scratch:
        backend = open_backend(
            replace(spec, options={**spec.options, "threads": arguments.threads}), Path(scratch)
        )
        measure(backend, requests[:8], 8)
        found = {size: [] for size in sizes}
        for _ in range(arguments.rounds):
            for size in sizes:
                found[size].append(measure(backend, requests, size))
    show(arguments, backend, requests, found)


def show(arguments: argparse.Namespace, backend, requests, found) -> None:
    """Print medians, ratios to the first batch size, and how many answers are not the same."""
    facts = ", ".join(f"{name} {value}" for name, value in backend.facts.items())
    lengths = sorted(len(request.prompt.text) for request in requests)
    print(
        f"{arguments.model}: {len(requests)} requests, texts of {lengths[0]} to {lengths[-1]} characters; {facts}"
    )
    print(f"{'batch size':>10}{'wall s':>9}{'CPU s':>8}{'wall x':>8}{'CPU x':>7}{'other answers':>15}")
    floor = found[next(iter(found))]
    walls = {size: statistics.median(wall for wall, _, _ in rounds) for size, rounds in found.items()}
    cpus = {size: statistics.median(cpu for _, cpu, _ in rounds) for size, rounds in found.items()}
    first = next(iter(found))
    for size, rounds in found.items():
        other = sum(not alike(floor[0][2][key], answer) for key, answer in rounds[0][2].items())
        ratios = f"{walls[first] / walls[size]:8.2f}{cpus[first] / cpus[size]:7.2f}"
        print(f"{size:10}{walls[size]:9.2f}{cpus[size]:8.2f}{ratios}{other:15}")


if __name__ == "__main__":
    main()
