"""What makes two views the same: the source file's bytes, the recipe and the renderer's version."""

import hashlib
import json
from functools import lru_cache
from pathlib import Path

from vlm_eval.flow import Recipe

RENDERER_VERSION = 1
"""Raised whenever any operation of vlm_eval.views.render would give other bytes for the same file and recipe."""


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file's bytes as 64 hex digits.

    Remembered by (path, size, mtime_ns), so a file that is asked about in many cells is hashed once a process.
    Raises OSError where the file cannot be read.
    """
    status = path.stat()
    return _digest(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=1 << 20)
def _digest(path: Path, size: int, mtime_ns: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def view_identity(digest: str, recipe: Recipe) -> str:
    """Return SHA-256(source digest + canonical recipe JSON + RENDERER_VERSION) as 64 hex digits.

    The order of steps counts, the order of a step's parameters does not.
    """
    steps = [[step.operation, dict(step.parameters)] for step in recipe]
    canonical = json.dumps([digest, steps, RENDERER_VERSION], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
