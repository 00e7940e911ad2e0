"""How many items, in how many clusters, a difference of two cells on the same items needs.

Items without clusters: Connor, Biometrics 43 (1987) 207-211. Clusters: the design effect 1 + (m - 1) ICC of
Donner and Klar, Design and Analysis of Cluster Randomization Trials (2000), and Student's t for the number of
clusters.
"""

from dataclasses import dataclass
from math import ceil

from scipy.special import ndtri, stdtr, stdtrit

LEAST_CLUSTERS = 6
"""Under six clusters the sign-flip test cannot reach 5 %, whatever the difference."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be asked so that a true difference is found with the stated power."""

    items: int
    clusters: int
    design_effect: float
    power: float  # reached with these numbers


@dataclass(frozen=True, slots=True)
class Setting:
    """What is assumed of the comparison.

    Raises:
        ValueError: a number lies outside its range; the message says which.
    """

    difference: float  # of two accuracies on the same items, in (0, 1)
    changed: float  # share of items on which the two cells differ: at least the difference
    cluster_size: float = 1.0  # items a cluster
    correlation: float = 0.0  # intracluster correlation of the differences
    power: float = 0.8
    level: float = 0.05  # of the two-sided test; divide it by the number of comparisons

    def __post_init__(self) -> None:
        """Check the ranges."""
        if not 0 < self.difference < 1:
            raise ValueError(
                f"the difference is {self.difference}; it must lie between 0 and 1 (0.05: five points)"
            )
        if not self.difference <= self.changed <= 1:
            raise ValueError(
                f"the share of changed items is {self.changed}; it lies between the difference"
                f" ({self.difference}) and 1"
            )
        if self.cluster_size < 1 or not 0 <= self.correlation <= 1:
            raise ValueError("a cluster holds at least one item, and its correlation lies in [0, 1]")
        if not 0 < self.level < self.power < 1:
            raise ValueError(f"level {self.level} and power {self.power}: 0 < level < power < 1 is needed")

    @property
    def design_effect(self) -> float:
        """Return how many times more items clusters need than single items."""
        return 1 + (self.cluster_size - 1) * self.correlation


def items_needed(setting: Setting) -> Plan:
    """Return the least number of items, in whole clusters, that reaches the power."""
    null = setting.changed**0.5
    other = (setting.changed - setting.difference**2) ** 0.5
    single = ((-ndtri(setting.level / 2) * null + ndtri(setting.power) * other) / setting.difference) ** 2
    clusters = max(LEAST_CLUSTERS, ceil(single * setting.design_effect / setting.cluster_size))
    while power_of(setting, clusters) < setting.power:
        clusters += 1
    items = ceil(clusters * setting.cluster_size)
    return Plan(items, clusters, setting.design_effect, power_of(setting, clusters))


def power_of(setting: Setting, clusters: int) -> float:
    """Return the chance that a two-sided test finds the difference with this many clusters."""
    if clusters < LEAST_CLUSTERS:
        return 0.0
    information = clusters * setting.cluster_size / setting.design_effect
    other = max(setting.changed - setting.difference**2, 1e-12)
    critical = float(stdtrit(clusters - 1, 1 - setting.level / 2))
    distance = setting.difference * information**0.5 - critical * setting.changed**0.5
    return float(stdtr(clusters - 1, distance / other**0.5))


def detectable(setting: Setting, clusters: int) -> float | None:
    """Return the least difference that this many clusters find with the stated power; None where none can be.

    The share of changed items stays as it is stated, so the difference cannot exceed it.
    """
    low, high = 0.0, setting.changed
    if power_of(_with(setting, high), clusters) < setting.power:
        return None
    for _ in range(50):
        middle = (low + high) / 2
        enough = power_of(_with(setting, middle), clusters) >= setting.power
        low, high = (low, middle) if enough else (middle, high)
    return high


def _with(setting: Setting, difference: float) -> Setting:
    return Setting(
        difference, setting.changed, setting.cluster_size, setting.correlation, setting.power, setting.level
    )
