"""A server that goes away in the middle of a run; `scripts/check_outage.py` takes it away for a real minute."""

import importlib.util
from pathlib import Path

SCRIPTS = Path(__file__).parents[2] / "scripts"


def test_a_server_that_is_killed_and_comes_back_costs_no_answer(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))  # the script borrows from check_kill
    spec = importlib.util.spec_from_file_location("check_outage", SCRIPTS / "check_outage.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    counts = module.check(seconds=0.5, pictures=60, concurrency=8, latency=0.01)
    assert counts["answered"] == 60
    assert counts["seconds away"] >= 0.5
