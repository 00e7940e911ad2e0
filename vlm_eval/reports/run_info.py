"""What a run folder says besides its numbers."""

import json
from pathlib import Path

from vlm_eval.reports.info import ReportInfo
from vlm_eval.runs.store import Store


def read_info(folder: Path) -> ReportInfo:
    """Read data sets, licences, and what each cell holds. Raises RunFolderError."""
    with Store(folder) as store:
        cards = (store.get_meta("provenance") or {}).get("cards", [])
        notes = store.get_meta("notes") or []
        cells = [
            (name, {ingredient: int(level) for ingredient, level in json.loads(data).items()})
            for name, data in store.connection.execute("SELECT name, ingredients FROM cell ORDER BY id")
        ]
    return {
        "title": folder.name,
        "datasets": {card["name"]: card["title"] for card in cards},
        "licences": {card["name"]: card["licence"] for card in cards},
        "cells": cells,
        "notes": notes,
    }
