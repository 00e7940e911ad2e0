import numpy as np
import pytest
from scipy import stats

from vlm_eval.metrics.comparisons import holm, mcnemar_mid_p, sign_flip_test


@pytest.mark.parametrize("seed", range(4))
def test_few_clusters_are_tested_exactly_as_scipy_does(seed: int) -> None:
    differences = np.random.default_rng(seed).normal(0.5, 1, 9)
    expected = stats.permutation_test(
        (differences,), np.sum, permutation_type="samples", alternative="two-sided", n_resamples=np.inf
    )
    assert sign_flip_test(differences) == pytest.approx(expected.pvalue)


def test_many_clusters_are_tested_by_random_flips_close_to_the_t_test() -> None:
    differences = np.random.default_rng(1).normal(0.2, 1, 120)
    assert sign_flip_test(differences) == pytest.approx(stats.ttest_1samp(differences, 0).pvalue, abs=0.01)


def test_the_same_seed_gives_the_same_p_value() -> None:
    differences = np.random.default_rng(2).normal(0.2, 1, 40)
    assert sign_flip_test(differences, seed=5) == sign_flip_test(differences, seed=5)


def test_clusters_that_do_not_differ_change_nothing() -> None:
    differences = np.array([0.3, 0.1, -0.2, 0.4])
    assert sign_flip_test(np.append(differences, np.zeros(100))) == sign_flip_test(differences)
    assert sign_flip_test(np.zeros(5)) == 1.0
    assert sign_flip_test(np.zeros(0)) == 1.0


def test_differences_of_few_sizes_get_the_same_p_value_as_all_different_ones() -> None:
    differences = np.random.default_rng(3).integers(-2, 4, 200) / 10
    spread = differences + np.random.default_rng(4).normal(0, 1e-7, 200)
    assert sign_flip_test(differences * 0.3) == pytest.approx(sign_flip_test(spread), abs=0.01)
    assert sign_flip_test(np.where(np.arange(200) < 80, -0.1, 0.1)) == pytest.approx(0.0057, abs=0.003)


def test_five_clusters_cannot_reach_the_nominal_level() -> None:
    assert sign_flip_test(np.ones(5)) == pytest.approx(2 / 32)


def test_mcnemar_mid_p_is_the_published_example() -> None:
    # Fagerland, Lydersen, Laake (2013), table 1: airway hyper-responsiveness, discordant pairs 1 and 7.
    assert mcnemar_mid_p(1, 7) == pytest.approx(0.0391, abs=5e-5)
    assert mcnemar_mid_p(7, 1) == mcnemar_mid_p(1, 7)
    assert mcnemar_mid_p(0, 0) == mcnemar_mid_p(3, 3) == 1.0


@pytest.mark.parametrize(("first", "second"), [(0, 6), (2, 9), (40, 61), (500, 560)])
def test_mcnemar_mid_p_is_the_exact_p_less_half_of_the_point(first: int, second: int) -> None:
    exact = stats.binomtest(first, first + second).pvalue
    assert mcnemar_mid_p(first, second) == pytest.approx(exact - stats.binom.pmf(first, first + second, 0.5))


def test_many_pairs_do_not_overflow() -> None:
    assert 0 <= mcnemar_mid_p(2_000, 2_100) <= 1


def test_holm_is_the_textbook_step_down() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []
