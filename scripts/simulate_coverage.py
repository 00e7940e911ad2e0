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

from vlm_eval.metrics.choosing import choose
from vlm_eval.metrics.comparisons import mcnemar_mid_p
from vlm_eval.metrics.detection import detection, precision_at
from vlm_eval.metrics.effects import main_effect
from vlm_eval.metrics.equivalence import equivalence
from vlm_eval.metrics.estimate import Estimate
from vlm_eval.metrics.jackknife import jackknife, macro_auroc
from vlm_eval.metrics.no_claims import no_claim_difference
from vlm_eval.metrics.prediction_powered import prediction_powered
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


def zeros(items: int) -> np.ndarray:
    """Put all items into one class."""
    return np.zeros(items, dtype=np.int64)


def detection_covers(
    generator: np.random.Generator, rate: float, correlation: float, clusters: int
) -> tuple[bool, bool, bool]:
    """Cover d', c and precision at 1 %; half of each cluster is anomalous, overkill is 1 - rate / 2."""
    drawn, gold = sampling_of(clusters), np.arange(clusters * ITEMS) % 2
    alarm_rate = 1 - rate / 2
    hits = answers(generator, rate, correlation, clusters)
    alarms = answers(generator, alarm_rate, correlation, clusters)
    recall, overkill = (
        simple_rate(values[gold == side], zeros(gold.size // 2), drawn.subset(gold == side))
        for side, values in ((1, hits), (0, alarms))
    )
    found = detection(recall, overkill, gold.size // 2, gold.size // 2)
    hit, alarm = ndtri(rate), ndtri(alarm_rate)
    precision = 0.01 * rate / (0.01 * rate + 0.99 * alarm_rate)
    return (
        found.d_prime.low is None or _holds(found.d_prime, hit - alarm),
        found.criterion.low is None or _holds(found.criterion, -(hit + alarm) / 2),
        _holds(precision_at(0.01, recall, overkill), precision),
    )


def no_claim_rejects(
    generator: np.random.Generator, rate: float, correlation: float, clusters: int, seed: int
) -> tuple[bool, bool]:
    """Test refusals that ignore the truth: (half of each cluster, half of the clusters is anomalous)."""
    drawn = sampling_of(clusters)
    rejected = []
    for gold in (np.arange(clusters * ITEMS) % 2, drawn.cluster_of_item % 2):
        silent = 1 - answers(generator, rate, correlation, clusters)
        effect = no_claim_difference(silent, gold, zeros(gold.size), drawn, seed)
        rejected.append((1.0 if effect.p_value is None else effect.p_value) < 0.05)
    return rejected[0], rejected[1]


def equivalence_rejects(generator: np.random.Generator, rate: float, correlation: float, clusters: int) -> bool:
    """Test equivalence of two cells whose rates differ by the margin of ten points."""
    first = answers(generator, rate - 0.1, correlation, clusters)
    second = answers(generator, rate, correlation, clusters)
    effect = main_effect((second - first)[None], zeros(first.size), sampling_of(clusters))
    return equivalence(effect, 0.1).shown


def print_detection(simulations: int) -> None:
    """Print the coverage of d', c and precision, and type I errors of two more tests."""
    print(
        "\n| rate | clusters | ICC | d' | c | precision, 1 % | no claim, mixed | no claim, pure | equivalence |\n"
        + "|--" * 9
        + "|"
    )
    for rate, clusters, correlation in product(RATES, (5, 15, 50), CORRELATIONS):
        generator = np.random.default_rng([int(100 * rate), clusters, int(10 * correlation), 3])
        setting = (generator, rate, correlation, clusters)
        drawn = repeat(
            simulations,
            lambda seed, s=setting: (
                *detection_covers(*s),
                *no_claim_rejects(*s, seed),
                equivalence_rejects(*s),
            ),
        )
        shares = " | ".join(percent(list(column)) for column in zip(*drawn, strict=True))
        print(f"| {rate} | {clusters} | {correlation} | {shares} |", flush=True)


def print_choices(simulations: int) -> None:
    """Print the coverage of the cross-fitted choice and how often the tied set holds the best of the cells."""
    print(
        "\n| rate of the best | cells | others worse by | cross-fitted | on the same items | best is in the set |"
    )
    print("|--" * 6 + "|")
    for rate, cells, gap in product((0.7,), (2, 20), (0.0, 0.05)):
        generator = np.random.default_rng([cells, int(100 * gap), 4])
        drawn = sampling_of(30, 10)
        rates = np.full(cells, rate - gap)
        rates[0] = rate
        found = []
        for seed in range(simulations):
            right = (generator.random((cells, 300)) < rates[:, None]).astype(float)
            choice = choose(right, zeros(300), drawn, seed)
            truth = float(np.mean([rates[cell] for cell in choice.chosen]))
            same = simple_rate(right[choice.best or 0], zeros(300), drawn)
            found.append((_holds(choice.honest, truth), _holds(same, rates[choice.best or 0]), 0 in choice.tied))
        shares = " | ".join(percent(list(column)) for column in zip(*found, strict=True))
        print(f"| {rate} | {cells} | {gap} | {shares} |", flush=True)


def labels_cover(
    generator: np.random.Generator, agree: float, mean_labels: int, correlation: float, first: bool
) -> tuple[bool, bool]:
    """Cover the mean human label of 1,000 items, 0.7: (with drawing probabilities, as if all were alike)."""
    drawn = sampling_of(50)
    truth = answers(generator, 0.7, correlation, 50)
    judged, second = (np.where(generator.random(1000) < agree, truth, 1 - truth) for _ in range(2))
    weight = np.where((judged != second) & first, 8.0, 1.0)
    probability = np.minimum(1.0, mean_labels * weight / weight.sum())
    label = np.where(generator.random(1000) < probability, truth, np.nan)
    flat = np.full(1000, max(np.mean(~np.isnan(label)), 1e-3))
    return (
        _holds(prediction_powered(judged, label, probability, drawn), 0.7),
        _holds(prediction_powered(judged, label, flat, drawn), 0.7),
    )


def print_labels(simulations: int) -> None:
    """Print the coverage of prediction-powered inference."""
    print("\n| judge is right | labels | ICC | labels drawn | with probabilities | without |\n" + "|--" * 6 + "|")
    for agree, labels, correlation, first in product((0.8, 0.95), (50, 200), CORRELATIONS, (False, True)):
        generator = np.random.default_rng([int(100 * agree), labels, int(10 * correlation), first, 5])
        setting = (generator, agree, labels, correlation, first)
        drawn = repeat(simulations, lambda _, s=setting: labels_cover(*s))
        shares = " | ".join(percent(list(column)) for column in zip(*drawn, strict=True))
        how = "disagreements first" if first else "at random"
        print(f"| {agree} | {labels} | {correlation} | {how} | {shares} |", flush=True)


TABLES: dict[str, Callable[[int], None]] = {
    "rates": print_rates,
    "comparisons": print_comparisons,
    "pairs": print_pairs,
    "detection": print_detection,
    "choices": print_choices,
    "labels": print_labels,
}


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--simulations", type=int, default=2000, help="of each setting (default: 2000)")
    parser.add_argument("--tables", nargs="+", choices=TABLES, default=list(TABLES), help="default: all")
    options = parser.parse_args()
    for name in options.tables:
        TABLES[name](options.simulations)


if __name__ == "__main__":
    main()
