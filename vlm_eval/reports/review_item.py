"""What a reviewer is shown of one answer; what must stay hidden never leaves the process."""

import json
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter

from vlm_eval.flow import Sample
from vlm_eval.reports.html_text import visible
from vlm_eval.runs.store import Store

MOST_CHARACTERS = 250_000
_SAMPLE = TypeAdapter(Sample)


@dataclass(frozen=True, slots=True)
class Shown:
    """What is shown beside prompt, pictures and answer."""

    model: bool = False
    gold: bool = False


def show_ask(store: Store, ask: int, shown: Shown) -> dict[str, Any]:
    """Return prompt, pictures and answer of an ask as JSON for the page; names of files stay behind."""
    prompt, data, sample, model, cell = store.connection.execute(
        "SELECT prompt, outcome.data, sample.data, model.name, cell.name FROM ask "
        "JOIN request ON request.id = ask.request JOIN outcome ON outcome.request = ask.request "
        "JOIN sample ON sample.id = ask.sample JOIN model ON model.id = ask.model JOIN cell ON cell.id = ask.cell "
        "WHERE ask.id = ?",
        (ask,),
    ).fetchone()
    answer = json.loads(data)
    found: dict[str, Any] = {
        "ask": ask,
        "turns": [
            {"role": role, "parts": [_part(store, part) for part in parts]} for role, parts in json.loads(prompt)
        ],
        "answer": _text(answer["text"]),
        "reasoning": _text(answer["reasoning"]),
        "finish": answer["finish"],
    }
    if shown.model:
        found["model"] = visible(f"{model} · {cell}")
    if shown.gold:
        found["gold"] = _gold(_SAMPLE.validate_json(sample))
    return found


def _part(store: Store, part: Any) -> dict[str, Any]:
    if isinstance(part, int):
        (text,) = store.connection.execute("SELECT text FROM text WHERE id = ?", (part,)).fetchone()
        return {"text": _text(text)}
    role, view = part
    width, height, sent = store.connection.execute(
        "SELECT width, height, sent FROM view WHERE id = ?", (view,)
    ).fetchone()
    kept = sent is not None and (store.folder / "media" / sent).is_file()
    return {"role": role, "picture": sent if kept else None, "width": width, "height": height}


def _text(text: str) -> str:
    if len(text) > MOST_CHARACTERS:
        text = f"{text[:MOST_CHARACTERS]}\n[{len(text) - MOST_CHARACTERS:,} more characters]"
    return visible(text)


def _gold(sample: Sample) -> str:
    kind = f", {sample.gold.defect_type}" if sample.gold.defect_type else ""
    return visible(f"anomalous: {sample.gold.anomalous}{kind} · {sample.id}")
