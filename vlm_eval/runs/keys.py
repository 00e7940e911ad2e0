"""The key of a request: what makes two calls the same call."""

import json
from dataclasses import asdict
from functools import lru_cache
from hashlib import sha256
from typing import Any

from vlm_eval.flow import Generation, Model, Prompt, Request

KEY_VERSION = 1
"""Raised when the canonical form changes, so that old answers are never taken for new ones."""


def canonical(value: Any) -> str:
    """Write JSON in one form only: sorted keys, no spaces, text as it is."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def prompt_form(prompt: Prompt) -> list[list[Any]]:
    """Return the turns with each picture as its identity; a picture's role is not sent, so it is not part."""
    return [
        [turn.role, [part if isinstance(part, str) else {"view": part.identity} for part in turn.parts]]
        for turn in prompt.turns
    ]


def request_key(model: Model, prompt: Prompt, generation: Generation, repeat: int) -> str:
    """Return 64 lowercase hex digits: SHA-256 over the canonical JSON of all that can change an answer.

    In: family, checkpoint, revision, dtype, quantisation, generation parameters, repeat, text, view identities.
    Out: base URL, batch size, device, concurrency.
    """
    form = f"{_fixed_part(model, generation)}|[{repeat},{_prompt_part(prompt)}]"
    return sha256(form.encode()).hexdigest()


@lru_cache(maxsize=256)
def _prompt_part(prompt: Prompt) -> str:
    return canonical(prompt_form(prompt))


@lru_cache(maxsize=1024)
def _fixed_part(model: Model, generation: Generation) -> str:
    return canonical({"key_version": KEY_VERSION, "model": asdict(model), "generation": asdict(generation)})


def make_request(model: Model, prompt: Prompt, generation: Generation, repeat: int = 0) -> Request:
    """Build a request with its key."""
    return Request(request_key(model, prompt, generation, repeat), model, prompt, generation, repeat)
