"""Layouts: how the ingredients are put together, and what reply each one declares."""

from functools import lru_cache
from typing import Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from vlm_eval.errors import PromptError
from vlm_eval.flow import Claim, ReplyField
from vlm_eval.prompting.environment import Templates


class _Reply(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str
    meaning: Literal["verdict", "reasoning", "score", "text"]
    anomalous: list[str | int | float | bool] = []
    normal: list[str | int | float | bool] = []


class _Generation(BaseModel):
    model_config = ConfigDict(extra="forbid")
    max_tokens: int | None = None
    beams: int | None = None
    length_penalty: float | None = None
    temperature: float | None = None


class Layout(BaseModel):
    """A layout's declaration in `layouts.yaml`, beside its template."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    about: str = ""
    yes_means: Claim | None = "anomalous"
    generation: _Generation = _Generation()
    reply_fields: tuple[_Reply, ...] = ()

    def fields(self) -> tuple[ReplyField, ...]:
        """Return the declared reply fields with their polarity."""
        return tuple(
            ReplyField(reply.name, reply.meaning, tuple(reply.anomalous), tuple(reply.normal))
            for reply in self.reply_fields
        )


Declared = TypeVar("Declared", bound=BaseModel)


@lru_cache(maxsize=8)
def read_layouts(templates: Templates) -> dict[str, Layout]:
    """Read every declared layout, a user's own before the shipped ones.

    Raises:
        PromptError: a declaration has unknown keys or no template.
    """
    return read_declared(templates, "layouts", Layout)


def read_declared(templates: Templates, kind: str, form: type[Declared]) -> dict[str, Declared]:
    """Read what `KIND/KIND.yaml` declares of the templates beside it, a user's own before the shipped ones.

    Raises:
        PromptError: a declaration has unknown keys or no template.
    """
    found: dict[str, Declared] = {}
    for folder in reversed(templates.folders):
        path = folder / kind / f"{kind}.yaml"
        if not path.is_file():
            continue
        try:
            declared = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
            found |= {name: form.model_validate(value) for name, value in declared.items()}
        except (ValidationError, yaml.YAMLError, AttributeError, UnicodeDecodeError) as error:
            raise PromptError(f"{path} does not declare {kind} rightly: {error}") from error
    for name in found:
        if templates.path(f"{kind}/{name}.jinja") is None:
            raise PromptError(
                f"The {kind.removesuffix('s')} {name!r} is declared but {kind}/{name}.jinja does not exist."
            )
    return found


def find_layout(templates: Templates, name: str) -> Layout:
    """Return one layout. Raises PromptError naming those that exist."""
    layouts = read_layouts(templates)
    if name not in layouts:
        raise PromptError(f"Unknown layout {name!r}. Allowed: {', '.join(sorted(layouts))}.")
    return layouts[name]
