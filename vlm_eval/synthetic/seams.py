"""READ FIRST: the seams of generation. What fills a hole, what finds a place, what looks again at the result.

scene -> hole -> square crop -> inpainter -> look again (reject?) -> paste back -> item and log

Every seam is a function on arrays, so a diffusion model, a cut-out and a test's fake are exchangeable.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vlm_eval.flow import Scalar

Picture = NDArray[np.uint8]  # (height, width, 3): red, green, blue
Mask = NDArray[np.bool_]  # (height, width)
Kind = Literal["anomaly", "normal-object", "normal-patch", "paste-back", "untouched", "support"]

CONTROLS: tuple[Kind, ...] = ("normal-patch", "paste-back")
"""Edits without anomaly: the same hole and blending, with a normal patch or with the scene's own pixels."""

Inpainter = Callable[[Picture, Mask, str, int], Picture]
"""(crop, hole, name of what is wanted, seed) -> the crop with its hole filled, of the same shape."""

Locator = Callable[[Picture, str], Mask]
"""(picture, words such as "the road") -> the pixels that they mean."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a look at a filled hole found. The mask holds the pixels of what was put in; empty where nothing is."""

    accepted: bool
    reason: str  # why it was rejected; empty where it was accepted
    mask: Mask
    scores: Mapping[str, Scalar] = field(default_factory=dict)


Look = Callable[[Picture, Picture, Mask, str], Verdict]
"""(crop before, crop after, hole, name of what is wanted) -> whether it is there, and where."""


@dataclass(frozen=True, slots=True)
class Fillers:
    """One pipeline with three contents: what is wanted, a normal patch, and the scene's own pixels."""

    name: str  # what it is, for the log and the card
    edit: Inpainter
    normal_patch: Inpainter
    paste_back: Inpainter
    targets: tuple[str, ...] = ()  # what it can put in; empty: whatever can be named

    def of(self, kind: Kind) -> Inpainter:
        """Return the inpainter that makes items of a kind."""
        return {"normal-patch": self.normal_patch, "paste-back": self.paste_back}.get(kind, self.edit)


def seeded(seed: int, *names: str | int) -> np.random.Generator:
    """Return a generator that depends on a seed and names alone, not on what was drawn before."""
    return np.random.default_rng(seed_of(seed, *names))


def seed_of(seed: int, *names: str | int) -> int:
    """Return a seed below 2**32 that depends on a seed and names alone."""
    text = "\n".join(map(str, (seed, *names)))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4])
