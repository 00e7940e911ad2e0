import random

import pytest
from sklearn.metrics import cohen_kappa_score

from vlm_eval.metrics.agreement import agreement, cohen_kappa, disagreements, gwet_ac1

# The standard example of PyCM's documentation, which prints Kappa 0.35484 and Gwet_AC1 0.38931.
ACTUAL = [2, 0, 2, 2, 0, 1, 1, 2, 2, 0, 1, 2]
PREDICTED = [0, 0, 2, 1, 0, 2, 1, 0, 2, 0, 2, 2]


def test_the_coefficients_match_a_published_example():
    found = agreement(ACTUAL, PREDICTED)
    assert found.observed == pytest.approx(7 / 12)
    assert found.cohen_kappa == pytest.approx(0.35484, abs=5e-6)
    assert found.gwet_ac1 == pytest.approx(0.38931, abs=5e-6)


def test_kappa_falls_and_ac1_does_not_when_nearly_all_items_have_one_label():
    # Gwet 2002: 118 times both yes, 5 and 2 times one of them, never both no; kappa -0.0234, AC1 0.9408
    first = ["yes"] * 118 + ["yes"] * 5 + ["no"] * 2
    second = ["yes"] * 118 + ["no"] * 5 + ["yes"] * 2
    assert cohen_kappa(first, second) == pytest.approx(-0.0234, abs=5e-5)
    assert gwet_ac1(first, second) == pytest.approx(0.9408, abs=5e-5)


@pytest.mark.parametrize("seed", range(5))
def test_kappa_matches_scikit_learn_with_no_claim_as_a_label(seed):
    generator = random.Random(seed)
    labels = ["anomalous", "normal", None]
    first = generator.choices(labels, weights=[5, 3, 1], k=200)
    second = [one if generator.random() < 0.7 else generator.choice(labels) for one in first]
    expected = cohen_kappa_score([str(one) for one in first], [str(one) for one in second])
    assert cohen_kappa(first, second) == pytest.approx(expected, abs=1e-12)


def test_a_label_that_nobody_used_lowers_chance_in_ac1():
    first, second = ["a", "a", "b", "a"], ["a", "b", "b", "a"]
    assert gwet_ac1(first, second, categories=["a", "b", "c"]) > gwet_ac1(first, second)


def test_what_is_undefined_is_none_with_a_reason():
    assert agreement([], []).reason == "no items"
    same = agreement(["yes", "yes"], ["yes", "yes"])
    assert (same.observed, same.cohen_kappa) == (1.0, None) and "chance" in same.reason


def test_sequences_of_different_length_are_refused():
    with pytest.raises(ValueError, match="2 and 1 labels"):
        agreement(["a", "b"], ["a"])


def test_contradictions_are_read_before_items_on_which_one_reading_made_no_claim():
    first = {1: "anomalous", 2: None, 3: "normal", 4: "normal", 5: "normal"}
    second = {5: "anomalous", 4: "normal", 3: "anomalous", 2: "normal", 1: "normal", 9: "normal"}
    assert [entry.key for entry in disagreements(first, second)] == [1, 3, 5, 2]
