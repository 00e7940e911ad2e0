"""Makes the card of a folder or a table that comes without one, or says which card to write."""

import re
from pathlib import Path
from typing import Any

import yaml

from vlm_eval.data.cards import check_card
from vlm_eval.data.saved_features import SavedFeatures, is_saved, read_saved
from vlm_eval.data.schema import Card
from vlm_eval.errors import CardError

TABLES = frozenset({".csv", ".jsonl", ".parquet"})
_HUB = "hf:"


def ad_hoc_card(name_or_path: str | Path) -> Card | None:
    """Make the card of a folder or table, which knows no class and no licence; None for what is neither.

    Raises:
        CardError: a table that does not exist, or a Hugging Face data set that needs a card to be understood.
    """
    text = str(name_or_path)
    if text.startswith(_HUB):
        raise CardError(_hub_message(text.removeprefix(_HUB)))
    path = Path(text).expanduser()
    if path.suffix.lower() in TABLES and not path.is_dir():
        if not path.is_file():
            raise CardError(f"The table {path} does not exist. Give the path of a .csv, .jsonl or .parquet file")
        return _card(path, "table")
    if not path.is_dir() or own_card(path) is not None:
        return None
    return _saved_card(path) if is_saved(path) else _card(path, "folders")


def own_card(folder: Path) -> Path | None:
    """Return the card that lies in a folder beside its data, as `synthesize` leaves it; None where there is none.

    Raises:
        CardError: there are two of them.
    """
    found = [file for file in sorted(folder.glob("*.yaml")) if _is_card(file)]
    if len(found) > 1:
        raise CardError(f"{folder} holds two cards, {found[0].name} and {found[1].name}; name one of them")
    return found[0] if found else None


def _is_card(file: Path) -> bool:
    """Tell a card from any other YAML file; one that is no YAML is none."""
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return False
    return isinstance(content, dict) and {"name", "reader"} <= content.keys()


def card_name(path: Path) -> str:
    """Make a card's name of a path: a folder's own name, or a table's without its ending."""
    resolved = path.resolve()
    stated = resolved.name if resolved.is_dir() else resolved.stem
    return re.sub(r"[^A-Za-z0-9._-]+", "-", stated).strip("-._") or "data"


def _card(path: Path, reader: str, options: dict[str, Any] | None = None) -> Card:
    content = {
        "name": card_name(path),
        "title": path.resolve().name or "data",
        "reader": reader,
        "root": str(path),
        "licence": "not stated",
        "options": options or {},
    }
    return check_card(content, path)


def _saved_card(path: Path) -> Card:
    saved = read_saved(path)
    if saved.unclear:
        raise CardError(
            f"{path} was written by save_to_disk, but {saved.unclear}. Write a card that says it, for example:\n"
            + _card_to_write(card_name(path), f"root: {path.resolve()}", saved)
        )
    columns = {"image": saved.images[0], "label": saved.labels[0]}
    return _card(path, "hugging-face", {"columns": columns, "split": saved.split})


def _hub_message(hub: str) -> str:
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", hub.rpartition("/")[2]).strip("-._") or "data"
    return (
        f"{_HUB}{hub} lies on the Hugging Face hub, and only a card can say which of its columns and labels mean "
        "what. Write one, for example:\n" + _card_to_write(name, None, SavedFeatures(), hub)
    )


def _card_to_write(name: str, root: str | None, saved: SavedFeatures, hub: str | None = None) -> str:
    image = " or ".join(saved.images) or "IMAGE_COLUMN"
    label = " or ".join(saved.labels) or "LABEL_COLUMN"
    lines = [
        f"  # my_cards/{name}.yaml          used with: --datasets my_cards --dataset {name}",
        f"  name: {name}",
        f"  title: {name}",
        "  licence: ...",
        "  reader: hugging-face",
        *([f"  {root}"] if root else []),
        "  options:",
        *([f"    hub: {hub or 'organisation/name'}"] if root is None else []),
        f"    split: {' or '.join(saved.splits) or 'test'}",
        f"    columns: {{image: {image}, label: {label}}}",
        "    labels: {normal: [...], anomalous: [...]}"
        + (f"   # of {', '.join(saved.label_names)}" if saved.label_names else ""),
    ]
    return "\n".join(lines)
