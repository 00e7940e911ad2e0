"""What is learnt of a server; it holds for all requests of a run and outlives a session."""

from collections.abc import Callable
from dataclasses import dataclass, field

from vlm_eval.backends.breaker import Breaker
from vlm_eval.backends.openai_body import Dialect
from vlm_eval.backends.openai_settings import Settings
from vlm_eval.backends.pace import Pace
from vlm_eval.backends.prices import estimate_tokens
from vlm_eval.backends.quota import Quota
from vlm_eval.flow import Answer, Request

ENOUGH_UNSCORED = 8
"""Yes/no questions in a row without log-probabilities, after which no more of them are paid for."""


@dataclass
class Learnt:
    """What one model's server takes, bears and allows."""

    pace: Pace
    quotas: "Quotas"
    breaker: Breaker = field(default_factory=Breaker)
    dialect: Dialect = field(default_factory=Dialect)
    may_repeat: Callable[[str], bool] = lambda key: True
    unscored: int = 0  # yes/no questions in a row that came back without log-probabilities


def start(settings: Settings) -> Learnt:
    """Begin to learn."""
    return Learnt(Pace(settings.concurrency), Quotas(settings))


class Quotas:
    """What may be used in a minute."""

    def __init__(self, settings: Settings) -> None:
        self._requests = _quota(settings.requests_per_minute)
        self._tokens = _quota(settings.tokens_per_minute)
        self._detail = settings.detail

    def book(self, request: Request, now: float) -> float:
        """Book one attempt; return the seconds to wait before it starts."""
        by_requests = 0.0 if self._requests is None else self._requests.book(1, now)
        by_tokens = 0.0 if self._tokens is None else self._tokens.book(self._most_tokens(request), now)
        return max(by_requests, by_tokens)

    def answered(self, request: Request, answer: Answer) -> None:
        """Put what was used in the place of what was booked."""
        if self._tokens is not None and answer.prompt_tokens is not None and answer.completion_tokens is not None:
            self._tokens.correct(answer.prompt_tokens + answer.completion_tokens - self._most_tokens(request))

    def _most_tokens(self, request: Request) -> int:
        generation = request.generation
        out = 1 if generation.yes_no else generation.max_tokens
        return estimate_tokens(request.prompt, self._detail) + out


def _quota(per_minute: float | None) -> Quota | None:
    return None if per_minute is None else Quota(per_minute)
