import numpy as np
import pytest

from vlm_eval.reports.human_rate import human_accuracy
from vlm_eval.reports.panel import read_panels


def test_all_human_verdicts_give_their_own_accuracy_whatever_the_scorer_read(frame_of, info):
    frame = frame_of(classes=("part", "series"), cells=info["cells"][:1])
    (panel,) = read_panels(frame, [])
    truth = dict(zip(frame["sample_id"], frame["gold"].map({"yes": "anomalous", "no": "normal"}), strict=True))
    ids = list(truth)
    verdicts = {sample: (truth[sample] if number % 4 else None, 1.0) for number, sample in enumerate(ids)}
    assert human_accuracy(panel, "task", verdicts).value == pytest.approx(0.75)


def test_verdicts_without_a_probability_never_enter_and_few_say_so(frame_of, info):
    frame = frame_of(classes=("part",), cells=info["cells"][:1])
    (panel,) = read_panels(frame, [])
    verdicts = {sample: ("normal", None) for sample in frame["sample_id"]}
    assert "recorded probability" in (human_accuracy(panel, "task", verdicts).reason or "")
    verdicts |= {sample: ("normal", 0.2) for sample in frame["sample_id"][:6]}
    found = human_accuracy(panel, "task", verdicts)
    assert found.items == 6
    assert found.low <= found.value <= found.high


def test_a_cell_without_answers_has_no_human_accuracy(frame_of, fail_asks, info):
    frame = frame_of(classes=("part",), cells=info["cells"][:1])
    fail_asks(frame, np.ones(len(frame), dtype=bool))
    (panel,) = read_panels(frame, [])
    assert human_accuracy(panel, "task", {}).reason == "no item has an answer"
