"""From a Request to the bytes of a chat-completions call, without copying a picture."""

import json
import uuid
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from vlm_eval.backends.openai_pictures import EncodedPicture
from vlm_eval.backends.openai_settings import Settings
from vlm_eval.flow import Generation, Prompt, Request, Turn, View

TOP_LOGPROBS = 20

# Random, so that no text of a user can hold it.
_PLACE = f"picture-{uuid.uuid4().hex}"


@dataclass(frozen=True, slots=True)
class Dialect:
    """Which parameters a server takes for this model, as learnt from its refusals.

    Reasoning models want `max_completion_tokens` and no temperature; no list of their names is kept.
    """

    token_limit: str = "max_tokens"
    temperature: bool = True
    seed: bool = True

    def without(self, parameter: str) -> "Dialect":
        """Return the dialect after a parameter was refused; the same one where nothing can be done."""
        if parameter == "max_tokens":
            return replace(self, token_limit="max_completion_tokens")
        if parameter == "temperature":
            return replace(self, temperature=False)
        if parameter == "seed":
            return replace(self, seed=False)
        return self


class Body:
    """The bytes of one call in pieces, sent one after the other; may be sent again."""

    def __init__(self, pieces: Sequence[bytes]) -> None:
        self._pieces = pieces
        self.length = sum(map(len, pieces))

    def joined(self) -> bytes:
        """Return the body in one piece."""
        return b"".join(self._pieces)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece


def encode_body(
    request: Request, pictures: Sequence[EncodedPicture], checkpoint: str, settings: Settings, dialect: Dialect
) -> Body:
    """Encode a request to a checkpoint; `pictures` are those of its views, in order."""
    document = {
        "model": checkpoint,
        "messages": _messages(request.prompt, settings.detail),
        **_parameters(request.generation, settings, dialect),
    }
    texts = json.dumps(document, separators=(",", ":")).encode("ascii").split(_PLACE.encode("ascii"))
    pieces = [texts[0]]
    for picture, text in zip(pictures, texts[1:], strict=True):
        pieces += [*picture.url, text]
    return Body(pieces)


def _parameters(generation: Generation, settings: Settings, dialect: Dialect) -> dict[str, Any]:
    parameters: dict[str, Any] = {dialect.token_limit: 1 if generation.yes_no else generation.max_tokens}
    if dialect.temperature:
        parameters["temperature"] = generation.temperature
    if settings.reasoning_effort is not None:
        parameters["reasoning_effort"] = settings.reasoning_effort
    if dialect.seed and generation.seed is not None:
        parameters["seed"] = generation.seed
    if generation.yes_no:
        return parameters | {"logprobs": True, "top_logprobs": TOP_LOGPROBS}
    if settings.json_schema is not None:
        parameters["response_format"] = settings.json_schema
    if settings.beam_search and generation.beams > 1:
        parameters |= {"use_beam_search": True, "n": generation.beams}
        if generation.length_penalty is not None:
            parameters["length_penalty"] = generation.length_penalty
    return parameters


def _messages(prompt: Prompt, detail: str | None) -> list[dict[str, Any]]:
    return [{"role": turn.role, "content": _content(turn, detail)} for turn in prompt.turns]


def _content(turn: Turn, detail: str | None) -> str | list[dict[str, Any]]:
    # A plain string where there is no picture: some servers take no parts from an assistant.
    if not any(isinstance(part, View) for part in turn.parts):
        return "\n".join(part for part in turn.parts if isinstance(part, str))
    url = {"url": _PLACE} if detail is None else {"url": _PLACE, "detail": detail}
    return [
        {"type": "image_url", "image_url": url} if isinstance(part, View) else {"type": "text", "text": part}
        for part in turn.parts
    ]
