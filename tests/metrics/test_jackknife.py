import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from vlm_eval.metrics.jackknife import jackknife, macro_auroc
from vlm_eval.metrics.ranking import auroc, average_precision
from vlm_eval.metrics.sampling import Sampling, sampling


def draw(seed: int, items: int = 90, clusters: int = 18) -> tuple[np.ndarray, np.ndarray, np.ndarray, Sampling]:
    """Two classes; clusters hold items of one class, normal and anomalous; scores have ties."""
    generator = np.random.default_rng(seed)
    group = generator.integers(0, clusters, items)
    classes = group % 2
    gold = generator.integers(0, 2, items)
    score = np.round(generator.normal(size=items) + gold + 0.5 * generator.normal(size=clusters)[group], 1)
    return gold, score, classes, sampling([str(g) for g in group], [str(c) for c in classes])


def macro_by_scikit_learn(gold: np.ndarray, score: np.ndarray, classes: np.ndarray) -> float:
    return float(np.mean([roc_auc_score(gold[classes == c], score[classes == c]) for c in np.unique(classes)]))


@pytest.mark.parametrize("seed", range(4))
def test_the_interval_is_the_brute_force_jackknife_over_scikit_learn(seed: int) -> None:
    gold, score, classes, drawn = draw(seed)
    value = macro_by_scikit_learn(gold, score, classes)
    spread = 0.0
    for stratum in (0, 1):
        members = np.flatnonzero(drawn.stratum_of_cluster == stratum)
        without = []
        for cluster in members:
            keep = drawn.cluster_of_item != cluster
            without.append(macro_by_scikit_learn(gold[keep], score[keep], classes[keep]))
        spread += (members.size - 1) / members.size * np.sum((np.array(without) - np.mean(without)) ** 2)
    margin = stats.t.ppf(0.975, drawn.clusters - 2) * spread**0.5 / (value * (1 - value))
    centre = np.log(value / (1 - value))
    estimate = macro_auroc(gold, score, classes, drawn)
    assert estimate.value == pytest.approx(value)
    assert estimate.low == pytest.approx(1 / (1 + np.exp(-(centre - margin))))
    assert estimate.high == pytest.approx(1 / (1 + np.exp(-(centre + margin))))


def test_the_general_jackknife_gives_the_same_as_the_fast_one() -> None:
    gold, score, _, _ = draw(5)
    drawn = Sampling(np.arange(90) % 18, np.zeros(18, dtype=np.int64))
    fast = macro_auroc(gold, score, np.zeros_like(gold), drawn)
    general = jackknife(lambda keep: auroc(gold[keep], score[keep]), drawn, 90)
    assert (general.value, general.low, general.high) == pytest.approx((fast.value, fast.low, fast.high))


def test_deleting_many_clusters_in_blocks_changes_the_width_little() -> None:
    generator = np.random.default_rng(3)
    gold = generator.integers(0, 2, 1200)
    score = generator.normal(size=1200) + gold
    drawn = Sampling(np.arange(1200), np.repeat([0, 1, 2], 400))
    fast = macro_auroc(gold, score, np.zeros_like(gold), drawn)
    blocks = jackknife(lambda keep: auroc(gold[keep], score[keep]), drawn, 1200)
    assert blocks.low is not None and blocks.high is not None and fast.low is not None and fast.high is not None
    assert (blocks.high - blocks.low) / (fast.high - fast.low) == pytest.approx(1, abs=0.25)
    precision = jackknife(lambda keep: average_precision(gold[keep], score[keep]), drawn, 1200)
    assert precision.low is not None and precision.value is not None and precision.low < precision.value


@pytest.mark.parametrize("perfect", [1.0, 0.0])
def test_perfect_ranking_has_an_exact_bound_and_no_zero_width(perfect: float) -> None:
    gold = np.array([0] * 8 + [1] * 12)
    score = gold if perfect else 1 - gold
    drawn = Sampling(np.arange(20), np.zeros(20, dtype=np.int64))
    estimate = macro_auroc(gold, score.astype(float), np.zeros_like(gold), drawn)
    bound = 0.05 ** (1 / 8)  # eight disjoint pairs are all right with probability AUROC ** 8
    expected = (1.0, bound, 1.0) if perfect else (0.0, 0.0, 1 - bound)
    assert (estimate.value, estimate.low, estimate.high) == pytest.approx(expected)


def test_classes_of_one_kind_are_left_out_and_named_in_the_reason() -> None:
    gold, score, classes, drawn = draw(1)
    gold = np.where(classes == 1, 1, gold)
    estimate = macro_auroc(gold, score, classes, drawn)
    assert estimate.value == pytest.approx(roc_auc_score(gold[classes == 0], score[classes == 0]))
    assert estimate.reason is not None
    assert estimate.reason.startswith("1 of 2 classes")


def test_items_of_one_kind_leave_the_area_undefined_with_a_reason() -> None:
    drawn = Sampling(np.arange(4), np.zeros(4, dtype=np.int64))
    parts = np.array([0, 0, 1, 1])
    assert macro_auroc(np.ones(4, dtype=np.int64), np.arange(4.0), parts, drawn).reason == "no normal items"
    split = macro_auroc(np.array([0, 0, 1, 1]), np.arange(4.0), parts, drawn)
    assert split.value is None
    assert split.reason == "no class has both normal and anomalous items"


@pytest.mark.parametrize(
    ("clusters", "reason"), [([0, 0, 0, 0], "one cluster"), ([0, 1, 1, 2], "all anomalous or all normal")]
)
def test_too_few_clusters_give_the_value_without_an_interval(clusters: list[int], reason: str) -> None:
    drawn = Sampling(np.array(clusters), np.zeros(max(clusters) + 1, dtype=np.int64))
    estimate = macro_auroc(np.array([0, 1, 1, 0]), np.array([0.1, 0.4, 0.6, 0.5]), np.zeros(4, dtype=int), drawn)
    assert estimate.value == pytest.approx(0.75)
    assert estimate.low is None
    assert estimate.reason is not None
    assert estimate.reason.startswith(reason)
