import numpy as np
import pytest
from sklearn.metrics import confusion_matrix

from vlm_eval.metrics.confusion import defect_confusion, tabulate, verdict_confusion
from vlm_eval.metrics.counts import NO_CLAIM


def test_the_verdict_matrix_agrees_with_scikit_learn_and_keeps_the_unanswered_apart() -> None:
    generator = np.random.default_rng(0)
    gold, claim = generator.integers(0, 2, 80), generator.integers(-1, 2, 80)
    expected = confusion_matrix(gold, claim, labels=[1, 0, NO_CLAIM])[:2]
    confusion = verdict_confusion(gold, claim)
    assert confusion.columns == ("anomalous", "normal", "unanswered")
    assert confusion.counts.tolist() == expected.tolist()


def test_a_defect_is_counted_where_the_answer_puts_it() -> None:
    confusion = defect_confusion(
        ["scratch", "scratch", "hole", "hole", "normal", "normal"],
        ["scratch", "hole", None, None, "normal", "rust"],
        np.array([1, 1, 1, NO_CLAIM, 0, 1]),
    )
    assert confusion.rows == ("hole", "scratch", "normal")
    assert confusion.columns == ("hole", "scratch", "rust", "normal", "unnamed", "unanswered")
    assert confusion.counts.tolist() == [[0, 0, 0, 0, 1, 1], [1, 1, 0, 0, 0, 0], [0, 0, 1, 1, 0, 0]]


def test_a_name_in_an_answer_that_claims_normality_is_no_defect() -> None:
    confusion = defect_confusion(["scratch"], ["scratch"], np.array([0]))
    assert confusion.counts[0].tolist() == [0, 1, 0, 0]


def test_known_and_claimable_names_keep_their_places_without_items() -> None:
    confusion = defect_confusion(["dent"], ["dent"], np.array([1]), known=["bump", "dent"], claimable=["rust"])
    assert confusion.rows == ("bump", "dent", "normal")
    assert confusion.columns == ("bump", "dent", "rust", "normal", "unnamed", "unanswered")


def test_a_name_outside_the_table_is_an_error_and_not_a_silent_loss() -> None:
    with pytest.raises(KeyError):
        tabulate(["dent"], ["rust"], ["dent"], ["dent"])
