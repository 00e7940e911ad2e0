"""Later rounds of a conversation: what each one declares, and its words."""

from functools import lru_cache

from pydantic import BaseModel, ConfigDict

from vlm_eval.errors import PromptError
from vlm_eval.flow import Claim
from vlm_eval.prompting.environment import Templates
from vlm_eval.prompting.layouts import read_declared

AFTER_ANSWER = "after-answer"
"""The template of the forced yes/no question after the model's own answer."""


class Round(BaseModel):
    """A round's declaration in `rounds.yaml`, beside its template."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    about: str = ""
    yes_means: Claim | None = "anomalous"


@lru_cache(maxsize=8)
def read_rounds(templates: Templates) -> dict[str, Round]:
    """Read every declared round, a user's own before the shipped ones. Raises PromptError."""
    return read_declared(templates, "rounds", Round)


def find_round(templates: Templates, name: str) -> Round:
    """Return one round's declaration. Raises PromptError naming those that exist."""
    rounds = read_rounds(templates)
    if name not in rounds:
        raise PromptError(
            f"Unknown round {name!r}. Allowed: {', '.join(sorted(rounds))}, or your own: rounds/NAME.jinja, "
            "declared in rounds/rounds.yaml, in the folder that you give to --prompts."
        )
    return rounds[name]
