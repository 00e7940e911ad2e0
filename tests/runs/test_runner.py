"""A run, end to end, with the shipped fake."""

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from vlm_eval.backends.scripted import ScriptedBackend
from vlm_eval.errors import BackendUnavailable, RunFolderError
from vlm_eval.flow import Answer, Capabilities, Failure
from vlm_eval.runs.experiment import parse_experiment
from vlm_eval.runs.frame import read_frame
from vlm_eval.runs.lock import run_lock
from vlm_eval.runs.plan import make_plan
from vlm_eval.runs.runner import Silent, StopFlag, execute
from vlm_eval.runs.store import Store


class Counting:
    """A backend that counts what it is asked and answers by a function."""

    capabilities = Capabilities()

    def __init__(self, reply):
        self.reply = reply
        self.asked = []

    def answer(self, requests):
        for request in requests:
            self.asked.append(request.key)
            yield request.key, self.reply(request)


def plan_of(parts, **changes):
    experiment = {"dataset": str(parts), "models": ["scripted:no"], "grid": {"reference": [0, 1]}, **changes}
    return make_plan(parse_experiment(experiment, "test"))


def run_with(plan, folder, reply):
    backend = Counting(reply)
    return execute(plan, folder, open_with=lambda spec, scratch: backend), backend


def yes(request):
    return Answer("Yes, there is a scratch.")


def test_every_planned_request_is_asked_once_and_resuming_asks_nothing(parts, tmp_path):
    plan = plan_of(parts, yes_no=False)
    result, backend = run_with(plan, tmp_path / "run", yes)
    assert result.answered == len(backend.asked) == len(set(backend.asked)) == len(plan.samples) * 2
    _, again = run_with(plan, tmp_path / "run", yes)
    assert again.asked == []


def test_the_reference_is_withdrawn_from_every_cell(parts):
    plan = plan_of(parts)
    shown = {path for paths in plan.references.values() for path in paths}
    assert len(plan.samples) == 11
    assert not shown & {path for sample in plan.samples for path in sample.sources}


def test_a_failure_is_asked_again_and_is_never_a_wrong_answer(parts, tmp_path):
    plan = plan_of(parts, yes_no=False, grid={"class": [0]})
    failing = iter(range(1000))

    def every_third_fails(request):
        return Failure("api-error", "the server said 500") if next(failing) % 3 == 0 else yes(request)

    first, _ = run_with(plan, tmp_path / "run", every_third_fails)
    frame = read_frame(tmp_path / "run")
    assert first.open == 4
    assert (frame["status"] == "failed").sum() == 4
    assert frame.loc[frame["status"] == "failed", "verdict"].isna().all()
    second, backend = run_with(plan, tmp_path / "run", yes)
    assert len(backend.asked) == 4
    assert (second.answered, second.open) == (12, 0)


def test_a_final_failure_is_not_asked_again(parts, tmp_path):
    plan = plan_of(parts, yes_no=False, grid={"class": [0]})
    result, _ = run_with(plan, tmp_path / "run", lambda request: Failure("bad-input", "truncated"))
    assert (result.failed, result.open) == (12, 0)
    _, backend = run_with(plan, tmp_path / "run", yes)
    assert backend.asked == []


def test_an_unavailable_model_leaves_the_rest_unasked_and_loses_nothing(parts, tmp_path):
    plan = plan_of(parts, yes_no=False, grid={"class": [0]})

    class NoCredit(Counting):
        def answer(self, requests):
            for number, request in enumerate(requests):
                if number == 5:
                    raise BackendUnavailable("no credit left")
                yield request.key, yes(request)

    result = execute(plan, tmp_path / "run", open_with=lambda spec, scratch: NoCredit(yes))
    assert (result.answered, result.open) == (5, 7)
    assert "no credit" in result.unavailable[0]


def test_a_run_may_grow(parts, tmp_path):
    run_with(plan_of(parts, yes_no=False, grid={"class": [0]}, limit=4), tmp_path / "run", yes)
    result, backend = run_with(plan_of(parts, yes_no=False, grid={"class": [0]}, limit=8), tmp_path / "run", yes)
    assert len(backend.asked) == 4
    assert result.answered == 8


def test_a_change_that_would_orphan_answers_is_refused_and_loses_nothing(parts, tmp_path):
    run_with(plan_of(parts, yes_no=False, grid={"class": [0]}), tmp_path / "run", yes)
    with pytest.raises(RunFolderError, match="may grow, not shrink"):
        run_with(plan_of(parts, yes_no=False, grid={"class": [0]}, limit=4), tmp_path / "run", yes)
    with pytest.raises(RunFolderError, match="another prompt, picture or setting"):
        run_with(plan_of(parts, yes_no=False, grid={"class": [0]}, layout="json"), tmp_path / "run", yes)
    assert (read_frame(tmp_path / "run")["status"] == "answered").sum() == 12


def test_a_locked_run_folder_is_refused(parts, tmp_path):
    with run_lock(tmp_path / "run"), pytest.raises(RunFolderError, match="Another run is writing"):
        run_with(plan_of(parts), tmp_path / "run", yes)


def test_the_run_folder_is_enough_by_itself(parts, tmp_path):
    plan = plan_of(parts)
    execute(plan, tmp_path / "run")
    before = read_frame(tmp_path / "run")
    parts.rename(tmp_path / "elsewhere")
    (tmp_path / "run").rename(tmp_path / "copied")
    assert read_frame(tmp_path / "copied").equals(before)


def test_the_first_interrupt_drains_what_is_in_flight_and_stops(parts, tmp_path):
    plan = plan_of(parts, yes_no=False)

    def interrupt_at_the_third(request):
        if len(backend.asked) == 3:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.01)
        return yes(request)

    backend = Counting(interrupt_at_the_third)
    result = execute(plan, tmp_path / "run", open_with=lambda spec, scratch: backend)
    assert result.stopped
    assert (result.answered, result.open) == (3, 19)


def test_a_scripted_backend_that_dies_loses_only_what_was_in_flight(parts, tmp_path):
    plan = plan_of(parts, yes_no=False)

    def die(request):
        raise KeyboardInterrupt

    count = iter(range(1000))
    dying = ScriptedBackend(lambda request: die(request) if next(count) == 7 else "No.")
    result = execute(plan, tmp_path / "run", open_with=lambda spec, scratch: dying)
    assert result.stopped
    assert result.answered == 7


SLOW_RUN = """
import sys, time
from pathlib import Path
from vlm_eval.flow import Answer, Capabilities
from vlm_eval.runs.experiment import parse_experiment
from vlm_eval.runs.plan import make_plan
from vlm_eval.runs.runner import execute

class Slow:
    capabilities = Capabilities()
    def answer(self, requests):
        for request in requests:
            time.sleep(0.005)
            print(request.key, flush=True)
            yield request.key, Answer("text of " + request.key)

experiment = {"dataset": sys.argv[1], "models": ["scripted:no"], "repeats": 40, "yes_no": False}
execute(make_plan(parse_experiment(experiment, "test")), Path(sys.argv[2]), open_with=lambda spec, scratch: Slow())
"""


def test_a_killed_run_keeps_every_answer_but_the_one_in_flight(parts, tmp_path):
    run = tmp_path / "run"
    process = subprocess.Popen([sys.executable, "-c", SLOW_RUN, parts, run], stdout=subprocess.PIPE, text=True)
    keys = [process.stdout.readline().strip() for _ in range(60)]
    process.kill()
    process.stdout.close()
    process.wait()
    with Store(run) as store:
        assert store.connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        stored = dict(
            store.connection.execute(
                "SELECT key, data FROM request JOIN outcome ON outcome.request = request.id WHERE kind = 'answer'"
            )
        )
    assert len(set(keys) - set(stored)) <= 1
    assert all(f"text of {key}" in data for key, data in stored.items())


def test_a_report_can_be_read_while_the_run_goes_on(parts, tmp_path):
    plan = plan_of(parts, yes_no=False)
    seen = []

    def look(request):
        if len(backend.asked) == 10:
            time.sleep(0.2)  # outcomes that came faster than 1,000 a second are committed in groups
            reader = threading.Thread(target=lambda: seen.append(read_frame(tmp_path / "run")))
            reader.start()
            reader.join()
        return yes(request)

    backend = Counting(look)
    execute(plan, tmp_path / "run", open_with=lambda spec, scratch: backend)
    assert (seen[0]["status"] == "answered").sum() == 9
    assert (seen[0]["status"] == "open").sum() >= 13


def test_the_first_interrupt_is_told_and_the_second_one_raises():
    class Watch(Silent):
        told = 0

        def stopping(self):
            self.told += 1

    watch = Watch()
    stop = StopFlag(watch)
    with stop.on_interrupt():
        signal.raise_signal(signal.SIGINT)
        assert stop.event.is_set() and watch.told == 1
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    assert watch.told == 1
