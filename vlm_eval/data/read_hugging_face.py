"""Reads a data set of the Hugging Face `datasets` library: from the hub, or from a folder of `save_to_disk`."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from vlm_eval.data.rows import Row, RowOptions, samples_from_rows
from vlm_eval.data.samples import Note
from vlm_eval.data.schema import Card
from vlm_eval.errors import CardError, MissingExtraError
from vlm_eval.flow import Sample


class HuggingFaceOptions(RowOptions):
    """Options of the reader `hugging-face`. Without `hub` the root is a folder that `save_to_disk` wrote."""

    hub: str | None = None  # "organisation/name"; the card's revision pins it
    config: str | None = None
    split: str = "test"


def read_hugging_face(card: Card, root: Path) -> Iterable[Sample | Note]:
    """Yield one sample a row of a split. Pictures stay encoded; embedded ones are kept in the cache folder."""
    options = HuggingFaceOptions.model_validate(card.options)
    rows = _rows(card, options, _open(card, options, root))
    return samples_from_rows(card, rows, options, root, files_anywhere=True)


def _open(card: Card, options: HuggingFaceOptions, root: Path) -> Any:
    try:
        import datasets
    except ImportError as error:
        raise MissingExtraError("datasets", "hf", f"The data set {card.name}") from error
    try:
        if options.hub:
            return datasets.load_dataset(options.hub, options.config, split=options.split, revision=card.revision)
        table = datasets.load_from_disk(str(root))
    except (OSError, ValueError, RuntimeError) as error:
        place = f"{options.hub} on the Hugging Face hub" if options.hub else f"{root} as a save_to_disk folder"
        raise CardError(f"Card {card.name}: cannot load {place}: {error}") from error
    if not isinstance(table, datasets.DatasetDict):
        return table
    if options.split not in table:
        raise CardError(
            f"{root} has no split {options.split!r}; it has {', '.join(table)}. Set options.split to one"
        )
    return table[options.split]


def _rows(card: Card, options: HuggingFaceOptions, table: Any) -> Iterator[tuple[str, Row]]:
    import datasets

    for name, feature in table.features.items():
        if isinstance(feature, datasets.Image):
            table = table.cast_column(name, datasets.Image(decode=False))
    names = {name: feature for name, feature in table.features.items() if isinstance(feature, datasets.ClassLabel)}
    for number, row in enumerate(table):
        spelled = {name: feature.int2str(row[name]) for name, feature in names.items() if _is_label(row[name])}
        yield f"{card.name} ({options.split}), row {number}", {**row, **spelled}


def _is_label(value: Any) -> bool:
    # The library writes -1 where the label is withheld.
    return value is not None and value >= 0
