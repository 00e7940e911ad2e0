"""Measures how fast verdict and words read answers, and that their time is linear in the length of an answer.

Run: python scripts/bench_scoring.py. One core, no model, no network. The answers are put together from parts,
so that no two are the same.
"""

import random
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from vlm_eval.flow import Answer, Gold, Item, Label, Question, Sample
from vlm_eval.scoring.registry import open_scorer
from vlm_eval.scoring.verdict import read_verdict

OPENINGS = (
    "Based on the image, the {noun} appears to be in good condition.",
    "The image shows a close-up of a {noun} on a dark background.",
    "Upon examination of the {noun}, the following can be observed:",
    "Yes, the image of the {noun} contains an anomaly.",
    "No, the {noun} does not contain any anomalies or defects.",
)
MIDDLES = (
    "The edges are smooth and there is no sign of wear around item {number}.",
    "There seems to be a small scratch near position {number}, which is not present in the other samples.",
    "Region {number} might be considered a defect depending on the intended use.",
    "The color is uniform, and none of the {number} parts is cracked, bent or missing.",
)
ENDINGS = (
    "Therefore, the image contains a defect.",
    "In conclusion, there are no visible anomalies.",
    "However, a closer inspection may reveal more.",
)
NOUNS = ("bottle", "metal nut", "hazelnut", "screw", "zipper", "circuit board")
LABELS = tuple(Label(name) for name in ("scratch", "crack", "bent wire", "missing part", "stain", "hole", "dent"))


def draw_answer(random_: random.Random, length: int = 270) -> str:
    """Put an answer of about so many characters together."""
    parts = [random_.choice(OPENINGS).format(noun=random_.choice(NOUNS))]
    while sum(map(len, parts)) < length - 60:
        parts.append(random_.choice(MIDDLES).format(number=random_.randrange(10**6)))
    return " ".join([*parts, random_.choice(ENDINGS)])


def as_item(text: str) -> Item:
    """Wrap an answer as the scorers see it."""
    gold = Gold("yes", "scratch", accepted=("scratch", "scuff"))
    sample = Sample("bench/1", "bench", "image", (), "part", gold, "1", candidate_labels=LABELS)
    return Item(sample, Question("chat", "naive"), Answer(text))


def seconds(work: Callable[[], object]) -> float:
    """Time one call on this core."""
    start = time.process_time()
    work()
    return time.process_time() - start


def rate(items: list[Item]) -> float:
    """Return how many answers a second verdict and words judge together."""
    scorers = [open_scorer(name) for name in ("verdict", "words")]
    return len(items) / seconds(lambda: [scorer.judge(items) for scorer in scorers])


def main() -> None:
    """Print the figures and their goals."""
    random_ = random.Random(0)
    unique = [as_item(draw_answer(random_)) for _ in range(6_000)]
    mean = sum(len(item.answer.text) for item in unique) / len(unique)
    rate(unique[:200])  # fills the caches of words
    print(f"python {sys.version.split()[0]}, one core, answers of {mean:.0f} characters")
    print(f"unique answers: {rate(unique):,.0f} a second (goal 4,000)")
    few = random_.sample(unique, 300)
    mixed = [random_.choice(few) for _ in range(10_000)]
    print(f"10,000 answers, 300 of them unique: {rate(mixed):,.0f} a second (goal 20,000)")
    texts = [draw_answer(random_, size) for size in (125_000, 250_000, 500_000, 1_000_000)]
    times = [seconds(partial(read_verdict, text)) for text in texts]
    for text, spent in zip(texts, times, strict=True):
        print(f"one answer of {len(text):>9,} characters: {spent:.2f} s")
    print(f"eight times the length takes {times[-1] / times[0]:.1f} times as long (linear: 8)")


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    main()
