"""What an LLM judge said, for the terminal; never without a word on how far it can be believed."""

from collections.abc import Mapping, Sequence

from rich.table import Table
from rich.text import Text

from vlm_eval.metrics.agreement import Agreement
from vlm_eval.reports.tables import plain_table, with_interval
from vlm_eval.runs.judge import Address, CellAddress
from vlm_eval.runs.judge_grades import Criteria, Grades, PairedResult, mean_of
from vlm_eval.runs.judge_replies import JudgeForecast


def forecast_lines(found: JudgeForecast) -> list[str]:
    """Say how many requests go where, and what they may cost."""
    where = f"are sent to {found.host}" if found.host else "stay on this machine"
    cost = "no price is given" if found.cost is None else f"up to ${found.cost:,.2f}"
    return [
        f"{found.answers:,} judgements in {found.requests:,} requests after removing duplicates, "
        f"{found.answered:,} of them answered already. The others, with {found.images:,} pictures, {where}.",
        f"About {found.tokens_in:,} tokens in (estimated), at most {found.tokens_out:,} out; {cost}.",
    ]


def validation(judge: str, found: Agreement | None, *, paired: bool = False) -> Text:
    """Say how far a judge agrees with people, or that nobody has checked it."""
    if found is None:
        way = "grade the run with --human FILE" if paired else "give some with --human FILE"
        return Text(
            f"The judge {judge} is unvalidated here: there are no human labels, so nothing says how often it is "
            f"right; {way}.",
            style="yellow",
        )
    if not found.items:
        return Text(
            f"The judge {judge} is unvalidated: people labelled none of the answers judged.", style="yellow"
        )
    shown = [
        f"{name} {value:.2f}"
        for name, value in (("Cohen's kappa", found.cohen_kappa), ("Gwet's AC1", found.gwet_ac1))
        if value is not None
    ]
    share = f"{found.agreed} of {found.items} answers ({100 * found.agreed / found.items:.0f} %)"
    return Text(f"The judge {judge} and people agree on the claim of {share}; {', '.join(shown) or found.reason}.")


def grade_table(grades: Grades, criteria: Criteria, groups: Mapping[str, str]) -> Table:
    """Draw one row a cell, round and criterion: the share met with its interval, and the abstentions.

    Args:
        grades: by answer.
        criteria: what was graded.
        groups: cluster of each sample, by sample id.
    """
    table = plain_table()
    for heading in ("model", "cell", "part"):
        table.add_column(heading, overflow="fold")
    table.add_column("met", no_wrap=True)
    table.add_column("abstained", justify="right", no_wrap=True)
    by_cell: dict[tuple[str, str], list[Address]] = {}
    for address in grades:
        shown = f"{address.cell} (round {address.round})" if address.round else address.cell
        by_cell.setdefault((address.model, shown), []).append(address)
    for place, addresses in by_cell.items():
        for criterion in criteria:
            met = [(grades[at][criterion].met, groups[at.sample_id]) for at in addresses]
            row = (*place, criterion.replace("_", " "), *_share(met))
            table.add_row(*map(Text, row))
    return table


def _share(met: Sequence[tuple[bool | None, str]]) -> tuple[str, str]:
    """Write the share met, and how many were abstained on, of grades with the cluster of each."""
    known = [(float(value), group) for value, group in met if value is not None]
    found = mean_of([value for value, _ in known], [group for _, group in known])
    return with_interval(found), f"{len(met) - len(known)} of {len(met)}"


def paired_lines(first: CellAddress, second: CellAddress, found: PairedResult) -> list[str]:
    """Say in sentences which cell a judge prefers."""
    scored = found.first + found.second + found.ties
    lines = [
        f"{found.pairs} pairs, each judged in both orders; {found.depends_on_order} depend on the order and are "
        f"not scored ({_share_of(found.depends_on_order, found.pairs)}).",
        f"Of {scored} scored: {found.first} for {first}; {found.second} for {second}; {found.ties} ties.",
    ]
    if found.abstained:
        said = ", ".join(f"{count} {reason}" for reason, count in sorted(found.abstained.items()))
        lines.append(f"Not judged: {said}.")
    if found.share.value is not None:
        lines.append(
            f"Preference for the first, a tie counting half: {with_interval(found.share)} % [95 % interval]."
        )
    return lines


def _share_of(count: int, total: int) -> str:
    return f"{100 * count / total:.0f} %" if total else "none"
