"""Where the shipped prompts, dataset cards and pocket models lie, and where what is made once is kept."""

import os
import sys
from pathlib import Path
from typing import Literal

_PACKAGE = Path(__file__).resolve().parent


def shipped(kind: Literal["prompts", "datasets", "models"]) -> Path:
    """Return the shipped folder of a kind.

    A wheel holds it under `vlm_eval/assets/`; in a checkout it lies beside the package.
    """
    packed = _PACKAGE / "assets" / kind
    return packed if packed.is_dir() else _PACKAGE.parent / kind


def cache_folder() -> Path:
    """Return the cache folder: VLM_EVAL_CACHE where that is set, else the platform's own place."""
    if stated := os.environ.get("VLM_EVAL_CACHE"):
        return Path(stated)
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local")) / "vlm-eval"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "vlm-eval"
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "vlm-eval"
