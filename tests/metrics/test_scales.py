import numpy as np
import pytest
from scipy import stats

from vlm_eval.metrics.effects import main_effect
from vlm_eval.metrics.sampling import Sampling
from vlm_eval.metrics.scales import Interaction, combine, interaction


def clusters_of(size: int, number: int) -> Sampling:
    return Sampling(np.repeat(np.arange(number), size), np.zeros(number, dtype=np.int64))


def draw(seed: int, cells: int, clusters: int = 30, size: int = 8) -> np.ndarray:
    generator = np.random.default_rng(seed)
    chance = np.repeat(generator.beta(3, 2, clusters), size)
    return (generator.random((cells, chance.size)) < chance + 0.03 * np.arange(cells)[:, None]).astype(float)


def test_log_odds_and_their_cluster_robust_error_are_those_of_statsmodels() -> None:
    api = pytest.importorskip("statsmodels.api")
    pair, drawn = draw(0, 2), clusters_of(8, 30)
    found = combine([pair], (-1, 1), np.zeros(240, dtype=np.int64), drawn, "log-odds")
    design = api.add_constant(np.repeat([0.0, 1.0], 240))
    fitted = api.GEE(
        pair.ravel(), design, groups=np.tile(drawn.cluster_of_item, 2), family=api.families.Binomial()
    ).fit()
    assert found.value == pytest.approx(fitted.params[1])
    margin = fitted.bse[1] * (30 / 29) ** 0.5 * stats.t.ppf(0.975, 29)
    assert (found.low, found.high) == pytest.approx(
        (fitted.params[1] - margin, fitted.params[1] + margin), rel=1e-4
    )


def test_on_the_risk_scale_it_is_the_main_effect() -> None:
    pairs, drawn = [draw(1, 2), draw(2, 2)], clusters_of(8, 30)
    parts = np.repeat([0, 1], 120)
    found = combine(pairs, (-1, 1), parts, drawn, "risk")
    expected = main_effect(np.array([pair[1] - pair[0] for pair in pairs]), parts, drawn).difference
    assert (found.value, found.low, found.high) == pytest.approx((expected.value, expected.low, expected.high))


def test_an_interaction_can_be_there_on_one_scale_only() -> None:
    generator = np.random.default_rng(5)
    # odds ratio 6 each and no interaction of log-odds: 0.5, 0.857, 0.857, 0.973
    quad = np.array([generator.random(4_000) < chance for chance in (0.5, 6 / 7, 6 / 7, 36 / 37)]).astype(float)
    found = interaction([quad], np.zeros(4_000, dtype=np.int64), clusters_of(1, 4_000))
    assert found.risk.high < 0  # type: ignore[operator]
    assert found.log_odds.low < 0 < found.log_odds.high  # type: ignore[operator]
    assert found.disagree


def test_scales_that_agree_raise_no_flag() -> None:
    quad = draw(3, 4)
    found = interaction(
        [np.array([quad[0], quad[1], quad[0], quad[1]])], np.zeros(240, dtype=np.int64), clusters_of(8, 30)
    )
    assert isinstance(found, Interaction)
    assert found.risk.value == pytest.approx(0)
    assert not found.disagree


def test_rates_of_zero_and_one_stay_finite_and_missing_items_leave_their_group() -> None:
    pair = np.array([[1.0] * 10, [0.0] * 9 + [np.nan]])
    found = combine([pair], (-1, 1), np.zeros(10, dtype=np.int64), clusters_of(1, 10), "log-odds")
    assert found.value == pytest.approx(2 * np.log(0.5 / 9.5))
    assert found.items == 9
    assert "no interval" in (found.reason or "")


def test_one_cluster_and_nothing_in_common_say_so() -> None:
    pair = np.array([[1.0, 0, 1], [0, 0, 1]])
    assert combine([pair], (-1, 1), np.zeros(3, dtype=np.int64), clusters_of(3, 1), "risk").reason
    nothing = combine([np.full((2, 3), np.nan)], (-1, 1), np.zeros(3, dtype=np.int64), clusters_of(1, 3), "risk")
    assert nothing.value is None
