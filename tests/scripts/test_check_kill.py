"""Killing runs with SIGKILL; `scripts/check_kill.py` does it twenty times."""

import importlib.util
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "scripts" / "check_kill.py"


def test_two_kills_lose_nothing_and_nothing_that_was_stored_is_asked_again():
    spec = importlib.util.spec_from_file_location("check_kill", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    counts = module.check(kills=2, pictures=60, concurrency=4, latency=0.05)
    assert counts["requests"] == 60
    assert counts["kills while asking"] >= 1
    assert counts["asked again"] <= 2 * 6
