"""A server that is gone for a minute and comes back, in a simulated minute and with the settings as they come."""

import asyncio
import random

import pytest

from vlm_eval.backends.openai_client import Reply
from vlm_eval.backends.openai_learnt import start
from vlm_eval.backends.openai_session import Session
from vlm_eval.backends.openai_settings import read_settings
from vlm_eval.backends.openai_trouble import Trouble
from vlm_eval.backends.registry import parse_model
from vlm_eval.errors import BackendUnavailable
from vlm_eval.flow import Answer


class JumpingLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock jumps to the next thing that is waited for."""

    def __init__(self):
        super().__init__()
        self.now = 0.0

    def time(self):
        return self.now

    def _run_once(self):
        if not self._ready and self._scheduled:
            self.now = max(self.now, self._scheduled[0].when())
        super()._run_once()


@pytest.fixture
def simulate(make, mock):
    """Ask 400 questions of a server that answers after a second and is gone between two moments."""

    async def ask_all(gone, back, concurrency):
        clock = asyncio.get_running_loop().time
        spec = parse_model("openai:m", base_url="http://127.0.0.1:9/v1", concurrency=concurrency)
        settings = read_settings(spec)
        assert (settings.max_attempts, settings.first_wait) == (10, 0.5)  # as they come
        calls = 0

        async def call(body):
            nonlocal calls
            calls += 1
            if not gone <= clock() < back:
                await asyncio.sleep(1.0)
            if gone <= clock() < back:  # refused, or cut off on the way
                return Trouble("retry", "api-error", "ConnectionRefusedError: gone")
            return Reply(mock.completion("Yes."))

        session = Session(spec.model, settings, start(settings), call)
        requests = [make.request(f"question {number}") for number in range(400)]
        outcomes = await asyncio.gather(*(session.ask(request) for request in requests), return_exceptions=True)
        return outcomes, clock(), calls

    def run(gone, back, concurrency=16):
        random.seed(7)
        with asyncio.Runner(loop_factory=JumpingLoop) as runner:
            return runner.run(ask_all(gone, back, concurrency))

    return run


@pytest.mark.parametrize("concurrency", [1, 16, 64])
@pytest.mark.parametrize("gone", [3.5, 6.0])
def test_a_minute_without_the_server_is_waited_for_and_every_item_is_answered(simulate, gone, concurrency):
    outcomes, ended, calls = simulate(gone, gone + 60, concurrency)
    assert len(outcomes) == 400
    assert all(isinstance(outcome, Answer) for outcome in outcomes)
    assert ended > gone + 60
    assert calls <= 400 + 10 * concurrency  # a server in trouble is not stormed


def test_a_server_that_stays_away_stops_the_run_and_says_so(simulate):
    outcomes, ended, _ = simulate(6.0, 1e9, 64)
    assert any(isinstance(outcome, BackendUnavailable) for outcome in outcomes)
    assert sum(isinstance(outcome, Answer) for outcome in outcomes) > 60
    assert ended < 150
