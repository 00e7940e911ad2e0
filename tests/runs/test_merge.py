"""Shards of one experiment, merged."""

import re
from dataclasses import replace
from io import StringIO

import pytest
from rich.console import Console

from vlm_eval.backends.scripted import ScriptedBackend
from vlm_eval.errors import RunFolderError
from vlm_eval.flow import Answer, Failure
from vlm_eval.reports.run_info import read_info
from vlm_eval.reports.write import write_report
from vlm_eval.runs.experiment import parse_experiment
from vlm_eval.runs.frame import read_frame
from vlm_eval.runs.lock import run_lock
from vlm_eval.runs.merge import merge_runs
from vlm_eval.runs.plan import make_plan
from vlm_eval.runs.plan_writer import Ask
from vlm_eval.runs.review import ReviewLog
from vlm_eval.runs.runner import execute
from vlm_eval.runs.sentinels import read_sentinels
from vlm_eval.runs.shard import Shard
from vlm_eval.runs.store import Store


def plan_of(parts, shard=None, **changes):
    experiment = {
        "dataset": str(parts),
        "models": ["scripted:coin", "scripted:no"],
        "grid": {"reference": [0, 1]},
        "repeats": 3,
        **changes,
    }
    return replace(make_plan(parse_experiment(experiment, "test")), shard=shard)


def run_shards(parts, tmp_path, count, **changes):
    folders = []
    for index in range(1, count + 1):
        folders.append(tmp_path / f"shard-{index}")
        result = execute(plan_of(parts, Shard(index, count), **changes), folders[-1])
        assert result.open == 0
    return folders


def report_of(folder, out):
    """Return what a report prints and the CSV files that it writes."""
    console = Console(file=StringIO(), width=200)
    info = {**read_info(folder), "title": "a run"}
    write_report(read_frame(folder), out, info=info, console=console)
    return console.file.getvalue(), {path.name: path.read_text() for path in out.glob("*.csv")}


def answers_of(folder):
    with Store(folder) as store:
        rows = store.connection.execute(
            "SELECT key, data FROM request JOIN outcome ON outcome.request = request.id WHERE kind = 'answer'"
        ).fetchall()
    return dict(rows)


def test_merged_shards_report_exactly_as_an_undivided_run(parts, tmp_path):
    execute(plan_of(parts), tmp_path / "whole")
    merged = merge_runs(run_shards(parts, tmp_path, 3), tmp_path / "merged")
    assert (merged.open, merged.failed, merged.repeated, merged.notes) == (0, 0, 0, ())
    assert answers_of(tmp_path / "merged") == answers_of(tmp_path / "whole")
    assert read_frame(tmp_path / "merged").equals(read_frame(tmp_path / "whole"))
    assert report_of(tmp_path / "merged", tmp_path / "r1") == report_of(tmp_path / "whole", tmp_path / "r2")
    pictures = [
        sorted(path.name for path in (tmp_path / name / "media").iterdir()) for name in ("merged", "whole")
    ]
    assert pictures[0] == pictures[1] != []


def test_scores_that_look_at_all_repeats_see_those_of_every_shard(parts, tmp_path):
    changes = {"models": ["scripted:coin"], "repeats": 5, "scorers": ["votes"]}
    execute(plan_of(parts, **changes), tmp_path / "whole")
    merge_runs(run_shards(parts, tmp_path, 2, **changes), tmp_path / "merged")
    judgements = []
    for name in ("whole", "merged"):
        with Store(tmp_path / name) as store:
            judgements.append(store.connection.execute("SELECT * FROM judgement ORDER BY 1, 2, 3").fetchall())
    assert judgements[0] == judgements[1] != []


def test_shards_share_the_requests_out(parts, tmp_path):
    keys = [set(answers_of(folder)) for folder in run_shards(parts, tmp_path, 3)]
    execute(plan_of(parts), tmp_path / "whole")
    assert all(keys)
    assert sum(map(len, keys)) == len(set().union(*keys))
    assert set().union(*keys) == set(answers_of(tmp_path / "whole"))


def test_what_a_missing_shard_left_open_is_asked_by_running_the_merged_folder(parts, tmp_path):
    folders = run_shards(parts, tmp_path, 3)
    merged = merge_runs(folders[:2], tmp_path / "merged")
    assert merged.open > 0
    assert "3/3" in merged.notes[0]
    asked = []

    class Counting(ScriptedBackend):
        def answer(self, requests):
            for key, outcome in super().answer(requests):
                asked.append(key)
                yield key, outcome

    backend = Counting(lambda request: Answer("No."))
    result = execute(plan_of(parts), tmp_path / "merged", open_with=lambda spec, scratch: backend)
    assert result.open == 0
    assert set(asked) == set(answers_of(folders[2]))


def test_runs_of_different_experiments_are_refused_and_the_difference_is_named(parts, tmp_path):
    execute(plan_of(parts, Shard(1, 2)), tmp_path / "a")
    execute(plan_of(parts, Shard(2, 2), limit=8), tmp_path / "b")
    with pytest.raises(RunFolderError, match=r"(?s)not shards of one experiment.*limit: None and 8"):
        merge_runs([tmp_path / "a", tmp_path / "b"], tmp_path / "merged")
    with pytest.raises(RunFolderError, match=r"(?s)not shards of one experiment.*limit: 8 and None"):
        merge_runs([tmp_path / "b", tmp_path / "a"], tmp_path / "merged")
    assert sorted(path.name for path in tmp_path.glob("*merged*")) == []  # nothing half done either


def test_other_generation_settings_are_another_experiment(parts, tmp_path):
    execute(plan_of(parts, Shard(1, 2)), tmp_path / "a")
    execute(plan_of(parts, Shard(2, 2), generation={"max_tokens": 7}), tmp_path / "b")
    with pytest.raises(RunFolderError, match=r"(?s)another prompt, picture or setting.*generation"):
        merge_runs([tmp_path / "a", tmp_path / "b"], tmp_path / "merged")


def test_other_gold_is_another_experiment(parts, tmp_path):
    execute(plan_of(parts, Shard(1, 2)), tmp_path / "a")
    execute(plan_of(parts, Shard(2, 2)), tmp_path / "b")
    with Store(tmp_path / "b", write=True) as store:
        store.connection.execute(
            'UPDATE sample SET data = replace(data, \'"anomalous":"yes"\', \'"anomalous":"no"\')'
        )
    with pytest.raises(RunFolderError, match="gold or the words of the sample"):
        merge_runs([tmp_path / "a", tmp_path / "b"], tmp_path / "merged")


def run_with(plan, folder, reply):
    return execute(plan, folder, open_with=lambda spec, scratch: ScriptedBackend(reply))


def answer_after(seconds):
    return lambda request: Answer(f"No {request.key}.", latency=seconds)


def test_the_same_request_answered_twice_alike_counts_once(parts, tmp_path):
    for name in ("a", "bb"):
        run_with(plan_of(parts), tmp_path / name, answer_after(len(name)))
    merged = merge_runs([tmp_path / "a", tmp_path / "bb"], tmp_path / "merged")
    assert merged.repeated == merged.answered == len(answers_of(tmp_path / "a"))


def test_the_same_request_answered_differently_is_refused(parts, tmp_path):
    run_with(plan_of(parts), tmp_path / "a", lambda request: "No.")
    run_with(plan_of(parts), tmp_path / "b", lambda request: "Yes.")
    with pytest.raises(RunFolderError, match=r"differently: 'Yes\.' and 'No\.'"):
        merge_runs([tmp_path / "a", tmp_path / "b"], tmp_path / "merged")


@pytest.mark.parametrize("order", [("a", "b"), ("b", "a")])
@pytest.mark.parametrize(
    ("worse", "better"),
    [
        (Failure("api-error", "500"), Answer("No.")),
        (Failure("timeout", "late"), Failure("bad-input", "damaged")),
        (Failure("bad-input", "damaged"), Answer("No.")),
    ],
)
def test_the_better_outcome_of_a_request_is_kept(parts, tmp_path, worse, better, order):
    changes = {"models": ["scripted:no"], "repeats": 1, "yes_no": False}
    run_with(plan_of(parts, **changes), tmp_path / "a", lambda request: worse)
    run_with(plan_of(parts, **changes), tmp_path / "b", lambda request: better)
    merged = merge_runs([tmp_path / name for name in order], tmp_path / "merged")
    assert (merged.answered if isinstance(better, Answer) else merged.failed) == 22


def test_later_rounds_come_along_though_only_one_shard_knows_them(parts, tmp_path):
    folders = run_shards(parts, tmp_path, 2)
    expected = {}
    for folder in folders:
        with Store(folder, write=True, shard=Shard(1 + folders.index(folder), 2)) as store:
            follow_up = next(iter(store_asks(plan_of(parts), set(answers_of(folder)))))
            store.extend([follow_up])
            assert [request.key for request in store.pending(follow_up.model)] == [follow_up.request.key]
            store.put(follow_up.request.key, Answer(f"more from {folder.name}"))
            expected[follow_up.request.key] = f"more from {folder.name}"
    merge_runs(folders, tmp_path / "merged")
    answers = answers_of(tmp_path / "merged")
    assert all(text in answers[key] for key, text in expected.items())


def store_asks(plan, answered):
    """Yield made-up second rounds of answered requests."""
    for ask in plan.asks():
        if ask.request.key in answered:
            key = ask.request.key[::-1]
            question = replace(ask.question, round=1)
            yield Ask(ask.model, ask.sample, ask.cell, question, "answer", replace(ask.request, key=key))


def test_a_run_that_is_being_written_is_refused(parts, tmp_path):
    folders = run_shards(parts, tmp_path, 2)
    with run_lock(folders[1]), pytest.raises(RunFolderError, match="Another run is writing"):
        merge_runs(folders, tmp_path / "merged")
    assert not (tmp_path / "merged").exists()


def test_the_place_of_a_merge_must_be_empty_and_its_sources_two(parts, tmp_path):
    folders = run_shards(parts, tmp_path, 2)
    with pytest.raises(RunFolderError, match="holds something already"):
        merge_runs(folders, folders[0])
    with pytest.raises(RunFolderError, match="at least two"):
        merge_runs([folders[0], folders[0]], tmp_path / "merged")
    with pytest.raises(RunFolderError, match="is not a run folder"):
        merge_runs([folders[0], tmp_path], tmp_path / "merged")


def test_a_merge_that_was_killed_is_begun_anew(parts, tmp_path):
    (tmp_path / "merged.part").mkdir()
    (tmp_path / "merged.part" / "run.sqlite").write_text("half")
    merged = merge_runs(run_shards(parts, tmp_path, 2), tmp_path / "merged")
    assert merged.open == 0
    assert not (tmp_path / "merged.part").exists()


def test_the_sources_stay_as_they_are(parts, tmp_path):
    folders = run_shards(parts, tmp_path, 2)
    before = [answers_of(folder) for folder in folders]
    merge_runs(folders, tmp_path / "merged")
    assert [answers_of(folder) for folder in folders] == before


def test_a_model_that_ran_on_different_devices_is_pointed_out(parts, tmp_path):
    folders = run_shards(parts, tmp_path, 2)
    for folder, device in zip(folders, ("cpu", "cuda:0"), strict=True):
        with Store(folder, write=True) as store:
            store.set_meta("facts of scripted:no", {"device": device})
    merged = merge_runs(folders, tmp_path / "merged")
    assert merged.notes == ("scripted:no ran with different device: cpu, cuda:0.",)
    assert not re.search("shard", str(read_info(tmp_path / "merged")["notes"]))


def test_what_people_read_in_a_shard_is_not_taken_for_a_reading_of_all(parts, tmp_path):
    folders = run_shards(parts, tmp_path, 2)
    with Store(folders[0], write=True) as store:
        log = ReviewLog(store)
        log.create()
        with log.writing():
            log.append("ann", 1, "yes", 0.5)
    notes = merge_runs(folders, tmp_path / "merged").notes
    assert [note for note in notes if f"vlm-eval review {folders[0]} --export" in note]
    with Store(tmp_path / "merged") as store:
        merged = ReviewLog(store)
        merged.read()
    assert merged.said == {}


def test_budgets_of_the_shards_are_pointed_out_with_what_they_allow_together(parts, tmp_path):
    merged = merge_runs(run_shards(parts, tmp_path, 2, max_cost=1.5), tmp_path / "merged")
    (note,) = [note for note in merged.notes if "max-cost" in note]
    assert "held for each of 2 runs by itself" in note
    assert "up to $3.00" in note
    plain = merge_runs(run_shards(parts, tmp_path / "plain", 2), tmp_path / "plain" / "merged")
    assert not [note for note in plain.notes if "max-cost" in note]


def test_sentinels_of_every_shard_come_along_each_with_both_its_answers(parts, tmp_path):
    merged = merge_runs(run_shards(parts, tmp_path, 3, sentinels=6), tmp_path / "merged")
    assert merged.open == 0
    with Store(tmp_path / "merged") as store:
        found = read_sentinels(store)
    assert len(found) == 2 * 6  # of two models
    assert all(one.first and one.last for one in found)
