"""What keeps a million answers from taking a million times a million steps."""

import pytest

from vlm_eval.flow import Failure
from vlm_eval.runs import store as store_module
from vlm_eval.runs.experiment import parse_experiment
from vlm_eval.runs.items import ItemReader
from vlm_eval.runs.plan import make_plan
from vlm_eval.runs.runner import execute
from vlm_eval.runs.store import Store
from vlm_eval.runs.waves import Waves


@pytest.fixture
def plan(parts):
    experiment = {"dataset": str(parts), "models": ["scripted:no"], "repeats": 3, "rounds": ["look-again"]}
    return make_plan(parse_experiment(experiment, "test"))


def read_pending(store, plan):
    list(store.pending("scripted:no"))


def read_unjudged(store, plan):
    list(ItemReader(store).unjudged(1, "another scorer", "1"))


def read_followed(store, plan):
    list(Waves(plan, plan.specs[0]).asks(store, ended=False))


@pytest.mark.parametrize("read", [read_pending, read_unjudged, read_followed])
def test_a_page_is_found_by_its_place_and_nothing_is_sorted(plan, tmp_path, read):
    execute(plan, tmp_path / "run")
    statements = []
    with Store(tmp_path / "run") as store:
        store.connection.set_trace_callback(statements.append)
        read(store, plan)
        store.connection.set_trace_callback(None)
        pages = [statement for statement in statements if "LIMIT" in statement]
        assert pages
        for page in pages:
            steps = [row[3] for row in store.connection.execute(f"EXPLAIN QUERY PLAN {page}")]
            assert not [step for step in steps if "TEMP B-TREE" in step], (page, steps)


def test_what_is_remembered_is_bounded(parts, tmp_path, monkeypatch):
    monkeypatch.setattr(store_module, "_REMEMBERED", 3)
    monkeypatch.setattr("vlm_eval.runs.plan_writer._REMEMBERED", 3)
    plan = make_plan(parse_experiment({"dataset": str(parts), "models": ["scripted:coin"], "repeats": 2}, "test"))
    assert execute(plan, tmp_path / "run").answered == 12 * 3
    with Store(tmp_path / "run") as store:
        list(store.pending("scripted:coin"))
        for memory in (store._texts, store._views, store._prompts, store._sent):
            assert len(memory) <= 3


def test_rows_in_flight_are_forgotten_as_outcomes_come(parts, tmp_path):
    plan = make_plan(parse_experiment({"dataset": str(parts), "models": ["scripted:coin"]}, "test"))
    execute(plan, tmp_path / "run")
    with Store(tmp_path / "run", write=True) as store:
        store.connection.execute("DELETE FROM outcome")
        requests = list(store.pending("scripted:coin"))
        assert len(store._in_flight) == len(requests)
        for request in requests:
            store.put(request.key, Failure("timeout", "late"))
        assert store._in_flight == {}
