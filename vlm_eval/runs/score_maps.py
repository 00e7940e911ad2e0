"""The score maps of a run's answers, kept in its folder under their digests."""

import io
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vlm_eval.errors import RunFolderError
from vlm_eval.flow import Answer

FOLDER = "maps"


def with_map_kept(folder: Path, answer: Answer) -> Answer:
    """Write an answer's score map to `maps/<digest>` and return the answer with the digest in its place."""
    if answer.score_map is None:
        return answer
    digest = sha256(answer.score_map).hexdigest()
    path = folder / FOLDER / digest
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        partial = path.with_suffix(".part")
        partial.write_bytes(answer.score_map)
        partial.replace(path)
    return replace(answer, score_map=None, score_map_digest=digest)


def read_score_map(folder: Path, digest: str) -> NDArray[np.float32]:
    """Read a score map, shape (rows, columns), higher is more anomalous. Raises RunFolderError."""
    path = folder / FOLDER / digest
    try:
        found = np.load(io.BytesIO(path.read_bytes()), allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise RunFolderError(f"The score map {path} cannot be read ({error}). Copy whole run folders.") from error
    if found.ndim != 2 or not found.size:
        raise RunFolderError(f"The score map {path} has the shape {found.shape}; it must be (rows, columns).")
    return np.asarray(found, dtype=np.float32)


def stretch(scores: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32]:
    """Stretch a score map over a picture of so many pixels (width, height), bilinearly between patch centres."""
    return np.asarray(Image.fromarray(scores).resize(size, Image.Resampling.BILINEAR), dtype=np.float32)
