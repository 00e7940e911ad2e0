"""What a run says about the size of the next one: how often cells differ, and how items hang together."""

from dataclasses import dataclass

import numpy as np

from vlm_eval.errors import InputError
from vlm_eval.metrics.effects import contrasts
from vlm_eval.metrics.estimate import FloatArray
from vlm_eval.metrics.sampling import Sampling
from vlm_eval.reports.effects import grid_cells, outcome
from vlm_eval.reports.info import ReportInfo
from vlm_eval.reports.panel import Panel


@dataclass(frozen=True, slots=True)
class Pilot:
    """Means over all pairs of cells that differ in one ingredient."""

    changed: float  # mean squared difference: the share of items on which two cells differ
    cluster_size: float
    correlation: float  # intracluster correlation of the differences, at least 0
    pairs: int


def read_pilot(panel: Panel, info: ReportInfo) -> Pilot:
    """Estimate from a panel what a power analysis needs. Raises InputError where no two cells match."""
    pairs = [pair for contrast in contrasts(grid_cells(panel, info)) for pair in contrast.pairs]
    changed, correlations = [], []
    for base, level in pairs:
        difference = outcome(panel, level, wrong=False) - outcome(panel, base, wrong=False)
        known = ~np.isnan(difference)
        if known.sum() >= 2:
            changed.append(float(np.mean(difference[known] ** 2)))
            correlations.append(intracluster_correlation(difference[known], panel.drawn.subset(known)))
    if not changed:
        raise InputError(
            "The run holds no two cells that differ in one ingredient alone; state --changed instead."
        )
    size = panel.gold.size / max(panel.drawn.clusters, 1)
    return Pilot(float(np.mean(changed)), size, max(0.0, float(np.mean(correlations))), len(changed))


def intracluster_correlation(values: FloatArray, drawn: Sampling) -> float:
    """Return the analysis-of-variance estimate (Donner and Klar 2000, section 1.4); 0 for clusters of one item."""
    sizes = drawn.totals(np.ones(values.size))
    clusters, items = sizes.size, values.size
    if clusters < 2 or items <= clusters:
        return 0.0
    means = drawn.totals(values) / sizes
    between = float(np.sum(sizes * (means - values.mean()) ** 2)) / (clusters - 1)
    within = float(np.sum((values - means[drawn.cluster_of_item]) ** 2)) / (items - clusters)
    size = (items - float(np.sum(sizes**2)) / items) / (clusters - 1)
    total = between + (size - 1) * within
    return (between - within) / total if total > 0 else 0.0
