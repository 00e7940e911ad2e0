"""Two independent readers labelled the corpus by the guide; the gold must stand up to them."""

import csv
import json
from pathlib import Path

from sklearn.metrics import cohen_kappa_score

HERE = Path(__file__).parent


def readers():
    with (HERE / "verdict_readers.csv").open(encoding="utf-8", newline="") as stream:
        return {row["id"]: (row["reader_1"], row["reader_2"]) for row in csv.DictReader(stream)}


def claims():
    lines = (HERE / "verdict_answers.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    return {row["id"]: row["claim"] or "none" for row in rows}


def claim(label):
    return label if label in ("anomalous", "normal") else "none"


def test_the_readers_agree_with_each_other_beyond_chance():
    first, second = zip(*((claim(one), claim(two)) for one, two in readers().values()), strict=True)
    assert len(first) == 524
    assert cohen_kappa_score(first, second) > 0.99


def test_the_gold_agrees_with_both_readers():
    gold = claims()
    for reader in (0, 1):
        pairs = [(gold[name], claim(labels[reader])) for name, labels in readers().items()]
        assert cohen_kappa_score(*zip(*pairs, strict=True)) > 0.97
