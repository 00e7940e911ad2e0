"""One run's conversation with a chat-completions server: concurrency, repetition, and when to give up."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

from vlm_eval.backends.endpoint import host_of
from vlm_eval.backends.event_loop import Ask
from vlm_eval.backends.openai_body import Dialect, encode_body
from vlm_eval.backends.openai_client import Caller, open_caller
from vlm_eval.backends.openai_learnt import ENOUGH_UNSCORED, Learnt
from vlm_eval.backends.openai_pictures import EncodedPicture, PictureCache, sizes_sent
from vlm_eval.backends.openai_reply import read_reply
from vlm_eval.backends.openai_settings import Settings
from vlm_eval.backends.openai_trouble import Trouble
from vlm_eval.backends.pace import Places
from vlm_eval.backends.redaction import SHORTEST_SECRET, clean_message, without_secret
from vlm_eval.backends.retry_after import wait_before
from vlm_eval.errors import BackendUnavailable, BadInputError
from vlm_eval.flow import Answer, Failure, Generation, Model, Outcome, Request

_log = logging.getLogger(__name__)


@asynccontextmanager
async def open_session(model: Model, settings: Settings, learnt: Learnt) -> AsyncIterator[Ask]:
    """Open a session in the running event loop; closes its connections at the end."""
    async with open_caller(model, settings) as call:
        yield Session(model, settings, learnt, call).ask


class Session:
    """Asks one model; what it learns of the server holds for all requests of the run."""

    def __init__(self, model: Model, settings: Settings, learnt: Learnt, call: Caller) -> None:
        self._model = model
        self._settings = settings
        self._learnt = learnt
        self._call = call
        self._places = Places(learnt.pace)
        largest = settings.max_picture_megabytes
        self._pictures = PictureCache(
            settings.cache_megabytes * 2**20, None if largest is None else int(largest * 1e6)
        )
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
            return await self._settle(request, pictures)

    def _not_offered(self, generation: Generation) -> str:
        if generation.yes_no and self._learnt.unscored >= ENOUGH_UNSCORED:
            return (
                f"not sent: the server gave no log-probabilities for the {self._learnt.unscored} yes/no questions "
                "before it; leave yes_no out for this model"
            )
        if generation.beams == 1 or generation.yes_no or self._settings.beam_search:
            return ""
        return (
            f"chat completions know no beam search, and {generation.beams} beams were asked for; "
            "ask for 1, or set beam_search where the server is vLLM"
        )

    async def _settle(self, request: Request, pictures: Sequence[EncodedPicture]) -> Outcome:
        # A request that waits for its repetition keeps its place: a server in trouble gets less to do.
        # Afterwards it goes on only where the pace, which may have dropped meanwhile, allows it.
        lost = 0
        for attempt in range(1, self._settings.max_attempts + 1):
            if self._unavailable:
                raise BackendUnavailable(self._unavailable)
            result = await self._attempt(request, pictures)
            if request.generation.yes_no and (isinstance(result, Answer) or result.kind == "unsupported"):
                self._learnt.unscored = 0 if isinstance(result, Answer) else self._learnt.unscored + 1
            if isinstance(result, Answer):
                sent = tuple(picture.digest for picture in pictures)
                noted = replace(self._note_answer(request, result), sent=sent, lost=lost)
                return replace(noted, image_sizes=sizes_sent(request))
            lost += result.lost
            if (failure := self._judge(result, attempt, lost)) is not None:
                return failure
            if result.lost and not self._learnt.may_repeat(request.key):
                message = f"not asked again, as it might pass a limit; {result.message}"
                return Failure(result.kind, self._clean(message), attempt, lost)
            await asyncio.sleep(wait_before(attempt + 1, result.retry_after, self._settings.first_wait))
            await self._places.give_way()
        raise AssertionError("the last attempt always ends the request")

    async def _attempt(self, request: Request, pictures: Sequence[EncodedPicture]) -> Answer | Trouble:
        while True:
            dialect, started = self._learnt.dialect, self._learnt.pace.round
            result = await self._ask_once(request, pictures, dialect)
            if isinstance(result, Answer):
                return result
            if result.slow_down:
                self._learnt.pace.pressed(started)
            if result.action != "adapt":
                return result
            # Others that were in flight with the same words may have taught the session already.
            learnt = dialect.without(result.parameter) if self._learnt.dialect == dialect else self._learnt.dialect
            if learnt == dialect:
                return replace(result, action="final")
            if self._learnt.dialect != learnt:
                _log.warning("%s does not take %s; asking without it", self._model.name, result.parameter)
            self._learnt.dialect = learnt

    async def _ask_once(
        self, request: Request, pictures: Sequence[EncodedPicture], dialect: Dialect
    ) -> Answer | Trouble:
        body = encode_body(request, pictures, self._model.checkpoint, self._settings, dialect)
        clock = asyncio.get_running_loop().time
        if (wait := self._learnt.quotas.book(request, clock())) > 0:
            await asyncio.sleep(wait)
        started = clock()
        reply = await self._call(body)
        result = (
            reply if isinstance(reply, Trouble | Answer) else read_reply(reply.body, request.generation.yes_no)
        )
        return replace(result, latency=clock() - started) if isinstance(result, Answer) else result

    def _note_answer(self, request: Request, answer: Answer) -> Answer:
        self._learnt.breaker.answered()
        self._learnt.pace.answered()
        self._learnt.quotas.answered(request, answer)
        # A gateway that echoes what it was sent may put the key into an answer, and answers are stored.
        key = self._settings.api_key
        if len(key) >= SHORTEST_SECRET and (key in answer.text or key in answer.reasoning):
            text, reasoning = without_secret(answer.text, key), without_secret(answer.reasoning, key)
            return replace(answer, text=text, reasoning=reasoning)
        return answer

    def _judge(self, trouble: Trouble, attempt: int, lost: int) -> Failure | None:
        """Return the failure that ends a request, None to try again. Raises BackendUnavailable."""
        message = self._clean(trouble.message)
        nowhere = trouble.action == "not-found" and not self._learnt.breaker.has_answered
        if trouble.action == "unavailable" or nowhere:
            self._give_up(message)
        if not trouble.alive:
            reason = self._learnt.breaker.attempt_failed()
            if reason:
                self._give_up(f"{reason}; the last was {message}")
        if trouble.action != "final" and attempt < self._settings.max_attempts:
            return None
        if trouble.action != "final" and (reason := self._learnt.breaker.request_failed()):
            self._unavailable = self._explain(f"{reason}; the last was {message}")
        return Failure(trouble.kind, message, attempt, lost)

    def _clean(self, message: str) -> str:
        return clean_message(message, (self._settings.api_key,))

    def _give_up(self, reason: str) -> None:
        self._unavailable = self._unavailable or self._explain(reason)
        raise BackendUnavailable(self._unavailable)

    def _explain(self, reason: str) -> str:
        return (
            f"{self._model.name} cannot be asked at {host_of(self._settings.base_url)}: {reason}. "
            "What is answered is kept; put this right and run again."
        )
