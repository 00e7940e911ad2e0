#!/usr/bin/env python3
"""Measure how often the intervals of vlm-eval cover the truth, and how often its tests reject a true null.

Prints the Markdown tables of docs/statistics.md. Data: clusters of 20 items. Rates are beta-binomial with the
stated intracluster correlation (ICC). Scores are normal with a cluster effect that holds the ICC's share of the
variance; half of each cluster is anomalous ("mixed"), or half of the clusters is ("pure").

    python scripts/simulate_coverage.py --simulations 2000
"""

import argparse
from collections.abc import Callable
from itertools import product
from unittest import mock

import numpy as np
from scipy.special import ndtri
from simulated_runs import (
    CLUSTERS,
    CORRELATIONS,
    ITEMS,
    RATES,
    Scores,
    answers,
    holds,
    percent,
    repeat,
    sampling_of,
    scores,
    zeros,
)

from vlm_eval.metrics.choosing import choose
from vlm_eval.metrics.comparisons import mcnemar_mid_p
from vlm_eval.metrics.detection import detection, precision_at
from vlm_eval.metrics.effects import main_effect
from vlm_eval.metrics.equivalence import equivalence
from vlm_eval.metrics.jackknife import jackknife, macro_auroc
from vlm_eval.metrics.no_claims import no_claim_difference
from vlm_eval.metrics.one_versus import one_versus
from vlm_eval.metrics.prediction_powered import prediction_powered
from vlm_eval.metrics.ranking import average_precision
from vlm_eval.metrics.rates import simple_rate
from vlm_eval.metrics.scales import combine, interaction
from vlm_eval.metrics.variance_shares import explained_by, variance_shares


def rate_covers(generator: np.random.Generator, rate: float, correlation: float, clusters: int) -> bool:
    """Say whether the interval of one simulated rate holds the true one."""
    right = answers(generator, rate, correlation, clusters)
    return holds(simple_rate(right, np.zeros(right.size, dtype=np.int64), sampling_of(clusters)), rate)


def auroc_covers(truth: float, data: Scores) -> bool:
    """Say whether the interval of one simulated AUROC holds the true one."""
    return holds(macro_auroc(data.gold, data.score, np.zeros(data.gold.size, dtype=np.int64), data.drawn), truth)


def aupr_covers(truth: float, data: Scores) -> bool:
    """Say whether the interval of one simulated AUPR holds the true one."""

    def statistic(keep: np.ndarray) -> float | None:
        return average_precision(data.gold[keep], data.score[keep])

    return holds(jackknife(statistic, data.drawn, data.gold.size), truth)


def true_aupr(truth: float) -> float:
    """Return the AUPR of half a million scores whose AUROC is the truth, half of them anomalous."""
    many = scores(np.random.default_rng(0), truth, 0.0, 25_000, pure=False)
    return average_precision(many.gold, many.score) or 0.0


def null_comparison(
    generator: np.random.Generator, rate: float, correlation: float, clusters: int, seed: int
) -> tuple[bool, bool, bool]:
    """Compare two cells of equal truth: (sign-flip rejects, McNemar mid-p rejects, interval holds zero)."""
    first, second = (answers(generator, rate, correlation, clusters) for _ in range(2))
    difference = second - first
    parts = np.zeros(difference.size, dtype=np.int64)
    effect = main_effect(difference[None], parts, sampling_of(clusters), seed)
    mcnemar = mcnemar_mid_p(int(np.sum(difference > 0)), int(np.sum(difference < 0)))
    return (effect.p_value or 0) < 0.05, mcnemar < 0.05, holds(effect.difference, 0.0)


def null_pairs(generator: np.random.Generator, rate: float, items: int) -> tuple[bool, bool]:
    """Compare two cells of equal truth, each item a cluster: (McNemar mid-p rejects, interval holds zero)."""
    difference = (generator.random(items) < rate).astype(float) - (generator.random(items) < rate)
    effect = main_effect(difference[None], np.zeros(items, dtype=np.int64), sampling_of(items, 1))
    return (effect.p_value or 0) < 0.05, holds(effect.difference, 0.0)


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
        found.d_prime.low is None or holds(found.d_prime, hit - alarm),
        found.criterion.low is None or holds(found.criterion, -(hit + alarm) / 2),
        holds(precision_at(0.01, recall, overkill), precision),
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


WORDINGS, GRID_RATE, STEP = 3, 0.7, 0.1


def grid_cells(generator: np.random.Generator, correlation: float, clusters: int, step: float) -> np.ndarray:
    """Draw a grid of two ingredients that do nothing and three wordings `step` apart, shape (2, 2, 3, items)."""
    rates = GRID_RATE + step * (np.arange(WORDINGS) - 1)
    drawn = [answers(generator, rate, correlation, clusters) for _ in range(4) for rate in rates]
    return np.array(drawn).reshape(2, 2, WORDINGS, clusters * ITEMS)


def gridholds(
    generator: np.random.Generator, correlation: float, clusters: int, seed: int
) -> tuple[bool, bool, bool, bool, bool, float, float]:
    """Say how the first ingredient, its interaction with the second, and the wordings come out."""
    drawn, parts = sampling_of(clusters), zeros(clusters * ITEMS)
    cells = grid_cells(generator, correlation, clusters, 0.0)
    pairs = cells.reshape(2, -1, parts.size)
    effect = main_effect(pairs[1] - pairs[0], parts, drawn, seed)
    odds = combine(list(np.moveaxis(pairs, 1, 0)), (-1, 1), parts, drawn, "log-odds")
    quads = [cells[:, :, word].transpose(1, 0, 2).reshape(4, -1) for word in range(WORDINGS)]
    crossed = interaction(quads, parts, drawn)
    names = ("class", "standard", "wording", "item")
    shares = [
        100 * (explained_by("wording", variance_shares(grid, names)) or 0.0)
        for grid in (cells, grid_cells(generator, correlation, clusters, STEP))
    ]
    held = (holds(effect.difference, 0), holds(odds, 0), holds(crossed.risk, 0), holds(crossed.log_odds, 0))
    return (effect.p_value or 0) < 0.05, *held, shares[0], shares[1]


def print_grid(simulations: int) -> None:
    """Print type I error and coverage of effects over a whole grid, and mean shares of the variance in percent."""
    print(
        "\n| rate | clusters | ICC | sign-flip | effect | its log-odds | interaction | its log-odds"
        " | share of equal wordings | share of wordings ten points apart |\n" + "|--" * 10 + "|"
    )
    for clusters, correlation in product((15, 50), CORRELATIONS):
        generator = np.random.default_rng([clusters, int(10 * correlation), 6])
        found = [gridholds(generator, correlation, clusters, seed) for seed in range(simulations)]
        *rates, equal, apart = zip(*found, strict=True)
        shares = [*(percent(list(column)) for column in rates), f"{np.mean(equal):.1f}", f"{np.mean(apart):.1f}"]
        print(f"| {GRID_RATE} | {clusters} | {correlation} | {' | '.join(shares)} |", flush=True)


def bootstrap_covers(generator: np.random.Generator, right: np.ndarray, clusters: int, rate: float) -> bool:
    """Say whether the percentile interval of 1,000 cluster resamples holds the rate."""
    means = right.reshape(clusters, ITEMS).mean(axis=1)
    resampled = means[generator.integers(0, clusters, (1000, clusters))].mean(axis=1)
    low, high = np.percentile(resampled, [2.5, 97.5])
    return bool(low <= rate <= high)


def print_recipes(simulations: int) -> None:
    """Print the coverage of the usual intervals of a rate beside ours."""
    print(
        "\n| rate | clusters | ICC | percentile bootstrap | Korn and Graubard alone | ours |\n" + "|--" * 6 + "|"
    )
    for rate, clusters in product((0.9, 0.97), (5, 10, 15)):
        generator = np.random.default_rng([int(100 * rate), clusters, 7])
        found = []
        for _ in range(simulations):
            right = answers(generator, rate, 0.2, clusters)
            drawn = sampling_of(clusters)
            ours = simple_rate(right, zeros(right.size), drawn)
            with mock.patch("vlm_eval.metrics.rates.ADDED_OUTCOMES", 0.0):
                alone = simple_rate(right, zeros(right.size), drawn)
            usual = bootstrap_covers(generator, right, clusters, rate)
            found.append((usual, holds(alone, rate), holds(ours, rate)))
        shares = " | ".join(percent(list(column)) for column in zip(*found, strict=True))
        print(f"| {rate} | {clusters} | 0.2 | {shares} |", flush=True)


def print_closest(simulations: int) -> None:
    """Print the mean AUROC of the closest of equally hard defect types, and what chance makes of it."""
    print(
        "\n| true AUROC | types | items a type | one-versus-one | closest | closest by chance |\n"
        + "|--" * 6
        + "|"
    )
    for truth, types, items in product((0.75,), (8,), (10, 20, 50)):
        generator = np.random.default_rng([types, items, 8])
        gold = np.repeat([0, 1], types * items)
        kinds = ["normal"] * (types * items) + [str(kind) for kind in range(types) for _ in range(items)]
        found = []
        for seed in range(max(1, simulations // 10)):
            score = generator.normal(size=gold.size) + gold * 2**0.5 * ndtri(truth)
            one = one_versus(gold, score, kinds, zeros(gold.size), seed)
            found.append((one.average or 0.0, one.closest or 0.0, one.closest_by_chance or 0.0))
        means = " | ".join(f"{value:.2f}" for value in np.mean(found, axis=0))
        print(f"| {truth} | {types} | {items} | {means} |", flush=True)


def print_choices(simulations: int) -> None:
    """Print the coverage of the cross-fitted choice and how often the tied set holds the best of the cells."""
    print(
        "\n| rate of the best | cells | others worse by | cross-fitted | on the same items | best is in the set"
        " | five folds |"
    )
    print("|--" * 7 + "|")
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
            with mock.patch("vlm_eval.metrics.choosing.FOLDS", 5):
                five = choose(right, zeros(300), drawn, seed)
            of_five = float(np.mean([rates[cell] for cell in five.chosen]))
            held = (holds(choice.honest, truth), holds(same, rates[choice.best or 0]), 0 in choice.tied)
            found.append((*held, holds(five.honest, of_five)))
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
        holds(prediction_powered(judged, label, probability, drawn), 0.7),
        holds(prediction_powered(judged, label, flat, drawn), 0.7),
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
    "grid": print_grid,
    "recipes": print_recipes,
    "closest": print_closest,
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
