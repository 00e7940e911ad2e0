"""How often answers name what is wrong, by the scorers `words:strict` and `vqa`; `words` is in ablation.csv."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from rich.console import Group, RenderableType
from rich.text import Text

from vlm_eval.flow import Scalar
from vlm_eval.metrics.estimate import Estimate
from vlm_eval.metrics.rates import simple_rate
from vlm_eval.metrics.sampling import sampling
from vlm_eval.reports.files import Row, fields_of
from vlm_eval.reports.tables import break_name, heading_text, plain_table, with_interval
from vlm_eval.runs.probes import probe_name
from vlm_eval.runs.readings import Reading, list_stored, read_readings
from vlm_eval.runs.store import Store

SCORERS = ("vqa", "words:strict")
_CAPTION = (
    "Percent [95 % interval] of the n answers about items whose true name is known. vqa: official VQA accuracy, "
    "the best accepted name for ten agreeing people; words:strict: the first accepted name as a discrete word."
)


@dataclass(frozen=True, slots=True)
class NamingCell:
    """What one scorer says of the names that one model gave in one cell."""

    scorer: str
    version: str
    model: str
    card: str
    cell: str
    answers: int
    accuracy: Estimate


def naming_cells(store: Store) -> list[NamingCell]:
    """Read the stored judgements of first rounds; a model that never said a word, as a baseline, has no cell."""
    newest = {scorer: version for scorer, version in list_stored(store) if scorer in SCORERS}
    found = []
    for scorer in SCORERS:
        groups: dict[tuple[str, str, str], list[Reading]] = {}
        for one in read_readings(store, scorer, newest[scorer]) if scorer in newest else ():
            if one.round == 0 and one.judgement.value is not None and probe_name(one.cell) is None:
                groups.setdefault((one.model, one.sample.card, one.cell), []).append(one)
        for place, own in groups.items():
            if any(one.text for one in own):
                found.append(NamingCell(scorer, newest[scorer], *place, len(own), _accuracy(own)))
    return found


def _accuracy(readings: Sequence[Reading]) -> Estimate:
    values = [
        float(one.judgement.value is True) if one.judgement.score is None else one.judgement.score
        for one in readings
    ]
    drawn = sampling([one.sample.group for one in readings], [one.sample.object_class for one in readings])
    return simple_rate(np.array(values, dtype=np.float64), np.zeros(len(values), dtype=np.int64), drawn)


def naming_tables(cells: Sequence[NamingCell]) -> Iterator[RenderableType]:
    """Draw one table for each model and data set."""
    for model, card in dict.fromkeys((one.model, one.card) for one in cells):
        own = [one for one in cells if (one.model, one.card) == (model, card)]
        table = plain_table()
        table.add_column("cell", overflow="fold")
        for heading in ("scorer", "names it", "n"):
            table.add_column(heading, justify="right", no_wrap=True)
        for one in own:
            table.add_row(Text(break_name(one.cell)), one.scorer, with_interval(one.accuracy), str(one.answers))
        yield Group(heading_text(f"Names: {model} on {card}"), table, Text(_CAPTION, style="dim"))


def naming_rows(cells: Sequence[NamingCell]) -> Iterator[Row]:
    """Yield one row a scorer, model, data set and cell for naming.csv."""
    for one in cells:
        row: dict[str, Scalar] = {
            "scorer": one.scorer,
            "version": one.version,
            "model": one.model,
            "dataset": one.card,
            "cell": one.cell,
            "n": one.answers,
        }
        yield row | dict(fields_of("accuracy", one.accuracy))
