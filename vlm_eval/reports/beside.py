"""Published figures of a recipe beside ours: value, interval, n, ceiling, and what differs and why."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pandas as pd
from rich.console import Console, Group, RenderableType
from rich.text import Text

from vlm_eval.flow import Scalar
from vlm_eval.reports.files import Row, write_rows
from vlm_eval.reports.published import as_figure
from vlm_eval.reports.selection import Candidates, read_candidates, selections
from vlm_eval.reports.selection_shown import candidate_tables, show_candidates
from vlm_eval.reports.tables import heading_text, plain_table
from vlm_eval.runs.frame import read_frame
from vlm_eval.runs.recipe import PublishedFigure, Selection
from vlm_eval.runs.store import Store

_PLACE = ("model", "dataset", "cell", "object_class", "scorer", "variant", "statistic")
_COUNTS = ("items", "n", "pictures")


def beside_rows(figures: Sequence[PublishedFigure], folder: Path) -> list[Row]:
    """List our rows for each published figure, from the CSV files of a report.

    Args:
        figures: of the experiment file.
        folder: of the report.

    Returns:
        One row for each row of ours that a figure names, `ours` None with its `reason` where there is none.
    """
    return [row for figure in figures for row in _rows(figure, folder)]


def _rows(figure: PublishedFigure, folder: Path) -> list[Row]:
    printed: dict[str, Scalar] = {"figure": f"{figure.table}: {figure.column}", "published": figure.value}
    said: dict[str, Scalar] = {"source": figure.source, "differs": figure.differs}
    found, reason = _find(figure, folder / f"{figure.table}.csv")
    if reason is not None:
        return [printed | {"ours": None, "reason": reason} | dict(figure.where) | said]
    return [printed | _ours(row, figure.column) | said for row in found]


def _find(figure: PublishedFigure, path: Path) -> tuple[list[Mapping[str, Scalar]], str | None]:
    if not path.is_file():
        return [], f"this report has no {path.name}"
    table = pd.read_csv(path, low_memory=False)
    absent = [name for name in (*figure.where, figure.column) if name not in table.columns]
    if absent:
        return [], f"{path.name} has no column {absent[0]}"
    for name, value in figure.where.items():
        table = table[table[name].astype(str) == str(value)]
    if table.empty:
        named = ", ".join(f"{name} {value}" for name, value in figure.where.items())
        return [], f"{path.name} has no row with {named}"
    records = table.astype(object).where(table.notna(), None).to_dict("records")
    return [{str(name): value for name, value in record.items()} for record in records], None


def _ours(row: Mapping[str, Scalar], column: str) -> dict[str, Scalar]:
    counts = [row[name] for name in _COUNTS if row.get(name) is not None]
    numbers: dict[str, Scalar] = {
        "ours": row.get(column),
        "low": row.get(f"{column}_low"),
        "high": row.get(f"{column}_high"),
        "n": counts[0] if counts else None,
        "ceiling": row.get(f"{column}_ceiling"),
        "reason": row.get(f"{column}_note") if row.get(column) is None else None,
    }
    return {name: row[name] for name in _PLACE if row.get(name) is not None} | numbers


def beside_table(rows: Sequence[Row]) -> RenderableType:
    """Draw published and own figures, and below what differs."""
    table = plain_table()
    table.add_column("figure", overflow="fold")
    for heading in ("published", "ours [95 %]", "n", "ceiling"):
        table.add_column(heading, justify="right", no_wrap=True)
    remarks: list[str] = []
    for row in rows:
        place = ", ".join(str(row[name]) for name in _PLACE if row.get(name) is not None)
        name = f"{row['figure']} ({place})" if place else str(row["figure"])
        remark = row.get("differs") if row.get("ours") is not None else row.get("reason") or row.get("differs")
        said = f"{row['source']}: {remark}" if remark else str(row["source"])
        remarks += [said] if said not in remarks else []
        cells = (_number(row.get("published")), _interval(row), _count(row.get("n")), _number(row.get("ceiling")))
        table.add_row(Text(f"{name} [{remarks.index(said) + 1}]"), *cells)
    lines = [Text(f"[{number}] {said}", style="dim") for number, said in enumerate(remarks, start=1)]
    return Group(heading_text("Beside what was published"), table, *lines)


def _number(value: Scalar) -> str:
    return f"{value:.3f}" if isinstance(value, int | float) else "-"


def _count(value: Scalar) -> str:
    return f"{value:g}" if isinstance(value, int | float) else "-"


def _interval(row: Row) -> str:
    low, high = row.get("low"), row.get("high")
    limits = f" [{_number(low)}, {_number(high)}]" if isinstance(low, float) and isinstance(high, float) else ""
    return _number(row.get("ours")) + limits


def show_recipe(
    run: Path,
    target: Path,
    console: Console,
    join: str | None = None,
    published: Sequence[Mapping[str, Scalar]] = (),
) -> tuple[Path, ...]:
    """Print what a recipe asks for beside the usual tables, write it to `target`, and return the files.

    Args:
        run: the run folder.
        target: the folder of the report, whose files hold our figures.
        console: where tables go.
        join: another rule for views that were asked one by one.
        published: further published numbers, as `published.read_published` reads them.
    """
    chosen, figures = _asked_for(run)
    figures += [as_figure(entry) for entry in published]
    written: tuple[Path, ...] = ()
    if chosen is not None:
        written += show_candidates(_candidates(read_frame(run, join=join), chosen), target, console)
    path = target / "beside_published.csv"
    path.unlink(missing_ok=True)
    if not figures:
        return written
    rows = beside_rows(figures, target)
    console.print()
    console.print(beside_table(rows))
    return (*written, write_rows(path, rows))


def recipe_tables(run: Path, frame: pd.DataFrame) -> Iterator[RenderableType]:
    """Draw what a recipe asks for, for a page; published figures stand beside the files in RUN/report."""
    chosen, figures = _asked_for(run)
    if chosen is not None:
        candidates = _candidates(frame, chosen)
        yield from candidate_tables(candidates, selections(candidates))
    if figures:
        yield beside_table(beside_rows(figures, run / "report"))


def _asked_for(run: Path) -> tuple[Selection | None, list[PublishedFigure]]:
    with Store(run) as store:
        settings = store.get_meta("experiment") or {}
    chosen = settings.get("selection")
    figures = [PublishedFigure.model_validate(one) for one in settings.get("published", ())]
    return Selection.model_validate(chosen) if chosen else None, figures


def _candidates(frame: pd.DataFrame, chosen: Selection) -> Candidates:
    return read_candidates([frame], chosen.synthetic, chosen.real, default=chosen.default, hardest=chosen.hardest)
