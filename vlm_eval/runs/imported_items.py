"""Answers that exist already, as a run: scored and reported like any other."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from vlm_eval.flow import Generation, Item, Model, Prompt, Turn
from vlm_eval.prompting.cells import Cell, Ingredients
from vlm_eval.runs.keys import make_request
from vlm_eval.runs.lock import run_lock
from vlm_eval.runs.store import Ask, Store


def import_items(
    answered: Iterable[tuple[str, Item]],
    folder: Path,
    *,
    source: str,
    cards: Sequence[Mapping[str, object]] | None = None,
) -> None:
    """Write items as a run folder; importing the same ones again changes nothing.

    Args:
        answered: the name of the model and the item that it answered.
        folder: the run folder.
        source: name of the file, kept in the run's provenance.
        cards: what reports say of the data sets; where it is not given, their names.

    Raises:
        RunFolderError: the folder holds other answers.
    """
    pairs = [(_ask(model, item), item.answer) for model, item in answered]
    names = dict.fromkeys(ask.sample.card for ask, _ in pairs)
    unknown = [{"name": name, "title": name, "licence": "not stated", "revision": None} for name in names]
    with run_lock(folder), Store(folder, write=True) as store:
        store.plan(ask for ask, _ in pairs)
        store.set_meta("provenance", {"imported": source, "cards": list(cards or unknown)})
        for ask, answer in pairs:
            store.put(ask.request.key, answer)


def _ask(model: str, item: Item) -> Ask:
    question = item.question
    # The prompt is not known; its place keeps the keys of different answers apart.
    said = f"Imported answer about {item.sample.id}, cell {question.cell}, round {question.round}."
    said += f" {item.sample.question}" if item.sample.question else ""
    prompt = Prompt((Turn("user", (said,)),))
    request = make_request(Model("imported", model), prompt, Generation(), question.repeat)
    return Ask(model, item.sample, Cell(question.cell, Ingredients()), question, "answer", request)
