import numpy as np
import pytest
from scipy import stats

from vlm_eval.metrics.rates import clopper_pearson, rate, simple_rate
from vlm_eval.metrics.sampling import Sampling, sampling


def single_items(number: int) -> Sampling:
    return Sampling(np.arange(number), np.zeros(number, dtype=np.int64))


def clusters_of(size: int, number: int) -> Sampling:
    return Sampling(np.repeat(np.arange(number), size), np.zeros(number, dtype=np.int64))


def one_part(values: np.ndarray) -> np.ndarray:
    return np.zeros(values.size, dtype=np.int64)


@pytest.mark.parametrize(("hits", "trials"), [(0, 12), (1, 30), (7, 20), (29, 30), (12, 12)])
def test_single_items_get_the_exact_interval_of_scipy(hits: int, trials: int) -> None:
    values = (np.arange(trials) < hits).astype(float)
    exact = stats.binomtest(hits, trials).proportion_ci(0.95, method="exact")
    estimate = simple_rate(values, one_part(values), single_items(trials))
    assert (estimate.low, estimate.high) == pytest.approx((exact.low, exact.high), abs=1e-9)
    assert clopper_pearson(hits, trials) == pytest.approx((exact.low, exact.high))


def test_the_effective_number_of_items_is_korn_and_graubards() -> None:
    # Unequal weights, one item a cluster, so nothing is added: formula (3) of the paper by hand.
    values = np.array([1, 1, 0, 1, 0, 1, 1, 1, 0, 1], dtype=float)
    parts = np.array([0] * 7 + [1] * 3)
    drawn = Sampling(np.arange(10), parts)
    value = (values[:7].mean() + values[7:].mean()) / 2
    spread = (values[:7].var(ddof=1) / 7 + values[7:].var(ddof=1) / 3) / 4
    weights = np.array([0.5 / 7] * 7 + [0.5 / 3] * 3)
    effective = min(1 / np.sum(weights**2), value * (1 - value) * 10 / 9 / spread)
    effective *= (stats.t.ppf(0.025, 9) / stats.t.ppf(0.025, 8)) ** 2
    low = stats.beta.ppf(0.025, value * effective, effective - value * effective + 1)
    high = stats.beta.ppf(0.975, value * effective + 1, effective - value * effective)
    estimate = simple_rate(values, parts, drawn)
    assert (estimate.value, estimate.low, estimate.high) == pytest.approx((value, low, high))


def test_copies_within_a_cluster_add_no_information() -> None:
    values = np.array([1, 1, 1, 0, 1, 1, 0, 1, 1, 1], dtype=float)
    alone = simple_rate(values, one_part(values), single_items(10))
    copied = np.repeat(values, 8)
    together = simple_rate(copied, one_part(copied), clusters_of(8, 10))
    assert together.value == pytest.approx(alone.value)
    assert together.low is not None
    assert alone.low is not None
    assert alone.low - 0.1 < together.low < alone.low
    naive = clopper_pearson(copied.sum(), copied.size)
    assert together.low < naive[0] - 0.1


def test_a_macro_mean_weighs_classes_alike() -> None:
    values = np.array([1.0] * 10 + [0.0] * 2)
    parts = np.array([0] * 10 + [1] * 2)
    assert simple_rate(values, parts, single_items(12)).value == pytest.approx(0.5)
    assert simple_rate(values, one_part(values), single_items(12)).value == pytest.approx(10 / 12)


def test_trials_make_a_ratio_such_as_precision() -> None:
    hits, flagged = np.array([1, 0, 0, 1.0]), np.array([1, 1, 0, 1.0])
    estimate = rate(hits, flagged, one_part(hits), single_items(4))
    assert estimate.value == pytest.approx(2 / 3)
    assert estimate.items == 3


def test_unknown_values_are_left_out() -> None:
    values = np.array([1.0, np.nan, 0.0])
    estimate = simple_rate(values, one_part(values), single_items(3))
    assert (estimate.value, estimate.items) == (0.5, 2)


def test_one_cluster_gives_a_value_and_says_why_it_has_no_interval() -> None:
    values = np.array([1.0, 0.0, 1.0])
    estimate = simple_rate(values, one_part(values), clusters_of(3, 1))
    assert estimate.value == pytest.approx(2 / 3)
    assert estimate.low is estimate.high is None
    assert estimate.reason == "one cluster: no interval"


def test_no_items_give_a_reason_and_no_nan() -> None:
    nothing = np.zeros(0)
    estimate = simple_rate(nothing, one_part(nothing), single_items(0))
    assert estimate.value is None
    assert estimate.reason == "no items"


@pytest.mark.parametrize("seed", range(20))
def test_the_interval_always_holds_the_value_and_lies_in_the_unit_range(seed: int) -> None:
    generator = np.random.default_rng(seed)
    items = int(generator.integers(2, 40))
    groups = [str(group) for group in generator.integers(0, 12, items)]
    classes = [f"class {group}" for group in np.array(groups).astype(int) % 3]
    values = generator.random(items).round(int(generator.integers(0, 3)))
    parts = np.unique(classes, return_inverse=True)[1]
    estimate = simple_rate(values, parts, sampling(groups, classes))
    assert estimate.value is not None
    if estimate.reason is None:
        assert estimate.low is not None
        assert estimate.high is not None
        assert 0 <= estimate.low <= estimate.value <= estimate.high <= 1


@pytest.mark.parametrize(("truth", "clusters"), [(0.9, 5), (0.97, 15)])
def test_clustered_rates_are_covered_at_least_93_percent_of_the_time(truth: float, clusters: int) -> None:
    generator = np.random.default_rng(7)
    covered = 0
    for _ in range(400):
        chances = np.repeat(generator.beta(4 * truth, 4 * (1 - truth), clusters), 20)  # ICC 0.2
        values = (generator.random(chances.size) < chances).astype(float)
        estimate = simple_rate(values, one_part(values), clusters_of(20, clusters))
        covered += bool(estimate.low is not None and estimate.low <= truth <= (estimate.high or 0))
    assert covered >= 0.93 * 400
