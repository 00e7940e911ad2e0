"""One run's conversation with a chat-completions server: concurrency, repetition, and when to give up."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from vlm_eval.backends.breaker import Breaker
from vlm_eval.backends.endpoint import host_of
from vlm_eval.backends.event_loop import Ask
from vlm_eval.backends.openai_body import Dialect, encode_body
from vlm_eval.backends.openai_client import Caller, open_caller
from vlm_eval.backends.openai_pictures import EncodedPicture, PictureCache
from vlm_eval.backends.openai_reply import read_reply
from vlm_eval.backends.openai_settings import Settings
from vlm_eval.backends.openai_trouble import Trouble
from vlm_eval.backends.redaction import clean_message
from vlm_eval.backends.retry_after import wait_before
from vlm_eval.errors import BackendUnavailable, BadInputError
from vlm_eval.flow import Answer, Failure, Generation, Model, Outcome, Request

_log = logging.getLogger(__name__)


@asynccontextmanager
async def open_session(model: Model, settings: Settings) -> AsyncIterator[Ask]:
    """Open a session in the running event loop; closes its connections at the end."""
    async with open_caller(model, settings) as call:
        yield Session(model, settings, call).ask


class Session:
    """Asks one model; what it learns of the server holds for all requests of the run."""

    def __init__(self, model: Model, settings: Settings, call: Caller) -> None:
        self._model = model
        self._settings = settings
        self._call = call
        self._places = asyncio.Semaphore(settings.concurrency)
        self._pictures = PictureCache(settings.cache_megabytes * 2**20)
        self._breaker = Breaker()
        self._dialect = Dialect()
        self._unavailable = ""

    async def ask(self, request: Request) -> Outcome:
        """Ask until the request is answered or given up. Raises BackendUnavailable for all requests alike."""
        if reason := self._not_offered(request.generation):
            return Failure("unsupported", reason)
        try:
            # Before a place is free, so that the wire never waits for a disk.
            pictures = await self._pictures.encode(request.prompt)
        except BadInputError as error:
            return Failure("bad-input", str(error))
        async with self._places:
            outcome = await self._settle(request, pictures)
        if isinstance(outcome, Answer):
            return replace(outcome, sent=tuple(picture.digest for picture in pictures))
        return outcome

    def _not_offered(self, generation: Generation) -> str:
        if generation.beams == 1 or generation.yes_no or self._settings.beam_search:
            return ""
        return (
            f"chat completions know no beam search, and {generation.beams} beams were asked for; "
            "ask for 1, or set beam_search where the server is vLLM"
        )

    async def _settle(self, request: Request, pictures: Sequence[EncodedPicture]) -> Outcome:
        # A request that waits for its repetition keeps its place: a server in trouble gets less to do.
        for attempt in range(1, self._settings.max_attempts + 1):
            if self._unavailable:
                raise BackendUnavailable(self._unavailable)
            result = await self._attempt(request, pictures)
            if isinstance(result, Answer):
                self._breaker.answered()
                return result
            if (failure := self._judge(result, attempt)) is not None:
                return failure
            await asyncio.sleep(wait_before(attempt + 1, result.retry_after, self._settings.first_wait))
        raise AssertionError("the last attempt always ends the request")

    async def _attempt(self, request: Request, pictures: Sequence[EncodedPicture]) -> Answer | Trouble:
        while True:
            dialect = self._dialect
            result = await self._ask_once(request, pictures, dialect)
            if isinstance(result, Answer) or result.action != "adapt":
                return result
            # Others that were in flight with the same words may have taught the session already.
            learnt = dialect.without(result.parameter) if self._dialect == dialect else self._dialect
            if learnt == dialect:
                return replace(result, action="final")
            if self._dialect != learnt:
                _log.warning("%s does not take %s; asking without it", self._model.name, result.parameter)
            self._dialect = learnt

    async def _ask_once(
        self, request: Request, pictures: Sequence[EncodedPicture], dialect: Dialect
    ) -> Answer | Trouble:
        body = encode_body(request, pictures, self._model.checkpoint, self._settings, dialect)
        clock = asyncio.get_running_loop().time
        started = clock()
        reply = await self._call(body)
        result = (
            reply if isinstance(reply, Trouble | Answer) else read_reply(reply.body, request.generation.yes_no)
        )
        return replace(result, latency=clock() - started) if isinstance(result, Answer) else result

    def _judge(self, trouble: Trouble, attempt: int) -> Failure | None:
        """Return the failure that ends a request, None to try again. Raises BackendUnavailable."""
        message = clean_message(trouble.message, (self._settings.api_key,))
        lost = trouble.action == "not-found" and not self._breaker.has_answered
        if trouble.action == "unavailable" or lost:
            self._give_up(message)
        if not trouble.alive:
            reason = self._breaker.attempt_failed()
            if reason:
                self._give_up(f"{reason}; the last was {message}")
        if trouble.action != "final" and attempt < self._settings.max_attempts:
            return None
        if trouble.action != "final" and (reason := self._breaker.request_failed()):
            self._unavailable = self._explain(f"{reason}; the last was {message}")
        return Failure(trouble.kind, message, attempt)

    def _give_up(self, reason: str) -> None:
        self._unavailable = self._unavailable or self._explain(reason)
        raise BackendUnavailable(self._unavailable)

    def _explain(self, reason: str) -> str:
        return (
            f"{self._model.name} cannot be asked at {host_of(self._settings.base_url)}: {reason}. "
            "What is answered is kept; put this right and run again."
        )
