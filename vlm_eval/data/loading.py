"""Loads a data set: finds the card, finds the data, reads the samples and checks what every data set must hold."""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vlm_eval.data.ad_hoc import ad_hoc_card, own_card
from vlm_eval.data.auxiliary import add_auxiliary
from vlm_eval.data.cards import list_cards, load_card
from vlm_eval.data.readers import READERS
from vlm_eval.data.samples import Note, group_by_source
from vlm_eval.data.schema import Card
from vlm_eval.errors import CardError
from vlm_eval.flow import Sample


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
            card in it, or with a normal and an anomalous folder, or with unlabelled pictures; a table (.csv,
            .jsonl, .parquet) with the columns `image` and `label`; a folder that the Hugging Face library's
            `save_to_disk` wrote.
        root: where the data is; overrides the card's environment variable and root.
        search: folders with the user's own cards.

    Raises:
        CardError: the card, the data's place or the data's layout cannot be used.
        MissingExtraError: the card's reader needs a package that is not installed.
    """
    listed = str(name_or_path) in list_cards(search)
    card = None if listed else ad_hoc_card(name_or_path)
    if card is None:
        folder = Path(name_or_path).expanduser()
        beside = own_card(folder) if not listed and folder.is_dir() else None
        card = load_card(beside or name_or_path, search)
    else:
        root = root or card.root  # a path that was given comes before the environment variable
    place = find_root(card, root)
    try:
        found = list(READERS[card.reader].read(card, place))
    except OSError as error:
        raise CardError(
            f"{error.filename or place} cannot be read: {error.strerror or error}. {_remedy(card)}"
        ) from error
    samples = group_by_source(add_auxiliary(card, place, [entry for entry in found if isinstance(entry, Sample)]))
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
            return _plain(default())
        raise CardError(
            f"The data of {card.name} is not on this machine as far as the card knows. {_remedy(card)}"
        )
    place = Path(stated).expanduser()
    if not place.exists():
        raise CardError(f"The data of {card.name} is not at {place}. {_remedy(card)}")
    if place.is_file() and not READERS[card.reader].file_root:
        raise CardError(f"{place} is a file, but the reader {card.reader} needs a folder. {_remedy(card)}")
    return _plain(place)


def _plain(place: Path) -> Path:
    """Take the `..` out of a root, so that the paths below it can be stated relative to it."""
    plain = Path(os.path.normpath(place))
    # Behind a link, `..` is not the folder before it in the path.
    return plain if not place.exists() or (plain.exists() and plain.samefile(place)) else place.resolve()


def _remedy(card: Card) -> str:
    obtain = f"{card.obtain.rstrip('.')}. " if card.obtain else f"See {card.homepage}. " if card.homepage else ""
    return f"{obtain}Then pass --root FOLDER or set {card.root_variable}"


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
            "needs an id of its own: remove repeated rows, or name a column with unique ids in the card's "
            "options. A picture that is asked about in several scopes has a row for each, with a class or an id "
            "of its own"
        )
