"""Recall and AUROC by defect type, each against all normal items."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from vlm_eval.reports.kinds import type_rows
from vlm_eval.reports.panel import read_panels


@pytest.fixture
def asks() -> pd.DataFrame:
    """Twenty normal items, ten with a logical and ten with a structural anomaly; scores differ by kind."""
    generator = np.random.default_rng(3)
    rows = []
    for number in range(40):
        kind = None if number < 20 else "logical" if number < 30 else "structural"
        score = generator.normal({None: 0, "logical": 0.3, "structural": 2.5}[kind])
        claim = "anomalous" if score > 1 else "normal"
        rows.append(
            {
                "model": "m",
                "cell": "task",
                "card": "loco",
                "sample_id": f"loco/{number}",
                "object_class": "box",
                "group": f"loco/{number}",
                "gold": "yes" if kind else "no",
                "defect_type": kind,
                "repeat": 0,
                "status": "answered",
                "failure": None,
                "text": "",
                "finish": "stop",
                "verdict": claim,
                "verdict_reason": None,
                "words": None,
                "label": None,
                "anomaly_score": float(1 / (1 + np.exp(-score))),
                "yes_no_mass": 0.9,
                "latency": 0.1,
                "prompt_tokens": 1,
                "completion_tokens": 1,
                "metadata": "{}",
            }
        )
    return pd.DataFrame(rows)


def test_each_kind_is_measured_against_all_normal_items(asks: pd.DataFrame) -> None:
    (panel,) = read_panels(asks, ["task"])
    found = {row["defect_type"]: row for row in type_rows(panel)}
    assert list(found) == ["logical", "structural"]
    for kind, row in found.items():
        own = asks[asks["defect_type"] == kind]
        assert row["items"] == 10
        assert row["recall"] == pytest.approx((own["verdict"] == "anomalous").mean())
        both = pd.concat([own, asks[asks["gold"] == "no"]])
        assert row["auroc"] == pytest.approx(roc_auc_score(both["gold"] == "yes", both["anomaly_score"]))
        assert row["recall_low"] <= row["recall"] <= row["recall_high"]


def test_one_kind_alone_is_no_table(asks: pd.DataFrame) -> None:
    alone = asks[asks["defect_type"] != "logical"]
    (panel,) = read_panels(alone, ["task"])
    assert list(type_rows(panel)) == []


def test_items_without_a_kind_are_a_kind_of_their_own(asks: pd.DataFrame) -> None:
    asks.loc[asks["defect_type"] == "logical", "defect_type"] = None
    (panel,) = read_panels(asks, ["task"])
    assert [row["defect_type"] for row in type_rows(panel)] == ["structural", "untyped"]
