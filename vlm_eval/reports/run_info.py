"""What a run folder says besides its numbers."""

import json
from collections.abc import Sequence
from pathlib import Path

from vlm_eval.flow import Scalar
from vlm_eval.reports.info import ReportInfo
from vlm_eval.reports.rounds import cells_by_round
from vlm_eval.runs.store import Store


def read_info(folder: Path) -> ReportInfo:
    """Read data sets, licences, and what each cell holds. Raises RunFolderError."""
    with Store(folder) as store:
        cards = (store.get_meta("provenance") or {}).get("cards", [])
        notes = store.get_meta("notes") or []
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
    """Give cells from before a run grew by a factor their level of it: the usual wording, the usual seed."""
    names = {name for _, levels in cells for name in levels}
    completed = []
    for cell, levels in cells:
        usual: dict[str, Scalar] = {"wording": 0}
        usual |= {"reference_seed": seed} if levels.get("reference") else {}
        missing = {name: level for name, level in usual.items() if name in names - levels.keys()}
        completed.append((cell, levels | missing))
    return completed
