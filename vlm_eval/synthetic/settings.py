"""What people write to have anomalies made: one YAML file, checked here and nowhere else."""

from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field, NonNegativeFloat, PositiveInt, ValidationError, model_validator

from vlm_eval.data.explain import explain
from vlm_eval.data.schema import Strict, Text
from vlm_eval.errors import ExperimentError
from vlm_eval.synthetic.content_filter import TOP_K
from vlm_eval.synthetic.contents import Flip

Share = Annotated[float, Field(gt=0, lt=1)]


class SceneSource(Strict):
    """Where the scenes come from: the normal items of a data set, or a table with a hole a row."""

    dataset: Text | None = None  # a card's name or path, a folder or a table
    root: Text | None = None  # of that data set
    table: Text | None = None  # columns image, scene, size, and mask or left, top, right, bottom
    classes: tuple[Text, ...] | None = None  # object classes of the data set that are scenes; all by default
    regions: Text | None = None  # folder of masks <scene>.png: where something may be put
    split: Literal["train", "test"] | None = None  # normal items of that split alone
    support: PositiveInt | None = None  # normal items a class that are not edited, see `support_of`
    each: PositiveInt | None = None  # scenes a class, chosen by a hash of their names; all by default
    limit: PositiveInt | None = None  # scenes at most; may grow later

    @model_validator(mode="after")
    def _check_one(self) -> "SceneSource":
        if (self.dataset is None) == (self.table is None):
            raise ValueError("scenes needs either a dataset or a table")
        if self.table is not None and (self.split or self.support or self.each):
            raise ValueError("split, support and each are of a dataset; a table lists its scenes one by one")
        return self


class CutOutSource(Strict):
    """Where cut-outs come from: the anomalous items of a data set with masks or boxes, or drawn objects."""

    dataset: Text | None = None
    root: Text | None = None
    drawn: PositiveInt | None = None  # so many drawn objects: forks, knives, spoons, cups
    each: PositiveInt | None = None  # cut-outs a name at most
    classes: tuple[Text, ...] | None = None  # object classes to cut from; all by default
    estimate: bool = False  # of items without mask or box: take the place that deviates most from normal items
    flip: Flip = "horizontal"

    @model_validator(mode="after")
    def _check_one(self) -> "CutOutSource":
        if (self.dataset is None) == (self.drawn is None):
            raise ValueError("cut_outs needs either a dataset or a number of drawn objects")
        return self


class Filter(Strict):
    """The content filter by joint embedding."""

    joint: Text = "conse"  # or a CLIP or SigLIP checkpoint of yours
    top_k: PositiveInt = TOP_K
    also: dict[Text, Text] = Field(default_factory=dict)  # further objects that compete: name -> description


class Synthesis(Strict):
    """One data set to make."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    generator: Literal["objects", "context"]
    scenes: SceneSource
    inpainter: Text = "cut-out"  # cut-out, cut-paste, texture, diffusers:CHECKPOINT
    blend: Literal["poisson", "poisson-mixed", "paste", "feather"] | None = None  # by default the inpainter's own
    cut_outs: CutOutSource | None = None
    targets: tuple[Text, ...] | None = None  # anomalies; by default all that the inpainter or table knows
    normal_objects: tuple[Text, ...] = ()  # classes that belong there: inserted like anomalies, gold normal
    street: bool = False  # the shipped 25 anomalies and six normal classes of street scenes
    anywhere: tuple[Text, ...] = ()  # objects whose place is not bound to the valid region, such as a bird
    table: Text | None = None  # object-scene table of `context`; the shipped one by default
    size: tuple[Share, Share] = (0.12, 0.3)  # of a hole, as shares of the shorter side; `objects` only
    inside: Annotated[float, Field(gt=0, le=1)] = 1.0  # share of a hole that must be valid
    location: Text | None = None  # words for the valid region, such as "the road"; needs `grounding`
    grounding: tuple[Text, Text] | None = None  # checkpoints of Grounding DINO and SAM
    variants: PositiveInt = 3  # edits a scene; `objects` only
    candidates: PositiveInt = 10  # tries a hole: the first good one is kept, of `context` every good one
    window: Annotated[float, Field(ge=1)] = 2.0  # side of the square crop over the hole's longer side
    blur: NonNegativeFloat = 1.5  # deviation in pixels of the Gaussian that blends the crop back
    filter: Filter | None = None
    controls: tuple[Literal["normal-patch", "paste-back"], ...] = ("normal-patch", "paste-back")
    seed: int = 0

    @model_validator(mode="after")
    def _check_fit(self) -> "Synthesis":
        if self.size[0] > self.size[1]:
            raise ValueError(f"size is {self.size[0]} to {self.size[1]}; the first must not be larger")
        if self.generator == "context" and self.scenes.table is None:
            raise ValueError("the generator context needs scenes.table: holes with a size class, and scene types")
        if self.inpainter == "cut-out" and self.cut_outs is None:
            raise ValueError(
                "the inpainter cut-out needs cut_outs: a dataset with masks or boxes, or drawn objects"
            )
        if self.location is not None and self.grounding is None:
            raise ValueError("location needs grounding: the checkpoints of Grounding DINO and SAM")
        return self


class Interpolation(Strict):
    """A validation set to make from normal pictures alone, by mixing them in a diffusion model."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    generator: Literal["interpolation"]
    scenes: SceneSource  # the support set: normal pictures
    checkpoint: Text  # an unconditional pixel diffusion model of diffusers, folder or name
    style: PositiveInt = 10  # pictures a class whose style is taken
    content: PositiveInt = 10  # whose content is mixed in; all pairs are made
    gamma: Annotated[float, Field(ge=0, le=1)] = 0.7  # strength of the content
    steps: PositiveInt = 50  # of DDIM
    seed: int = 0

    @model_validator(mode="after")
    def _check_scenes(self) -> "Interpolation":
        if self.scenes.support is not None:
            raise ValueError("interpolation sets its own held-out pictures apart; leave scenes.support out")
        return self

    @property
    def inpainter(self) -> str:
        """Name what makes the pictures, for the card's title."""
        return f"diffusers:{self.checkpoint}"


def read_synthesis(path: Path) -> Synthesis | Interpolation:
    """Read a synthesis file. Its paths are relative to its own folder. Raises ExperimentError."""
    try:
        content: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ExperimentError(f"The synthesis file {path} cannot be read: {error}") from error
    interpolates = isinstance(content, dict) and content.get("generator") == "interpolation"
    model: type[Synthesis | Interpolation] = Interpolation if interpolates else Synthesis
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise ExperimentError(explain(error, model, path)) from error
