import random

import numpy as np
import pytest
from sklearn.metrics import precision_recall_fscore_support

from vlm_eval.metrics.intervals import affiliation_match, merge, point_match

MINUTE = 60


def test_affiliation_matches_the_example_of_the_paper():
    # Huet et al. 2022, figure 5, second event alone: precision 0.672222, recall 0.944444
    series, gold = (30 * MINUTE, 120 * MINUTE), [(50 * MINUTE, 70 * MINUTE)]
    found = affiliation_match([(40 * MINUTE, 60 * MINUTE), (115 * MINUTE, 120 * MINUTE)], gold, series)
    assert found.precision == pytest.approx(0.672222222)
    assert found.recall == pytest.approx(0.944444444)


def test_affiliation_of_the_whole_example_averages_its_three_events():
    gold = [(0, 10), (50, 70), (170, 175)]
    claimed = [(5, 6), (7, 10), (11, 12), (40, 60), (115, 130), (135, 140), (165, 170)]
    found = affiliation_match(claimed, gold, (0, 180))
    parts = [
        affiliation_match(claimed[:3], gold[:1], (0, 30)),
        affiliation_match([(40, 60), (115, 120)], gold[1:2], (30, 120)),
        affiliation_match([(120, 130), *claimed[5:]], gold[2:], (120, 180)),
    ]
    assert found.precision == pytest.approx(np.mean([part.precision for part in parts]))
    assert found.recall == pytest.approx(np.mean([part.recall for part in parts]))


def by_sampling(claimed, event, zone, points=4000):
    """Estimate one event's precision and recall from their definition, on a fine grid."""
    grid = np.linspace(zone[0], zone[1], points, endpoint=False) + (zone[1] - zone[0]) / points / 2
    inside = np.any([(grid >= start) & (grid < end) for start, end in claimed], axis=0)
    to_event = np.maximum(np.maximum(event[0] - grid, grid - event[1]), 0)
    order = np.sort(to_event)
    survival = 1 - np.searchsorted(order, to_event - 1e-12) / points
    gold = grid[(grid >= event[0]) & (grid < event[1])]
    recalls = []
    for point in gold:
        distance = min(max(start - point, point - end, 0) for start, end in claimed)
        recalls.append(np.mean(np.abs(grid - point) >= distance))
    return survival[inside].mean(), np.mean(recalls)


@pytest.mark.parametrize("seed", range(12))
def test_affiliation_matches_its_definition_sampled_on_a_grid(seed):
    generator = random.Random(seed)
    ends = sorted(generator.uniform(0, 100) for _ in range(4))
    claimed = [(ends[0], ends[1]), (ends[2], ends[3])]
    event = tuple(sorted(generator.uniform(10, 90) for _ in range(2)))
    found = affiliation_match(claimed, [event], (0, 100))
    precision, recall = by_sampling(claimed, event, (0, 100))
    assert found.precision == pytest.approx(precision, abs=0.01)
    assert found.recall == pytest.approx(recall, abs=0.01)


def test_a_claim_next_to_the_event_is_worth_more_than_one_far_away():
    near = affiliation_match([(61, 64)], [(50, 60)], (0, 200))
    far = affiliation_match([(161, 164)], [(50, 60)], (0, 200))
    assert near.f1 > 0.8 > 0.4 > far.f1
    assert point_match([(61, 64)], [(50, 60)]).f1 == 0


@pytest.mark.parametrize("seed", range(5))
def test_point_precision_and_recall_match_scikit_learn_on_unit_steps(seed):
    generator = random.Random(seed)

    def spans():
        return [(start, start + generator.randint(1, 30)) for start in generator.sample(range(170), 4)]

    def steps(intervals):
        return [any(start <= step < end for start, end in intervals) for step in range(200)]

    claimed, gold = spans(), spans()
    expected = precision_recall_fscore_support(steps(gold), steps(claimed), average="binary", zero_division=0)
    found = point_match(claimed, gold)
    assert (found.precision, found.recall, found.f1) == pytest.approx(expected[:3])


def test_one_hit_inside_a_long_event_is_not_counted_as_the_whole_event():
    assert point_match([(10, 11)], [(0, 100)]).recall == pytest.approx(0.01)


def test_what_is_undefined_is_none_with_a_reason():
    assert point_match([], [(1, 2)]).reason == "nothing is claimed"
    assert (point_match([], [(1, 2)]).precision, point_match([], [(1, 2)]).f1) == (None, 0.0)
    assert point_match([(1, 2)], []).recall is None
    assert affiliation_match([(1, 2)], [], (0, 9)).reason == "there is no gold interval"
    assert affiliation_match([], [(1, 2)], (0, 9)).recall == 0


def test_intervals_are_merged_and_empty_ones_refused():
    assert merge([(5, 7), (1, 3), (2, 4), (7, 8)]) == [(1, 4), (5, 8)]
    with pytest.raises(ValueError, match="is empty"):
        merge([(3, 3)])


def test_gold_outside_the_series_is_refused():
    with pytest.raises(ValueError, match="beyond the series"):
        affiliation_match([(1, 2)], [(5, 12)], (0, 10))
