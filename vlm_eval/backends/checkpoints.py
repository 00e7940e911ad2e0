"""Where checkpoints lie on this machine, and what tells two of the same name apart."""

import hashlib
import json
from functools import lru_cache
from pathlib import Path

from vlm_eval.resources import shipped


def shipped_models() -> dict[str, Path]:
    """Map the name of each shipped model to its folder."""
    folder = shipped("models")
    if not folder.is_dir():
        return {}
    return {path.name: path for path in sorted(folder.iterdir()) if (path / "config.json").is_file()}


def shipped_family(folder: Path) -> str:
    """Return the family that asks a shipped model, by the architecture that its configuration names."""
    architecture = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("model_type")
    return {"llava": "llava", "blip-2": "blip2"}.get(architecture, "auto")


def checkpoint_path(checkpoint: str) -> str:
    """Resolve a shipped model's name to its folder; anything else (a hub name, a folder) is returned as given."""
    found = shipped_models().get(checkpoint)
    return checkpoint if found is None else str(found)


def weights_revision(path: Path) -> str | None:
    """Digest a file, or the safetensors files of a folder, to 12 hex digits; None where there is neither.

    The whole content counts: two fine-tunes of one model can differ in any layer. A file that has not changed is
    read once.
    """
    files = sorted(path.glob("*.safetensors")) if path.is_dir() else [path] if path.is_file() else []
    if not files:
        return None
    digest = hashlib.sha256()
    for file in files:
        status = file.stat()
        digest.update(_file_digest(file, status.st_size, status.st_mtime_ns))
    return digest.hexdigest()[:12]


@lru_cache(maxsize=256)
def _file_digest(path: Path, size: int, modified: int) -> bytes:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").digest()
