"""Ingredients, and the cells of an ablation grid."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Literal, cast

from vlm_eval.errors import ExperimentError

Level = int | str
"""A level of a factor: 0 for off, 1 for on, a number, or the name of a wording."""

LEVELS: Mapping[str, Mapping[str, bool]] = {
    "naive": {},
    "class": {"class_info": True},
    "expert": {"class_info": True, "standard": True},
    "rules": {"class_info": True, "standard": True},
}
"""The prompt levels of arXiv:2311.02782; `rules` is `expert` for a card whose standard is a list of rules."""

INGREDIENTS = ("class", "standard", "reference", "marks", "auxiliary")
"""The ingredients beside the task, which is always on."""

ABLATED: Mapping[str, Sequence[Level]] = {"wording": (0, 1, 2, 3), "reference_seed": (0, 1, 2)}
"""Levels of the factors that stand for many others, where only their name is given."""

ReferenceKind = Literal["normal", "defect"]
KINDS: tuple[ReferenceKind, ...] = ("normal", "defect")
"""What the reference pictures show: normal items, or examples of defects."""

FACTORS = (*INGREDIENTS, *ABLATED, "reference_kind")
_OF_REFERENCES = frozenset({"reference_seed", "reference_kind"})
_WORDING_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


@dataclass(frozen=True, slots=True)
class Ingredients:
    """What a prompt holds beside the task."""

    class_info: bool = False
    standard: bool = False
    shots: int = 0  # number of reference pictures
    marks: bool = False
    wording: Level = 0  # paraphrase of the task, a folder under `wordings/`; 0 for the words of the ingredients
    reference_seed: int | None = None  # of the choice of reference pictures; None for the experiment's own
    auxiliary: bool = False  # readings and records of the item, as text
    reference_kind: ReferenceKind = "normal"

    def levels(self) -> dict[str, Level]:
        """Return the level of each ingredient, 0 for off.

        Told only where they matter: a reference seed that is a factor, readings that are on, examples of defects.
        """
        levels: dict[str, Level] = {
            "class": int(self.class_info),
            "standard": int(self.standard),
            "reference": self.shots,
            "marks": int(self.marks),
            "wording": self.wording,
        }
        levels |= {"auxiliary": 1} if self.auxiliary else {}
        levels |= {"reference_kind": self.reference_kind} if self.reference_kind != "normal" else {}
        return levels if self.reference_seed is None else levels | {"reference_seed": self.reference_seed}


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a grid: a name and what the prompt holds."""

    name: str
    ingredients: Ingredients


def ingredients_of(level: str, *, shots: int = 0, marks: bool = False) -> Ingredients:
    """Return what a named level holds. Raises ExperimentError for an unknown level."""
    if level not in LEVELS:
        raise ExperimentError(f"Unknown prompt level {level!r}. Allowed: {', '.join(LEVELS)}.")
    if shots < 0:
        raise ExperimentError(f"The number of reference pictures is {shots}; it must be 0 or more.")
    held = LEVELS[level]
    return Ingredients(held.get("class_info", False), held.get("standard", False), shots=shots, marks=marks)


def read_ingredients(
    given: Ingredients | str | Iterable[str] | Mapping[str, Level], shots: int | None = None
) -> Ingredients:
    """Read ingredients from a level's name, from their own names, or from levels by name; `shots` overrides.

    Raises:
        ExperimentError: an unknown level or ingredient, or fewer than 0 reference pictures.
    """
    if isinstance(given, str):
        return ingredients_of(given, shots=shots or 0)
    if not isinstance(given, Ingredients):
        levels = dict(given) if isinstance(given, Mapping) else dict.fromkeys(given, 1)
        levels.pop("task", None)
        (cell,) = factorial({name: [level] for name, level in levels.items()})
        given = cell.ingredients
    if shots is not None:
        given = replace(given, shots=shots)
    if given.shots < 0:
        raise ExperimentError(f"The number of reference pictures is {given.shots}; it must be 0 or more.")
    return given


def cell_name(ingredients: Ingredients, usual_seed: int = 0) -> str:
    """Name a cell by what it holds, such as `task+class+reference+seed2`; the usual seed is not told."""
    parts = ["task"]
    for name, level in ingredients.levels().items():
        if name == "reference_seed":
            parts += [] if level == usual_seed else [f"seed{level}"]
        elif name == "reference_kind":
            parts.append(str(level))
        elif level:
            parts.append(name if level == 1 and name in INGREDIENTS else f"{name}{_suffix(level)}")
    return "+".join(parts)


def _suffix(level: Level) -> str:
    return f"-{level}" if isinstance(level, str) else str(level)


def ablation_levels(names: Iterable[str]) -> dict[str, list[Level]]:
    """Return the grid of the factors named for an ablation: off and on, or as many levels as they stand for.

    The seed and the kind of the references need a reference picture: alone they are crossed with one.
    """
    named = [name.strip() for name in names]
    stand_for: Mapping[str, Sequence[Level]] = {**ABLATED, "reference_kind": KINDS}
    grid: dict[str, list[Level]] = {name: list(stand_for.get(name, (0, 1))) for name in named}
    return (
        {"reference": [1], **grid}
        if _OF_REFERENCES & grid.keys() - {"reference"} and "reference" not in grid
        else grid
    )


def factorial(
    factors: Mapping[str, Sequence[Level]], usual_seed: int = 0, usual_kind: ReferenceKind = "normal"
) -> tuple[Cell, ...]:
    """Cross the levels of ingredients; those not named stay off. Without a reference its seeds are one cell.

    Args:
        factors: levels by factor (`class`, `standard`, `marks`, `auxiliary`: 0 or 1; `reference`: counts of
            pictures; `wording`: 0, numbers or names of folders under `wordings/`; `reference_seed`: whole numbers;
            `reference_kind`: normal, defect).
        usual_seed: the reference seed that a cell's name does not tell.
        usual_kind: what references show where the kind is no factor.

    Raises:
        ExperimentError: an unknown factor, a level that it cannot take, or seeds or kinds without a reference.
    """
    read = {name: _read_levels(name, levels) for name, levels in factors.items()}
    idle = sorted(_OF_REFERENCES & read.keys())
    if idle and not any(read.get("reference", ())):
        raise ExperimentError(
            f"{idle[0]} is in the grid, but no cell shows a reference picture. Add reference: [1] to the grid."
        )
    cells: dict[Ingredients, Cell] = {}
    for combination in product(*read.values()):
        level = dict(zip(read, combination, strict=True))
        shots = int(level.get("reference", 0))
        ingredients = Ingredients(
            class_info=bool(level.get("class", 0)),
            standard=bool(level.get("standard", 0)),
            shots=shots,
            marks=bool(level.get("marks", 0)),
            wording=level.get("wording", 0),
            reference_seed=int(level["reference_seed"]) if shots and "reference_seed" in level else None,
            auxiliary=bool(level.get("auxiliary", 0)),
            reference_kind=cast(ReferenceKind, level.get("reference_kind", usual_kind)) if shots else "normal",
        )
        cells[ingredients] = Cell(cell_name(ingredients, usual_seed), ingredients)
    return tuple(cells.values())


def _read_levels(name: str, given: Sequence[Level]) -> list[Level]:
    """Check the levels of a factor; numbers may be written as text."""
    if name not in FACTORS:
        raise ExperimentError(
            f"Unknown ingredient {name!r} in the grid. Allowed: {', '.join(FACTORS)} (the task is always on)."
        )
    levels: list[Level] = [_number(level) for level in given]
    if not levels or len(set(levels)) != len(levels):
        raise ExperimentError(
            f"The levels of {name!r} are {list(given)}; give each level once, such as [off, on]."
        )
    wrong = [level for level in levels if not _is_level(name, level)]
    if wrong:
        raise ExperimentError(
            f"The levels of {name!r} are {list(given)}; {_ALLOWED.get(name, 'allowed are off and on')}."
        )
    return levels


_ALLOWED = {
    "reference": "allowed are numbers of pictures from 0 on",
    "reference_seed": "allowed are whole numbers",
    "reference_kind": "allowed are normal and defect",
    "wording": "allowed are 0 (the usual words) and names of folders under wordings/ (letters, digits, -, _)",
}


def _number(level: Level) -> Level:
    return level if isinstance(level, str) and not re.fullmatch(r"-?\d+", level) else int(level)


def _is_level(name: str, level: Level) -> bool:
    if name == "reference_kind":
        return level in KINDS
    if isinstance(level, str):
        return name == "wording" and _WORDING_NAME.fullmatch(level) is not None
    return name == "reference_seed" or (level >= 0 and (name in ("reference", "wording") or level <= 1))


def levels_grid(levels: Sequence[str], shots: Sequence[int], kind: ReferenceKind = "normal") -> tuple[Cell, ...]:
    """Cross named levels with numbers of reference pictures, as `expert/one-shot`."""
    words = {0: "zero-shot", 1: "one-shot"}
    return tuple(
        Cell(
            f"{level}/{words.get(count, f'{count}-shot')}{'/defect' if count and kind == 'defect' else ''}",
            replace(ingredients_of(level, shots=count), reference_kind=kind if count else "normal"),
        )
        for count in shots
        for level in levels
    )
