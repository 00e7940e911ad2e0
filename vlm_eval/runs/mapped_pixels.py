"""The items of a run that were answered with a score map."""

import json
from dataclasses import dataclass

from pydantic import TypeAdapter

from vlm_eval.flow import Sample
from vlm_eval.runs.store import Store

_SAMPLE = TypeAdapter(Sample)


@dataclass(frozen=True, slots=True)
class MappedItem:
    """A picture with a score map and a known gold verdict."""

    sample: int  # its row in the store, by which its gold region is found
    anomalous: bool
    digest: str  # of the score map
    size: tuple[int, int]  # width, height of the picture that was sent


def read_mapped_items(store: Store) -> dict[tuple[str, str, str, str], list[MappedItem]]:
    """Read what has a score map, by (model, card, cell, object class); the first round, repeat and view alone."""
    samples = {
        row: _SAMPLE.validate_json(data) for row, data in store.connection.execute("SELECT id, data FROM sample")
    }
    found: dict[tuple[str, str, str, str], list[MappedItem]] = {}
    for model, cell, row, digest, prompt in store.connection.execute(
        "SELECT model.name, cell.name, ask.sample, outcome.data ->> 'score_map_digest', prompt FROM ask "
        "JOIN model ON model.id = ask.model JOIN cell ON cell.id = ask.cell "
        "JOIN request ON request.id = ask.request JOIN outcome ON outcome.request = ask.request "
        "WHERE kind = 'answer' AND purpose = 'answer' AND ask.round = 0 AND ask.repeat = 0 AND ask.view = 0 "
        "AND outcome.data ->> 'score_map_digest' IS NOT NULL ORDER BY ask.id"
    ).fetchall():
        sample = samples[row]
        if sample.gold.anomalous in ("yes", "no"):
            item = MappedItem(row, sample.gold.anomalous == "yes", digest, _first_size(store, prompt))
            found.setdefault((model, sample.card, cell, sample.object_class), []).append(item)
    return found


def _first_size(store: Store, prompt: str) -> tuple[int, int]:
    """Return the size of the first picture of a stored prompt, which is all that is looked up of it."""
    row = next(part[1] for _, parts in json.loads(prompt) for part in parts if isinstance(part, list))
    width, height = store.connection.execute("SELECT width, height FROM view WHERE id = ?", (row,)).fetchone()
    return int(width), int(height)
