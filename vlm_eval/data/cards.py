"""Finds and loads dataset cards: a user's own folders first, then the shipped ones."""

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from vlm_eval.data.explain import explain
from vlm_eval.data.readers import READERS
from vlm_eval.data.schema import Card
from vlm_eval.errors import CardError
from vlm_eval.resources import shipped


def list_cards(search: Sequence[Path] = ()) -> list[str]:
    """List the names of all cards, sorted.

    Args:
        search: folders with the user's own cards.
    """
    return sorted({file.stem for folder in _folders(search) for file in folder.glob("*.yaml")})


def load_card(name_or_path: str | Path, search: Sequence[Path] = ()) -> Card:
    """Load a card by its name or by the path of its YAML file.

    Args:
        name_or_path: "mvtec-ad", or a path that ends in .yaml or .yml.
        search: folders with the user's own cards, which come before the shipped ones.

    Raises:
        CardError: there is no such card, or what it says is not allowed.
    """
    file = find_card(name_or_path, search)
    card = check_card(_parse(file), file)
    if card.name != file.stem:
        raise CardError(
            f"{file} cannot be used: its name is {card.name!r}, but it must be the file's, {file.stem!r}"
        )
    # A card's own root is relative to the card; an absolute path stays as it is.
    return (
        card
        if card.root is None
        else card.model_copy(update={"root": str(file.parent / Path(card.root).expanduser())})
    )


def find_card(name_or_path: str | Path, search: Sequence[Path] = ()) -> Path:
    """Return the file of a card. Raises CardError."""
    text = str(name_or_path)
    if text.endswith((".yaml", ".yml")):
        if Path(text).is_file():
            return Path(text)
        raise CardError(f"The card {text} does not exist. Give the path of a card, or one of {_names(search)}")
    for folder in _folders(search):
        if (folder / f"{text}.yaml").is_file():
            return folder / f"{text}.yaml"
    close = difflib.get_close_matches(text, list_cards(search), n=1)
    hint = f" Did you mean {close[0]}?" if close else ""
    raise CardError(
        f"There is no dataset {text!r}.{hint} Give a card's name ({_names(search)}), the path of a card's "
        "YAML file, a folder of pictures or a table (.csv, .jsonl, .parquet)"
    )


def check_card(content: Any, file: Path | str) -> Card:
    """Turn what a file says into a card, with the options of its reader checked. Raises CardError."""
    try:
        card = Card.model_validate(content)
    except ValidationError as error:
        raise CardError(explain(error, Card, file)) from error
    if card.reader not in READERS:
        raise CardError(f"{file} cannot be used: reader {card.reader!r}; allowed are {', '.join(sorted(READERS))}")
    options = READERS[card.reader].options
    try:
        options.model_validate(card.options)
    except ValidationError as error:
        raise CardError(explain(error, options, file, prefix="options")) from error
    return card


def _folders(search: Sequence[Path]) -> list[Path]:
    folders = [Path(folder) for folder in search]
    missing = [folder for folder in folders if not folder.is_dir()]
    if missing:
        raise CardError(f"The card folder {missing[0]} does not exist. Give an existing one to --datasets")
    return [*folders, shipped("datasets")]


def _names(search: Sequence[Path]) -> str:
    return ", ".join(list_cards(search))


def _parse(file: Path) -> Any:
    try:
        return yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise CardError(f"The card {file} cannot be read: {error}. Cards are YAML in UTF-8") from error
    except yaml.YAMLError as error:
        raise CardError(f"The card {file} is no valid YAML: {error}") from error
