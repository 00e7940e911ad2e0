"""An event loop in a thread of its own, behind a plain generator."""

import asyncio
import queue
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager
from typing import Self

from vlm_eval.errors import BackendUnavailable
from vlm_eval.flow import Answer, Failure, Outcome, Request

Ask = Callable[[Request], Awaitable[Outcome]]
Session = Callable[[], AbstractAsyncContextManager[Ask]]

_THREADS = 4  # that read and encode pictures
_GRACE = 5.0  # seconds for what is in flight when the model turns out to be unavailable


def stream(requests: Iterable[Request], session: Session, look_ahead: int) -> Iterator[tuple[str, Outcome]]:
    """Ask concurrently; yield outcomes as they complete.

    Requests are pulled in the caller's thread, as they may come from a database that belongs to it; at most
    `look_ahead` of them are pulled and not yet yielded. Closing the generator cancels what is in flight.

    Raises:
        BackendUnavailable: once, after the outcomes that were still on their way.
    """
    with _LoopThread(session) as loop:
        try:
            yield from _pull(requests, loop, look_ahead)
        except BackendUnavailable:
            yield from loop.remains(_GRACE)
            raise


def _pull(requests: Iterable[Request], loop: "_LoopThread", look_ahead: int) -> Iterator[tuple[str, Outcome]]:
    source = iter(requests)
    request = next(source, None)
    while request is not None or loop.unfinished:
        if request is not None and loop.unfinished < look_ahead:
            loop.submit(request)
            request = next(source, None)
            yield from loop.finished()
        else:
            yield loop.wait()


class _LoopThread:
    """Runs a session's `ask` for each submitted request."""

    def __init__(self, session: Session) -> None:
        self.unfinished = 0
        self._session = session
        self._done: queue.SimpleQueue[tuple[str, Outcome | BaseException]] = queue.SimpleQueue()
        self._ready: Future[None] = Future()
        self._tasks: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._run, name="vlm-eval-requests", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        try:
            self._ready.result()
        except BaseException:
            self._thread.join()
            raise
        return self

    def __exit__(self, *raised: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def submit(self, request: Request) -> None:
        """Start to ask; the outcome comes from `finished` or `wait`."""
        self.unfinished += 1
        self._loop.call_soon_threadsafe(self._start, request)

    def finished(self) -> Iterator[tuple[str, Outcome]]:
        """Yield what has completed, without waiting."""
        while not self._done.empty():
            yield self.wait()

    def wait(self) -> tuple[str, Outcome]:
        """Wait for one outcome."""
        key, outcome = self._done.get()
        self.unfinished -= 1
        if isinstance(outcome, BaseException):
            raise outcome
        return key, outcome

    def remains(self, seconds: float) -> Iterator[tuple[str, Outcome]]:
        """Yield what still completes within some seconds, when nothing new is asked."""
        end = time.monotonic() + seconds
        while self.unfinished:
            try:
                key, outcome = self._done.get(timeout=max(0.0, end - time.monotonic()))
            except queue.Empty:
                return
            self.unfinished -= 1
            if isinstance(outcome, Answer | Failure):
                yield key, outcome

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        except BaseException as error:  # noqa: BLE001  # handed to the thread that waits for it
            if self._ready.done():
                self._done.put(("", error))
            else:
                self._ready.set_exception(error)

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._loop.set_default_executor(ThreadPoolExecutor(_THREADS, thread_name_prefix="vlm-eval-pictures"))
        self._stop = asyncio.Event()
        async with self._session() as self._ask:
            self._ready.set_result(None)
            await self._stop.wait()
            for task in tuple(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _start(self, request: Request) -> None:
        task = self._loop.create_task(self._answer(request))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, request: Request) -> None:
        outcome: Outcome | BaseException
        try:
            outcome = await self._ask(request)
        except Exception as error:  # noqa: BLE001  # raised in the caller's thread by wait()
            outcome = error
        self._done.put((request.key, outcome))
