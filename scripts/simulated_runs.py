"""What the simulations of simulate_coverage.py draw: clustered answers and scores whose truth is known."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from vlm_eval.metrics.estimate import Estimate
from vlm_eval.metrics.sampling import Sampling

ITEMS = 20  # in a cluster
CLUSTERS = (5, 10, 15, 50)
RATES = (0.5, 0.9, 0.97)
CORRELATIONS = (0.0, 0.2)


def sampling_of(clusters: int, items: int = ITEMS) -> Sampling:
    """Return clusters of equal size in one stratum."""
    return Sampling(np.repeat(np.arange(clusters), items), np.zeros(clusters, dtype=np.int64))


def cluster_rates(generator: np.random.Generator, rate: float, correlation: float, clusters: int) -> np.ndarray:
    """Draw the rate of each cluster: beta with the given mean and intracluster correlation."""
    if correlation == 0:
        return np.full(clusters, rate)
    size = (1 - correlation) / correlation
    return generator.beta(rate * size, (1 - rate) * size, clusters)


def answers(generator: np.random.Generator, rate: float, correlation: float, clusters: int) -> np.ndarray:
    """Draw right (1) and wrong (0) answers, shape (clusters * ITEMS,)."""
    chances = np.repeat(cluster_rates(generator, rate, correlation, clusters), ITEMS)
    return (generator.random(chances.size) < chances).astype(float)


@dataclass(frozen=True)
class Scores:
    """One simulated set of scores."""

    gold: np.ndarray
    score: np.ndarray
    drawn: Sampling


def scores(generator: np.random.Generator, truth: float, correlation: float, clusters: int, pure: bool) -> Scores:
    """Draw scores whose AUROC is the truth; half of each cluster, or half of the clusters, is anomalous."""
    drawn = sampling_of(clusters)
    gold = drawn.cluster_of_item % 2 if pure else np.arange(clusters * ITEMS) % 2
    shared = generator.normal(size=clusters)[drawn.cluster_of_item] * correlation**0.5
    own = generator.normal(size=gold.size) * (1 - correlation) ** 0.5
    return Scores(gold, shared + own + gold * 2**0.5 * ndtri(truth), drawn)


def holds(estimate: Estimate, truth: float) -> bool:
    """Say whether an interval is there and holds the truth."""
    return estimate.low is not None and estimate.high is not None and estimate.low <= truth <= estimate.high


def percent(hits: list[bool]) -> str:
    """Write a share in percent with one decimal."""
    return f"{100 * np.mean(hits):.1f}"


def repeat(simulations: int, draw: Callable[[int], object]) -> list:
    """Run a simulation many times."""
    return [draw(number) for number in range(simulations)]


def zeros(items: int) -> np.ndarray:
    """Put all items into one class."""
    return np.zeros(items, dtype=np.int64)
