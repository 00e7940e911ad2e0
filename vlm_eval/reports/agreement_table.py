"""Prints how far scorers agree, with the first of the answers on which they do not, and writes both as CSV."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

from vlm_eval.errors import InputError
from vlm_eval.metrics.estimate import Estimate
from vlm_eval.reports.agreement import (
    Pair,
    Readings,
    agreement_rows,
    comparable,
    compare,
    disagreement_rows,
    said,
)
from vlm_eval.reports.files import write_rows
from vlm_eval.reports.tables import heading_text, percent, plain_table, printable, with_interval
from vlm_eval.runs.readings import read_readings
from vlm_eval.runs.store import Store

_SHOWN = 5  # disagreements of a pair that are printed


def show_agreement(folder: Path, scorers: Sequence[tuple[str, str]], target: Path, console: Console) -> list[Pair]:
    """Compare stored scorers pair by pair, print the table and write `agreement.csv` and `disagreements.csv`.

    Args:
        folder: the run folder.
        scorers: (name, version) of each.
        target: where the files go.
        console: where the table goes.

    Raises:
        InputError: no two of them can be compared.
    """
    names = _names(scorers)
    with Store(folder) as store:
        readings: dict[str, Readings] = {
            name: {one.ask: one for one in read_readings(store, *place)}
            for name, place in zip(names, scorers, strict=True)
        }
    pairs, alone = comparable(readings)
    if not pairs:
        raise InputError(
            "No two of these scorers can be compared. "
            + (" ".join(alone) if len(scorers) > 1 else "There is only one.")
            + " Name at least two that give the same kind of value, such as --scorer verdict,human:FILE."
        )
    found = [pair for one, other in pairs for pair in compare(one, other, readings[one], readings[other])]
    _print(found, alone, console)
    target.mkdir(parents=True, exist_ok=True)
    write_rows(target / "agreement.csv", agreement_rows(found))
    path = target / "disagreements.csv"
    path.unlink(missing_ok=True)
    rows = list(disagreement_rows(found))
    if rows:
        write_rows(path, rows)
        console.print(Text(f"All {len(rows)} disagreements, with the whole answers: {path}", style="dim"))
    return found


def _names(scorers: Sequence[tuple[str, str]]) -> list[str]:
    """Name scorers, with their versions where a name stands twice."""
    plain = [name for name, _ in scorers]
    return [name if plain.count(name) == 1 else f"{name} {version}" for name, version in scorers]


def _print(pairs: Sequence[Pair], alone: Sequence[str], console: Console) -> None:
    table = plain_table()
    several = len({pair.model for pair in pairs}) > 1
    for heading in ("scorers", "model") if several else ("scorers",):
        table.add_column(heading, overflow="fold")
    for heading in ("agreement", "kappa", "AC1", "n", "left out"):
        table.add_column(heading, justify="right", no_wrap=True)
    for pair in pairs:
        numbers = (pair.answers, pair.left_out)
        coefficients = (_decimal(pair.cohen_kappa), _decimal(pair.gwet_ac1))
        table.add_row(
            Text(f"{pair.first}, {pair.second}"),
            *([Text(pair.model)] if several else []),
            with_interval(pair.observed),
            *coefficients,
            *map(str, numbers),
        )
    console.print()
    console.print(heading_text("Agreement of scorers on the same answers"))
    console.print(table)
    note = (
        "Percent agreement, Cohen's kappa and Gwet's AC1 [95 % interval for clustered items]; an abstention is a"
        " label like any other. left out: judged by one alone, or nothing was to be read."
    )
    for line in (note, *_reasons(pairs), *alone):
        console.print(Text(line, style="dim"))
    for pair in pairs:
        if pair.model != "all models":
            _print_disagreements(pair, console)


def _reasons(pairs: Sequence[Pair]) -> list[str]:
    lines: dict[str, None] = {}
    for pair in pairs:
        for name, estimate in (("kappa", pair.cohen_kappa), ("AC1", pair.gwet_ac1)):
            if estimate.reason:
                lines[f"{name} of {pair.first} and {pair.second}, {pair.model}: {estimate.reason}."] = None
    return list(lines)


def _decimal(estimate: Estimate) -> str:
    if estimate.value is None:
        return "-"
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:.2f}"
    return f"{estimate.value:.2f} [{estimate.low:.2f}, {estimate.high:.2f}]"


def _print_disagreements(pair: Pair, console: Console) -> None:
    if not pair.disagreeing:
        return
    share = percent(len(pair.disagreeing) / pair.answers)
    words = (
        f"{pair.first} and {pair.second} disagree on {len(pair.disagreeing)} of {pair.answers} answers ({share} %)"
    )
    console.print()
    console.print(Text(f"{words} of {pair.model}:"))
    for one, other in pair.disagreeing[:_SHOWN]:
        first = one.text.strip().partition("\n")[0]
        short = first if len(first) <= 100 else f"{first[:97]}..."
        place = f"{one.sample.id}, {one.cell}" + (f", repeat {one.repeat}" if one.repeat else "")
        console.print(Text(f"  {said(one.judgement)} / {said(other.judgement)}  {printable(place)}"))
        console.print(Text(f"    {printable(short) or '(empty)'}", style="dim"))
