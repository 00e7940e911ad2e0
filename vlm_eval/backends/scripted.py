"""The shipped fake: answers from a function, a file or a built-in name, and failures to order."""

import math
import random
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import get_args

from vlm_eval.backends.pictures import read_picture
from vlm_eval.backends.scripted_rules import read_rules
from vlm_eval.errors import BackendUnavailable, BadInputError, ExperimentError
from vlm_eval.flow import Answer, BackendSpec, Capabilities, Failure, FailureKind, Outcome, Request, View, YesNo

Reply = Callable[[Request], str | Outcome]

_LOOK_AHEAD = 16
_REMEMBERED = 100_000  # pictures
_SURE = 0.9  # probability of the word that is said, in a forced yes/no answer


@dataclass(frozen=True, slots=True)
class Faults:
    """What goes wrong besides the replies; requests are counted from 1 in the order in which they are pulled."""

    latency: float = 0.0  # seconds a request
    shuffle: int | None = None  # seed; outcomes come in another order than requests, 16 at a time
    fail_every: int | None = None  # each n-th request fails
    fail_kind: FailureKind = "api-error"
    unavailable_at: int | None = None  # raises BackendUnavailable instead of answering the n-th request
    die_at: int | None = None  # raises KeyboardInterrupt instead of answering the n-th request


class ScriptedBackend:
    """A backend without a model.

    It reads the pictures as a model would, so that a file which cannot be read fails here too.
    A reply that is a string becomes an Answer, with yes/no log-probabilities where they are asked for; an Answer
    or a Failure is passed on as it is.
    """

    def __init__(
        self,
        reply: Reply,
        faults: Faults | None = None,
        capabilities: Capabilities | None = None,
    ) -> None:
        self._reply = reply
        self._faults = faults or Faults()
        self._capabilities = capabilities or Capabilities(yes_no=True, beams=True)
        self._seen: dict[str, str | BadInputError] = {}

    @property
    def capabilities(self) -> Capabilities:
        """Say what can be asked: all but what the constructor was told to deny."""
        return self._capabilities

    def answer(self, requests: Iterable[Request]) -> Iterator[tuple[str, Outcome]]:
        """Yield scripted outcomes, in order unless told to shuffle."""
        numbered = enumerate(requests, start=1)
        if self._faults.shuffle is None:
            for number, request in numbered:
                yield request.key, self._outcome(number, request)
            return
        generator = random.Random(self._faults.shuffle)
        while window := list(islice(numbered, _LOOK_AHEAD)):
            generator.shuffle(window)
            for number, request in window:
                yield request.key, self._outcome(number, request)

    def _outcome(self, number: int, request: Request) -> Outcome:
        faults = self._faults
        if faults.latency:
            time.sleep(faults.latency)
        if number == faults.die_at:
            raise KeyboardInterrupt
        if number == faults.unavailable_at:
            raise BackendUnavailable(f"The scripted backend was told to be unavailable at request {number}.")
        if faults.fail_every and number % faults.fail_every == 0:
            return Failure(faults.fail_kind, f"scripted failure of request {number}")
        try:
            sent = tuple(self._look(view) for view in request.prompt.views)
        except BadInputError as error:
            return Failure("bad-input", str(error))
        reply = self._reply(request)
        outcome = scripted_answer(reply, request) if isinstance(reply, str) else reply
        return replace(outcome, sent=sent) if isinstance(outcome, Answer) and not outcome.sent else outcome

    def _look(self, view: View) -> str:
        """Read a picture as a model would, once each; return its digest. Raises BadInputError."""
        if view.identity not in self._seen:
            if len(self._seen) >= _REMEMBERED:
                self._seen.clear()
            try:
                self._seen[view.identity] = read_picture(view).digest
            except BadInputError as error:
                self._seen[view.identity] = error
        seen = self._seen[view.identity]
        if isinstance(seen, BadInputError):
            raise seen
        return seen


def scripted_answer(text: str, request: Request, yes: float | None = None) -> Answer:
    """Make an answer of a text; `yes` is the probability of yes in a forced yes/no answer, by the text if None."""
    word_count = len(request.prompt.text.split())
    answer_yes_no = None
    if request.generation.yes_no:
        probability = _stated_probability(text) if yes is None else yes
        answer_yes_no = YesNo(_log(probability), _log(1 - probability))
    return Answer(
        text,
        prompt_tokens=word_count,
        completion_tokens=len(text.split()),
        yes_no=answer_yes_no,
        served_model="scripted",
        latency=0.0,
    )


def build(spec: BackendSpec, scratch: Path) -> ScriptedBackend:
    """Build from a spec whose checkpoint is a built-in name or a file of rules. Raises ExperimentError."""
    try:
        faults = Faults(**spec.options)  # type: ignore[arg-type]  # the registry passes known names only
    except TypeError as error:
        raise ExperimentError(f"A scripted backend cannot be built from {dict(spec.options)}: {error}.") from None
    if faults.fail_kind not in get_args(FailureKind):
        allowed = ", ".join(get_args(FailureKind))
        raise ExperimentError(f"fail_kind is {faults.fail_kind!r}; it must be one of {allowed}.")
    return ScriptedBackend(_named_reply(spec.model.checkpoint), faults)


def check(spec: BackendSpec) -> None:
    """Refuse an option, a name or a file of rules that cannot be used, before anything is asked."""
    build(spec, Path())


def _named_reply(name: str) -> Reply:
    if name in _BUILT_IN:
        return _BUILT_IN[name]
    if name in get_args(FailureKind):
        kind: FailureKind = name  # type: ignore[assignment]  # narrowed by the line above
        return lambda request: Failure(kind, "scripted failure")
    if Path(name).suffix in {".jsonl", ".csv", ".yaml", ".yml"}:
        rules = read_rules(Path(name))
        return lambda request: rules.outcome(request, scripted_answer)
    allowed = ", ".join([*_BUILT_IN, *get_args(FailureKind)])
    raise ExperimentError(f"Unknown script {name!r}. Name a .jsonl, .csv or .yaml file of rules, or: {allowed}.")


def _coin(request: Request) -> str | Outcome:
    """Answer by the request's key: even, and the same each time."""
    share = int(request.key[:8], 16) / 16**8
    text = "Yes. There is a scratch at the top left." if share >= 0.5 else "No. There are no anomalies or defects."
    return scripted_answer(text, request, yes=share)


_BUILT_IN: dict[str, Reply] = {
    "yes": lambda request: "Yes. There is a scratch at the top left.",
    "no": lambda request: "No. There are no anomalies or defects.",
    "coin": _coin,
    "hedge": lambda request: "It is hard to say from this picture whether anything is wrong.",
    "empty": lambda request: "",
    "length": lambda request: Answer("The picture shows", finish="length"),
    "refuse": lambda request: Answer("I'm sorry, I can't help with that.", finish="refusal"),
    "content-filter": lambda request: Answer("", finish="content-filter"),
}


def _stated_probability(text: str) -> float:
    first = text.strip().casefold()
    if first.startswith("yes"):
        return _SURE
    return 1 - _SURE if first.startswith("no") else 0.5


def _log(probability: float) -> float:
    return math.log(max(probability, 1e-9))
