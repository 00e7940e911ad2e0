"""The loop that asks: plan, ask what is missing, store, judge."""

import errno
import signal
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from types import FrameType
from typing import Protocol

import yaml

from vlm_eval.backends.budget import Budget
from vlm_eval.backends.registry import open_backend
from vlm_eval.errors import BackendUnavailable, InputError, RunFolderError
from vlm_eval.flow import Answer, Backend, BackendSpec, Outcome, Request
from vlm_eval.runs.judging import judge_run
from vlm_eval.runs.lock import run_lock
from vlm_eval.runs.media import MediaWriter
from vlm_eval.runs.plan import Plan, check_models, find_notes
from vlm_eval.runs.plan_digest import plan_digest
from vlm_eval.runs.provenance import describe_run
from vlm_eval.runs.recorded import join_recorded
from vlm_eval.runs.regions import keep_regions
from vlm_eval.runs.sentinels import FIRST_PASS, LAST_PASS, has_sentinels
from vlm_eval.runs.spending import stored_cost
from vlm_eval.runs.store import NO_SENTINELS, Growth, Repeats, Store, is_open
from vlm_eval.runs.waves import Waves

_DISK_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EACCES, errno.EPERM})
OpenBackend = Callable[[BackendSpec, Path], Backend]


class Listener(Protocol):
    """Whoever watches a run: a progress bar, a log, a test."""

    def planned(self, growth: Growth, open_requests: int) -> None:
        """Hear how many asks are planned and how many requests are still open."""
        ...

    def model_started(self, name: str, open_requests: int) -> None:
        """Hear that a model is about to be asked."""
        ...

    def arrived(self, name: str, outcome: Outcome) -> None:
        """Hear of each outcome, after it was stored."""
        ...

    def stopping(self) -> None:
        """Hear that nothing more is asked, and that what is in flight is waited for."""
        ...


class Silent:
    """A listener that ignores everything."""

    def planned(self, growth: Growth, open_requests: int) -> None:
        """Ignore."""

    def model_started(self, name: str, open_requests: int) -> None:
        """Ignore."""

    def arrived(self, name: str, outcome: Outcome) -> None:
        """Ignore."""

    def stopping(self) -> None:
        """Ignore."""


@dataclass(frozen=True, slots=True)
class RunResult:
    """How a run ended: requests answered, failed for good, still to be asked; and why it stopped early."""

    answered: int
    failed: int
    open: int
    stopped: bool = False
    unavailable: tuple[str, ...] = ()


class StopFlag:
    """Set by the first Ctrl-C: no new request is pulled, what is in flight is drained. The second interrupts."""

    def __init__(self, watch: Listener) -> None:
        self.event = threading.Event()
        self._watch = watch

    @contextmanager
    def on_interrupt(self) -> Iterator[None]:
        """Handle SIGINT inside the block, where signals can be handled at all."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        previous = signal.signal(signal.SIGINT, self._handle)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, previous)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.event.is_set():
            raise KeyboardInterrupt
        self.event.set()
        self._watch.stopping()


def execute(
    plan: Plan,
    folder: Path,
    *,
    listener: Listener | None = None,
    open_with: OpenBackend = open_backend,
    budget: Budget | None = None,
) -> RunResult:
    """Ask everything that is planned and not answered yet, store each outcome as it arrives, and judge.

    Args:
        plan: checked.
        folder: the run folder.
        listener: hears of progress.
        open_with: builds the backend of a model.
        budget: what the run may cost; it learns here what the folder's answers have cost already.

    Raises:
        RunFolderError: the folder is locked, belongs to another experiment, or cannot be written (disk full).
        InputError: a backend cannot be built from what was asked for.
    """
    watch = listener or Silent()
    stop = StopFlag(watch)
    if open_with is open_backend:
        problems = check_models(plan)
        if problems:
            raise InputError(
                "These models cannot be asked:\n" + "\n".join(f"  - {problem}" for problem in problems)
            )
    with run_lock(folder), _disk_errors(folder), Store(folder, write=True, shard=plan.shard) as store:
        growth = store.plan(plan.asks(), plan_digest(plan))
        for spec in plan.specs:
            Waves(plan, spec).extend(store, ended=False)
        _write_experiment(plan, store)
        store.set_meta("provenance", describe_run(plan))
        store.set_meta("shard", plan.shard and str(plan.shard))
        store.set_meta("notes", find_notes(plan))
        limits = budget or Budget()
        limits.spent += sum(stored_cost(store, limits, spec) for spec in plan.specs)
        watch.planned(growth, _open(store))
        unavailable: list[str] = []
        with stop.on_interrupt():
            try:
                for spec in plan.specs:
                    if not stop.event.is_set():
                        unavailable += _ask_model(store, plan, spec, watch, stop, open_with, limits)
            except KeyboardInterrupt:
                stop.event.set()
            store.flush()
            store.set_meta("unread regions", keep_regions(folder, store.samples()))
            judge_run(store, plan.experiment.scorers)
        return _result(store, stop.event.is_set(), unavailable)


def _write_experiment(plan: Plan, store: Store) -> None:
    """Record the experiment as it was resolved, in the store and as a file that `run` reads."""
    resolved = plan.experiment.model_dump(mode="json", exclude_none=True)
    store.set_meta("experiment", resolved)
    (store.folder / "experiment.yaml").write_text(yaml.safe_dump(resolved, sort_keys=False), encoding="utf-8")


def _ask_model(
    store: Store,
    plan: Plan,
    spec: BackendSpec,
    watch: Listener,
    stop: StopFlag,
    open_with: OpenBackend,
    budget: Budget,
) -> list[str]:
    """Ask one model, wave by wave; return why it was unavailable, if it was."""
    waves = Waves(plan, spec)
    media = MediaWriter(store.folder)
    backend: Backend | None = None
    try:
        for stage in _stages(plan, spec, waves):
            waiting = _waiting(store, spec.name, stage)
            if waiting:
                watch.model_started(stage.name, waiting)
                if backend is None or spec.model.family == "replay":  # it reads its answers when it is opened
                    backend = budget.guard(spec, _open_backend(store, plan, spec, waves, open_with))
                _ask_stage(store, spec, backend, stage, watch, stop, media)
            if stop.event.is_set():
                break
            if stage.extends:
                waves.extend(store, ended=True)
    except BackendUnavailable as error:
        return [f"{spec.name}: {error}"]
    finally:
        media.close()
    return []


def _open_backend(store: Store, plan: Plan, spec: BackendSpec, waves: Waves, open_with: OpenBackend) -> Backend:
    scratch = store.folder / "scratch" / f"{spec.model.family}-{sha256(spec.name.encode()).hexdigest()[:8]}"
    if spec.model.family == "replay":
        join_recorded(plan, spec, scratch, lambda: waves.asks(store, ended=False))
    backend = open_with(spec, scratch)
    store.set_meta(f"facts of {spec.name}", dict(getattr(backend, "facts", {})))
    return backend


@dataclass(frozen=True, slots=True)
class _Stage:
    """A part of what a model is asked that must end before the next one begins."""

    name: str  # as a progress bar shows it
    again: bool = True  # ask what failed before; not in later waves, as it failed in this very run
    repeats: Repeats = NO_SENTINELS
    extends: bool = True  # its answers may call for a wave


def _stages(plan: Plan, spec: BackendSpec, waves: Waves) -> Iterator[_Stage]:
    watched = has_sentinels(plan, spec)
    if watched:
        yield _Stage(f"first sentinels of {spec.name}", repeats=FIRST_PASS, extends=False)
    yield _Stage(spec.name)
    for wave in range(1, 1 + waves.count):
        yield _Stage(f"follow-up {wave} of {spec.name}", again=False)
    if watched:
        yield _Stage(f"last sentinels of {spec.name}", repeats=LAST_PASS, extends=False)


def _ask_stage(
    store: Store,
    spec: BackendSpec,
    backend: Backend,
    stage: _Stage,
    watch: Listener,
    stop: StopFlag,
    media: MediaWriter,
) -> None:
    """Ask what is open; what failed in an earlier wave of this run is left to the next run."""
    asked: dict[str, Request] = {}
    pending = store.pending(spec.name, again=stage.again, repeats=stage.repeats)
    for key, outcome in backend.answer(_until(stop, pending, asked)):
        store.put(key, outcome)
        _keep_pictures(store, media, asked.pop(key, None), outcome)
        watch.arrived(stage.name, outcome)


def _waiting(store: Store, model: str, stage: _Stage) -> int:
    return sum(
        count
        for (name, kind), count in store.tally(stage.repeats).items()
        if name == model and (is_open(kind) if stage.again else kind == "open")
    )


def _until(stop: StopFlag, requests: Iterator[Request], asked: dict[str, Request]) -> Iterator[Request]:
    """Pass requests on until a stop is asked for; remember those in flight."""
    for request in requests:
        if stop.event.is_set():
            return
        asked[request.key] = request
        yield request


def _keep_pictures(store: Store, media: MediaWriter, request: Request | None, outcome: Outcome) -> None:
    if request is None or not isinstance(outcome, Answer):
        return
    for view, digest in zip(request.prompt.views, outcome.sent, strict=False):
        if store.note_sent(view, digest):
            media.add(view, digest)


def _open(store: Store) -> int:
    return sum(count for (_, kind), count in store.tally().items() if is_open(kind))


def _result(store: Store, stopped: bool, unavailable: list[str]) -> RunResult:
    tally = store.tally()
    answered = sum(count for (_, kind), count in tally.items() if kind == "answer")
    waiting = _open(store)
    return RunResult(answered, sum(tally.values()) - answered - waiting, waiting, stopped, tuple(unavailable))


@contextmanager
def _disk_errors(folder: Path) -> Iterator[None]:
    """Say what a full or broken disk means for the run; other system errors pass."""
    try:
        yield
    except (sqlite3.OperationalError, OSError) as error:
        if isinstance(error, OSError) and error.errno not in _DISK_ERRORS:
            raise
        raise RunFolderError(
            f"The run folder {folder} cannot be written ({error}). What was answered is kept; make room or mend "
            "the disk and run the same command again."
        ) from error
