"""Joins the shards of one experiment into one run folder that reports as if it had never been divided."""

import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vlm_eval.errors import RunFolderError
from vlm_eval.runs import merge_checks, merge_sql
from vlm_eval.runs.judging import judge_run
from vlm_eval.runs.lock import run_lock
from vlm_eval.runs.review import ReviewLog
from vlm_eval.runs.schema import database_path
from vlm_eval.runs.score_maps import FOLDER as SCORE_MAPS
from vlm_eval.runs.store import Store, is_open
from vlm_eval.scoring.descriptions import TABLE as DESCRIPTIONS


@dataclass(frozen=True, slots=True)
class Merged:
    """What a merge made: requests answered, failed for good, still open; and what there is to say about it."""

    answered: int
    failed: int
    open: int
    repeated: int  # requests that several of the runs had answered, alike
    notes: tuple[str, ...] = ()


def merge_runs(sources: Sequence[Path], out: Path) -> Merged:
    """Merge run folders into a new one, which appears only when it is whole; the sources stay as they are.

    The plan, in its order, is the first one's. Of several outcomes of one request an answer wins over a failure,
    and a final failure over one that would be asked again.

    Raises:
        RunFolderError: a source is being written or is no run, the runs were planned differently, one request was
            answered in two ways, or `out` holds something.
    """
    _refuse_places(sources, out)
    partial = out.with_name(f"{out.name}.part")
    if partial.exists():
        shutil.rmtree(partial)  # of a merge that was killed
    with ExitStack() as locks:
        locks.callback(shutil.rmtree, partial, ignore_errors=True)  # of a merge that is refused
        for source in sources:
            if not database_path(source).is_file():
                raise RunFolderError(f"{source} is not a run folder: it holds no run.sqlite.")
            locks.enter_context(run_lock(source))
        _copy_first(sources[0], partial)
        with Store(partial, write=True) as store:
            # Judged anew when all is there: some scorers look at all repeats, and a shard has only some of them.
            store.connection.execute("DELETE FROM judgement")
            # Its drawing probabilities are those of one shard's answers, not of all.
            store.connection.execute("DROP TABLE IF EXISTS review")
            repeated = sum(_add(store, source, sources[0]) for source in sources[1:])
            for source in sources:
                _copy_files(source, partial)
            notes = _finish(store, sources)
            tally = store.tally()
        if out.is_dir():
            out.rmdir()
        partial.rename(out)
    answered = sum(count for (_, kind), count in tally.items() if kind == "answer")
    waiting = sum(count for (_, kind), count in tally.items() if is_open(kind))
    return Merged(answered, sum(tally.values()) - answered - waiting, waiting, repeated, tuple(notes))


def _refuse_places(sources: Sequence[Path], out: Path) -> None:
    if len({source.resolve() for source in sources}) < max(2, len(sources)):
        raise RunFolderError("Name at least two run folders, and each one once.")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise RunFolderError(f"{out} holds something already. Choose another --out; a merge makes a new folder.")


def _copy_first(source: Path, partial: Path) -> None:
    partial.mkdir(parents=True)
    with Store(source) as store:
        target = sqlite3.connect(database_path(partial))
        store.connection.backup(target)
        target.close()
    for name in ("experiment.yaml", "regions"):
        if (source / name).is_dir():
            shutil.copytree(source / name, partial / name)
        elif (source / name).is_file():
            shutil.copy2(source / name, partial / name)


def _add(store: Store, source: Path, first: Path) -> int:
    """Add what another run has; return how many of its answers were there already."""
    with Store(source) as other:
        differences = merge_checks.experiment_differences(store, other)
        with merge_sql.attached(store.connection, database_path(source)):
            merge_checks.refuse_other_plans(store.connection, first, source, differences)
            store.extend(merge_sql.later_rounds(other))
            repeated = merge_checks.count_repeated(store.connection, first, source)
            merge_checks.refuse_other_pictures(store.connection, source)
            merge_sql.join(store.connection)
            merge_checks.check_nothing_is_lost(store.connection, source)
    return repeated


def _finish(store: Store, sources: Sequence[Path]) -> list[str]:
    """Record where the run comes from, judge its answers, and return what there is to say."""
    parts = [_part(source) for source in sources]
    store.set_meta("merged", parts)
    store.set_meta("shard", None)
    scorers = dict.fromkeys(name for part in parts for name in (part["experiment"] or {}).get("scorers", []))
    judge_run(store, list(scorers))
    return [
        *merge_checks.missing_shards(parts),
        *merge_checks.own_budgets(parts),
        *merge_checks.different_facts(parts),
        *_left_out(sources),
    ]


def _part(source: Path) -> dict[str, Any]:
    with Store(source) as store:
        names = [name for (name,) in store.connection.execute("SELECT name FROM model ORDER BY id")]
        return {
            "run": source.name,
            "shard": store.get_meta("shard"),
            "experiment": store.get_meta("experiment"),
            "provenance": store.get_meta("provenance"),
            "facts": {name: store.get_meta(f"facts of {name}") for name in names},
        }


def _left_out(sources: Sequence[Path]) -> Iterator[str]:
    for source in sources:
        if (source / "judges").is_dir():
            yield f"The replies of LLM judges in {source} are not merged: judge the merged run."
        with Store(source) as store:
            log = ReviewLog(store)
            log.read()
        if log.said:
            yield (
                f"What people read in {source} is not merged: review the merged run, or keep it with "
                f"`vlm-eval review {source} --export FILE` for `report --human FILE`."
            )


def _copy_files(source: Path, partial: Path) -> None:
    for folder in ("media", SCORE_MAPS):
        for path in (source / folder).glob("*"):
            target = partial / folder / path.name
            if path.suffix != ".part" and not target.exists():
                target.parent.mkdir(exist_ok=True)
                shutil.copy2(path, target)
    if (source / DESCRIPTIONS).is_file():
        target = partial / DESCRIPTIONS
        known = _lines(target) if target.is_file() else {}
        target.write_text("".join(known | _lines(source / DESCRIPTIONS)), encoding="utf-8")


def _lines(path: Path) -> dict[str, None]:
    return {f"{line}\n": None for line in path.read_text(encoding="utf-8").split("\n") if line}
