import numpy as np
import pytest

from vlm_eval.metrics.variance_shares import variance_shares


def test_the_mean_squares_behind_the_components_are_those_of_statsmodels() -> None:
    api = pytest.importorskip("statsmodels.api")
    formula = pytest.importorskip("statsmodels.formula.api")
    pandas = pytest.importorskip("pandas")
    values = np.random.default_rng(0).normal(size=(3, 8)) + np.arange(3)[:, None]
    rows = [{"w": w, "i": i, "y": values[w, i]} for w in range(3) for i in range(8)]
    table = api.stats.anova_lm(formula.ols("y ~ C(w) + C(i)", pandas.DataFrame(rows)).fit())
    squares = table["mean_sq"]
    expected = {
        ("w",): (squares["C(w)"] - squares["Residual"]) / 8,
        ("i",): max(0.0, (squares["C(i)"] - squares["Residual"]) / 3),
        ("w", "i"): squares["Residual"],
    }
    found = {share.source: share.component for share in variance_shares(values, ("w", "i"))}
    assert found == pytest.approx(expected)


def test_known_components_are_found_again() -> None:
    generator = np.random.default_rng(1)
    wording = generator.normal(size=(200, 1, 1)) * 2
    seed = generator.normal(size=(1, 60, 1))
    values = wording + seed + generator.normal(size=(200, 60, 40)) * 3
    found = {share.source: share.component for share in variance_shares(values, ("wording", "seed", "item"))}
    assert found[("wording",)] == pytest.approx(4, rel=0.25)
    assert found[("seed",)] == pytest.approx(1, rel=0.4)
    assert found[("wording", "seed", "item")] == pytest.approx(9, rel=0.05)


def test_shares_sum_to_one_and_a_factor_that_does_nothing_has_none() -> None:
    values = np.tile(np.random.default_rng(2).normal(size=20), (3, 1))
    shares = variance_shares(values, ("wording", "item"))
    assert sum(share.share or 0 for share in shares) == pytest.approx(1)
    assert shares[0].share == pytest.approx(0, abs=1e-12)


def test_nothing_varies_and_shapes_that_cannot_be_split() -> None:
    assert all(share.share is None for share in variance_shares(np.ones((3, 4)), ("a", "b")))
    with pytest.raises(ValueError, match="at least two levels"):
        variance_shares(np.ones((1, 4)), ("a", "b"))
    with pytest.raises(ValueError, match="no value"):
        variance_shares(np.array([[1.0, np.nan], [0, 1]]), ("a", "b"))
