"""How scores of windows and frames rank the moments of their series and clips: in each one, and pooled.

A score holds for the stretch that its picture shows, and rates are weighted by time, in usual steps between two
readings or frames. At a constant rate that is the same as counting readings or frames.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from rich.console import Group, RenderableType
from rich.text import Text

from vlm_eval.flow import Scalar
from vlm_eval.metrics.estimate import BoolArray, Estimate, undefined
from vlm_eval.metrics.jackknife import jackknife
from vlm_eval.metrics.sampling import sampling
from vlm_eval.metrics.timeline import Timeline, make_timeline, weighted_auroc, weighted_average_precision
from vlm_eval.reports.files import fields_of
from vlm_eval.reports.panel import without_probes
from vlm_eval.reports.rounds import rounds_apart
from vlm_eval.reports.tables import break_name, heading_text, percent, plain_table, with_interval
from vlm_eval.runs.tracks import Span, Tracks

_MEASURES = {"auroc": "AUROC", "auroc_pooled": "pooled", "aupr": "AUPR", "aupr_pooled": "pooled"}
_RANKINGS = {"auroc": weighted_auroc, "aupr": weighted_average_precision}
_UNRANKED = "no series or clip has both normal and anomalous time"


@dataclass(frozen=True, slots=True)
class TimelineRow:
    """One cell along time."""

    model: str
    card: str
    cell: str
    tracks: int  # series or clips with a score
    ranked: int  # of these, with both normal and anomalous time
    stretches: int  # of constant score and gold
    anomalous: float  # share of the time
    measures: Mapping[str, Estimate]  # mean over the ranked ones, and pooled over all


def timeline_rows(views: pd.DataFrame, tracks: Tracks) -> list[TimelineRow]:
    """Rank the moments of each cell; no rows where no series or clip has scores of two stretches.

    Args:
        views: as `runs.frame.read_views` gives it; repeats are averaged.
        tracks: what lies in time.
    """
    views = without_probes(views)
    spans = views["ask"].map(tracks.spans)
    scored = (views["status"] == "answered") & views["anomaly_score"].notna() & spans.notna()
    asks = rounds_apart(views.assign(span=spans))[scored]
    asks = asks.assign(track=[tracks.items[name].track for name in asks["sample_id"]])
    means = asks.groupby(["model", "card", "cell", "track", "sample_id", "span"], sort=False).agg(
        {"anomaly_score": "mean", "group": "first", "object_class": "first"}
    )
    rows = []
    for (model, card, cell), part in means.groupby(level=[0, 1, 2], sort=False):
        held = part.reset_index()
        if held["track"].duplicated().any():
            rows.append(_row((str(model), str(card), str(cell)), held, tracks))
    return rows


def _row(place: tuple[str, str, str], held: pd.DataFrame, tracks: Tracks) -> TimelineRow:
    lines, groups, classes = [], [], []
    for _, own in held.groupby("track", sort=False):
        gold: list[Span] = [span for name in own["sample_id"].unique() for span in tracks.items[name].gold]
        line = make_timeline(own["span"].tolist(), own["anomaly_score"].tolist(), gold)
        lines.append(replace(line, weight=line.weight / _step(own, tracks)))
        groups.append(str(own["group"].iloc[0]))
        classes.append(str(own["object_class"].iloc[0]))
    whole = _pooled(lines)
    estimates = {}
    for name, ranking in _RANKINGS.items():
        estimates[name] = _mean(lines, ranking, groups, classes)
        estimates[f"{name}_pooled"] = _over_all(lines, ranking, groups, classes)
    ranked = sum(len(np.unique(line.gold)) == 2 for line in lines)
    share = float(np.sum(whole.weight * whole.gold) / np.sum(whole.weight))
    return TimelineRow(*place, len(lines), ranked, whole.gold.size, share, estimates)


def _step(held: pd.DataFrame, tracks: Tracks) -> float:
    """Return the time between two readings of a series, or frames of a clip; 1 where it is not stated."""
    return tracks.items[held["sample_id"].iloc[0]].step or 1.0


Ranking = Callable[..., float | None]


def _mean(lines: Sequence[Timeline], ranking: Ranking, groups: Sequence[str], classes: Sequence[str]) -> Estimate:
    """Estimate the mean over the series and clips in which moments can be ranked."""
    found = [ranking(line.gold, line.score, line.weight) for line in lines]
    here = [place for place, value in enumerate(found) if value is not None]
    if not here:
        return undefined(_UNRANKED)
    values = np.array([found[place] for place in here], dtype=np.float64)
    drawn = sampling([groups[place] for place in here], [classes[place] for place in here])
    return jackknife(lambda keep: float(values[keep].mean()) if keep.any() else None, drawn, values.size)


def _over_all(
    lines: Sequence[Timeline], ranking: Ranking, groups: Sequence[str], classes: Sequence[str]
) -> Estimate:
    whole = _pooled(lines)
    of_line = [place for place, line in enumerate(lines) for _ in range(line.gold.size)]

    def statistic(keep: BoolArray) -> float | None:
        return ranking(whole.gold[keep], whole.score[keep], whole.weight[keep])

    drawn = sampling([groups[line] for line in of_line], [classes[line] for line in of_line])
    return jackknife(statistic, drawn, whole.gold.size)


def _pooled(lines: Sequence[Timeline]) -> Timeline:
    return Timeline(
        np.concatenate([line.weight for line in lines]),
        np.concatenate([line.score for line in lines]),
        np.concatenate([line.gold for line in lines]),
    )


def timeline_tables(rows: Sequence[TimelineRow]) -> Iterator[RenderableType]:
    """Draw one table a model and data set."""
    for model, card in dict.fromkeys((row.model, row.card) for row in rows):
        own = [row for row in rows if (row.model, row.card) == (model, card)]
        yield _table(f"Along time: {model} on {card}", own)


def _table(title: str, rows: Sequence[TimelineRow]) -> RenderableType:
    table = plain_table()
    table.add_column("cell", overflow="fold")
    table.add_column("n", justify="right", no_wrap=True)
    for heading in _MEASURES.values():
        table.add_column(heading, no_wrap=True)
    for row in rows:
        numbers = [with_interval(row.measures[name]) for name in _MEASURES]
        table.add_row(Text(break_name(row.cell)), f"{row.ranked}/{row.tracks}", *numbers)
    shares = sorted({percent(row.anomalous) for row in rows})
    share = " to ".join(shares[:: max(1, len(shares) - 1)])
    notes = [
        "Moments ranked by the scores of the windows or frames that show them, weighted by time: a count of "
        "readings or frames where their rate is constant. First the mean over the n series or clips (of all) that "
        f"have both normal and anomalous time, then all pooled. {share} % of all time is anomalous: chance for "
        "the pooled AUPR."
    ]
    notes += dict.fromkeys(
        f"{heading}: {row.measures[name].reason}."
        for row in rows
        for name, heading in _MEASURES.items()
        if row.measures[name].reason
    )
    return Group(heading_text(title), table, *(Text(note, style="dim") for note in notes))


def timeline_file_rows(rows: Sequence[TimelineRow]) -> Iterator[Mapping[str, Scalar]]:
    """Yield one row a cell for the CSV file."""
    for row in rows:
        line: dict[str, Scalar] = {"model": row.model, "dataset": row.card, "cell": row.cell}
        line |= {"tracks": row.tracks, "ranked": row.ranked, "stretches": row.stretches}
        line["anomalous_time"] = round(row.anomalous, 6)
        for name, estimate in row.measures.items():
            line |= fields_of(name, estimate)
            line |= {f"{name}_low": estimate.low, f"{name}_high": estimate.high}
        yield line
