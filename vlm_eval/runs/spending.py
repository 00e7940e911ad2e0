"""What a run may cost, and what the answers in its folder have cost."""

from collections.abc import Sequence
from pathlib import Path

from pydantic import TypeAdapter

from vlm_eval.backends.budget import Budget
from vlm_eval.backends.prices import Prices, read_prices
from vlm_eval.flow import Answer, BackendSpec, Failure, Generation, Model, Outcome, Request
from vlm_eval.runs.plan import Plan
from vlm_eval.runs.store import Store

_GENERATION = TypeAdapter(Generation)
_ANSWER = TypeAdapter(Answer)
_MODEL = TypeAdapter(Model)
_FAILURE = TypeAdapter(Failure)
_LOST = "coalesce(json_extract(outcome.data, '$.lost'), 0)"
_COUNTED = (
    "outcome.kind = 'answer' AND json_extract(outcome.data, '$.prompt_tokens') IS NOT NULL "
    f"AND json_extract(outcome.data, '$.completion_tokens') IS NOT NULL AND {_LOST} = 0"
)
_OF_MODEL = (
    "FROM outcome JOIN request ON request.id = outcome.request JOIN model ON model.id = request.model "
    "WHERE model.name = ?"
)


def open_budget(plan: Plan, prices: Path | None = None) -> Budget:
    """Return the limits that an experiment sets, by a price file: the one given, or the experiment's own.

    Raises:
        ExperimentError: the price file cannot be read, or a model has no price that a limit needs.
    """
    own = plan.experiment.prices
    path = prices or (Path(own) if own else None)
    return set_limits(plan.specs, path, plan.experiment.max_cost, plan.experiment.max_minutes)


def set_limits(
    specs: Sequence[BackendSpec], prices: Path | None, max_cost: float | None, max_minutes: float | None
) -> Budget:
    """Return limits for some models by a price file. Raises ExperimentError as `open_budget` does."""
    budget = Budget(read_prices(prices) if prices else None, max_cost, max_minutes)
    budget.check(specs)
    return budget


def stored_prices(folder: Path, prices: Prices) -> dict[str, tuple[float, float]]:
    """Return input and output prices of the models of a run folder, by the name that reports call them.

    Models that the price file does not name are left out.
    """
    with Store(folder) as store:
        specs = store.connection.execute("SELECT name, spec FROM model").fetchall()
    found = {name: prices.root.get(name) or prices.of(_MODEL.validate_json(spec)) for name, spec in specs}
    return {name: (price.input, price.output) for name, price in found.items() if price is not None}


def stored_cost(store: Store, budget: Budget, spec: BackendSpec) -> float:
    """Return what one model's outcomes in a run folder cost, in US dollars; 0 where its price is unknown."""
    price = budget.price(spec)
    if price is None:
        return 0.0
    name = spec.name or spec.model.name
    tokens_in, tokens_out = store.connection.execute(
        "SELECT total(json_extract(outcome.data, '$.prompt_tokens')), "
        f"total(json_extract(outcome.data, '$.completion_tokens')) {_OF_MODEL} AND {_COUNTED}",
        (name,),
    ).fetchone()
    counted = (price.input * tokens_in + price.output * tokens_out) / 1e6
    return float(counted) + _uncounted_cost(store, budget, spec, name)


def _uncounted_cost(store: Store, budget: Budget, spec: BackendSpec, name: str) -> float:
    """Return the most that outcomes without token counts, and answers that were lost, can have cost."""
    meter = budget.meter(spec)
    rows = store.connection.execute(
        f"SELECT prompt, generation, outcome.kind, outcome.data {_OF_MODEL} AND NOT ({_COUNTED}) "
        f"AND (outcome.kind = 'answer' OR {_LOST} > 0)",
        (name,),
    ).fetchall()
    cost = 0.0
    for prompt, generation, kind, data in rows:
        outcome: Outcome = (_ANSWER if kind == "answer" else _FAILURE).validate_json(data)
        request = Request("", spec.model, store.load_prompt(prompt), _GENERATION.validate_json(generation))
        cost += meter.cost(request, outcome)
    return cost
