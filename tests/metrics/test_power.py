import numpy as np
import pytest
from scipy.stats import norm

from vlm_eval.metrics.effects import main_effect
from vlm_eval.metrics.power import LEAST_CLUSTERS, Setting, detectable, items_needed, power_of
from vlm_eval.metrics.sampling import Sampling


def test_single_items_need_the_number_of_connor() -> None:
    # Connor (1987), formula (3): discordant 0.3, difference 0.1, 5 %, 80 %: about 234 pairs; t adds a few.
    needed = ((1.959964 * 0.3**0.5 + 0.841621 * (0.3 - 0.01) ** 0.5) / 0.1) ** 2
    plan = items_needed(Setting(0.1, 0.3))
    assert needed <= plan.items <= needed + 5
    assert plan.power >= 0.8


def test_power_agrees_with_statsmodels_where_items_are_many() -> None:
    power = pytest.importorskip("statsmodels.stats.power")
    setting = Setting(0.05, 0.2)
    effect = 0.05 / (0.2 - 0.05**2) ** 0.5
    expected = power.TTestPower().power(effect, nobs=800, alpha=0.05)
    assert power_of(setting, 800) == pytest.approx(expected, abs=0.01)


def test_power_is_what_a_simulation_with_clusters_finds() -> None:
    generator = np.random.default_rng(0)
    clusters, size, spread = 30, 10, 0.25
    drawn = Sampling(np.repeat(np.arange(clusters), size), np.zeros(clusters, dtype=np.int64))
    changed, found, differences = [], 0, []
    for seed in range(300):
        shift = np.repeat(generator.normal(0.12, spread, clusters), size)
        difference = np.sign(shift) * (generator.random(clusters * size) < np.minimum(np.abs(shift), 1))
        changed.append(np.mean(difference**2))
        differences.append(difference)
        effect = main_effect(difference[None], np.zeros(clusters * size, dtype=np.int64), drawn, seed)
        found += (effect.p_value or 1) < 0.05
    every = np.array(differences).reshape(300, clusters, size)
    within = every.var(axis=2, ddof=1).mean()
    between = every.mean(axis=2).var(axis=1, ddof=1).mean() - within / size
    setting = Setting(float(every.mean()), float(np.mean(changed)), size, float(between / (between + within)))
    assert power_of(setting, clusters) == pytest.approx(found / 300, abs=0.08)


@pytest.mark.parametrize(("size", "correlation"), [(1, 0.0), (20, 0.0), (20, 0.2), (5.5, 1.0)])
def test_the_plan_is_the_least_that_reaches_the_power(size: float, correlation: float) -> None:
    setting = Setting(0.08, 0.25, size, correlation, 0.9)
    plan = items_needed(setting)
    assert plan.power >= 0.9
    assert plan.clusters == LEAST_CLUSTERS or power_of(setting, plan.clusters - 1) < 0.9 + 0.01
    assert plan.items >= plan.clusters


def test_more_power_and_more_correlation_need_more_and_larger_differences_less() -> None:
    base = items_needed(Setting(0.05, 0.2, 10, 0.1)).items
    assert items_needed(Setting(0.05, 0.2, 10, 0.1, 0.9)).items > base
    assert items_needed(Setting(0.05, 0.2, 10, 0.3)).items > base
    assert items_needed(Setting(0.1, 0.2, 10, 0.1)).items < base


def test_few_clusters_are_never_enough() -> None:
    assert power_of(Setting(0.9, 0.9), 5) == 0
    assert items_needed(Setting(0.9, 0.9)).clusters >= LEAST_CLUSTERS


def test_the_detectable_difference_is_the_inverse_of_the_plan() -> None:
    setting = Setting(0.1, 0.3)
    least = detectable(setting, items_needed(setting).clusters)
    assert least == pytest.approx(0.1, abs=0.002)
    assert detectable(Setting(0.01, 0.05), 6) is None
    assert norm.ppf(0.975) > 1.9


@pytest.mark.parametrize(
    "numbers", [(0.0, 0.2), (0.3, 0.2), (0.1, 1.2), (0.1, 0.2, 0.5), (0.1, 0.2, 5, 2.0), (0.1, 0.2, 1, 0, 1.0)]
)
def test_numbers_outside_their_range_are_refused(numbers: tuple) -> None:
    with pytest.raises(ValueError, match=r"must|lies|least|needed"):
        Setting(*numbers)
