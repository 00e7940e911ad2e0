"""Keeps the vectors of label spaces on disk, named by their content."""

import os
from collections.abc import Sequence
from contextlib import suppress
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from vlm_eval.resources import cache_folder
from vlm_eval.scoring.embedding import Embedded, Embedder


def embed_cached(embedder: Embedder, texts: Sequence[str], folder: Path | None = None) -> Embedded:
    """Embed texts, or read their vectors where the same weights have embedded the same texts before.

    The file's name is the SHA-256 of the embedder's identity and of the texts in order. A file that cannot be read
    is made anew; a folder that cannot be written is done without.
    """
    digest = sha256(embedder.identity.encode())
    for text in texts:
        data = text.encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(8, "big") + data)
    path = (folder or cache_folder()) / "embeddings" / f"{digest.hexdigest()}.npz"
    return _read(path, len(texts)) or _write(path, embedder.embed(texts))


def _read(path: Path, count: int) -> Embedded | None:
    try:
        with np.load(BytesIO(path.read_bytes()), allow_pickle=False) as held:
            found = Embedded(held["vectors"], held["tokens"])
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        return None
    return found if len(found.vectors) == len(found.tokens) == count else None


def _write(path: Path, embedded: Embedded) -> Embedded:
    # Two processes may write the same file; each writes its own draft, and the renaming is atomic.
    draft = path.with_suffix(f".{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with draft.open("wb") as stream:
            np.savez(stream, vectors=embedded.vectors, tokens=embedded.tokens)
        draft.replace(path)
    except OSError:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
    return embedded
