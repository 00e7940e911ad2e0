import numpy as np
import pytest

from vlm_eval.views.downsample import keep_extremes, largest_triangles


@pytest.mark.parametrize("seed", range(5))
def test_first_lowest_highest_and_last_of_every_column_are_kept(seed) -> None:
    rng = np.random.default_rng(seed)
    column, values = np.sort(rng.integers(0, 40, 2_000)), rng.normal(size=2_000)
    kept = keep_extremes(column, values)
    assert len(kept) <= 4 * 40 and (np.diff(kept) > 0).all()
    for one in np.unique(column):
        members = np.flatnonzero(column == one)
        wanted = {members[0], members[-1], members[values[members].argmin()], members[values[members].argmax()]}
        assert wanted <= set(kept.tolist())


def test_a_short_series_is_kept_whole() -> None:
    assert keep_extremes(np.array([0, 3, 9]), np.array([1.0, 2, 3])).tolist() == [0, 1, 2]
    assert keep_extremes(np.array([], int), np.array([])).tolist() == []
    assert largest_triangles(np.arange(4.0), np.arange(4.0), 10).tolist() == [0, 1, 2, 3]


def test_one_spike_among_many_readings_survives_both_ways() -> None:
    values = np.zeros(100_000)
    values[54_321] = 7
    assert 54_321 in keep_extremes(np.arange(100_000) // 250, values)
    kept = largest_triangles(np.arange(100_000.0), values, 300)
    assert len(kept) == 300 and 54_321 in kept and kept[0] == 0 and kept[-1] == 99_999


def test_the_largest_triangles_are_those_of_a_slow_search() -> None:
    rng = np.random.default_rng(0)
    times, values = np.sort(rng.uniform(0, 100, 90)), rng.normal(size=90)
    kept = largest_triangles(times, values, 12)
    edges = np.linspace(1, 89, 11).astype(int)
    before = 0
    for bucket in range(10):
        own = range(edges[bucket], edges[bucket + 1])
        after = slice(edges[bucket + 1], edges[bucket + 2]) if bucket < 9 else slice(89, 90)
        c = times[after].mean(), values[after].mean()

        def area(i, a=before, c=c):
            u = times[i] - times[a], values[i] - values[a]
            v = c[0] - times[a], c[1] - values[a]
            return abs(u[0] * v[1] - u[1] * v[0])

        before = max(own, key=area)
        assert kept[bucket + 1] == before
