"""Asks an LLM judge and keeps its replies.

They are a run of their own, `judges/<name>/` inside the run folder: the same store, resumed in the same way, its
tokens counted apart.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from vlm_eval.backends.budget import Budget
from vlm_eval.backends.endpoint import receiving_host
from vlm_eval.backends.prices import Prices, estimate_tokens, upper_cost
from vlm_eval.backends.registry import capabilities, open_backend
from vlm_eval.errors import BackendUnavailable, ExperimentError
from vlm_eval.flow import RETRIED, Backend, BackendSpec, Outcome
from vlm_eval.runs.lock import run_lock
from vlm_eval.runs.spending import stored_cost
from vlm_eval.runs.store import Ask, Store, answered_keys

OpenBackend = Callable[[BackendSpec, Path], Backend]


@dataclass(frozen=True, slots=True)
class JudgeForecast:
    """What judging would take, before anything is sent."""

    answers: int  # that would be judged, or pairs in both orders
    requests: int  # after removing duplicates
    answered: int  # of these, kept already
    images: int  # distinct pictures
    host: str | None  # that would receive them; None where they stay on this machine
    tokens_in: int  # of what is not answered yet; an estimate
    tokens_out: int  # at most
    cost: float | None  # USD, an upper estimate; None without a price


@dataclass(frozen=True, slots=True)
class JudgeResult:
    """How judging ended: requests answered, failed for good and open; and what they took, apart from the run."""

    answered: int
    failed: int
    open: int
    prompt_tokens: int
    completion_tokens: int
    unavailable: str | None = None

    def cost(self, spec: BackendSpec, prices: Prices | None) -> float | None:
        """Return what the replies cost in US dollars, None without a price."""
        price = prices.of(spec.model) if prices else None
        if price is None:
            return None
        return (price.input * self.prompt_tokens + price.output * self.completion_tokens) / 1e6


def forecast_judging(folder: Path, spec: BackendSpec, asks: Iterable[Ask], prices: Prices | None) -> JudgeForecast:
    """Count what a judge would be asked, where its replies would be kept in `folder`."""
    kept = answered_keys(folder)
    price = prices.of(spec.model) if prices else None
    detail = str(spec.options.get("detail", "auto"))
    tally: Counter[str] = Counter()
    keys: set[str] = set()
    images: set[str] = set()
    cost = 0.0
    for ask in _within_limits(asks, spec):
        tally["answers"] += 1
        request = ask.request
        if request.key in keys:
            continue
        keys.add(request.key)
        if request.key in kept:
            tally["answered"] += 1
            continue
        images |= {view.identity for view in request.prompt.views}
        tally["in"] += estimate_tokens(request.prompt, detail)
        tally["out"] += request.generation.max_tokens
        cost += upper_cost(price, request.prompt, request.generation, detail) if price else 0.0
    return JudgeForecast(
        tally["answers"],
        len(keys),
        tally["answered"],
        len(images),
        receiving_host(spec),
        tally["in"],
        tally["out"],
        cost if price else None,
    )


def run_judge(
    folder: Path,
    spec: BackendSpec,
    asks: Iterable[Ask],
    *,
    open_with: OpenBackend = open_backend,
    arrived: Callable[[Outcome], None] = lambda outcome: None,
    budget: Budget | None = None,
) -> JudgeResult:
    """Ask a judge what is not answered yet; each reply is stored as it arrives, a failed call stays a failure.

    Args:
        folder: where the replies are kept, see `judge_folder`.
        spec: the judge.
        asks: from `rubric_asks` or `comparison_asks`.
        open_with: builds the backend.
        arrived: hears of each outcome, after it was stored.
        budget: what the replies in `folder` may cost; it learns here what those that are kept have cost.

    Raises:
        RunFolderError: another process judges into the same folder.
        ExperimentError: the judge cannot be shown that many pictures.
    """
    name = spec.name or spec.model.name
    limits = budget or Budget()
    unavailable = None
    with run_lock(folder), Store(folder, write=True) as store:
        # Replies belong to requests. Asks are planned anew, so that fewer items or a mended truth are no conflict.
        store.connection.execute("DELETE FROM ask")
        store.plan(_within_limits(asks, spec))
        limits.spent += stored_cost(store, limits, spec)
        try:
            judge = limits.guard(spec, open_with(spec, folder / "scratch"))
            for key, outcome in judge.answer(store.pending(name)):
                store.put(key, outcome)
                arrived(outcome)
        except BackendUnavailable as error:
            unavailable = str(error)
        store.flush()
        return _result(store, unavailable)


def _within_limits(asks: Iterable[Ask], spec: BackendSpec) -> Iterator[Ask]:
    most = capabilities(spec).max_images
    for ask in asks:
        shown = len(ask.request.prompt.views)
        if most is not None and shown > most:
            raise ExperimentError(
                f"The judge {spec.model.name} takes at most {most} pictures, but {shown} were shown. "
                "Judge by text only."
            )
        yield ask


def _result(store: Store, unavailable: str | None) -> JudgeResult:
    tally = store.tally()
    answered = sum(count for (_, kind), count in tally.items() if kind == "answer")
    waiting = sum(count for (_, kind), count in tally.items() if kind == "open" or kind in RETRIED)
    tokens = store.connection.execute(
        "SELECT coalesce(sum(data ->> 'prompt_tokens'), 0), coalesce(sum(data ->> 'completion_tokens'), 0) "
        "FROM outcome WHERE kind = 'answer' AND EXISTS (SELECT 1 FROM ask WHERE ask.request = outcome.request)"
    ).fetchone()
    failed = sum(tally.values()) - answered - waiting
    return JudgeResult(answered, failed, waiting, int(tokens[0]), int(tokens[1]), unavailable)
