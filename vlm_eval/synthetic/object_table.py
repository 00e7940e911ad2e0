"""The object-scene table of context anomalies: which objects are out of place in which scenes."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field, ValidationError, model_validator

from vlm_eval.data.explain import explain
from vlm_eval.data.schema import Strict, Text
from vlm_eval.errors import CardError
from vlm_eval.resources import shipped

SizeClass = Literal["small", "medium", "large"]
SHIPPED = "context-objects.yaml"


class ObjectEntry(Strict):
    """One object: what it looks like, how large it is, and where it is out of place."""

    description: Text  # "a round red fruit ...": the content filter compares with "name: description"
    size: SizeClass  # as an apple, a microwave or a washing machine
    scenes: tuple[Text, ...] | Literal["all"] | None = None  # where it is out of place; None: not known
    number_of_scenes: int | None = None  # how many scenes the source marks, where it does not say which
    synonyms: tuple[Text, ...] = ()


class ArtefactEntry(Strict):
    """What a failed generation looks like."""

    description: Text


class ObjectTable(Strict):
    """The table: scenes, objects, and artefacts that must not show up."""

    scenes: tuple[Text, ...] = Field(min_length=1)
    objects: dict[Text, ObjectEntry] = Field(min_length=1)
    artefacts: dict[Text, ArtefactEntry] = Field(default_factory=dict)
    source: Text | None = None

    @model_validator(mode="after")
    def _check_scenes(self) -> "ObjectTable":
        for name, entry in self.objects.items():
            known = self._scenes_of(entry)
            unknown = [scene for scene in known or () if scene not in self.scenes]
            if unknown:
                raise ValueError(f"object {name}: {unknown[0]!r} is none of the scenes {', '.join(self.scenes)}")
            if known is not None and entry.number_of_scenes not in (None, len(set(known))):
                raise ValueError(
                    f"object {name} names {len(set(known))} scenes, but its source marks {entry.number_of_scenes}"
                )
        return self

    def _scenes_of(self, entry: ObjectEntry) -> tuple[str, ...] | None:
        return self.scenes if entry.scenes == "all" else entry.scenes

    def out_of_place(self, scene: str, size: SizeClass) -> tuple[str, ...]:
        """List the objects of a size that are out of place in a scene, in the table's order.

        An object whose scenes are not known is left out. Raises CardError for a scene the table does not have.
        """
        if scene not in self.scenes:
            raise CardError(
                f"The scene type {scene!r} is not in the object table, which has {', '.join(self.scenes)}"
            )
        return tuple(
            name
            for name, entry in self.objects.items()
            if entry.size == size and scene in (self._scenes_of(entry) or ())
        )

    @property
    def open_questions(self) -> tuple[str, ...]:
        """List the objects whose scenes nobody has filled in."""
        return tuple(name for name, entry in self.objects.items() if entry.scenes is None)

    @property
    def descriptions(self) -> Mapping[str, str]:
        """Return what each object looks like."""
        return {name: entry.description for name, entry in self.objects.items()}

    @property
    def artefact_descriptions(self) -> Mapping[str, str]:
        """Return what each artefact looks like."""
        return {name: entry.description for name, entry in self.artefacts.items()}


def read_table(file: Path | None = None) -> ObjectTable:
    """Read an object-scene table; by default the shipped one. Raises CardError."""
    path = file or shipped("datasets") / "synthetic" / SHIPPED
    try:
        content: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise CardError(f"The object table {path} cannot be read: {error}") from error
    try:
        return ObjectTable.model_validate(content)
    except ValidationError as error:
        raise CardError(explain(error, ObjectTable, path)) from error
