"""Items that a published file holds, as a run: scored and reported like any other."""

from collections.abc import Sequence
from pathlib import Path

from vlm_eval.flow import Generation, Item, Model, Prompt, Turn
from vlm_eval.prompting.cells import Cell, Ingredients
from vlm_eval.runs.keys import make_request
from vlm_eval.runs.lock import run_lock
from vlm_eval.runs.store import Ask, Store


def import_items(items: Sequence[Item], folder: Path, *, model: str, source: str) -> None:
    """Write items as a run folder; importing the same ones again changes nothing.

    Args:
        items: each with its sample, question and answer.
        folder: the run folder.
        model: name under which reports show who answered.
        source: name of the file, kept in the run's provenance.

    Raises:
        RunFolderError: the folder holds other answers.
    """
    asks = [_ask(item, model) for item in items]
    names = dict.fromkeys(item.sample.card for item in items)
    cards = [{"name": card, "title": card, "licence": "not stated", "revision": None} for card in names]
    with run_lock(folder), Store(folder, write=True) as store:
        store.plan(asks)
        store.set_meta("provenance", {"imported": source, "cards": cards})
        for ask, item in zip(asks, items, strict=True):
            store.put(ask.request.key, item.answer)


def _ask(item: Item, model: str) -> Ask:
    # Only the question is known, not how it was put; the id keeps the keys of different answers apart.
    said = f"Imported answer about {item.sample.id}: {item.sample.question or 'its question is not known'}"
    request = make_request(Model("imported", model), Prompt((Turn("user", (said,)),)), Generation())
    cell = Cell(item.question.cell, Ingredients())
    return Ask(model, item.sample, cell, item.question, "answer", request)
