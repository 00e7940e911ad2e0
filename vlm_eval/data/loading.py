"""Loads a data set: finds the card, finds the data, reads the samples and checks what every data set must hold."""

import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vlm_eval.data.cards import check_card, list_cards, load_card
from vlm_eval.data.readers import READERS
from vlm_eval.data.samples import Note
from vlm_eval.data.schema import Card
from vlm_eval.errors import CardError
from vlm_eval.flow import Sample

TABLES = frozenset({".csv", ".jsonl", ".parquet"})


@dataclass(frozen=True, slots=True)
class Dataset:
    """A card, the samples of all splits in the reader's order, and what the reader repaired or left out."""

    card: Card
    samples: tuple[Sample, ...]
    notes: tuple[str, ...] = ()


def load_dataset(
    name_or_path: str | Path, *, root: str | Path | None = None, search: Sequence[Path] = ()
) -> Dataset:
    """Load the samples of a data set.

    Args:
        name_or_path: a card's name (which comes before a folder of the same name) or YAML path; a folder with a
            normal and an anomalous folder in it, or with unlabelled pictures; a table (.csv, .jsonl, .parquet)
            with the columns `image` and `label`.
        root: where the data is; overrides the card's environment variable and root.
        search: folders with the user's own cards.

    Raises:
        CardError: the card, the data's place or the data's layout cannot be used.
        MissingExtraError: the card's reader needs a package that is not installed.
    """
    card = _card_for(name_or_path, search)
    place = find_root(card, root)
    try:
        found = list(READERS[card.reader].read(card, place))
    except OSError as error:
        raise CardError(
            f"{error.filename or place} cannot be read: {error.strerror or error}. {_remedy(card)}"
        ) from error
    samples = tuple(entry for entry in found if isinstance(entry, Sample))
    _refuse_empty(card, place, samples)
    _refuse_duplicates(card, samples)
    return Dataset(card, samples, tuple(entry.message for entry in found if isinstance(entry, Note)))


def find_root(card: Card, root: str | Path | None = None) -> Path:
    """Return the folder (or the one file) that holds a card's data.

    The stated root comes first, then the card's environment variable, the card's own root, the reader's default.
    """
    stated = root or os.environ.get(card.root_variable) or card.root
    if stated is None:
        default = READERS[card.reader].default_root
        if default is not None:
            return default()
        raise CardError(
            f"The data of {card.name} is not on this machine as far as the card knows. {_remedy(card)}"
        )
    place = Path(stated).expanduser()
    if not place.exists():
        raise CardError(f"The data of {card.name} is not at {place}. {_remedy(card)}")
    if place.is_file() and not READERS[card.reader].file_root:
        raise CardError(f"{place} is a file, but the reader {card.reader} needs a folder. {_remedy(card)}")
    return place


def _remedy(card: Card) -> str:
    obtain = f"{card.obtain.rstrip('.')}. " if card.obtain else f"See {card.homepage}. " if card.homepage else ""
    return f"{obtain}Then pass --root FOLDER or set {card.root_variable}"


def _card_for(name_or_path: str | Path, search: Sequence[Path]) -> Card:
    if str(name_or_path) in list_cards(search):
        return load_card(name_or_path, search)
    path = Path(name_or_path).expanduser()
    if path.suffix.lower() in TABLES:
        if not path.is_file():
            raise CardError(f"The table {path} does not exist. Give the path of a .csv, .jsonl or .parquet file")
        return _ad_hoc(path, "table")
    if path.is_dir():
        return _ad_hoc(path, "folders")
    return load_card(name_or_path, search)


def _ad_hoc(path: Path, reader: str) -> Card:
    """Make the card of a folder or table that comes without one; it knows no class and no licence."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", path.resolve().stem).strip("-._") or "data"
    return check_card(
        {"name": name, "title": path.name, "reader": reader, "root": str(path), "licence": "not stated"}, path
    )


def _refuse_empty(card: Card, place: Path, samples: Sequence[Sample]) -> None:
    if not any(sample.split == "test" for sample in samples):
        raise CardError(
            f"{place} holds no item to evaluate for the card {card.name} (reader {card.reader}). "
            "Check that the folder is the right one and that its pictures or rows are there"
        )


def _refuse_duplicates(card: Card, samples: Sequence[Sample]) -> None:
    twice = [identity for identity, count in Counter(sample.id for sample in samples).items() if count > 1]
    if twice:
        raise CardError(
            f"{len(twice)} sample ids of {card.name} occur more than once, the first is {twice[0]}. Every item "
            "needs an id of its own: remove repeated rows, or name a column with unique ids in the card's options"
        )
