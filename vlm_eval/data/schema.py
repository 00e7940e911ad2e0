"""What a dataset card may say: one YAML file that people write, checked here and nowhere else."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from vlm_eval.flow import Modality

Domain = Literal[
    "industrial",
    "logical",
    "point-cloud",
    "medical",
    "traffic",
    "pedestrian",
    "time-series",
    "series-text",
    "context",
]
Text = Annotated[str, Field(min_length=1)]


class Strict(BaseModel):
    """The base of everything that people write: an unknown key is an error, and nothing changes after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class StandardText(Strict):
    """What normal looks like. The phrases continue the sentences that the templates begin."""

    normal: Text | None = None  # "Normally, the image given should ..."
    abnormal: Text | None = None  # "It may have defects such as ..."
    rules: tuple[Text, ...] = ()  # whole sentences with their own final punctuation
    source: Text | None = None  # where quoted words come from


class DefectText(Strict):
    """A defect type: the words that name it, and what it looks like."""

    name: Text | None = None  # by default the key with spaces for underscores
    synonyms: tuple[Text, ...] = ()
    description: Text | None = None
    category: Text | None = None  # broad category


class ClassText(Strict):
    """What is said about one object class; everything is optional."""

    nouns: dict[Text, Text] = Field(default_factory=dict)
    standard: StandardText | None = None
    defects: dict[Text, DefectText] = Field(default_factory=dict)
    candidate_labels: tuple[Text, ...] | None = None  # in the order in which a prompt lists them
    question: Text | None = None
    auxiliary: dict[Text, Text] = Field(
        default_factory=dict
    )  # readings and records that a prompt may tell: field of the metadata -> what it is, with its unit

    @field_validator("defects", mode="before")
    @classmethod
    def _allow_bare_names(cls, value: Any) -> Any:
        """Read `scratch:` with nothing after it as a defect without synonyms."""
        return {key: entry or {} for key, entry in value.items()} if isinstance(value, dict) else value


class Card(Strict):
    """A dataset card: where the data is, how its layout maps to Samples, what may be done with it."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    title: Text
    reader: Text
    options: dict[str, Any] = Field(default_factory=dict)  # of the reader, checked by the reader's own model
    root: Text | None = None  # relative to the card's folder
    variable: Text | None = None  # environment variable that holds the root
    obtain: Text | None = None  # where to get the data, said when it is not found
    licence: Text
    revision: Text | None = None
    checksum: Text | None = None
    citation: Text | None = None
    homepage: Text | None = None
    caveat: Text | None = None  # what a reader of its numbers must know; plans and reports say it
    unverified: Text | None = None  # what this card says without having been checked against its source
    contamination: Text | None = None  # how likely the pictures were in a model's training data
    modality: Modality = "image"
    domain: Domain = "industrial"
    views: dict[Text, dict[Text, str | int | float | bool]] = Field(
        default_factory=dict
    )  # the steps from a source file to pictures, in order: operation -> parameters
    group: Text | None = (
        None  # regular expression on the path after the card's name; its first group is the cluster
    )
    auxiliary_file: Text | None = None  # table below the root with those fields: item, then a column each
    common: ClassText = Field(default_factory=ClassText)  # said of every class that does not say otherwise
    classes: dict[Text, ClassText] = Field(default_factory=dict)

    @field_validator("classes", mode="before")
    @classmethod
    def _allow_bare_classes(cls, value: Any) -> Any:
        """Read `bottle:` with nothing after it as a class without words of its own."""
        return {key: entry or {} for key, entry in value.items()} if isinstance(value, dict) else value

    def auxiliary_of(self, object_class: str) -> dict[str, str]:
        """Return the fields that hold readings of a class, with what they are."""
        return {**self.common.auxiliary, **self.classes.get(object_class, ClassText()).auxiliary}

    @property
    def root_variable(self) -> str:
        """Return the environment variable that may hold the root."""
        return self.variable or "VLM_EVAL_" + "".join(c if c.isalnum() else "_" for c in self.name).upper()
