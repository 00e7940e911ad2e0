"""The answers that a page carries, as compact JSON: names and texts once, asks as rows of numbers."""

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import TypeAdapter

from vlm_eval.flow import Judgement, Recipe, Sample
from vlm_eval.reports.html_confusion import Placed
from vlm_eval.reports.html_maps import ScoreMap, ScoreMaps, read_maps
from vlm_eval.reports.html_pictures import Pictures, draw_region, region_aspect
from vlm_eval.reports.html_seen import say_seen
from vlm_eval.reports.html_text import HIDDEN
from vlm_eval.reports.html_views import with_all_views
from vlm_eval.reports.score_source import NAMES
from vlm_eval.runs.judging import judgements_of, read_judgement
from vlm_eval.runs.regions import lies_over, region_path
from vlm_eval.runs.store import Store

COLUMNS = (
    "run", "ask", "panel", "cell", "sample", "round", "repeat", "status", "text", "reasoning", "finish", "served",
    "prompt", "judgements", "verdict", "right", "outcome", "score", "latency", "tokens_in", "tokens_out",
    "disagree", "places", "map", "seen",
)  # fmt: skip
MOST_CHARACTERS = 250_000
"""Characters of one answer that a page carries."""
FORCED = (NAMES["yes-no"], NAMES["yes-no-after-answer"])
"""Sources whose scores are a reading of their own: over one half is a yes."""
KINDS = ("verdict", "defect", "category")
_FRAME_SCORERS = ("verdict", "words", "labels")
_SAMPLE = TypeAdapter(Sample)
_RECIPE = TypeAdapter(Recipe)


class Payload:
    """Collects what the page's script needs; every number in it is a place in one of its lists."""

    def __init__(self) -> None:
        self.pictures = Pictures()
        self.rows: list[list[Any]] = []
        self._strings: dict[str, int] = {}
        self._judgements: dict[str, int] = {}
        self._samples: dict[tuple[int, int], int] = {}
        self._sample_rows: list[dict[str, Any]] = []
        self._views: dict[tuple[int, int], int] = {}
        self._view_rows: list[list[Any]] = []
        self._panels: list[dict[str, Any]] = []
        self._present: dict[int, dict[str, dict[int, Judgement]]] = {}
        self._maps: dict[int, ScoreMaps] = {}
        self.readings: list[dict[str, str]] = []  # by row: the claim that each reading made

    def add_panel(self, run: str, model: str, card: str, score: str | None) -> None:
        """Register a model on a data set, with the words for where its scores come from."""
        silent = score == NAMES["model"]
        self._panels.append({"run": run, "model": model, "card": card, "score": score, "silent": silent})

    def is_silent(self, panel: int) -> bool:
        """Say whether a panel is a baseline's, whose answers claim nothing."""
        return bool(self._panels[panel]["silent"])

    def add_asks(
        self, run: int, panel: int, folder: Path, asks: pd.DataFrame, placed: Mapping[str, Placed]
    ) -> None:
        """Take in the asks of a panel: prompts, answers, judgements and pictures."""
        places = {
            kind: dict(
                zip(one.names.index, zip(one.names["gold"], one.names["claimed"], strict=True), strict=True)
            )
            for kind, one in placed.items()
        }
        with Store(folder) as store:
            reader = _Reader(self, run, folder, store)
            for index, ask in zip(asks.index, asks.to_dict("records"), strict=True):
                spots = [places.get(kind, {}).get(index) for kind in KINDS]
                self.rows.append(reader.row(panel, ask, [self._spot(spot) for spot in spots]))

    def present(self, run: int, store: Store) -> dict[str, dict[int, Judgement]]:
        """Return the present judgements of the frame's own scorers, read once a run."""
        if run not in self._present:
            self._present[run] = {name: judgements_of(store, name) for name in _FRAME_SCORERS}
        return self._present[run]

    def maps(self, run: int, store: Store) -> ScoreMaps:
        """Return the score maps of a run, found once."""
        if run not in self._maps:
            self._maps[run] = read_maps(store)
        return self._maps[run]

    def _spot(self, spot: tuple[str, str] | None) -> list[int] | None:
        return None if spot is None else [self.string(spot[0]), self.string(spot[1])]

    def string(self, text: str | None) -> int:
        """Return the number of a text; -1 for None."""
        return -1 if text is None else self._strings.setdefault(text, len(self._strings))

    def judgement(self, scorer: str, version: str, judged: Judgement, text: str) -> int:
        """Return the number of a judgement; its evidence is counted in UTF-16 units, as browsers do."""
        start, end = judged.evidence or (None, None)
        details = {name: value for name, value in judged.details.items() if value not in (None, "")}
        row = [
            scorer,
            version,
            judged.value,
            judged.reason,
            None if start is None else _utf16(text[:start]),
            None if end is None else _utf16(text[:end]),
            _plain(judged.score),
            {name: _plain(value) for name, value in details.items()},
        ]
        return self._judgements.setdefault(json.dumps(row), len(self._judgements))

    def sample(self, store: Store, folder: Path, run: int, number: int) -> int:
        """Return the number of a sample; taken in when it is new."""
        if (run, number) not in self._samples:
            (data,) = store.connection.execute("SELECT data FROM sample WHERE id = ?", (number,)).fetchone()
            sample = _SAMPLE.validate_json(data)
            gold = sample.gold
            region = region_path(folder, number)
            self._samples[run, number] = len(self._samples)
            self._sample_rows.append(
                {
                    "id": sample.id,
                    "class": sample.object_class,
                    "group": sample.group,
                    "gold": gold.anomalous,
                    "type": gold.defect_type,
                    "accepted": gold.accepted,
                    "place": gold.place,
                    "region": self.pictures.add(region, draw_region),
                    "known": sample,
                    "aspect": region_aspect(region),
                }
            )
        return self._samples[run, number]

    def view(self, store: Store, folder: Path, run: int, number: int) -> int:
        """Return the number of a view: [picture, width, height, name, path, recipe]."""
        if (run, number) not in self._views:
            path, recipe, width, height, sent = store.connection.execute(
                "SELECT path, recipe, width, height, sent FROM view WHERE id = ?", (number,)
            ).fetchone()
            picture = self.pictures.add(folder / "media" / sent) if sent else -1
            self._views[run, number] = len(self._views)
            name = re.split(r"[\\/]", path)[-1]
            self._view_rows.append([picture, width, height, name, path, _RECIPE.validate_json(recipe)])
        return self._views[run, number]

    def overlay(self, sample: int, view: int) -> bool:
        """Say whether a sample's gold region lies over a view as it is."""
        row, (_, width, height, _, path, recipe) = self._sample_rows[sample], self._view_rows[view]
        known = row["known"]
        if row["region"] < 0 or not height or path not in map(str, known.sources) or not lies_over(known, recipe):
            return False
        return bool(abs(width / height / row["aspect"] - 1) < 0.02)

    def content(self, pictures: Sequence[str | None], **extra: Any) -> dict[str, Any]:
        """Return everything for the data island, with the pictures as data URLs or names of files."""
        samples = [
            {name: value for name, value in sample.items() if name not in ("known", "aspect")}
            for sample in self._sample_rows
        ]
        return {
            "hidden": HIDDEN,
            "columns": COLUMNS,
            "kinds": KINDS,
            "strings": list(self._strings),
            "judgements": [json.loads(row) for row in self._judgements],
            "samples": samples,
            "views": [row[:4] for row in self._view_rows],
            "panels": self._panels,
            "forced": FORCED,
            "rows": self.rows,
            "pictures": list(pictures),
            **extra,
        }


class _Reader:
    """Reads the asks of one panel from its store."""

    def __init__(self, payload: Payload, run: int, folder: Path, store: Store) -> None:
        self._payload, self._run, self._folder, self._store = payload, run, folder, store
        self._present = payload.present(run, store)
        self._maps = payload.maps(run, store)

    def row(self, panel: int, ask: Mapping[Any, Any], places: list[list[int] | None]) -> list[Any]:
        """Return one ask in the order of COLUMNS."""
        payload = self._payload
        number, repeat, request, prompt, data = self._store.connection.execute(
            "SELECT sample, round, request.id, prompt, outcome.data FROM ask "
            "JOIN request ON request.id = ask.request LEFT JOIN outcome USING (request) WHERE ask.id = ?",
            (ask["ask"],),
        ).fetchone()
        prompt, data = with_all_views(self._store, ask, prompt, data)
        sample = payload.sample(self._store, self._folder, self._run, number)
        outcome = {} if ask["status"] == "open" or data is None else json.loads(data)
        text = outcome.get("text") if ask["status"] == "answered" else outcome.get("message")
        judgements = self._judgements(ask["ask"], text or "") if ask["status"] == "answered" else []
        silent = payload.is_silent(panel) and ask["status"] == "answered"
        readings = _readings([(name, judged) for name, _, judged in judgements], ask)
        payload.readings.append(readings)
        return [
            self._run, ask["ask"], panel, payload.string(ask["cell"]), sample, repeat, ask["repeat"],
            ask["status"], payload.string(_cut(text)), payload.string(_cut(outcome.get("reasoning") or None)),
            outcome.get("finish"), payload.string(outcome.get("served_model")), self._prompt(prompt, sample),
            [payload.judgement(*judged, text or "") for judged in judgements],
            ask["verdict"] if isinstance(ask["verdict"], str) else None,
            None if silent else right_or_wrong(ask), payload.string("scored" if silent else outcome_name(ask)),
            _plain(ask["anomaly_score"]), _plain(outcome.get("latency")),
            outcome.get("prompt_tokens"), outcome.get("completion_tokens"), int(len({*readings.values()}) > 1),
            places, self._map(self._maps.of_request.get(request) or self._maps.of_sample.get(number), prompt),
            payload.string(say_seen(outcome)),
        ]  # fmt: skip

    def _map(self, found: ScoreMap | None, prompt: str) -> list[int] | None:
        """Return [picture, view, model] of a score map that lies over a picture of the prompt."""
        if found is None or not any(part[1] == found.view for _, parts in json.loads(prompt) for part in parts
                                    if isinstance(part, list)):  # fmt: skip
            return None
        picture = self._payload.pictures.add(found.path, found.drawing())
        view = self._payload.view(self._store, self._folder, self._run, found.view)
        return None if picture < 0 else [picture, view, self._payload.string(found.model)]

    def _prompt(self, form: str, sample: int) -> list[Any]:
        """Return turns as [role, parts]; a part is a text's number, or [role, view, whether gold lies over it]."""
        turns = []
        for role, parts in json.loads(form):
            shown: list[Any] = []
            for part in parts:
                if isinstance(part, str):
                    shown.append(self._payload.string(part))
                    continue
                if isinstance(part, int):
                    row = self._store.connection.execute("SELECT text FROM text WHERE id = ?", (part,)).fetchone()
                    shown.append(self._payload.string(row[0]))
                    continue
                view = self._payload.view(self._store, self._folder, self._run, part[1])
                over = part[0] != "reference" and self._payload.overlay(sample, view)
                shown.append([part[0], view, int(over)])
            turns.append([role, shown])
        return turns

    def _judgements(self, ask: int, text: str) -> list[tuple[str, str, Judgement]]:
        """Return every scorer's newest judgement; of the frame's own scorers the present one."""
        newest: dict[str, tuple[str, Judgement]] = {}
        for scorer, version, data in self._store.connection.execute(
            "SELECT scorer, version, data FROM judgement WHERE ask = ? AND scorer NOT LIKE '% ceiling'", (ask,)
        ):
            if scorer not in newest or _order(version) > _order(newest[scorer][0]):
                newest[scorer] = (version, read_judgement(data))
        for name, found in self._present.items():
            if ask in found:
                newest[name] = (newest[name][0] if name in newest else "", found[ask])
        first = [name for name in _FRAME_SCORERS if name in newest]
        order = [*first, *sorted(set(newest) - set(first))]
        return [(name, *newest[name]) for name in order]


def _order(version: str) -> list[tuple[int, int, str]]:
    parts = re.findall(r"\d+|\D+", version)
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts]


def _readings(judged: Iterable[tuple[str, Judgement]], ask: Mapping[Any, Any]) -> dict[str, str]:
    """Return the claim of each reading that makes one: scorers of verdicts and labels, and the forced yes/no."""
    found: dict[str, str] = {}
    for name, judgement in judged:
        if judgement.value in ("anomalous", "normal"):
            found[name] = str(judgement.value)
        elif name == "labels" and isinstance(judgement.value, str):
            found[name] = "anomalous"
    score, source = ask["anomaly_score"], NAMES.get(str(ask.get("score_source")))
    if source in FORCED and not math.isnan(score) and score != 0.5:
        found[source] = "anomalous" if score > 0.5 else "normal"
    return found


def right_or_wrong(ask: Mapping[Any, Any]) -> str | None:
    """Return right, wrong or no claim; None where nothing can be said (failed, open, unknown gold)."""
    if ask["status"] != "answered" or ask["gold"] not in ("yes", "no"):
        return None
    if not isinstance(ask["verdict"], str):
        return "no claim"
    return "right" if (ask["verdict"] == "anomalous") == (ask["gold"] == "yes") else "wrong"


def outcome_name(ask: Mapping[Any, Any]) -> str:
    """Name what became of an ask, as the outcome ledger does."""
    if ask["status"] == "open":
        return "open"
    if ask["status"] == "failed":
        return f"failed: {ask['failure'] if isinstance(ask['failure'], str) else 'unknown'}"
    if isinstance(ask["verdict"], str):
        return "claim"
    return ask["verdict_reason"] if isinstance(ask["verdict_reason"], str) else "no claim"


def _utf16(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _cut(text: str | None) -> str | None:
    if text is None or len(text) <= MOST_CHARACTERS:
        return text
    return f"{text[:MOST_CHARACTERS]}\n[{len(text) - MOST_CHARACTERS:,} more characters are in items.csv]"


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.6g}") if math.isfinite(value) else None
    return value
