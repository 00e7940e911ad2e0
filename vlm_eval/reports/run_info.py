"""What a run folder says besides its numbers."""

import json
from collections.abc import Sequence
from pathlib import Path

from vlm_eval.flow import Scalar
from vlm_eval.reports.info import ReportInfo
from vlm_eval.reports.rounds import cells_by_round
from vlm_eval.runs.one_by_one import joined_note, rule_of
from vlm_eval.runs.store import Store


def read_info(folder: Path, join: str | None = None) -> ReportInfo:
    """Read data sets, licences, and what each cell holds.

    Args:
        folder: the run folder.
        join: another rule than the run's own, by which views that were asked one by one are joined.

    Raises:
        RunFolderError: the folder holds no readable run.
        ExperimentError: there is no such rule, or nothing to join.
    """
    with Store(folder) as store:
        cards = (store.get_meta("provenance") or {}).get("cards", [])
        rule = rule_of(store, join)
        notes = [*(store.get_meta("notes") or []), *([joined_note(rule)] if rule else [])]
        cells = [
            (name, json.loads(data))
            for name, data in store.connection.execute("SELECT name, ingredients FROM cell ORDER BY id")
        ]
        rounds = dict(
            store.connection.execute(
                "SELECT cell.name, max(round) FROM ask JOIN cell ON cell.id = ask.cell "
                "WHERE purpose = 'answer' GROUP BY cell.name"
            ).fetchall()
        )
        seed = (store.get_meta("experiment") or {}).get("reference_seed", 0)
    return {
        "title": folder.name,
        "datasets": {card["name"]: card["title"] for card in cards},
        "licences": {card["name"]: card["licence"] for card in cards},
        "cells": cells_by_round(completed(cells, seed), rounds),
        "notes": notes,
    }


def completed(cells: Sequence[tuple[str, dict[str, Scalar]]], seed: int) -> list[tuple[str, dict[str, Scalar]]]:
    """Give cells that do not tell a factor their level of it: the usual wording, seed and kind, no readings."""
    names = {name for _, levels in cells for name in levels}
    completed = []
    for cell, levels in cells:
        usual: dict[str, Scalar] = {"wording": 0, "auxiliary": 0}
        usual |= {"reference_seed": seed, "reference_kind": "normal"} if levels.get("reference") else {}
        missing = {name: level for name, level in usual.items() if name in names - levels.keys()}
        completed.append((cell, levels | missing))
    return completed
