"""Joins what a reader finds on disk with what the card says about it: the one place where Samples are made."""

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

from vlm_eval.data.schema import Card, ClassText, DefectText
from vlm_eval.errors import CardError
from vlm_eval.flow import Anomalous, Box, Gold, Label, Recipe, Sample, Scalar, Standard, Step

PICTURES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp"})
"""Endings, in lower case, of the files that folder readers take for pictures."""


SEVERAL = "several defects"
"""The defect type of an item that shows more than one."""

UNNAMED_CLASS = "object"
"""The class of items whose class nobody named; it gives no noun, so that no prompt speaks of "the object"."""


@dataclass(frozen=True, slots=True)
class Note:
    """What a reader repaired or left out. It travels in the reader's stream and ends up in the Dataset."""

    message: str


@dataclass(frozen=True, slots=True)
class Found:
    """What a reader found out about one item."""

    source: Path
    path: str  # posix, unique within the card; becomes the id
    object_class: str
    anomalous: Anomalous
    defects: tuple[str, ...] = ()  # the layout's own words for the defect types that it shows ("broken_large")
    split: Literal["test", "train"] = "test"
    masks: tuple[Path, ...] = ()
    boxes: tuple[Box, ...] = ()
    references: tuple[Path, ...] = ()
    group: str | None = None
    question: str | None = None
    intervals: tuple[tuple[float, float], ...] = ()  # of a series, in its own time unit
    parameters: Mapping[str, Scalar] = field(default_factory=dict)  # of this item's first step, over the card's
    reference_parameters: Mapping[str, Scalar] | None = None  # the same of its references, where they differ


class _Words:
    """What a card says about one class, with what it says about every class."""

    def __init__(self, card: Card, object_class: str) -> None:
        self.text = card.classes.get(object_class, ClassText())
        self.common = card.common
        fallback = {} if object_class == UNNAMED_CLASS else {"noun": object_class.replace("_", " ")}
        self.nouns = {**fallback, **card.common.nouns, **self.text.nouns}
        self.defects = {**card.common.defects, **self.text.defects}
        self.question = self.text.question or card.common.question

    @cached_property
    def standard(self) -> Standard | None:
        said = self.text.standard or self.common.standard
        return Standard(said.normal, said.abnormal, said.rules, said.source) if said else None

    @cached_property
    def labels(self) -> tuple[Label, ...]:
        named = {self.name(key): entry.synonyms for key, entry in self.defects.items()}
        listed = self.text.candidate_labels or self.common.candidate_labels or tuple(named)
        return tuple(Label(name, named.get(name, ())) for name in listed)

    def name(self, defect: str) -> str:
        return self.defects.get(defect, DefectText()).name or defect.replace("_", " ")


class SampleMaker:
    """Makes the Samples of one card."""

    def __init__(self, card: Card) -> None:
        self._card = card
        self._words: dict[str, _Words] = {}
        self._group = _group_pattern(card)

    @property
    def card_name(self) -> str:
        """Return the name of the card, with which every id and group begins."""
        return self._card.name

    def make(self, found: Found, metadata: Mapping[str, Scalar] | None = None) -> Sample:
        """Join a finding with the words that the card has for its class and defect type."""
        words = self._words_of(found.object_class)
        identity = f"{self._card.name}/{found.path}"
        return Sample(
            id=identity,
            card=self._card.name,
            modality=self._card.modality,
            sources=(found.source,),
            object_class=found.object_class,
            gold=_gold(found, words),
            group=found.group or self._cluster(found.path) or identity,
            split=found.split,
            domain=self._card.domain,
            nouns=words.nouns,
            standard=words.standard,
            candidate_labels=words.labels,
            question=found.question or words.question,
            recipe=self._recipe(found.parameters),
            references=found.references,
            reference_recipe=None
            if found.reference_parameters is None
            else self._recipe(found.reference_parameters),
            metadata=metadata or {},
        )

    def defect_name(self, object_class: str, defect: str) -> str:
        """Return the readable name of a defect type that the layout has its own word for."""
        return self._words_of(object_class).name(defect)

    def _recipe(self, own: Mapping[str, Scalar]) -> Recipe:
        """Join the card's steps with an item's own parameters of the first one."""
        steps: list[tuple[str, dict[str, Scalar]]] = [
            (operation, dict(parameters)) for operation, parameters in self._card.views.items()
        ]
        if steps:
            steps[0][1].update(own)
        return tuple(Step(name, tuple(sorted(parameters.items()))) for name, parameters in steps)

    def _words_of(self, object_class: str) -> _Words:
        if object_class not in self._words:
            self._words[object_class] = _Words(self._card, object_class)
        return self._words[object_class]

    def _cluster(self, path: str) -> str | None:
        match = self._group.search(path) if self._group else None
        return f"{self._card.name}/{match.group(1)}" if match else None


def _gold(found: Found, words: _Words) -> Gold:
    """Name the defect type, and accept any of the names where a picture shows several defects."""
    entries = {words.name(defect): words.defects.get(defect, DefectText()) for defect in found.defects}
    names = tuple(entries)
    return Gold(
        anomalous=found.anomalous,
        defect_type=names[0] if len(names) == 1 else SEVERAL if names else None,
        accepted=tuple(dict.fromkeys((*names, *(word for entry in entries.values() for word in entry.synonyms)))),
        category=entries[names[0]].category if len(names) == 1 else None,
        masks=found.masks,
        boxes=found.boxes,
        intervals=found.intervals,
    )


def _group_pattern(card: Card) -> re.Pattern[str] | None:
    if card.group is None:
        return None
    try:
        pattern = re.compile(card.group)
    except re.error as error:
        raise CardError(f"Card {card.name}: group {card.group!r} is no regular expression: {error}") from error
    if pattern.groups < 1:
        raise CardError(f"Card {card.name}: group {card.group!r} needs one (...) around what names the cluster")
    return pattern


def group_by_source(samples: Sequence[Sample]) -> tuple[Sample, ...]:
    """Make one cluster of the items of one file that have none yet: a picture asked about in several scopes."""
    first: dict[tuple[Path, ...], str] = {}
    for sample in samples:
        first.setdefault(sample.sources, sample.group)
    return tuple(
        replace(sample, group=first[sample.sources])
        if sample.group == sample.id != first[sample.sources]
        else sample
        for sample in samples
    )


def inside(root: Path, relative: str, where: str) -> Path:
    """Join a path that a file states to its root, and refuse one that leads out of it.

    Backslashes count as separators. Links are not followed: a data set may well be linked into its root.

    Args:
        root: the folder that must hold the file.
        relative: the path as stated; an absolute one is allowed if it lies in the root.
        where: the file and line that state it, for the message.
    """
    joined = Path(os.path.normpath(root / relative.replace("\\", "/")))
    if not joined.is_relative_to(os.path.normpath(root)):
        raise CardError(
            f"{where}: the path {relative!r} leads out of {root}. Allowed are paths inside that folder"
        )
    return joined


def pictures_in(folder: Path, *, deep: bool = False) -> Sequence[Path]:
    """List the picture files of a folder in the order of their names, with all folders below it where `deep`."""
    entries = folder.rglob("*") if deep else folder.iterdir()
    return sorted(
        entry for entry in entries if entry.suffix.lower() in PICTURES and not entry.name.startswith(".")
    )
