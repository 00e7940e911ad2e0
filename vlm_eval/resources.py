"""Where the shipped prompts, dataset cards and pocket models lie, in a wheel and in an editable install."""

from pathlib import Path
from typing import Literal

_PACKAGE = Path(__file__).resolve().parent


def shipped(kind: Literal["prompts", "datasets", "models"]) -> Path:
    """Return the shipped folder of a kind.

    A wheel holds it under `vlm_eval/assets/`; in a checkout it lies beside the package.
    """
    packed = _PACKAGE / "assets" / kind
    return packed if packed.is_dir() else _PACKAGE.parent / kind
