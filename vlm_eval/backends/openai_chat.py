"""Chat completions over HTTP.

requests -> event_loop (a thread) -> openai_session (concurrency, repetition) -> openai_client (one call)
"""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

from vlm_eval.backends.event_loop import stream
from vlm_eval.backends.openai_batch import OpenAIBatch
from vlm_eval.backends.openai_learnt import start
from vlm_eval.backends.openai_session import open_session
from vlm_eval.backends.openai_settings import Settings, read_settings
from vlm_eval.backends.registry import capabilities
from vlm_eval.flow import Backend, BackendSpec, Capabilities, Model, Outcome, Request


class OpenAIChat:
    """A model behind a chat-completions server."""

    def __init__(self, model: Model, settings: Settings, abilities: Capabilities) -> None:
        self._model = model
        self._settings = settings
        self._learnt = start(settings)
        self._capabilities = abilities

    @property
    def capabilities(self) -> Capabilities:
        """Say what can be asked."""
        return self._capabilities

    def limit_repeats(self, may_repeat: Callable[[str], bool]) -> None:
        """Ask again for an answer that was lost only where `may_repeat` says so of the request's key."""
        self._learnt.may_repeat = may_repeat

    def answer(self, requests: Iterable[Request]) -> Iterator[tuple[str, Outcome]]:
        """Yield outcomes as they complete; half as many requests again as are in flight are pulled beforehand."""
        concurrency = self._settings.concurrency
        session = partial(open_session, self._model, self._settings, self._learnt)
        yield from stream(requests, session, look_ahead=concurrency + max(8, concurrency // 2))


def build(spec: BackendSpec, scratch: Path) -> Backend:
    """Build from a spec; nothing is sent. Raises ExperimentError for a wrong option or a missing key."""
    settings = read_settings(spec)
    if settings.batch:
        return OpenAIBatch(spec.model, settings, capabilities(spec), scratch)
    return OpenAIChat(spec.model, settings, capabilities(spec))
