import shutil
from collections.abc import Callable
from hashlib import sha256
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from vlm_eval.errors import BackendUnavailable
from vlm_eval.flow import Answer, Capabilities
from vlm_eval.reports.info import ReportInfo
from vlm_eval.runs.experiment import parse_experiment
from vlm_eval.runs.plan import make_plan
from vlm_eval.runs.runner import execute

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
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


HOSTILE = (
    "<script>window.hacked = 1</script>Yes, there is a crack.",
    "</script><script>window.hacked = 1</script> No defects.",
    '<img src=x onerror="window.hacked = 1"> Yes, a scratch.',
    "[No defects](javascript:window.hacked=1) \u2028 are visible.",
    "Yes. \u202egnihton\u202c There is a dent.",
    "\U0001f600 No. " + "A" * 200_000,
    "I am sorry, I cannot help with that.",
    "",
)
"""Answers that a page must show as text, a refusal and an empty one among them."""


class Replies:
    """A backend that answers by the number of the request; an answer may be a failure, None ends the run."""

    capabilities = Capabilities(yes_no=False)

    def __init__(self, reply: Callable[[int], object]) -> None:
        self.reply = reply

    def answer(self, requests):
        for number, request in enumerate(requests):
            reply = self.reply(number)
            if reply is None:
                raise BackendUnavailable("the key is not valid")
            sent = tuple(sha256(view.read()).hexdigest() for view in request.prompt.views)
            yield request.key, Answer(reply, latency=0.5, sent=sent) if isinstance(reply, str) else reply


@pytest.fixture(scope="session")
def run_of(tmp_path_factory) -> Callable[..., Path]:
    """Return a function that asks about twelve pictures of hostile names and gives the run folder."""

    def make(reply=lambda number: HOSTILE[number % len(HOSTILE)], name="run", **experiment) -> Path:
        folder = tmp_path_factory.mktemp(name)
        for index in range(12):
            anomalous = index % 2 == 1
            place = folder / "parts" / ("anomalous" if anomalous else "normal")
            place.mkdir(parents=True, exist_ok=True)
            colour = (index * 20, 90, 200 - index * 10)
            Image.new("RGB", (64, 48), colour).save(place / f'<b onclick="x">{index:02d}\u202e&.png')
        settings = {"grid": {"reference": [0, 1]}, "yes_no": False} | experiment
        plan = make_plan(
            parse_experiment({"dataset": str(folder / "parts"), "models": ["scripted:no"]} | settings, "test")
        )
        backend = Replies(reply)
        execute(plan, folder / "<i>run", open_with=lambda spec, scratch: backend)
        return folder / "<i>run"

    return make


@pytest.fixture(scope="module")
def browser():
    """Start the system's Chromium without a window; tests that need it are skipped where it is not there."""
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="needs playwright: pip install 'vlm-eval[browser]'"
    )
    path = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if path is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def open_page(browser):
    """Open a page and, in the end, insist on a console without a word."""
    said, contexts = [], []

    def open_it(path, anchor="", size=None, scheme="light"):
        context = browser.new_context(
            viewport=size or {"width": 1280, "height": 900}, color_scheme=scheme, reduced_motion="reduce"
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: said.append(request.url) if request.url.startswith("http") else None)
        page.goto(f"{path.as_uri()}{anchor}")
        # Before it has painted, Chromium throws keystrokes away.
        page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        return page

    yield open_it
    for context in contexts:
        context.close()
    assert said == []
