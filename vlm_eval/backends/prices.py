"""What a run would cost: a price file that people write, and token counts estimated before anything is sent."""

import math
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, RootModel, ValidationError

from vlm_eval.errors import ExperimentError
from vlm_eval.flow import Generation, Model, Prompt

_CHARACTERS_PER_TOKEN = 4
_TURN_TOKENS = 4  # role and separators
# OpenAI, "Images and vision", costs of GPT-4o: a picture is fitted into 2048 x 2048, its shorter side into 768;
# 85 tokens and 170 for each begun tile of 512 x 512; a flat 85 at low detail.
_FIT_SQUARE, _FIT_SHORT_SIDE, _TILE = 2048, 768, 512
_BASE_TOKENS, _TILE_TOKENS = 85, 170


class Price(BaseModel):
    """US dollars per million tokens."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    input: float = Field(ge=0)
    output: float = Field(ge=0)


class Prices(RootModel[dict[str, Price]]):
    """Prices by model: as it is asked for ("openai:gpt-4o"), or its checkpoint alone ("gpt-4o")."""

    def of(self, model: Model) -> Price | None:
        """Return a model's price; None where the file does not name it."""
        return self.root.get(model.name) or self.root.get(model.checkpoint)


def read_prices(path: Path) -> Prices:
    """Read a YAML file of prices: `gpt-4o: {input: 2.5, output: 10}`. Raises ExperimentError."""
    example = "Write one model a line, like 'gpt-4o: {input: 2.5, output: 10}', in US dollars per million tokens."
    try:
        return Prices.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the file"
        raise ExperimentError(f"Prices in {path}: {place}: {first['msg']}. {example}") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ExperimentError(f"The prices in {path} cannot be read: {error}. {example}") from None


def estimate_tokens(prompt: Prompt, detail: str | None = None) -> int:
    """Estimate the input tokens of a prompt, without a tokenizer.

    Text counts four characters a token; pictures count by GPT-4o's tile rule at their size as sent, or 85 where
    `detail` is "low". Other models count otherwise; this says how much is at stake, not what the bill will be.
    """
    strings = (part for turn in prompt.turns for part in turn.parts if isinstance(part, str))
    texts = sum(math.ceil(len(string) / _CHARACTERS_PER_TOKEN) for string in strings)
    pictures = sum(picture_tokens(*view.size, detail) for view in prompt.views)
    return texts + pictures + _TURN_TOKENS * len(prompt.turns)


def picture_tokens(width: int, height: int, detail: str | None = None) -> int:
    """Count the tokens of a picture of so many pixels by the tile rule."""
    if detail == "low" or not width or not height:
        return _BASE_TOKENS
    fit = min(1.0, _FIT_SQUARE / max(width, height))
    fit *= min(1.0, _FIT_SHORT_SIDE / (fit * min(width, height)))
    tiles = math.ceil(round(width * fit) / _TILE) * math.ceil(round(height * fit) / _TILE)
    return _BASE_TOKENS + _TILE_TOKENS * tiles


def upper_cost(price: Price, prompt: Prompt, generation: Generation, detail: str | None = None) -> float:
    """Estimate the most that a request can cost in US dollars: its input, and all the tokens that it may write."""
    out = 1 if generation.yes_no else generation.max_tokens * generation.beams
    return (price.input * estimate_tokens(prompt, detail) + price.output * out) / 1e6
