"""The experiment file: the same names as the flags of `vlm-eval run`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from vlm_eval.data.cards import list_cards
from vlm_eval.errors import ExperimentError
from vlm_eval.prompting.cells import ABLATED, INGREDIENTS, Cell, Level, ablation_levels, factorial, levels_grid
from vlm_eval.runs.recipe import PublishedFigure, Selection


class GenerationSettings(BaseModel):
    """Generation parameters; what is not given comes from the layout, then from the defaults."""

    model_config = ConfigDict(extra="forbid")
    max_tokens: int | None = Field(default=None, ge=1)
    temperature: float | None = Field(default=None, ge=0)
    beams: int | None = Field(default=None, ge=1)
    length_penalty: float | None = None
    seed: int | None = None


class ModelEntry(BaseModel):
    """A model with settings of its own."""

    model_config = ConfigDict(extra="forbid")
    model: str
    revision: str | None = None
    dtype: str | None = None
    quantization: Literal["8bit", "4bit"] | None = None
    options: dict[str, str | int | float | bool] = {}


SHARED_SETTINGS = (
    "revision",
    "dtype",
    "quantization",
    "concurrency",
    "base_url",
    "batch_size",
    "threads",
    "device",
    "requests_per_minute",
    "tokens_per_minute",
    "timeout",
    "detail",
    "reasoning_effort",
)
"""Settings of a model that may stand beside `models` and then hold for each that gives none of its own."""


def _entry(entry: Any, data: Mapping[str, Any]) -> Any:
    """Write a model out in full."""
    model = {"model": entry} if isinstance(entry, str) else entry
    if not isinstance(model, dict):
        return model
    shared = {name: data[name] for name in SHARED_SETTINGS if data.get(name) is not None}
    identity = {name: shared.pop(name) for name in ("revision", "dtype", "quantization") if name in shared}
    options = {**shared, **(model.get("options") or {})}
    return {**identity, **model, **({"options": options} if options else {})}


def _refuse_factors(grid: Mapping[str, Any]) -> None:
    if named := [name for name in (*ABLATED, "reference_kind", "auxiliary") if name in grid]:
        raise ValueError(
            f"{' and '.join(named)}: a factor of a grid of ingredients ({', '.join(INGREDIENTS)}), not of a grid "
            "of levels"
        )


Join = Literal["joint", "any", "max", "mean", "majority"]


class Experiment(BaseModel):
    """What is asked of which models on which data."""

    model_config = ConfigDict(extra="forbid")
    dataset: list[str] = Field(min_length=1)
    models: list[ModelEntry] = Field(min_length=1)
    grid: dict[str, list[Level]] | None = None
    levels: list[str] | None = None
    shots: list[int] | None = None
    layout: str = "chat"
    join: Join = "joint"  # the views of an item in one prompt, or asked one by one and joined by a rule
    views: dict[str, dict[str, str | int | float | bool]] | None = None  # steps over the card's own
    marks: dict[str, str | int | float | bool] | None = None  # regions to mark, or their kind alone
    limit: int | None = Field(default=None, ge=1)
    seed: int = 0
    reference_seed: int = 0
    references: Literal["seed", "nearest"] = "seed"  # the same for every query, or those most like each query
    reference_kind: Literal["normal", "defect"] = "normal"  # what they show, where it is no factor of the grid
    support: Annotated[int, Field(ge=1)] | Literal["train"] | None = None  # normal pictures a class, for baselines
    repeats: int = Field(default=1, ge=1)
    sentinels: int | None = Field(default=None, ge=1)  # items asked at the start and at the end, to show drift
    generation: GenerationSettings = GenerationSettings()
    yes_no: bool | Literal["after-answer"] | None = None  # the forced yes/no; by default of local models only
    rounds: list[str] = []  # templates of the rounds after the question, in order
    rounds_feedback: str | None = None  # CSV of texts for single items: sample_id, round, text
    probes: list[str] = []  # controls of whether a model looks and reads: groups (look, read) or names
    scorers: list[str] = ["verdict", "words", "labels"]
    roots: dict[str, str] = {}
    out: str | None = None
    prompts: list[str] = []  # folders with your own templates
    datasets: list[str] = []  # folders with your own cards
    prices: str | None = None
    max_cost: float | None = Field(default=None, gt=0)  # US dollars of the whole run folder
    max_minutes: float | None = Field(default=None, gt=0)  # of one call of `run`
    published: list[PublishedFigure] = []  # shown beside ours in the report
    selection: Selection | None = None  # a choice among models and cells, told in the report

    @model_validator(mode="before")
    @classmethod
    def _accept_short_forms(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        data = dict(data)
        for name in ("dataset", "models", "prompts", "datasets", "rounds", "probes"):
            if isinstance(data.get(name), str | dict):
                data[name] = [data[name]]
        if "model" in data and "models" not in data:
            given = data.pop("model")
            data["models"] = given if isinstance(given, list) else [given]
        if isinstance(data.get("ablate"), str | list) and "grid" not in data:
            names = data.pop("ablate")
            parts = names.split(",") if isinstance(names, str) else names
            data["grid"] = ablation_levels(str(name) for name in parts)
        if isinstance(data.get("marks"), str):
            data["marks"] = {"regions": data["marks"]}
        if isinstance(data.get("models"), list):
            data["models"] = [_entry(entry, data) for entry in data["models"]]
        for name in SHARED_SETTINGS:
            data.pop(name, None)
        grid = data.get("grid")
        if isinstance(grid, dict) and "levels" in grid:
            _refuse_factors(grid)
            data = {**data, **grid}
            data["grid"] = None
        return data

    @model_validator(mode="after")
    def _one_grid(self) -> "Experiment":
        if self.grid is not None and (self.levels or self.shots):
            raise ValueError("give either grid or levels and shots, not both")
        return self

    def cells(self) -> tuple[Cell, ...]:
        """Return the cells of the grid in order. Raises ExperimentError."""
        if self.grid is not None:
            return factorial(self.grid, self.reference_seed, self.reference_kind)
        return levels_grid(self.levels or ["naive"], self.shots or [0], self.reference_kind)


def parse_experiment(data: Mapping[str, Any], source: str) -> Experiment:
    """Check an experiment. Raises ExperimentError naming the source, the key and what is allowed."""
    try:
        return Experiment.model_validate(dict(data))
    except ValidationError as error:
        allowed = ", ".join(Experiment.model_fields)
        lines = [_explain(dict(problem), allowed) for problem in error.errors()]
        raise ExperimentError(f"{source} cannot be used:\n" + "\n".join(lines)) from error


def _explain(problem: dict[str, Any], allowed: str) -> str:
    where = ".".join(str(part) for part in problem["loc"]) or "the experiment"
    if problem["type"] == "extra_forbidden":
        hint = f" Known keys: {allowed}." if len(problem["loc"]) == 1 else ""
        return f"  {where}: this key is not known.{hint}"
    if problem["type"] == "missing":
        return f"  {where}: this key is needed."
    return f"  {where}: {problem['msg']} (given: {problem['input']!r})"


def read_experiment(path: Path) -> Experiment:
    """Read an experiment file; data sets named by path are looked up beside it first. Raises ExperimentError."""
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ExperimentError(f"The experiment file {path} does not exist.") from error
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ExperimentError(f"The experiment file {path} cannot be read as YAML: {error}") from error
    if not isinstance(data, dict):
        raise ExperimentError(f"The experiment file {path} must hold keys and values, such as `dataset: demo`.")
    experiment = parse_experiment(data, str(path))
    cards = set(list_cards([Path(folder) for folder in experiment.datasets]))
    found = {name: _beside(path.parent, name, cards) for name in experiment.dataset}
    roots = {found.get(name, name): root for name, root in experiment.roots.items()}
    feedback = experiment.rounds_feedback and _beside(path.parent, experiment.rounds_feedback, set())
    return experiment.model_copy(
        update={"dataset": list(found.values()), "roots": roots, "rounds_feedback": feedback}
    )


def _beside(folder: Path, name: str, cards: set[str]) -> str:
    """Return a data set's card name as it is, and a path beside the experiment file as one that can be opened."""
    return str(folder / name) if name not in cards and (folder / name).exists() else name
