import numpy as np
import pytest
from scipy import stats

from vlm_eval.metrics.prediction_powered import ADDED_LABELS, prediction_powered
from vlm_eval.metrics.sampling import Sampling


def single(items: int) -> Sampling:
    return Sampling(np.arange(items), np.zeros(items, dtype=np.int64))


def draw(generator: np.random.Generator, items: int, probability: np.ndarray, agree: float) -> tuple:
    truth = (generator.random(items) < 0.7).astype(float)
    judged = np.where(generator.random(items) < agree, truth, 1 - truth)
    label = np.where(generator.random(items) < probability, truth, np.nan)
    return judged, label


def test_the_value_is_the_mean_judgement_corrected_by_weighted_labels() -> None:
    judged, label = np.array([1.0, 1, 0, 1]), np.array([0.0, np.nan, 0, 1])
    probability = np.array([0.5, 0.5, 0.5, 1.0])
    found = prediction_powered(judged, label, probability, single(4))
    assert found.value == pytest.approx(np.mean(judged) + (-1 / 0.5) / 4)


def test_with_all_labels_it_is_their_mean_and_nearly_the_t_interval() -> None:
    generator = np.random.default_rng(0)
    truth = generator.integers(0, 2, 400).astype(float)
    found = prediction_powered(generator.random(400), truth, np.ones(400), single(400))
    assert found.value == pytest.approx(truth.mean())
    error = (truth.var(ddof=1) / 400 + 2 * ADDED_LABELS / 400**2) ** 0.5
    assert found.high - found.value == pytest.approx(error * stats.t.ppf(0.975, 399))  # type: ignore[operator]


def test_labels_without_a_recorded_probability_never_enter() -> None:
    judged = np.array([1.0, 0, 1, 0, 1])
    label = np.array([1.0, 0, 0, 0, 0])
    probability = np.array([0.5, 0.5, np.nan, np.nan, 0.5])
    found = prediction_powered(judged, label, probability, single(5))
    without = prediction_powered(judged, np.where(np.isnan(probability), np.nan, label), probability, single(5))
    assert found == without
    assert found.items == 3


@pytest.mark.parametrize("agree", [0.8, 0.95])
def test_labels_drawn_from_disagreements_first_are_covered_when_weighted_and_not_without(agree: float) -> None:
    generator = np.random.default_rng(1)
    weighted, unweighted = 0, 0
    for _ in range(300):
        truth = (generator.random(1000) < 0.7).astype(float)
        judged, second = (np.where(generator.random(1000) < agree, truth, 1 - truth) for _ in range(2))
        probability = np.where(judged != second, 0.4, 0.05)
        label = np.where(generator.random(1000) < probability, truth, np.nan)
        found = prediction_powered(judged, label, probability, single(1000))
        weighted += found.low <= 0.7 <= found.high  # type: ignore[operator]
        flat = np.full(1000, np.mean(~np.isnan(label)))
        naive = prediction_powered(judged, label, flat, single(1000))
        unweighted += naive.low <= 0.7 <= naive.high  # type: ignore[operator]
    assert weighted >= 0.93 * 300
    assert unweighted < 0.9 * 300


def test_good_judgements_narrow_the_interval() -> None:
    generator = np.random.default_rng(2)
    probability = np.full(2000, 0.1)
    widths = []
    for agree in (0.95, 0.5):
        found = prediction_powered(*draw(generator, 2000, probability, agree), probability, single(2000))
        widths.append(found.high - found.low)  # type: ignore[operator]
    assert widths[0] < 0.7 * widths[1]


def test_too_few_labels_one_cluster_and_no_items_say_so() -> None:
    judged, label = np.array([1.0, 0, 1]), np.array([1.0, np.nan, np.nan])
    assert "fewer than two" in (prediction_powered(judged, label, np.full(3, 0.5), single(3)).reason or "")
    one = Sampling(np.zeros(3, dtype=np.int64), np.zeros(1, dtype=np.int64))
    found = prediction_powered(judged, judged, np.ones(3), one)
    assert found.value == pytest.approx(2 / 3)
    assert found.low is None
    assert prediction_powered(np.zeros(0), np.zeros(0), np.zeros(0), single(0)).value is None


@pytest.mark.parametrize(
    ("judged", "label", "probability"),
    [([np.nan, 1], [1, 1], [1, 1]), ([0, 1], [2, 1], [1, 1]), ([0, 1], [1, 1], [0, 1]), ([0, 1], [1], [1, 1])],
)
def test_what_cannot_be_is_refused(judged: list, label: list, probability: list) -> None:
    arrays = [np.array(values, dtype=float) for values in (judged, label, probability)]
    with pytest.raises(ValueError, match=r"outside|one each"):
        prediction_powered(*arrays, single(2))
