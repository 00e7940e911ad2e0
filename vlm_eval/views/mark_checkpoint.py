"""The checkpoint of the segmenter behind `regions: sam`: where its files lie and what they are, without torch."""

import hashlib
import json
from collections.abc import Sequence
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from vlm_eval.errors import InputError, MissingExtraError
from vlm_eval.views.settings import Marks

_FILES = ("config.json", "preprocessor_config.json", "processor_config.json", "*.safetensors", "*.index.json")


def check_segmenter(settings: Marks) -> None:
    """Check that marks on SAM regions can be made, and only there name a checkpoint.

    Raises:
        InputError: there is no checkpoint, or it is no SAM of safetensors files.
        MissingExtraError: torch or transformers is not installed.
    """
    if settings.regions != "sam":
        if settings.checkpoint:
            raise InputError(
                f"Marks on {settings.regions} regions take no `checkpoint`; it goes with regions: sam."
            )
        return
    for package in ("torch", "transformers"):
        if find_spec(package) is None:
            raise MissingExtraError(package, "local", "Marks on SAM regions")
    if not settings.checkpoint:
        raise InputError(
            "Marks on SAM regions need `checkpoint`: a folder with the weights of a SamModel, or its name on the "
            "Hugging Face hub (such as facebook/sam-vit-base)."
        )
    kind = _kind(find_checkpoint(settings.checkpoint, settings.weights))
    if kind != "sam":
        raise InputError(
            f"The checkpoint {settings.checkpoint} is of the type {kind!r}; a SamModel ('sam') is needed."
        )


@lru_cache(maxsize=8)
def find_checkpoint(name: str, weights: str) -> Path:
    """Return the folder of a checkpoint: given as such, in the local cache, or downloaded where that is allowed.

    Args:
        name: a folder, or a repository on the Hugging Face hub.
        weights: `local` never goes to the network, `download` may.

    Raises:
        InputError: it is not there, or not in a form that is read.
    """
    folder = Path(name).expanduser()
    if not folder.is_dir():
        folder = _from_hub(name, weights)
    if not (folder / "config.json").is_file() or not list(folder.glob("*.safetensors")):
        raise InputError(
            f"{folder} holds no config.json with *.safetensors. Save the SAM there with save_pretrained."
        )
    return folder


def checkpoint_digest(settings: Marks) -> str:
    """Return the SHA-256 of a checkpoint's files, 64 hex digits; a file is read again only where it changed."""
    folder = find_checkpoint(settings.checkpoint, settings.weights)
    files = sorted({path for pattern in _FILES for path in folder.glob(pattern)})
    lines = [f"{path.name} {_hash(path, path.stat().st_size, path.stat().st_mtime_ns)}\n" for path in files]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _from_hub(name: str, weights: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError, RepositoryNotFoundError

    patterns: Sequence[str] = _FILES
    try:
        return Path(snapshot_download(name, local_files_only=weights == "local", allow_patterns=list(patterns)))
    except (HFValidationError, LocalEntryNotFoundError, RepositoryNotFoundError, OSError) as error:
        raise InputError(
            f"The SAM checkpoint {name!r} is neither a folder nor in the local cache of the Hugging Face hub. "
            "Give the folder, or allow the download: marks: {regions: sam, checkpoint: ..., weights: download}."
        ) from error


def _kind(folder: Path) -> str:
    try:
        return str(json.loads((folder / "config.json").read_text(encoding="utf-8")).get("model_type"))
    except (OSError, ValueError, AttributeError) as error:
        raise InputError(f"{folder / 'config.json'} cannot be read ({error}).") from error


@lru_cache(maxsize=64)
def _hash(path: Path, size: int, mtime_ns: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
