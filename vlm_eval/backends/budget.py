"""What a run may cost and how long it may take: holds requests back before a limit could be passed.

A guard stands around a backend of any family. Requests are pulled lazily, so one that is not passed on is not
asked. An answer that was lost on the way (a time-out, a reset) may be charged all the same: it is counted at its
most, and a backend that would ask again asks the guard first.
"""

import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from typing import Protocol, runtime_checkable

from vlm_eval.backends.prices import Price, Prices, estimate_tokens
from vlm_eval.errors import BackendUnavailable, ExperimentError
from vlm_eval.flow import Answer, Backend, BackendSpec, Capabilities, Failure, Outcome, Request

_HEADROOM = 1.1  # what a prompt may count above the dearest seen so far with as many pictures


@runtime_checkable
class Repeats(Protocol):
    """A backend that asks again when an answer was lost."""

    def limit_repeats(self, may_repeat: Callable[[str], bool]) -> None:
        """Take what says, by request key and from any thread, whether a lost answer may be asked for again."""
        ...


class Budget:
    """US dollars and seconds of a whole run, over all its models.

    Args:
        prices: by model.
        max_cost: US dollars that are never passed; None: no limit.
        max_minutes: from now on; what is in flight then is waited for. None: no limit.
        clock: seconds that never go back.
    """

    def __init__(
        self,
        prices: Prices | None = None,
        max_cost: float | None = None,
        max_minutes: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.prices = prices
        self.max_cost = max_cost
        self.spent = 0.0  # US dollars, for what has come back: in this run and, as `execute` adds, before it
        self.reserved = 0.0  # US dollars, the most that what is in flight may cost
        self.lock = threading.Lock()  # of `spent` and `reserved`
        self._minutes = max_minutes
        self._clock = clock
        self._end = None if max_minutes is None else clock() + 60 * max_minutes

    def check(self, specs: Iterable[BackendSpec]) -> None:
        """Refuse a limit that could not be kept. Raises ExperimentError naming the models without a price."""
        if self.max_cost is None:
            return
        without = [spec.model.name for spec in specs if spec.model.family == "openai" and self.price(spec) is None]
        if without:
            raise ExperimentError(
                f"--max-cost needs the price of {', '.join(without)}. Give --prices FILE with a line for each, "
                f"like '{without[0].partition(':')[2]}: {{input: 2.5, output: 10}}', in US dollars per million "
                "tokens."
            )

    def price(self, spec: BackendSpec) -> Price | None:
        """Return a model's price; None where none is known."""
        return None if self.prices is None else self.prices.of(spec.model)

    def meter(self, spec: BackendSpec) -> "Meter":
        """Return what counts one model's cost."""
        detail = spec.options.get("detail")
        return Meter(self.price(spec) or Price(input=0, output=0), None if detail is None else str(detail))

    def guard(self, spec: BackendSpec, backend: Backend) -> Backend:
        """Return the backend, asked only as far as the limits allow; itself where there is nothing to count."""
        if self.max_cost is None and self._end is None and self.price(spec) is None:
            return backend
        return _Guarded(backend, self, self.meter(spec))

    def refusal(self, upper: float) -> str:
        """Say why a request that may cost so much cannot be asked now; empty where it can."""
        if self._end is not None and self._clock() >= self._end:
            over = f"--max-minutes {self._minutes:g} is over"
            return f"{over}. What is answered is kept; run the same command to go on."
        if self.max_cost is None or self.spent + self.reserved + upper <= self.max_cost:
            return ""
        return (
            f"--max-cost ${self.max_cost:g} would be passed: ${self.spent:.4f} of it is spent, "
            f"and the next request may cost ${upper:.4f}. What is answered is kept; run the same command with a "
            "higher --max-cost to go on."
        )


class Meter:
    """Counts what the requests to one model cost, and what the next one may cost at most.

    How many tokens a picture counts differs by a factor of thirty between models, so the estimate is corrected by
    what the server reported for prompts with as many pictures.
    """

    def __init__(self, price: Price, detail: str | None) -> None:
        self._price = price
        self._detail = detail
        self._ratio: dict[int, float] = {}  # reported by estimated tokens, at most, by number of pictures

    def knows(self, request: Request) -> bool:
        """Say whether it was seen how the server counts a prompt with as many pictures."""
        return not self._price.input or len(request.prompt.views) in self._ratio

    def upper(self, request: Request) -> float:
        """Return the most that one attempt may cost, in US dollars."""
        known = self._ratio.get(len(request.prompt.views))
        ratio = 1.0 if known is None else max(1.0, _HEADROOM * known)
        generation = request.generation
        out = 1 if generation.yes_no else generation.max_tokens * generation.beams
        estimate = ratio * estimate_tokens(request.prompt, self._detail)
        return (self._price.input * estimate + self._price.output * out) / 1e6

    def learn(self, request: Request, outcome: Outcome) -> None:
        """Note how the server counted a prompt."""
        if isinstance(outcome, Answer):
            estimate = estimate_tokens(request.prompt, self._detail)
            reported = estimate if outcome.prompt_tokens is None else outcome.prompt_tokens
            count = len(request.prompt.views)
            self._ratio[count] = max(reported / estimate, self._ratio.get(count, 0.0))

    def cost(self, request: Request, outcome: Outcome) -> float:
        """Return what an outcome cost, in US dollars: its tokens, and the most for each answer that was lost."""
        lost = outcome.lost * self.upper(request)
        if isinstance(outcome, Failure):
            return lost
        if outcome.prompt_tokens is None or outcome.completion_tokens is None:
            return lost + self.upper(request)
        tokens = self._price.input * outcome.prompt_tokens + self._price.output * outcome.completion_tokens
        return lost + tokens / 1e6


class _Guarded:
    """Asks in waves: when the next request might pass a limit, what is in flight is waited for first."""

    def __init__(self, backend: Backend, budget: Budget, meter: Meter) -> None:
        self._backend = backend
        self._budget = budget
        self._meter = meter
        self._in_flight: dict[str, tuple[Request, float]] = {}  # with what is reserved for each
        if isinstance(backend, Repeats):
            backend.limit_repeats(self._reserve_again)

    @property
    def capabilities(self) -> Capabilities:
        """Say what the backend can do."""
        return self._backend.capabilities

    def answer(self, requests: Iterable[Request]) -> Iterator[tuple[str, Outcome]]:
        """Yield outcomes as the backend does. Raises BackendUnavailable where a limit would be passed."""
        source = _Source(requests)
        while (request := source.look()) is not None:
            if reason := self._budget.refusal(self._meter.upper(request)):
                raise BackendUnavailable(reason)
            with closing(_generator(self._backend.answer(self._affordable(source)))) as outcomes:
                for key, outcome in outcomes:
                    self._settle(key, outcome)
                    yield key, outcome

    def _affordable(self, source: "_Source") -> Iterator[Request]:
        while (request := source.look()) is not None:
            unknown = self._budget.max_cost is not None and not self._meter.knows(request)
            if (unknown and self._in_flight) or not self._reserve(request, 0.0):
                return
            source.take()
            yield request

    def _settle(self, key: str, outcome: Outcome) -> None:
        with self._budget.lock:
            request, reserved = self._in_flight.pop(key)
            self._meter.learn(request, outcome)
            self._budget.reserved = max(0.0, self._budget.reserved - reserved)
            self._budget.spent += self._meter.cost(request, outcome)

    def _reserve(self, request: Request, before: float) -> bool:
        """Reserve what an attempt may cost, beside what the request's earlier ones may; say whether it fits."""
        upper = self._meter.upper(request)
        with self._budget.lock:
            if self._budget.refusal(upper):
                return False
            self._in_flight[request.key] = (request, before + upper)
            self._budget.reserved += upper
            return True

    def _reserve_again(self, key: str) -> bool:
        return self._reserve(*self._in_flight[key])


class _Source:
    """Requests of which the next can be looked at; it is pulled only then."""

    def __init__(self, requests: Iterable[Request]) -> None:
        self._rest = iter(requests)
        self._next: Request | None = None

    def look(self) -> Request | None:
        if self._next is None:
            self._next = next(self._rest, None)
        return self._next

    def take(self) -> None:
        self._next = None


def _generator(outcomes: Iterator[tuple[str, Outcome]]) -> Generator[tuple[str, Outcome], None, None]:
    """Make a generator of any iterator, so that it can be closed."""
    yield from outcomes
