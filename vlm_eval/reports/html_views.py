"""An item whose views were asked one by one, on the page: each picture with its answer, the deciding one last."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from vlm_eval.runs.store import Store


def with_all_views(store: Store, ask: Mapping[Any, Any], prompt: str, data: str | None) -> tuple[str, str | None]:
    """Return prompt and outcome of a joined item as one conversation.

    The other views come first, without the words, which are the same; what is said of the deciding one stays the
    answer. Texts of turns that no prompt holds stand in the form as they are.

    Args:
        store: of the run.
        ask: a row of the frame; it is joined where it has `views`.
        prompt: of the deciding view, as stored.
        data: of its outcome, as stored.
    """
    views: Sequence[int] | None = ask.get("views") if isinstance(ask.get("views"), tuple) else None
    if views is None or len(views) < 2:
        return prompt, data
    turns: list[list[Any]] = []
    for number, view in enumerate(views, start=1):
        if view != ask["ask"]:
            pictures, said = _read(store, view)
            turns += [["user", [f"View {number} of {len(views)} (asked alone)", *pictures]], ["assistant", [said]]]
    (role, parts), *rest = json.loads(prompt) or [["user", []]]
    place = f"View {views.index(ask['ask']) + 1} of {len(views)} (asked alone; it decides)"
    form = json.dumps([*turns, [role, [place, *parts]], *rest])
    return form, None if data is None else json.dumps({**json.loads(data), **_sums(ask)})


def _read(store: Store, ask: int) -> tuple[list[Any], str]:
    """Return the pictures of a view's prompt and what was said of it, or what became of it."""
    form, kind, data = store.connection.execute(
        "SELECT prompt, outcome.kind, outcome.data FROM ask JOIN request ON request.id = ask.request "
        "LEFT JOIN outcome USING (request) WHERE ask.id = ?",
        (ask,),
    ).fetchone()
    pictures = [part for _, parts in json.loads(form) for part in parts if isinstance(part, list)]
    if kind is None:
        return pictures, "(still to be asked)"
    outcome = json.loads(data)
    return pictures, outcome["text"] if kind == "answer" else f"(failed: {outcome['message']})"


def _sums(ask: Mapping[Any, Any]) -> dict[str, Any]:
    """Return latency and tokens of all views together."""
    tokens = {name: ask[name] for name in ("prompt_tokens", "completion_tokens")}
    whole = {name: int(value) if value is not None and value == value else None for name, value in tokens.items()}
    return {"latency": ask["latency"], **whole}
