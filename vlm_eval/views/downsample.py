"""Fewer points with the same look: every spike of a long series stays in its picture."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Index = NDArray[np.integer[Any]]


def keep_extremes(column: Index, values: Array) -> Index:
    """Return which points to keep: the first, lowest, highest and last of each pixel column.

    A line through them colours the same pixels as a line through all. Source: M4, Jugel et al., VLDB 2014.

    Args:
        column: pixel column of each point, not decreasing, shape (n,).
        values: finite, shape (n,).
    """
    if not len(values):
        return np.empty(0, dtype=np.int64)
    starts = np.flatnonzero(np.diff(column, prepend=column[0] - 1))
    ends = np.append(starts[1:], len(values)) - 1
    owner = np.repeat(np.arange(len(starts)), ends - starts + 1)
    order = np.lexsort((values, owner))  # within each column from low to high
    kept: Index = np.unique(np.concatenate([starts, ends, order[starts], order[ends]]))
    return kept


def largest_triangles(times: Array, values: Array, count: int) -> Index:
    """Return which points to keep by largest-triangle-three-buckets. Source: Steinarsson, MSc thesis, 2013.

    Args:
        times: not decreasing, shape (n,).
        values: finite, shape (n,).
        count: how many to keep, at least 3; a shorter series is kept whole.
    """
    length = len(values)
    if length <= count:
        return np.arange(length)
    edges = np.linspace(1, length - 1, count - 1).astype(np.int64)
    kept = np.empty(count, dtype=np.int64)
    kept[0], kept[-1] = 0, length - 1
    chosen = 0
    for bucket in range(count - 2):
        start, stop = edges[bucket], edges[bucket + 1]
        after = slice(stop, edges[bucket + 2]) if bucket + 2 < len(edges) else slice(length - 1, length)
        ahead = times[after].mean(), values[after].mean()
        area = np.abs(
            (times[chosen] - ahead[0]) * (values[start:stop] - values[chosen])
            - (times[chosen] - times[start:stop]) * (ahead[1] - values[chosen])
        )
        chosen = int(start + area.argmax())
        kept[bucket + 1] = chosen
    return kept
