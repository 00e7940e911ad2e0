"""Several models on the same items."""

import io

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from vlm_eval.reports.models import compare_models
from vlm_eval.reports.write import write_report


def two_models(frame_of, info, cells=slice(0, 2), **changes):
    return frame_of(models=("a", "b"), classes=("part", "series"), cells=info["cells"][cells], **changes)


def right(frame, model):
    own = frame[frame["model"] == model].set_index(["cell", "sample_id"])
    return (own["verdict"] == own["gold"].map({"yes": "anomalous", "no": "normal"})).astype(float)


def test_the_difference_is_that_of_the_same_items_in_the_same_cells(frame_of, info):
    frame = two_models(frame_of, info)
    (found,) = compare_models(frame, info)
    accuracy = next(row for row in found.rows if row.measure == "accuracy")
    assert (accuracy.contrast.baseline, accuracy.contrast.level) == ("a", "b")
    assert accuracy.contrast.pairs == (("a::task", "b::task"), ("a::task+reference", "b::task+reference"))
    expected = (right(frame, "b") - right(frame, "a")).mean()  # classes of equal size: macro is pooled
    assert accuracy.effect.difference.value == pytest.approx(expected)
    assert accuracy.effect.difference.low <= expected <= accuracy.effect.difference.high
    assert accuracy.effect.test == "sign-flip"
    assert found.choice is not None and len(found.choice.cells) == 4


def test_every_pair_of_models_is_corrected_in_one_family(frame_of, info):
    frame = frame_of(models=("a", "b", "c"), classes=("part",), cells=info["cells"][:1])
    (found,) = compare_models(frame, info)
    assert [(row.contrast.baseline, row.contrast.level) for row in found.rows[::3]] == [
        ("a", "b"), ("a", "c"), ("b", "c"),
    ]  # fmt: skip
    raw = np.array([row.effect.p_value for row in found.rows])
    adjusted = np.array([row.adjusted_p for row in found.rows])
    assert adjusted.min() == pytest.approx(min(1, 9 * raw.min()))


def test_a_cell_of_one_model_only_and_an_item_that_failed_in_one_leave_the_pair(frame_of, info, fail_asks):
    frame = two_models(frame_of, info)
    frame = frame[~((frame["model"] == "b") & (frame["cell"] == "task+reference"))].reset_index(drop=True)
    fail_asks(frame, frame.index[(frame["model"] == "a") & (frame["cell"] == "task")][:5])
    (found,) = compare_models(frame, info)
    accuracy = next(row for row in found.rows if row.measure == "accuracy")
    assert accuracy.contrast.unmatched == ("a::task+reference",)
    assert accuracy.effect.difference.items == 55


def test_one_model_is_compared_with_nothing(frame_of, info):
    assert compare_models(frame_of(classes=("part",)), info) == []


def test_the_report_prints_and_writes_the_comparison(frame_of, info, tmp_path):
    stream = io.StringIO()
    frame = two_models(frame_of, info)
    write_report(frame, tmp_path, info=info, console=Console(file=stream, width=100))
    assert "Models compared: vlm-eval demo items" in stream.getvalue()
    table = pd.read_csv(tmp_path / "models.csv")
    assert table[["first_model", "second_model"]].drop_duplicates().values.tolist() == [["a", "b"]]
    assert table["measure"].tolist() == ["recall", "overkill", "accuracy"]
    write_report(frame[frame["model"] == "a"], tmp_path, info=info, console=Console(file=io.StringIO()))
    assert not (tmp_path / "models.csv").exists()
