"""What a run would ask, before it asks: nothing is rendered and nothing is spent."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from vlm_eval.backends.endpoint import receiving_host
from vlm_eval.backends.prices import Prices, estimate_tokens, upper_cost
from vlm_eval.backends.registry import capabilities
from vlm_eval.errors import RunFolderError
from vlm_eval.flow import BackendSpec
from vlm_eval.runs.plan import Plan, check_models, find_notes
from vlm_eval.runs.schema import database_path
from vlm_eval.runs.store import Ask, Store, answered_keys
from vlm_eval.runs.waves import Waves

Address = tuple[str, str, str, int, int, str, int]  # model, sample, cell, round, repeat, purpose, view


@dataclass(frozen=True, slots=True)
class ModelForecast:
    """What one model would be asked."""

    name: str
    asks: int
    requests: int  # after removing duplicates
    answered: int  # of these, in the run folder already
    images: int  # distinct pictures
    host: str | None  # that would receive them; None where they stay on this machine
    tokens_in: int  # of the requests that are not answered yet; an estimate
    tokens_out: int  # at most
    cost: float | None  # USD, an upper estimate; None without a price


@dataclass(frozen=True, slots=True)
class Forecast:
    """What a run would ask."""

    cells: tuple[str, ...]
    samples: int
    withdrawn: int
    models: tuple[ModelForecast, ...]
    notes: tuple[str, ...]


def forecast(plan: Plan, folder: Path, prices: Prices | None) -> Forecast:
    """Count what a run would ask and send.

    Args:
        plan: checked.
        folder: the run folder; it need not exist.
        prices: by model; None where none are given.
    """
    answered = answered_keys(folder)
    later = _answered_later(folder)
    models = tuple(_of_model(plan, spec, answered, later, prices) for spec in plan.specs)
    notes = list(find_notes(plan)) + check_models(plan) + _refusal(plan, folder)
    missing = sum(not path.is_file() for sample in plan.samples for path in sample.sources)
    if missing:
        named = "1 item names" if missing == 1 else f"{missing} items name"
        notes.append(f"{named} a file that does not exist; each becomes a bad-input failure.")
    notes += [note for dataset in plan.datasets for note in dataset.notes]
    return Forecast(
        tuple(cell.name for cell in (*plan.cells, *plan.probes)),
        len(plan.samples),
        len(plan.withdrawn),
        models,
        tuple(notes),
    )


def _of_model(
    plan: Plan,
    spec: BackendSpec,
    answered: frozenset[str],
    later: frozenset[Address],
    prices: Prices | None,
) -> ModelForecast:
    tally: Counter[str] = Counter()
    keys: set[str] = set()
    images: set[str] = set()
    price = prices.of(spec.model) if prices else None
    detail = str(spec.options.get("detail", "auto"))
    cost = 0.0
    for ask in _all_asks(plan, spec):
        tally["asks"] += 1
        if ask.request.key in keys:
            continue
        keys.add(ask.request.key)
        images |= {view.identity for view in ask.request.prompt.views}
        if ask.request.key in answered or _address(ask) in later:
            tally["answered"] += 1
            continue
        if capabilities(spec).support:
            continue  # a baseline reads and writes no tokens
        tally["in"] += estimate_tokens(ask.request.prompt, detail)
        tally["out"] += 1 if ask.request.generation.yes_no else ask.request.generation.max_tokens
        cost += upper_cost(price, ask.request.prompt, ask.request.generation, detail) if price else 0.0
    return ModelForecast(
        spec.name,
        tally["asks"],
        len(keys),
        tally["answered"],
        len(images),
        receiving_host(spec),
        tally["in"],
        tally["out"],
        cost if price else None,
    )


def _all_asks(plan: Plan, spec: BackendSpec) -> Iterator[Ask]:
    """Yield this process's share of the plan, each first question with what may follow its answer."""
    waves = Waves(plan, spec)
    for ask in plan.asks_of_model(spec):
        if plan.shard and not plan.shard.holds(ask.request.key):
            continue
        yield ask
        if ask.purpose == "answer":
            yield from waves.foreseen(ask)


def _address(ask: Ask) -> Address:
    question = ask.question
    place = (ask.model, ask.sample.id, ask.cell.name)
    return *place, question.round, question.repeat, ask.purpose, question.view or 0


def _answered_later(folder: Path) -> frozenset[Address]:
    """Read which later rounds are answered already; their prompts hold answers, so no key can be foreseen."""
    if not database_path(folder).is_file():
        return frozenset()
    with Store(folder) as store:
        rows = store.connection.execute(
            "SELECT model.name, sample_id, cell.name, round, repeat, purpose, view FROM ask "
            "JOIN model ON model.id = ask.model JOIN sample ON sample.id = ask.sample "
            "JOIN cell ON cell.id = ask.cell JOIN outcome ON outcome.request = ask.request "
            "WHERE round > 0 AND kind = 'answer'"
        )
        return frozenset(rows)


def _refusal(plan: Plan, folder: Path) -> list[str]:
    """Plan on a copy of the run's database in memory, and say why the run folder would refuse."""
    if not database_path(folder).is_file():
        return []
    with Store(folder) as store:
        copy = store.copy_in_memory()
    with copy:
        try:
            copy.plan(plan.asks())
            for spec in plan.specs:
                Waves(plan, spec).extend(copy, ended=False)
        except RunFolderError as error:
            return [f"{folder} will refuse this: {error}"]
    return []
