#!/usr/bin/env python3
"""Measure how often the intervals of vlm-eval cover the truth, and how often its tests reject a true null.

Prints the Markdown tables of docs/statistics.md. Data: clusters of 20 items. Rates are beta-binomial with the
stated intracluster correlation (ICC). Scores are normal with a cluster effect that holds the ICC's share of the
variance; half of each cluster is anomalous ("mixed"), or half of the clusters is ("pure").

    python scripts/simulate_coverage.py --simulations 2000
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy.special import ndtri

from vlm_eval.metrics.comparisons import mcnemar_mid_p
from vlm_eval.metrics.effects import main_effect
from vlm_eval.metrics.estimate import Estimate
from vlm_eval.metrics.jackknife import jackknife, macro_auroc
from vlm_eval.metrics.ranking import average_precision
from vlm_eval.metrics.rates import simple_rate
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


def rate_covers(generator: np.random.Generator, rate: float, correlation: float, clusters: int) -> bool:
    """Say whether the interval of one simulated rate holds the true one."""
    right = answers(generator, rate, correlation, clusters)
    return _holds(simple_rate(right, np.zeros(right.size, dtype=np.int64), sampling_of(clusters)), rate)


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


def auroc_covers(truth: float, data: Scores) -> bool:
    """Say whether the interval of one simulated AUROC holds the true one."""
    return _holds(macro_auroc(data.gold, data.score, np.zeros(data.gold.size, dtype=np.int64), data.drawn), truth)


def aupr_covers(truth: float, data: Scores) -> bool:
    """Say whether the interval of one simulated AUPR holds the true one."""

    def statistic(keep: np.ndarray) -> float | None:
        return average_precision(data.gold[keep], data.score[keep])

    return _holds(jackknife(statistic, data.drawn, data.gold.size), truth)


def true_aupr(truth: float) -> float:
    """Return the AUPR of half a million scores whose AUROC is the truth, half of them anomalous."""
    many = scores(np.random.default_rng(0), truth, 0.0, 25_000, pure=False)
    return average_precision(many.gold, many.score) or 0.0


def _holds(estimate: Estimate, truth: float) -> bool:
    return estimate.low is not None and estimate.high is not None and estimate.low <= truth <= estimate.high


def null_comparison(
    generator: np.random.Generator, rate: float, correlation: float, clusters: int, seed: int
) -> tuple[bool, bool, bool]:
    """Compare two cells of equal truth: (sign-flip rejects, McNemar mid-p rejects, interval holds zero)."""
    first, second = (answers(generator, rate, correlation, clusters) for _ in range(2))
    difference = second - first
    parts = np.zeros(difference.size, dtype=np.int64)
    effect = main_effect(difference[None], parts, sampling_of(clusters), seed)
    mcnemar = mcnemar_mid_p(int(np.sum(difference > 0)), int(np.sum(difference < 0)))
    return (effect.p_value or 0) < 0.05, mcnemar < 0.05, _holds(effect.difference, 0.0)


def null_pairs(generator: np.random.Generator, rate: float, items: int) -> tuple[bool, bool]:
    """Compare two cells of equal truth, each item a cluster: (McNemar mid-p rejects, interval holds zero)."""
    difference = (generator.random(items) < rate).astype(float) - (generator.random(items) < rate)
    effect = main_effect(difference[None], np.zeros(items, dtype=np.int64), sampling_of(items, 1))
    return (effect.p_value or 0) < 0.05, _holds(effect.difference, 0.0)


def percent(hits: list[bool]) -> str:
    """Write a share in percent with one decimal."""
    return f"{100 * np.mean(hits):.1f}"


def repeat(simulations: int, draw: Callable[[int], object]) -> list:
    """Run a simulation many times."""
    return [draw(number) for number in range(simulations)]


def print_rates(simulations: int) -> None:
    """Print the coverage of rates, AUROC and AUPR."""
    print("\n| truth | clusters | ICC | rate | AUROC, mixed | AUROC, pure | AUPR, mixed |\n" + "|--" * 7 + "|")
    for truth, clusters, correlation in product(RATES, CLUSTERS, CORRELATIONS):
        generator = np.random.default_rng([int(100 * truth), clusters, int(10 * correlation)])
        area = true_aupr(truth)
        covered: list[list[bool]] = [[], [], [], []]
        for _ in range(simulations):
            covered[0].append(rate_covers(generator, truth, correlation, clusters))
            mixed = scores(generator, truth, correlation, clusters, pure=False)
            covered[1].append(auroc_covers(truth, mixed))
            pure = scores(generator, truth, correlation, clusters, pure=True)
            covered[2].append(auroc_covers(truth, pure))
            covered[3].append(aupr_covers(area, mixed))
        print(f"| {truth} | {clusters} | {correlation} | {' | '.join(map(percent, covered))} |", flush=True)


def print_comparisons(simulations: int) -> None:
    """Print the type I error of the tests and the coverage of a difference."""
    print(
        "\n| rate of both | clusters | ICC | sign-flip | McNemar mid-p | difference covered |\n" + "|--" * 6 + "|"
    )
    for rate, clusters, correlation in product(RATES, CLUSTERS, CORRELATIONS):
        generator = np.random.default_rng([int(100 * rate), clusters, int(10 * correlation), 1])
        setting = (generator, rate, correlation, clusters)
        drawn = repeat(simulations, lambda seed, s=setting: null_comparison(*s, seed))
        shares = " | ".join(percent(list(column)) for column in zip(*drawn, strict=True))
        print(f"| {rate} | {clusters} | {correlation} | {shares} |", flush=True)


def print_pairs(simulations: int) -> None:
    """Print the type I error of McNemar mid-p and the coverage of a difference without clusters."""
    print("\n| rate of both | items | McNemar mid-p | difference covered |\n|--|--|--|--|")
    for rate, items in product(RATES, (20, 60, 200, 1000)):
        generator = np.random.default_rng([int(100 * rate), items, 2])
        drawn = repeat(simulations, lambda _, g=generator, r=rate, n=items: null_pairs(g, r, n))
        shares = " | ".join(percent(list(column)) for column in zip(*drawn, strict=True))
        print(f"| {rate} | {items} | {shares} |", flush=True)


def main() -> None:
    """Print the three tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--simulations", type=int, default=2000, help="of each setting (default: 2000)")
    simulations = parser.parse_args().simulations
    print_rates(simulations)
    print_comparisons(simulations)
    print_pairs(simulations)


if __name__ == "__main__":
    main()
