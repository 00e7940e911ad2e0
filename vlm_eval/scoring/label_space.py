"""Label spaces: the names into which a free-form answer can be mapped, with descriptions and broad categories."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from vlm_eval.errors import InputError
from vlm_eval.flow import Label
from vlm_eval.resources import shipped

OPEN_IMAGES = "open-images"
BROAD_CATEGORIES = "broad-categories"


@dataclass(frozen=True, slots=True)
class LabelSpace:
    """Labels and the texts that stand for them: the label itself, its synonyms, or the classes of a category."""

    name: str
    labels: tuple[str, ...]
    texts: tuple[str, ...]  # each stands for one label; the texts of a label follow one another
    owners: tuple[int, ...]  # index of the label of each text, ascending
    descriptions: tuple[str, ...] = ()  # one a text, or none at all
    categories: Mapping[str, str] = field(default_factory=dict)  # broad category by label

    def find(self, name: str) -> str | None:
        """Return the label that a name or a synonym stands for, whatever its case; None where there is none."""
        return _index(self).get(_plain(name))


def make_label_space(
    labels: Iterable[Label | str], *, descriptions: Sequence[str] = (), name: str = "labels"
) -> LabelSpace:
    """Build a label space from names, or from labels with synonyms; descriptions are one a label.

    Raises:
        InputError: no label, an empty one, two that differ only in case or spacing, or a number of descriptions
            that is not the number of labels.
    """
    given = [Label(label) if isinstance(label, str) else label for label in labels]
    if descriptions and len(descriptions) != len(given):
        raise InputError(
            f"The label space {name!r} has {len(given)} labels but {len(descriptions)} descriptions. "
            "Give one a label."
        )
    rows = [(text, owner) for owner, label in enumerate(given) for text in (label.name, *label.synonyms)]
    _refuse_unusable(name, [label.name for label in given], rows)
    return LabelSpace(
        name,
        tuple(label.name for label in given),
        tuple(text for text, _ in rows),
        tuple(owner for _, owner in rows),
        tuple(descriptions[owner] for _, owner in rows) if descriptions else (),
    )


def load_label_space(name_or_path: str | Path) -> LabelSpace:
    """Load a shipped label space by name, or a CSV file: column `name`, maybe `description` and `category`.

    Raises:
        InputError: there is no such label space, the file cannot be read, lacks the column, or repeats a name.
    """
    path = Path(name_or_path)
    if path.suffix != ".csv":
        path = shipped("datasets") / "label_spaces" / f"{name_or_path}.csv"
    if not path.is_file():
        raise InputError(
            f"There is no label space {str(name_or_path)!r}. Shipped: {', '.join(list_label_spaces())}. "
            "Or give the path of a CSV file with a column `name`."
        )
    stamp = path.stat()
    return _load(path, stamp.st_mtime_ns, stamp.st_size)


def list_label_spaces() -> list[str]:
    """Return the names of the shipped label spaces, sorted."""
    return sorted(path.stem for path in (shipped("datasets") / "label_spaces").glob("*.csv"))


def group_by_category(space: LabelSpace) -> LabelSpace:
    """Return the space of a space's categories, for each of which all its classes stand.

    Raises:
        InputError: a label of the space has no category.
    """
    missing = [label for label in space.labels if not space.categories.get(label)]
    if missing:
        raise InputError(
            f"{len(missing)} labels of {space.name!r} have no category, such as {missing[0]!r}. Fill the column "
            "`category` of every label."
        )
    names = tuple(dict.fromkeys(space.categories[label] for label in space.labels))
    rank = {name: index for index, name in enumerate(names)}
    owner_of = [rank[space.categories[space.labels[owner]]] for owner in space.owners]
    order = sorted(range(len(space.texts)), key=lambda row: owner_of[row])
    return LabelSpace(
        f"categories of {space.name}",
        names,
        tuple(space.texts[row] for row in order),
        tuple(owner_of[row] for row in order),
        tuple(space.descriptions[row] for row in order) if space.descriptions else (),
    )


@lru_cache(maxsize=32)
def _load(path: Path, changed: int, size: int) -> LabelSpace:
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            rows = list(csv.DictReader(stream))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"The label space {path} cannot be read as CSV in UTF-8: {error}") from error
    if not rows or "name" not in rows[0]:
        raise InputError(
            f"The label space {path} needs a first line with the column `name`, and at least one label."
        )
    names = [(row["name"] or "").strip() for row in rows]
    descriptions = [(row.get("description") or "").strip() for row in rows]
    lacking = [name for name, description in zip(names, descriptions, strict=True) if not description]
    if 0 < len(lacking) < len(rows):
        raise InputError(f"{path}: {lacking[0]!r} has no description. Describe every label, or none.")
    space = make_label_space(names, descriptions=() if lacking else descriptions, name=path.stem)
    categories = {name: (row.get("category") or "").strip() for name, row in zip(names, rows, strict=True)}
    return LabelSpace(space.name, space.labels, space.texts, space.owners, space.descriptions, categories)


@lru_cache(maxsize=256)
def _by_plain(labels: tuple[str, ...], texts: tuple[str, ...], owners: tuple[int, ...]) -> dict[str, str]:
    return {_plain(text): labels[owner] for text, owner in zip(texts, owners, strict=True)}


def _index(space: LabelSpace) -> dict[str, str]:
    return _by_plain(space.labels, space.texts, space.owners)


def _plain(name: str) -> str:
    return " ".join(name.casefold().split())


def _refuse_unusable(space: str, names: Sequence[str], rows: Sequence[tuple[str, int]]) -> None:
    if not names:
        raise InputError(f"The label space {space!r} is empty. Give at least one label.")
    seen: dict[str, tuple[str, int]] = {}
    for text, owner in rows:
        plain = _plain(text)
        if not plain:
            raise InputError(f"Label {owner + 1} of the label space {space!r} is empty. Give every label a name.")
        if plain in seen:
            first, other = seen[plain]
            raise InputError(
                f"The label space {space!r} holds the name {text!r} twice: as label {other + 1} "
                f"({names[other]!r}, written {first!r}) and as label {owner + 1} ({names[owner]!r}). Names may "
                "not differ only in case or spacing. Remove or rename one of them."
            )
        seen[plain] = (text, owner)
