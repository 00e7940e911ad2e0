"""Baselines that compare a picture with normal ones: what they share, whatever the features and the distance.

A request shows the query and, as references, the normal pictures to compare with: its support set. The answer
has no words; it carries a score and maybe a score map. Nothing here knows which data set or split they are from.
"""

import io
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import islice, takewhile
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from vlm_eval.backends.lite0_graph import Features
from vlm_eval.backends.pictures import read_picture
from vlm_eval.errors import BadInputError
from vlm_eval.flow import Answer, Capabilities, Failure, Outcome, Request, View

_MEMORIES = 64  # support sets that are kept, at most 2 MB each
BATCH = 16


class Memory(Protocol):
    """What is kept of a support set."""

    def judge(self, features: Features) -> tuple[float, NDArray[np.float32] | None]:
        """Score one picture by its features, higher is more anomalous; maybe with a map of its places."""
        ...


class SupportComparison:
    """Compares each query with the references of its own request."""

    def __init__(
        self,
        extract: Callable[[Sequence[Any]], Features],
        decode: Callable[[bytes, str], Any],
        remember: Callable[[Features], Memory],
        served: str,
        batch_size: int = BATCH,
        capabilities: Capabilities | None = None,
    ) -> None:
        self.capabilities = capabilities or Capabilities(conversation=False, support=True)
        self._extract = extract
        self._decode = decode
        self._remember = remember
        self._served = served
        self._batch_size = batch_size
        self._memory_of = lru_cache(maxsize=_MEMORIES)(self._build_memory)
        self.facts: Mapping[str, Any] = dict(getattr(extract, "facts", {}))

    def answer(self, requests: Iterable[Request]) -> Iterator[tuple[str, Outcome]]:
        """Yield an outcome a request, in order, a batch at a time."""
        return in_batches(requests, self._batch_size, self._judge)

    def _judge(self, batch: Sequence[Request]) -> Iterator[Outcome]:
        read = [self._read(request) for request in batch]
        pictures = [picture for one in read if isinstance(one, _Comparison) for picture in one.pictures]
        features = iter(self._extract(pictures) if pictures else ())
        for one in read:
            if isinstance(one, Failure):
                yield one
            else:
                yield self._compare(one, np.stack(list(islice(features, len(one.pictures)))))

    def _read(self, request: Request) -> "_Comparison | Failure":
        views = request.prompt.views
        support = tuple(view for view in views if view.role == "reference")
        queries = [view for view in views if view.role == "query"]
        if not queries:
            return Failure("unsupported", NO_PICTURE)
        if len(support) < self.capabilities.least_support:
            return Failure("unsupported", too_few(self._served, self.capabilities.least_support, len(support)))
        memory = self._memory_of(_Support(support))
        if isinstance(memory, BadInputError):
            return Failure("bad-input", str(memory))
        try:
            shown = [self._show(view) for view in queries]
        except BadInputError as error:
            return Failure("bad-input", str(error))
        # Of the pictures only those that stand first: a support set's digests with every answer would outweigh it.
        first = sum(1 for _ in takewhile(lambda view: view.role == "query", views))
        return _Comparison([picture for picture, _ in shown], memory, tuple(digest for _, digest in shown[:first]))

    def _build_memory(self, support: "_Support") -> Memory | BadInputError:
        """Remember a support set, or why it cannot be used, so that no request reads it again."""
        found = []
        try:
            for start in range(0, len(support.views), self._batch_size):
                views = support.views[start : start + self._batch_size]
                features = self._extract([self._show(view)[0] for view in views])
                for view, one in zip(views, features, strict=True):
                    refuse_numbers(one, f"the normal picture {view.path}")
                found.append(features)
            return self._remember(np.concatenate(found))
        except BadInputError as error:
            return error

    def _show(self, view: View) -> tuple[Any, str]:
        """Decode a view; return the digest of its encoded bytes too. Raises BadInputError."""
        picture = read_picture(view)
        return self._decode(picture.data, str(view.path)), picture.digest

    def _compare(self, one: "_Comparison", features: Features) -> Outcome:
        """Score the pictures of one item: the most anomalous view counts, and the map is the first one's."""
        try:
            refuse_numbers(features, "the picture")
        except BadInputError as error:
            return Failure("bad-input", str(error))
        judged = [one.memory.judge(view) for view in features]
        first = judged[0][1]
        return Answer(
            "",
            score=max(score for score, _ in judged),
            score_map=None if first is None else _to_npy(first),
            served_model=self._served,
            sent=one.sent,
        )


NO_PICTURE = "A baseline needs a picture to look at, and this prompt shows none."


def too_few(name: str, needed: int, given: int) -> str:
    """Say that a support set is too small, and what to do."""
    if not given:
        return "There is no normal picture to compare with. Give the run a support set."
    return (
        f"{name} needs at least {needed} normal pictures to compare with, and there are {given}. Give a larger "
        "support set (--support), or a setting that needs fewer, such as k=1."
    )


def refuse_numbers(features: Features, whose: str) -> None:
    """Raise BadInputError where features are not finite."""
    if not np.isfinite(features).all():
        raise BadInputError(
            f"The features of {whose} hold NaN or infinity. Check the picture and the weights of the backbone."
        )


def in_batches(
    requests: Iterable[Request], size: int, judge: Callable[[Sequence[Request]], Iterable[Outcome]]
) -> Iterator[tuple[str, Outcome]]:
    """Yield an outcome a request, in order, a batch at a time, each answer with its share of the time."""
    source = iter(requests)
    while batch := list(islice(source, size)):
        started = time.perf_counter()
        outcomes = list(judge(batch))
        each = (time.perf_counter() - started) / len(batch)
        for request, outcome in zip(batch, outcomes, strict=True):
            timed = replace(outcome, latency=each) if isinstance(outcome, Answer) else outcome
            yield request.key, timed


@dataclass(frozen=True)
class _Comparison:
    pictures: Sequence[Any]
    memory: Memory
    sent: tuple[str, ...]


class _Support:
    """The pictures of a support set, told apart by their identities, which are hashed once."""

    def __init__(self, views: tuple[View, ...]) -> None:
        self.views = views
        self._identities = tuple(view.identity for view in views)

    def __hash__(self) -> int:
        return hash(self._identities)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Support) and self._identities == other._identities


def _to_npy(values: NDArray[np.float32]) -> bytes:
    stream = io.BytesIO()
    np.save(stream, values, allow_pickle=False)
    return stream.getvalue()
