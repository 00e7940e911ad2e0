import numpy as np
import pytest

from vlm_eval.metrics.choosing import choose
from vlm_eval.metrics.sampling import Sampling
from vlm_eval.metrics.splitting import folds


def clusters_of(size: int, number: int) -> Sampling:
    return Sampling(np.repeat(np.arange(number), size), np.zeros(number, dtype=np.int64))


def zeros(number: int) -> np.ndarray:
    return np.zeros(number, dtype=np.int64)


def test_a_clear_winner_is_chosen_by_every_fold_and_tied_with_nobody() -> None:
    generator = np.random.default_rng(0)
    right = (generator.random((3, 300)) < np.array([0.5, 0.9, 0.6])[:, None]).astype(float)
    choice = choose(right, zeros(300), clusters_of(3, 100))
    assert choice.best == 1
    assert set(choice.chosen) == {1}
    assert choice.tied == (1,)
    assert choice.honest.value == pytest.approx(choice.apparent)


def test_the_winner_of_many_equal_cells_looks_better_than_it_is_and_cross_fitting_says_so() -> None:
    generator = np.random.default_rng(1)
    apparent, honest, covered, kept = [], [], 0, 0
    for seed in range(80):
        right = (generator.random((20, 100)) < 0.7).astype(float)
        choice = choose(right, zeros(100), clusters_of(1, 100), seed)
        apparent.append(choice.apparent)
        honest.append(choice.honest.value)
        covered += choice.honest.low <= 0.7 <= choice.honest.high  # type: ignore[operator]
        kept += 3 in choice.tied
    assert np.mean(apparent) > 0.76
    assert np.mean(honest) == pytest.approx(0.7, abs=0.02)
    assert covered >= 0.9 * 80
    assert kept >= 0.88 * 80  # any one of them is the best, so it must be in the set with 95 %


def test_identical_cells_are_tied() -> None:
    right = np.tile((np.arange(40) % 3 > 0).astype(float), (3, 1))
    assert set(choose(right, zeros(40), clusters_of(1, 40)).tied) == {0, 1, 2}


def test_items_that_lack_a_cell_are_left_out_for_all() -> None:
    right = np.array([[1.0, 0.0, 1.0, np.nan], [0.0, 0.0, 1.0, 1.0]])
    choice = choose(right, zeros(4), clusters_of(1, 4))
    assert choice.apparent == pytest.approx(2 / 3)


def test_one_cluster_no_items_and_no_cells() -> None:
    one = choose(np.array([[1.0, 0], [0, 0]]), zeros(2), clusters_of(2, 1))
    assert one.best == 0
    assert set(one.tied) == {0, 1}
    assert one.honest.low is None
    assert choose(np.zeros((2, 0)), zeros(0), clusters_of(1, 0)).best is None
    assert choose(np.full((2, 3), np.nan), zeros(3), clusters_of(1, 3)).honest.reason


def test_folds_never_split_a_cluster_and_are_even_in_every_stratum() -> None:
    drawn = Sampling(np.repeat(np.arange(12), 3), np.repeat([0, 1], 6))
    fold = folds(drawn, 3, seed=2)
    for cluster in range(12):
        assert len(set(fold[drawn.cluster_of_item == cluster])) == 1
    for stratum in (0, 1):
        inside = drawn.stratum_of_cluster[drawn.cluster_of_item] == stratum
        assert np.bincount(fold[inside]).tolist() == [6, 6, 6]
    with pytest.raises(ValueError, match="at least two"):
        folds(drawn, 1)
