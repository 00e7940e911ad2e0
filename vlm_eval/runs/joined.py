"""Answers about single views of an item, joined to one answer about the item by a stated rule.

`any`: anomalous if a view is claimed to be, normal if all are; the highest score. `max`: what is said of the view
with the highest score, and that score; as `any` where a view has no score. `majority`, `mean`: what most of the
views that a claim is made of are claimed to be, and the mean score. An item has a score only where each view has.
"""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

TIE = "views-tie"
SEVERAL = "several-reasons"
_PLACE = ["model", "cell", "sample_id", "round", "repeat"]
_SUMMED = ("latency", "prompt_tokens", "completion_tokens")
_READ = ("status", "failure", "text", "finish", "verdict", "verdict_reason", "words", "label", "anomaly_score",
         "yes_no_mass", "score_source", *_SUMMED)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Decision:
    """What a rule makes of the claims about the views of an item."""

    claim: str | None  # anomalous, normal or None
    reason: str | None  # why there is none
    view: int  # the view that decides, or the first of those


def decide(
    rule: str, claims: Sequence[str | None], reasons: Sequence[str | None], scores: Sequence[float]
) -> Decision:
    """Join the claims about the views of an item.

    Args:
        rule: `any`, `max`, `mean` or `majority`; see above.
        claims: about each view: anomalous, normal or None.
        reasons: why there is no claim.
        scores: anomaly scores, NaN where there is none.
    """
    if rule == "max" and not any(math.isnan(score) for score in scores):
        highest = [view for view, score in enumerate(scores) if score == max(scores)]
        view = next((view for view in highest if claims[view] == "anomalous"), highest[0])
        return Decision(claims[view], None if claims[view] else reasons[view], view)
    if rule in ("any", "max"):
        if "anomalous" in claims:
            return Decision("anomalous", None, claims.index("anomalous"))
        return Decision("normal", None, 0) if None not in claims else _undecided(claims, reasons)
    anomalous, normal = claims.count("anomalous"), claims.count("normal")
    if anomalous == normal:
        return Decision(None, TIE, claims.index("anomalous")) if anomalous else _undecided(claims, reasons)
    claim = "anomalous" if anomalous > normal else "normal"
    return Decision(claim, None, claims.index(claim))


def _undecided(claims: Sequence[str | None], reasons: Sequence[str | None]) -> Decision:
    why = {reason for claim, reason in zip(claims, reasons, strict=True) if claim is None}
    return Decision(None, why.pop() if len(why) == 1 else SEVERAL, claims.index(None))


def join_scores(rule: str, scores: Sequence[float]) -> float:
    """Return the highest score (`any`, `max`) or the mean (`mean`, `majority`); NaN where a view has none."""
    if any(math.isnan(score) for score in scores):
        return math.nan
    return max(scores) if rule in ("any", "max") else math.fsum(scores) / len(scores)


def join_views(frame: "pd.DataFrame", rule: str) -> "pd.DataFrame":
    """Join the rows of each item in one cell, round and repeat of one model, in the order of their first ones.

    A technical failure of a view is one of the item; an item with a view that is still to be asked is open. Words
    hit where an answer that claims an anomaly names it; the label is the commonest of such answers. Latency and
    tokens add up.

    Args:
        frame: one row a view, with the columns of `runs.frame.COLUMNS` and `view`; `ask` is kept as that of the
            view that decides, beside `views`, those of all.
        rule: `any`, `max`, `mean` or `majority`.
    """
    import pandas as pd

    codes = frame.groupby(_PLACE, sort=False, dropna=False).ngroup()
    order = frame.assign(code=codes).sort_values(["code", "view"], kind="stable").index
    whole = (frame.groupby(_PLACE[:3], sort=False)["view"].transform("max") + 1)[order].tolist()
    held = {name: frame[name][order].tolist() for name in _READ}
    places, firsts = _groups(codes[order].tolist()), []
    joined: list[dict[str, Any]] = []
    for start, end in places:
        views = [dict(zip(held, values, strict=True)) for values in zip(
            *(held[name][start:end] for name in held), strict=True)]  # fmt: skip
        joined.append(join_rows(views, rule, whole[start]))
        firsts.append(order[start])
    found = frame.loc[firsts].drop(columns="view").reset_index(drop=True)
    for name in _READ:
        found[name] = pd.Series([row[name] for row in joined], dtype=None if joined else frame[name].dtype)
    if "ask" in found:
        asks = frame["ask"][order].tolist()
        found["ask"] = [asks[start + row["decides"]] for (start, _), row in zip(places, joined, strict=True)]
        found["views"] = pd.Series([tuple(asks[start:end]) for start, end in places], dtype=object)
    return found


def _groups(codes: Sequence[int]) -> list[tuple[int, int]]:
    """Return where each run of equal codes starts and ends."""
    starts = [place for place, code in enumerate(codes) if not place or code != codes[place - 1]]
    return list(pairwise([*starts, len(codes)]))


def join_rows(views: Sequence[dict[str, Any]], rule: str, count: int) -> dict[str, Any]:
    """Join the rows of one item's views; `decides` is the view that decides.

    Args:
        views: in order, with the columns of `runs.frame.COLUMNS` that stand with an answer.
        rule: as in `decide`.
        count: of the views that are to be asked.
    """
    sums = {name: _sum(view[name] for view in views) for name in _SUMMED}
    failed = next((place for place, view in enumerate(views) if view["status"] == "failed"), None)
    if failed is not None or len(views) < count or any(view["status"] == "open" for view in views):
        status = "open" if failed is None else "failed"
        failure = None if failed is None else views[failed]["failure"]
        empty = dict.fromkeys(_READ) | {"anomaly_score": math.nan, "yes_no_mass": math.nan}
        return {**empty, **sums, "status": status, "failure": failure, "decides": failed or 0}
    claims = [view["verdict"] if isinstance(view["verdict"], str) else None for view in views]
    reasons = [view["verdict_reason"] for view in views]
    scores = [view["anomaly_score"] for view in views]
    decision = decide(rule, claims, reasons, scores)
    accused = [view for view, claim in zip(views, claims, strict=True) if claim == "anomalous"]
    return {
        **sums,
        "status": "answered",
        "failure": None,
        "text": join_texts([view["text"] for view in views]),
        "finish": next((view["finish"] for view in views if view["finish"] != "stop"), "stop"),
        "verdict": decision.claim,
        "verdict_reason": decision.reason,
        "words": _words([view["words"] for view in views], [view["words"] for view in accused]),
        "label": _commonest(view["label"] for view in accused or (views if decision.claim is None else ())),
        "anomaly_score": join_scores(rule, scores),
        "yes_no_mass": _mass(rule, views, scores),
        "score_source": next((view["score_source"] for view in views if view["score_source"]), None),
        "decides": decision.view,
    }


def join_texts(texts: Sequence[str | None]) -> str | None:
    """Write the answers below each other, each behind the number of its view; a single one as it is."""
    if len(texts) == 1:
        return texts[0]
    return "\n".join(f"view {number}: {text or ''}" for number, text in enumerate(texts, start=1))


def _words(all_views: Sequence[bool | None], accused: Sequence[bool | None]) -> bool | None:
    if all(hit is None for hit in all_views):
        return None
    return any(hit is True for hit in accused)


def _commonest(labels: Iterable[Any]) -> str | None:
    known = Counter(label for label in labels if isinstance(label, str))
    return known.most_common(1)[0][0] if known else None


def _mass(rule: str, views: Sequence[dict[str, Any]], scores: Sequence[float]) -> float:
    masses = [float(view["yes_no_mass"]) for view in views]
    if rule in ("mean", "majority") or any(math.isnan(score) for score in scores):
        return math.fsum(masses) / len(masses)
    return masses[scores.index(max(scores))]


def _sum(values: Iterable[Any]) -> Any:
    """Add up what is known; None where nothing is."""
    known = [value for value in values if value is not None and value == value]
    return sum(known) if known else None
