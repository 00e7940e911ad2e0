"""Says how large the pictures were that a model saw, and how many tokens they took."""

from collections.abc import Mapping
from itertools import groupby
from typing import Any


def say_seen(outcome: Mapping[str, Any]) -> str | None:
    """Say it of a stored outcome: "2 pictures of 96 × 96 px, 128 image tokens"; None where it was not recorded.

    Pixels are those after a local model's processor, of remote models those sent.
    """
    sizes = [tuple(size) for size in outcome.get("image_sizes") or ()]
    told = [_several(len(list(same)), *size) for size, same in groupby(sizes)]
    if (tokens := outcome.get("image_tokens")) is not None:
        told.append(f"{tokens:,} image tokens")
    return ", ".join(told) or None


def _several(count: int, width: int, height: int) -> str:
    return f"{f'{count} pictures' if count > 1 else 'picture'} of {width} × {height} px"
