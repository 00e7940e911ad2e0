"""What a percentage point costs: extra seconds, tokens or money for what an ingredient adds."""

from vlm_eval.metrics.estimate import Estimate


def per_point(extra: float | None, gain: Estimate) -> Estimate:
    """Divide what an ingredient costs by the percentage points that it adds.

    Args:
        extra: mean extra seconds, tokens or dollars an item; None where they are not known.
        gain: difference of rates with its interval, such as of accuracy.

    Returns:
        Cost a percentage point; the limits divide by the limits of the gain. Undefined where the interval of
        the gain holds zero, for then the price of a point has no bound.
    """
    if extra is None or gain.value is None:
        return Estimate(None, reason="not known" if extra is None else gain.reason)
    if gain.low is None or gain.high is None:
        return Estimate(None, items=gain.items, reason=gain.reason)
    if gain.low <= 0 <= gain.high:
        return Estimate(None, items=gain.items, reason="the gain does not differ from zero")
    if gain.value < 0:
        return Estimate(None, items=gain.items, reason="it loses points")
    limits = sorted((extra / (100 * gain.high), extra / (100 * gain.low)))
    return Estimate(extra / (100 * gain.value), limits[0], limits[1], gain.items, gain.clusters)
