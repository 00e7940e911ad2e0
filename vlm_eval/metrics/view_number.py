"""How often an item is called anomalous by so many of its views, joined by a rule: exact, over all their choices.

With independent views of a normal item, `any` raises false alarms from p to 1 - (1 - p) ** n; views of one item
are not independent, so this is counted on what was said of them.
"""

from collections.abc import Sequence
from math import comb


def alarm_chance(rule: str, claims: Sequence[str | None], scores: Sequence[float] | None, number: int) -> float:
    """Return the share of all choices of `number` views by which the item is called anomalous.

    Args:
        rule: `any`, `max` (what is said of the view with the highest score; of equal ones anomalous wins),
            or `majority` and `mean` (more views called anomalous than normal).
        claims: about each view, anomalous or normal; None calls it neither.
        scores: of each view; where None, `max` is `any`.
        number: of views; where it is larger than what there are, all of them.

    Raises:
        ValueError: no views, or `number` is below 1.
    """
    if not claims or number < 1:
        raise ValueError(f"{len(claims)} views and a choice of {number}: at least one of each is needed")
    number = min(number, len(claims))
    anomalous = sum(claim == "anomalous" for claim in claims)
    choices = comb(len(claims), number)
    if rule == "max" and scores is not None:
        order = sorted(range(len(claims)), key=lambda view: (scores[view], claims[view] == "anomalous"))
        highest = (comb(rank, number - 1) for rank, view in enumerate(order) if claims[view] == "anomalous")
        return sum(highest) / choices
    if rule in ("any", "max"):
        return 1 - comb(len(claims) - anomalous, number) / choices
    normal = sum(claim == "normal" for claim in claims)
    silent = len(claims) - anomalous - normal
    more = sum(
        comb(anomalous, first) * comb(normal, second) * comb(silent, number - first - second)
        for first in range(1, number + 1)
        for second in range(min(first, number - first + 1))
    )
    return more / choices
