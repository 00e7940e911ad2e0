import numpy as np
import pytest
from scipy.stats import norm

from vlm_eval.metrics.detection import detection, precision_at
from vlm_eval.metrics.estimate import Estimate, undefined


def test_d_prime_and_criterion_are_those_of_the_corrected_rates() -> None:
    # Hautus (1995): add 0.5 to hits and false alarms and 1 to both numbers of trials. 20 of 25 and 10 of 25.
    found = detection(Estimate(20 / 25), Estimate(10 / 25), 25, 25)
    hits, alarms = norm.ppf(20.5 / 26), norm.ppf(10.5 / 26)
    assert found.d_prime.value == pytest.approx(hits - alarms)
    assert found.criterion.value == pytest.approx(-(hits + alarms) / 2)


def test_perfect_rates_stay_finite_and_have_no_interval() -> None:
    found = detection(Estimate(1.0, 0.7, 1.0), Estimate(0.0, 0.0, 0.3), 10, 10)
    assert found.d_prime.value == pytest.approx(2 * norm.ppf(10.5 / 11))
    assert found.d_prime.low is None
    assert "no interval" in (found.d_prime.reason or "")


def test_saying_yes_to_everything_is_no_sensitivity_and_an_easy_criterion() -> None:
    found = detection(Estimate(1.0), Estimate(1.0), 30, 30)
    assert found.d_prime.value == pytest.approx(0)
    assert (found.criterion.value or 0) < -1.5


@pytest.mark.parametrize("seed", range(10))
def test_the_interval_holds_the_value(seed: int) -> None:
    low, value, high = np.sort(np.random.default_rng(seed).uniform(0.05, 0.95, 3))
    found = detection(Estimate(value, low, high), Estimate(1 - value, 1 - high, 1 - low), 40, 40)
    for estimate in (found.d_prime, found.criterion):
        assert estimate.low <= estimate.value <= estimate.high  # type: ignore[operator]


def test_precision_at_one_percent_is_bayes() -> None:
    # Sensitivity 0.9 and false positive rate 0.1 at a prevalence of 1 %: 1 in 12 alarms is real.
    found = precision_at(0.01, Estimate(0.9, 0.8, 0.95), Estimate(0.1, 0.05, 0.2))
    assert found.value == pytest.approx(0.009 / (0.009 + 0.099))
    assert (found.low, found.high) == pytest.approx((0.008 / (0.008 + 0.198), 0.0095 / (0.0095 + 0.0495)))


@pytest.mark.parametrize(
    ("recall", "overkill"), [(undefined("no anomalous items"), Estimate(0.1)), (Estimate(0.0),) * 2]
)
def test_what_is_undefined_says_why(recall: Estimate, overkill: Estimate) -> None:
    found = precision_at(0.01, recall, overkill)
    assert found.value is None
    assert found.reason


def test_a_defect_rate_in_percent_is_refused() -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        precision_at(1.0, Estimate(0.9), Estimate(0.1))
