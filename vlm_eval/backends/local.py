"""Models in this process: batches of like requests, the next one prepared while the model answers the last.

Knows no torch: the engine that is handed in does.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from importlib.util import find_spec
from itertools import groupby, islice
from time import perf_counter
from typing import Any, Protocol

from vlm_eval.backends.local_prompt import (
    LayOut,
    OutOfMemory,
    Prepared,
    Refused,
    control_pattern,
    control_tokens,
    prepare,
)
from vlm_eval.backends.local_settings import batch_size
from vlm_eval.backends.local_settings import check as check_settings
from vlm_eval.backends.registry import capabilities
from vlm_eval.errors import BadInputError, MissingExtraError
from vlm_eval.flow import Answer, BackendSpec, Capabilities, Failure, Outcome, Request, Scalar

_LOOK_AHEAD = 4  # batches that are pulled and sorted together; more would only lengthen the wait after a stop
_PICTURE_LENGTH = 2000  # characters of text that cost a model about as much as a picture; only the order matters


class Engine(Protocol):
    """A loaded model. Both methods raise OutOfMemory and Refused for the batch as a whole."""

    def encode(self, items: Sequence[Prepared]) -> Any:
        """Turn a batch into the model's input."""
        ...

    def ask(self, items: Sequence[Prepared], inputs: Any) -> list[Answer]:
        """Answer an encoded batch, in order."""
        ...


@dataclass(frozen=True, slots=True)
class _Batch:
    """A batch on its way. `inputs` is None where encoding failed."""

    items: Sequence[Prepared]
    failed: Sequence[tuple[str, Failure]]  # what could not be prepared
    inputs: Any


@dataclass(slots=True)
class LocalBackend:
    """Answers in batches of requests with like generation parameters and lengths."""

    capabilities: Capabilities
    engine: Engine
    lay_out: LayOut
    control: re.Pattern[str] | None
    batch_size: int  # halved for good when a batch does not fit into memory
    facts: Mapping[str, Scalar]  # what produced the numbers: device, dtype, threads, versions

    def answer(self, requests: Iterable[Request]) -> Iterator[tuple[str, Outcome]]:
        """Yield outcomes batch by batch; at most four batches are pulled ahead and one prepared ahead.

        An answer's latency is its share of the batch's time in the model.
        """
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="prepare") as pool:
            ahead = None
            for batch in self._batches(requests):
                preparing = pool.submit(self._prepare, batch)
                if ahead is not None:
                    yield from self._outcomes(ahead.result())
                ahead = preparing
            if ahead is not None:
                yield from self._outcomes(ahead.result())

    def _batches(self, requests: Iterable[Request]) -> Iterator[Sequence[Request]]:
        source = iter(requests)
        while window := list(islice(source, _LOOK_AHEAD * self.batch_size)):
            for _, like in groupby(sorted(window, key=_order), key=_kind):
                waiting = list(like)
                while waiting:
                    batch, waiting = waiting[: self.batch_size], waiting[self.batch_size :]
                    yield batch

    def _prepare(self, requests: Sequence[Request]) -> _Batch:
        items: list[Prepared] = []
        failed: list[tuple[str, Failure]] = []
        for request in requests:
            try:
                items.append(prepare(request, self.lay_out, self.control))
            except BadInputError as error:
                failed.append((request.key, Failure("bad-input", str(error))))
            except Refused as error:
                failed.append((request.key, Failure("unsupported", str(error))))
        return _Batch(items, failed, self._encode_ahead(items))

    def _encode_ahead(self, items: Sequence[Prepared]) -> Any:
        # What goes wrong here goes wrong again in _answer, which deals with it.
        try:
            return self.engine.encode(items) if items else None
        except (OutOfMemory, Refused):
            return None

    def _outcomes(self, batch: _Batch) -> Iterator[tuple[str, Outcome]]:
        yield from batch.failed
        if batch.items:
            yield from self._answer(batch.items, batch.inputs)

    def _answer(self, items: Sequence[Prepared], inputs: Any) -> Iterator[tuple[str, Outcome]]:
        """Ask a batch; where that fails, ask its halves, down to the one request that is at fault."""
        start = perf_counter()
        failure = None
        try:
            answers = self.engine.ask(items, inputs if inputs is not None else self.engine.encode(items))
        except OutOfMemory as error:
            failure = Failure("out-of-memory", str(error))
            self.batch_size = max(1, min(self.batch_size, len(items) // 2))
        except Refused as error:
            failure = Failure("unsupported", str(error))
        # Past the except clause, so that the traceback no longer holds the tensors that did not fit.
        if failure is None:
            share = (perf_counter() - start) / len(items)
            for item, answer in zip(items, answers, strict=True):
                yield item.request.key, replace(answer, latency=share, sent=item.sent)
        elif len(items) == 1:
            yield items[0].request.key, failure
        else:
            middle = len(items) // 2
            yield from self._answer(items[:middle], None)
            yield from self._answer(items[middle:], None)


def open_local(
    spec: BackendSpec, check: Callable[[Any, Any], None], layout: Callable[[Any], LayOut]
) -> LocalBackend:
    """Load a model for a family, which brings its check of configuration and processor and its layout.

    Raises MissingExtraError without the `local` extra, ExperimentError for a setting out of range, and
    whatever `local_model.load` raises.
    """
    for package in ("torch", "transformers", "accelerate"):
        if find_spec(package) is None:
            raise MissingExtraError(package, "local", f"The local model {spec.model.name}")
    from vlm_eval.backends.local_generate import TransformersEngine
    from vlm_eval.backends.local_model import load

    check_settings(spec)
    loaded = load(spec, check)
    return LocalBackend(
        capabilities=capabilities(spec),
        engine=TransformersEngine(loaded),
        lay_out=layout(loaded.processor),
        control=control_pattern(control_tokens(loaded.processor)),
        batch_size=batch_size(spec),
        facts=loaded.facts,
    )


def _kind(request: Request) -> tuple[str, bool]:
    """Tell apart what cannot share a batch: generation parameters, and prompts without any picture."""
    return repr(replace(request.generation, seed=None)), bool(request.prompt.views)


def _order(request: Request) -> tuple[str, bool, int]:
    """Sort by kind, then by length, so that a batch holds little padding."""
    return *_kind(request), len(request.prompt.text) + _PICTURE_LENGTH * len(request.prompt.views)
