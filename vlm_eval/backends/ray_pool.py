"""A pool of Ray actors behind the Backend seam: any family, on one machine or on a cluster.

Plain actors rather than Ray Data: Ray Data reads its input as far ahead as it sees fit, and fails or repeats whole
tasks. Here requests are a stream that must stop at once after any of them, at an interrupt or a limit of cost.

Imported late: needs the `ray` extra.
"""

import logging
import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any, Self

import ray
from ray.exceptions import RayError, RayTaskError

from vlm_eval.backends.ray_worker import BlockWorker
from vlm_eval.backends.registry import capabilities, check
from vlm_eval.errors import BackendUnavailable, ExperimentError, VlmEvalError
from vlm_eval.flow import BackendSpec, Capabilities, Failure, Outcome, Request, Scalar

BLOCK = 64
"""Requests that a worker is given at once, at most: what is lost, and asked again, when it dies."""

_QUEUED = 2  # blocks a worker: one at work, one waiting, so that no worker waits for this process
_DEATHS = 3  # of workers with the same block, after which the block is given up
_LOOK = 1.0  # seconds between two looks at the workers when nothing comes back
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PoolSettings:
    """How many workers, and what each of them occupies."""

    workers: int | None = None  # None: as many as the cluster has room for now
    cpus: float = 1.0  # a worker
    gpus: float = 0.0  # a worker
    block: int = BLOCK
    patience: float = 300.0  # seconds without any living worker until the model counts as unavailable


@dataclass(slots=True)
class _Block:
    requests: list[Request]
    deaths: int = 0


@dataclass(slots=True, eq=False)
class _Worker:
    """An actor, and the blocks that it was given."""

    actor: Any
    opening: Any  # reference to what open() returns; None once it is open
    blocks: dict[Any, _Block] = field(default_factory=dict)  # by reference to the outcomes


class RayExecutor:
    """Opens backends on a cluster, one model at a time: RAY_ADDRESS, else a cluster on this machine alone."""

    def __init__(self, settings: PoolSettings | None = None) -> None:
        self._settings = settings
        self._backend: RayBackend | None = None
        self._connected_here = False

    def __enter__(self) -> Self:
        if not ray.is_initialized():
            ray.init(log_to_driver=False, include_dashboard=False, logging_level=logging.WARNING)
            self._connected_here = True
        return self

    def __exit__(self, *raised: object) -> None:
        self._release()
        if self._connected_here:
            ray.shutdown()

    def __call__(self, spec: BackendSpec, scratch: Path) -> "RayBackend":
        """Open a model's pool; that of the model before is given up, as two may not fit.

        Raises:
            VlmEvalError: the spec cannot be used, or no worker can open it.
        """
        check(spec)
        if spec.options.get("batch"):
            raise ExperimentError(
                f"{spec.model.name}: the Batch API needs no workers. Leave out batch, or the executor."
            )
        self._release()
        scratch.mkdir(parents=True, exist_ok=True)
        self._backend = RayBackend(spec, scratch, self._settings)
        return self._backend

    def _release(self) -> None:
        if self._backend is not None:
            self._backend.close()
        self._backend = None


class RayBackend:
    """Answers through a pool of workers, each with a backend of its own."""

    def __init__(self, spec: BackendSpec, scratch: Path, settings: PoolSettings | None = None) -> None:
        """Start the workers in the cluster that this process is connected to, and wait for a first one.

        Raises:
            VlmEvalError: what a worker said when it opened the backend.
            BackendUnavailable: no worker could be started.
        """
        self._spec = spec
        self._scratch = scratch.resolve()
        self._settings = settings or PoolSettings()
        self._workers: list[_Worker] = []
        self._waiting: deque[_Block] = deque()
        self._unavailable: VlmEvalError | None = None
        self._alive_at = time.monotonic()
        self._failed_starts = 0
        self.facts: dict[str, Scalar] = {}
        try:
            self._count = self._settings.workers or _room(self._settings)
            self._workers = [self._start() for _ in range(self._count)]
            while not any(worker.opening is None for worker in self._workers):
                list(self._look())
                self._refuse()
        except BaseException:
            self.close()
            raise

    @property
    def capabilities(self) -> Capabilities:
        """Say what can be asked."""
        return capabilities(self._spec)

    def close(self) -> None:
        """Stop the workers."""
        for worker in self._workers:
            ray.kill(worker.actor)
        self._workers = []

    def answer(self, requests: Iterable[Request]) -> Iterator[tuple[str, Outcome]]:
        """Yield outcomes block by block; at most two blocks a worker are pulled ahead.

        A block whose worker or node died is given to another one.

        Raises:
            BackendUnavailable: after the outcomes that were still on their way.
        """
        source = iter(requests)
        try:
            while self._give(source) or self._waiting:
                yield from self._look()
                self._alive()
            self._refuse()
        finally:
            for worker in self._workers:  # of a stop in between; what they still do is not waited for
                for reference in worker.blocks:
                    ray.cancel(reference)
                worker.blocks.clear()
            self._waiting.clear()

    def _give(self, source: Iterator[Request]) -> bool:
        """Hand blocks out, the first ones to those who have least; say whether any worker has one."""
        open_workers = [worker for worker in self._workers if worker.opening is None]
        for queued in range(_QUEUED):
            for worker in open_workers:
                if len(worker.blocks) > queued or (block := self._next(source)) is None:
                    continue
                worker.blocks[worker.actor.answer.remote(block.requests)] = block
        return any(worker.blocks for worker in self._workers)

    def _next(self, source: Iterator[Request]) -> _Block | None:
        if self._unavailable is not None:
            self._waiting.clear()
            return None
        if self._waiting:
            return self._waiting.popleft()
        requests = list(islice(source, self._settings.block))
        return _Block(requests) if requests else None

    def _look(self) -> Iterator[tuple[str, Outcome]]:
        """Wait a moment for whatever comes back first, and deal with all that has."""
        owners = {reference: worker for worker in self._workers for reference in worker.blocks}
        owners |= {worker.opening: worker for worker in self._workers if worker.opening is not None}
        ready, _ = ray.wait(list(owners), num_returns=1, timeout=_LOOK)
        if ready:
            ready, _ = ray.wait(list(owners), num_returns=len(owners), timeout=0)
        for reference in ready:
            worker = owners[reference]
            if worker not in self._workers:
                continue  # it died, as an earlier reference has shown
            try:
                found = ray.get(reference)
            except RayTaskError as error:
                raise error.cause if isinstance(error.cause, Exception) else error from None
            except RayError as error:
                yield from self._bury(worker, error)
                continue
            if reference is worker.opening:
                self._opened(worker, found)
            else:
                yield from self._finished(worker, reference, found)

    def _opened(self, worker: _Worker, found: dict[str, Scalar] | VlmEvalError) -> None:
        worker.opening = None
        if isinstance(found, VlmEvalError):
            self._unavailable = found
        else:
            self.facts = self.facts or {"executor": "ray", "workers": self._count, **found}

    def _finished(self, worker: _Worker, reference: Any, found: Any) -> Iterator[tuple[str, Outcome]]:
        del worker.blocks[reference]
        outcomes, error = found
        if error is not None:
            self._unavailable = error
        yield from outcomes

    def _bury(self, worker: _Worker, error: RayError) -> Iterator[tuple[str, Outcome]]:
        """Replace a dead worker; give its blocks to others, or give up the one that kills whoever has it."""
        _log.warning("a worker of %s died with %d blocks: %s", self._spec.model.name, len(worker.blocks), error)
        ray.kill(worker.actor)
        self._workers.remove(worker)
        self._failed_starts += worker.opening is not None
        if self._failed_starts < _DEATHS * self._count:
            self._workers.append(self._start())
        for number, block in enumerate(worker.blocks.values()):
            # Only the first was at work; the one behind it is innocent.
            block = replace(block, deaths=block.deaths + 1) if number == 0 else block
            if block.deaths < _DEATHS:
                self._waiting.append(block)
                continue
            message = f"{_DEATHS} workers died while this was among up to {self._settings.block} requests"
            for request in block.requests:
                yield request.key, Failure("api-error", message, _DEATHS)
        worker.blocks.clear()

    def _start(self) -> _Worker:
        remote = ray.remote(num_cpus=self._settings.cpus, num_gpus=self._settings.gpus)(BlockWorker)
        actor = remote.remote(self._spec, self._scratch)
        return _Worker(actor, actor.open.remote())

    def _alive(self) -> None:
        """Raise BackendUnavailable when there has been no open worker for too long."""
        now = time.monotonic()
        if not self._workers:
            raise BackendUnavailable(
                f"Every Ray worker of {self._spec.model.name} died while it loaded the model "
                f"({self._failed_starts} of them). Give each more memory (fewer workers), and see Ray's own logs."
            )
        if any(worker.opening is None for worker in self._workers):
            self._alive_at = now
        elif now - self._alive_at > self._settings.patience:
            raise BackendUnavailable(
                f"No Ray worker could be started for {self._settings.patience:g} s. The cluster has "
                f"{_short(ray.cluster_resources())}; a worker takes {self._settings.cpus:g} CPU and "
                f"{self._settings.gpus:g} GPU. Ask for fewer, or add nodes; what is answered is kept."
            )

    def _refuse(self) -> None:
        self._alive()
        if self._unavailable is not None:
            raise self._unavailable


def _room(settings: PoolSettings) -> int:
    """Count the workers that the cluster has room for now, node by node."""
    count = 0
    for node in ray.nodes():
        if node["Alive"]:
            found = node["Resources"]
            rooms = [found.get("CPU", 0) // settings.cpus] if settings.cpus else []
            rooms += [found.get("GPU", 0) // settings.gpus] if settings.gpus else []
            count += int(min(rooms, default=1))
    return max(1, count)


def _short(resources: dict[str, float]) -> str:
    return ", ".join(f"{resources.get(name, 0):g} {name}" for name in ("CPU", "GPU"))
