"""What holds for every estimate on any items: ties, one class only, NaN, one cluster, no items."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, is_dataclass

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from vlm_eval.metrics.calibration import brier, expected_calibration_error, squared_errors
from vlm_eval.metrics.choosing import choose
from vlm_eval.metrics.detection import detection, precision_at
from vlm_eval.metrics.effects import contrasts, main_effect
from vlm_eval.metrics.equivalence import equivalence
from vlm_eval.metrics.estimate import Estimate
from vlm_eval.metrics.jackknife import jackknife, macro_auroc
from vlm_eval.metrics.no_claims import no_claim_difference
from vlm_eval.metrics.one_versus import one_versus
from vlm_eval.metrics.operating import Costs, operating_point, triage_curve
from vlm_eval.metrics.pixels import false_positive_rate_at, per_region_overlap
from vlm_eval.metrics.prediction_powered import prediction_powered
from vlm_eval.metrics.ranking import (
    auroc,
    average_precision,
    average_precision_of_sorted,
    f1_max,
    mean_average_precision,
    wins,
)
from vlm_eval.metrics.rates import rate, simple_rate
from vlm_eval.metrics.repeatability import repeatability
from vlm_eval.metrics.sampling import Sampling, compact, sampling
from vlm_eval.metrics.scales import combine, interaction
from vlm_eval.metrics.selective import risk_coverage
from vlm_eval.metrics.splitting import folds
from vlm_eval.metrics.variance_shares import explained_by, variance_shares
from vlm_eval.metrics.worth import per_point

KINDS = (
    "plain",
    "ties",
    "all alike",
    "only anomalous",
    "only normal",
    "nan",
    "one cluster",
    "two items",
    "nothing",
)


@dataclass(frozen=True)
class Items:
    """Items of one kind of trouble."""

    gold: np.ndarray
    yes: np.ndarray  # share of repeats that say yes
    no: np.ndarray
    score: np.ndarray
    part: np.ndarray
    drawn: Sampling


def draw(kind: str, seed: int) -> Items:
    generator = np.random.default_rng(seed)
    number = {"two items": 2, "nothing": 0}.get(kind, 60)
    gold = {"only anomalous": np.ones, "only normal": np.zeros}.get(
        kind, lambda n, dtype: generator.integers(0, 2, n)
    )(number, dtype=np.int64)
    score = 1 / (1 + np.exp(-generator.normal(size=number) - gold))
    score = np.round(score, 1) if kind == "ties" else np.full(number, 0.5) if kind == "all alike" else score
    yes = (generator.random(number) < np.clip(score, 0.1, 0.9)).astype(float)
    no = (1 - yes) * (generator.random(number) < 0.9)
    if kind == "nan":
        score[generator.random(number) < 0.3] = np.nan
        unanswered = generator.random(number) < 0.2
        yes[unanswered], no[unanswered] = np.nan, np.nan
    part = generator.integers(0, 3, number)
    groups = ["one"] * number if kind == "one cluster" else [f"{part[i]}-{i // 4}" for i in range(number)]
    return Items(gold, yes, no, score, part, sampling(groups, [str(own) for own in part]))


def numbers(found: object) -> Iterator[float]:
    """Yield every number that a result holds, however deep."""
    if isinstance(found, float | np.floating):
        yield float(found)
    elif isinstance(found, np.ndarray):
        yield from (float(value) for value in found.ravel())
    elif isinstance(found, tuple | list):
        for entry in found:
            yield from numbers(entry)
    elif is_dataclass(found):
        for field in fields(found):
            yield from numbers(getattr(found, field.name))


def estimates(found: object) -> Iterator[Estimate]:
    if isinstance(found, Estimate):
        yield found
    elif isinstance(found, tuple | list):
        for entry in found:
            yield from estimates(entry)
    elif is_dataclass(found):
        for field in fields(found):
            yield from estimates(getattr(found, field.name))


def aupr_of(items: Items) -> Callable:
    return lambda keep: average_precision(items.gold[keep], items.score[keep])


def right(items: Items) -> np.ndarray:
    return np.where(items.gold == 1, items.yes, items.no)


def two_rates(items: Items) -> tuple[Estimate, Estimate]:
    anomalous, normal = items.gold == 1, items.gold == 0
    return tuple(  # type: ignore[return-value]
        simple_rate(values[keep], items.part[keep], items.drawn.subset(keep))
        for values, keep in ((right(items), anomalous), (1 - right(items), normal))
    )


def labels(items: Items) -> Estimate:
    judged = np.nan_to_num(right(items))
    label = np.where(np.arange(judged.size) % 3 == 0, 1.0, np.nan)
    return prediction_powered(judged, label, np.full(judged.size, 0.5), items.drawn)


def pairs_of_cells(items: Items) -> np.ndarray:
    return np.array([right(items), np.roll(right(items), 1), 1 - right(items), np.ones(items.gold.size)])


MEASURES: dict[str, Callable[[Items], object]] = {
    "rate": lambda one: rate(np.nan_to_num(one.yes), np.ones(one.gold.size), one.part, one.drawn),
    "ratio": lambda one: rate(np.nan_to_num(one.yes * one.gold), np.nan_to_num(one.yes), one.part, one.drawn),
    "simple_rate": lambda one: simple_rate(right(one), one.part, one.drawn),
    "macro_auroc": lambda one: macro_auroc(one.gold, one.score, one.part, one.drawn),
    "jackknife": lambda one: jackknife(aupr_of(one), one.drawn, one.gold.size),
    "auroc": lambda one: auroc(one.gold, one.score),
    "average_precision": lambda one: average_precision(one.gold, one.score),
    "mean_average_precision": lambda one: mean_average_precision(one.gold, one.score, one.part),
    "f1_max": lambda one: f1_max(one.gold, one.score),
    "false_positive_rate_at": lambda one: false_positive_rate_at(0.95, one.gold, one.score),
    "per_region_overlap": lambda one: per_region_overlap(np.nan_to_num(one.score), one.gold * (1 + one.part)),
    "brier": lambda one: brier(one.gold, one.score),
    "calibration": lambda one: expected_calibration_error(one.gold, one.score),
    "detection": lambda one: detection(*two_rates(one), int(one.gold.sum()), int(np.sum(one.gold == 0))),
    "precision_at": lambda one: precision_at(0.01, *two_rates(one)),
    "no_claims": lambda one: no_claim_difference(
        np.nan_to_num(1 - one.yes - one.no), one.gold, one.part, one.drawn
    ),
    "one_versus": lambda one: one_versus(one.gold, one.score, [f"kind {code}" for code in one.part], one.part),
    "operating_point": lambda one: operating_point(one.gold, one.score, one.part, one.drawn, 0.95),
    "least_cost": lambda one: operating_point(one.gold, one.score, one.part, one.drawn, Costs(10, 1, 0.01)).miss,
    "repeatability": lambda one: repeatability(
        np.column_stack([np.nan_to_num(one.yes), np.nan_to_num(one.no), one.gold]).astype(np.int64),
        one.part,
        one.drawn,
    ),
    "main_effect": lambda one: main_effect(pairs_of_cells(one)[:2] - pairs_of_cells(one)[2:], one.part, one.drawn),
    "log_odds": lambda one: combine([pairs_of_cells(one)[:2]], (-1, 1), one.part, one.drawn, "log-odds"),
    "interaction": lambda one: interaction([pairs_of_cells(one)], one.part, one.drawn),
    "equivalence": lambda one: equivalence(main_effect(pairs_of_cells(one)[:1] * 0, one.part, one.drawn)),
    "choose": lambda one: choose(pairs_of_cells(one), one.part, one.drawn),
    "prediction_powered": labels,
    "per_point": lambda one: per_point(1.0, main_effect(pairs_of_cells(one)[:1], one.part, one.drawn).difference),
    "risk_coverage": lambda one: risk_coverage(
        np.nan_to_num(1 - right(one)), np.nan_to_num(one.score), np.nan_to_num(one.yes + one.no) > 0
    ),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("measure", MEASURES)
def test_no_result_is_ever_nan_and_what_is_undefined_says_why(measure: str, kind: str) -> None:
    for seed in range(6):
        found = MEASURES[measure](draw(kind, seed))
        assert not any(math.isnan(number) for number in numbers(found))
        for one in estimates(found):
            assert one.value is not None or one.reason
            if one.value is not None and one.low is not None and one.high is not None:
                assert one.low <= one.value <= one.high
            elif one.value is not None:
                assert one.reason
                assert one.low is one.high is None


@pytest.mark.parametrize("kind", ["plain", "ties", "all alike", "two items"])
def test_a_rising_scale_and_the_order_of_the_items_change_no_ranking(kind: str) -> None:
    for seed in range(6):
        items = draw(kind, seed)
        order = np.random.default_rng(seed).permutation(items.gold.size)
        for function in (
            auroc,
            average_precision,
            lambda gold, score: getattr(f1_max(gold, score), "value", None),
        ):
            before = function(items.gold, items.score)
            if before is None:
                continue
            assert function(items.gold[order], np.exp(3 * items.score[order])) == pytest.approx(before, abs=1e-12)
        if auroc(items.gold, items.score) is not None:
            assert auroc(1 - items.gold, -items.score) == pytest.approx(auroc(items.gold, items.score))
            assert auroc(items.gold, items.score) == pytest.approx(roc_auc_score(items.gold, items.score))


@pytest.mark.parametrize("kind", ["plain", "ties", "all alike"])
def test_scores_in_falling_order_give_the_same_average_precision(kind: str) -> None:
    for seed in range(6):
        items = draw(kind, seed)
        order = np.argsort(-items.score, kind="stable")
        found = average_precision_of_sorted(items.gold[order], items.score[order])
        assert found == average_precision(items.gold, items.score)
        assert found == pytest.approx(average_precision_score(items.gold, items.score))
    assert average_precision_of_sorted(np.ones(3, dtype=np.int64), np.zeros(3)) is None
    assert average_precision_of_sorted(np.zeros(0, dtype=np.int64), np.zeros(0)) is None


def test_wins_count_opponents_below_and_half_of_the_equal_ones() -> None:
    generator = np.random.default_rng(0)
    score, opponents = generator.integers(0, 5, 40) / 4, generator.integers(0, 5, 30) / 4
    by_hand = [np.sum(opponents < one) + np.sum(opponents == one) / 2 for one in score]
    assert wins(score, opponents).tolist() == by_hand
    assert wins(score, np.zeros(0)).tolist() == [0.0] * 40


def test_squared_errors_keep_nan_for_the_caller_to_leave_out() -> None:
    found = squared_errors(np.array([1, 0, 1]), np.array([0.5, 0.0, np.nan]))
    assert found[:2].tolist() == [0.25, 0.0]
    assert np.isnan(found[2])


@pytest.mark.parametrize("codes", [[], [0], [3, 1, 3], [5, 0, 2, 2]])
def test_compact_codes_are_those_of_numpy(codes: list) -> None:
    array = np.array(codes, dtype=np.int64)
    present, place = compact(array)
    expected, inverse = np.unique(array, return_inverse=True)
    assert present.tolist() == expected.tolist()
    assert place.tolist() == inverse.tolist()


@pytest.mark.parametrize("seed", range(4))
def test_more_copies_of_a_cluster_never_narrow_the_interval_more_than_new_clusters(seed: int) -> None:
    items = draw("plain", seed)
    values = np.nan_to_num(right(items))
    zero = np.zeros(values.size, dtype=np.int64)
    copied = simple_rate(
        np.tile(values, 2),
        np.tile(zero, 2),
        Sampling(np.tile(items.drawn.cluster_of_item, 2), items.drawn.stratum_of_cluster),
    )
    fresh = simple_rate(
        np.tile(values, 2),
        np.tile(zero, 2),
        Sampling(
            np.concatenate([items.drawn.cluster_of_item, items.drawn.cluster_of_item + items.drawn.clusters]),
            np.tile(items.drawn.stratum_of_cluster, 2),
        ),
    )
    assert copied.value == pytest.approx(fresh.value)
    assert copied.high - copied.low >= fresh.high - fresh.low  # type: ignore[operator]


def test_a_triage_lets_no_item_be_both_accepted_and_rejected() -> None:
    for kind in ("plain", "ties", "all alike"):
        items = draw(kind, 1)
        calibration = folds(items.drawn, 2) == 0
        for point in triage_curve(items.gold, items.score, calibration, (0.0, 0.1, 1.0), 0.05):
            assert point.accept_below <= point.reject_from
            assert 0 <= point.to_person <= 1
    one_class = draw("only normal", 1)
    assert triage_curve(one_class.gold, one_class.score, one_class.gold == 0, (0.1,), 0.05) == []


def test_the_share_of_a_factor_in_pure_noise_is_about_nothing_and_never_negative() -> None:
    found = []
    for seed in range(60):
        noise = np.random.default_rng(seed).integers(0, 2, (3, 3, 40)).astype(float)
        shares = variance_shares(noise, ("wording", "reference_seed", "item"))
        found.append(explained_by("wording", shares))
        assert sum(share.signed for share in shares) == pytest.approx(
            sum(share.component for share in shares) - sum(max(0.0, -share.signed) for share in shares)
        )
    assert min(found) == 0  # type: ignore[type-var]
    assert np.mean(found) < 0.05  # type: ignore[arg-type]
    assert explained_by("wording", variance_shares(np.ones((3, 4)), ("wording", "item"))) is None
    assert explained_by("wording", []) is None


def test_the_share_of_a_factor_that_decides_everything_is_all() -> None:
    values = np.repeat(np.arange(3.0), 12).reshape(3, 2, 6)
    shares = variance_shares(values, ("wording", "class", "item"))
    assert explained_by("wording", shares) == pytest.approx(1)
    assert explained_by("class", shares) == pytest.approx(0)


def test_a_cell_without_a_setting_is_the_partner_of_all_that_agree_in_the_rest() -> None:
    cells = [("none", {"shots": 0, "class": 0})]
    cells += [(f"seed {seed}", {"shots": 1, "class": 0, "seed": seed}) for seed in (0, "b")]
    shots, seed = contrasts(cells)
    assert shots.pairs == (("none", "seed 0"), ("none", "seed b"))
    assert seed.pairs == (("seed 0", "seed b"),)
    assert (shots.unmatched, seed.unmatched) == ((), ())
    backwards, _ = contrasts(cells[::-1])
    assert backwards.pairs == (("seed b", "none"), ("seed 0", "none"))
