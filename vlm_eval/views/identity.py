"""What makes two views the same: the source file's bytes, the recipe and the renderer's version."""

import hashlib
import json

from vlm_eval.flow import Recipe

RENDERER_VERSION = 1
"""Raised whenever any operation of vlm_eval.views.render would give other bytes for the same file and recipe."""


def view_identity(digest: str, recipe: Recipe) -> str:
    """Return SHA-256(source digest + canonical recipe JSON + RENDERER_VERSION) as 64 hex digits.

    The order of steps counts, the order of a step's parameters does not.
    """
    steps = [[step.operation, dict(step.parameters)] for step in recipe]
    canonical = json.dumps([digest, steps, RENDERER_VERSION], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
