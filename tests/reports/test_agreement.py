import io

import pytest
from rich.console import Console
from sklearn.metrics import cohen_kappa_score

from vlm_eval.errors import InputError
from vlm_eval.flow import Gold, Judgement, Sample
from vlm_eval.reports.agreement import comparable, compare, disagreement_rows
from vlm_eval.reports.agreement_table import show_agreement
from vlm_eval.runs.readings import Reading
from vlm_eval.runs.store import Store

FIRST = ["anomalous"] * 6 + ["normal"] * 10 + [None] * 4
SECOND = ["anomalous"] * 5 + ["normal"] * 9 + ["anomalous"] * 2 + [None] * 3 + ["normal"]


def readings(values, *, model="m", reason="hedged", start=0, clusters=20):
    found = {}
    for number, value in enumerate(values):
        sample = Sample(f"c/{number}", "c", "image", (), "x", Gold("yes"), f"g{number % clusters}")
        judgement = Judgement(value, None if value is not None else reason)
        ask = start + number
        found[ask] = Reading(ask, model, "task", sample, 0, 0, f"answer {number}\nsecond line", judgement)
    return found


def test_agreement_is_that_of_scikit_learn_with_abstentions_as_a_label():
    (pair,) = compare("verdict", "human", readings(FIRST), readings(SECOND))
    expected = cohen_kappa_score([str(one) for one in FIRST], [str(one) for one in SECOND])
    assert pair.cohen_kappa.value == pytest.approx(expected)
    assert pair.observed.value == pytest.approx(16 / 20)
    assert pair.observed.low < 16 / 20 < pair.observed.high
    assert -1 <= pair.cohen_kappa.low < expected < pair.cohen_kappa.high <= 1
    assert (pair.answers, pair.left_out, len(pair.disagreeing)) == (20, 0, 4)


def test_items_that_come_in_clusters_make_the_intervals_wider():
    apart = compare("a", "b", readings(FIRST), readings(SECOND))[0]
    together = compare("a", "b", readings(FIRST, clusters=4), readings(SECOND, clusters=4))[0]
    assert together.observed.clusters == 4
    assert together.observed.high - together.observed.low > apart.observed.high - apart.observed.low


def test_what_nobody_was_shown_is_left_out_and_counted():
    labelled = readings(SECOND[:5]) | {
        ask: one for ask, one in readings([None] * 20, reason="not-labelled").items() if ask >= 5
    }
    (pair,) = compare("verdict", "human", readings(FIRST), labelled)
    assert (pair.answers, pair.left_out) == (5, 15)


def test_each_model_is_told_apart_and_all_of_them_together():
    ones = readings(FIRST) | readings(FIRST, model="n", start=100)
    others = readings(FIRST) | readings(SECOND, model="n", start=100)
    first, second, both = compare("a", "b", ones, others)
    assert [pair.model for pair in (first, second, both)] == ["m", "n", "all models"]
    assert [pair.answers for pair in (first, second, both)] == [20, 20, 40]
    assert len(list(disagreement_rows([first, second, both]))) == len(second.disagreeing)


def test_two_that_always_say_the_same_have_no_coefficient_and_say_why():
    (pair,) = compare("a", "b", readings(["normal"] * 9), readings(["normal"] * 9))
    assert (pair.observed.value, pair.cohen_kappa.value) == (1.0, None)
    assert "chance agreement" in pair.cohen_kappa.reason


def test_only_values_of_one_kind_are_compared():
    scorers = {
        "verdict": readings(FIRST),
        "human": readings(SECOND),
        "words": readings([True, False]),
        "labels": readings(["crack", "dent", "normal"]),
        "silent": readings([None, None]),
    }
    pairs, alone = comparable(scorers)
    assert pairs == [("verdict", "human")]
    assert [sentence.split()[0] for sentence in alone] == ["words", "labels", "silent"]


def test_contradictions_are_read_before_abstentions():
    (pair,) = compare("a", "b", readings(FIRST), readings(SECOND))
    reasons = [None in (one.judgement.value, other.judgement.value) for one, other in pair.disagreeing]
    assert reasons == sorted(reasons)
    row = next(disagreement_rows([pair]))
    assert row["answer"].endswith("second line")


def test_scorers_that_cannot_be_compared_are_refused(tmp_path):
    Store(tmp_path / "run", write=True).close()
    with pytest.raises(InputError, match="No two of these scorers can be compared"):
        show_agreement(tmp_path / "run", [("verdict", "1")], tmp_path, Console(file=io.StringIO()))
