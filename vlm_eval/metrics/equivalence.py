"""That an ingredient does nothing, as a claim to be shown: two one-sided tests against a margin.

Schuirmann, Journal of Pharmacokinetics and Biopharmaceutics 15 (1987) 657-680, with the standard error by
clusters.
"""

from dataclasses import dataclass

from scipy.special import stdtr

from vlm_eval.metrics.effects import Effect

MARGIN = 0.05
"""Difference of rates under which an effect counts as none where nobody states another margin."""


@dataclass(frozen=True, slots=True)
class Equivalence:
    """The test that an effect lies within (-margin, margin); p is None where there is no standard error."""

    margin: float
    p_value: float | None

    @property
    def shown(self) -> bool:
        """Say whether equivalence is shown at the 5 % level; not shown does not mean that there is an effect."""
        return self.p_value is not None and self.p_value < 0.05


def equivalence(effect: Effect, margin: float = MARGIN) -> Equivalence:
    """Test whether an effect is smaller than the margin in either direction.

    Where no item changed at all, p is the chance of seeing none changed if a share of `margin` did.

    Raises:
        ValueError: the margin is not between 0 and 1.
    """
    if not 0 < margin < 1:
        raise ValueError(f"the margin is {margin}; it must lie between 0 and 1, such as 0.05 for five points")
    if effect.difference.value is None or effect.freedom < 1:
        return Equivalence(margin, None)
    if effect.standard_error is None or effect.standard_error < 1e-12:
        return Equivalence(margin, (1 - margin) ** effect.unchanged if effect.unchanged else None)
    distance = (abs(effect.difference.value) - margin) / effect.standard_error
    return Equivalence(margin, float(stdtr(effect.freedom, distance)))
