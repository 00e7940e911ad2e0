"""What is looked at when runs are joined, so that no answer is lost, doubled or put in a wrong place."""

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from vlm_eval.errors import RunFolderError
from vlm_eval.runs.merge_sql import BOTH_OUTCOMES, SAME_PLACE, read_experiment
from vlm_eval.runs.plan_writer import truth_of
from vlm_eval.runs.store import Store

_SAID = ("text", "finish", "reasoning", "yes_no", "score")
_SHOWN = 60  # characters of a value in a message


def experiment_differences(first: Store, other: Store) -> list[str]:
    """Name what differs in how two runs were made."""
    ours, theirs = read_experiment(first), read_experiment(other)
    return [
        f"{name}: {_short(ours.get(name))} and {_short(theirs.get(name))}"
        for name in sorted(ours.keys() | theirs.keys())
        if ours.get(name) != theirs.get(name)
    ]


def refuse_other_plans(
    connection: sqlite3.Connection, first: Path, source: Path, differences: Sequence[str]
) -> None:
    """Compare two plans ask by ask; raise RunFolderError with what differs between their experiments."""
    asked_otherwise = connection.execute(
        "SELECT sample_id, cell_name, ours.id IS NULL FROM their_ask "
        f"LEFT JOIN main.ask AS ours ON {SAME_PLACE} LEFT JOIN main.request AS our_request "
        "ON our_request.id = ours.request WHERE their_ask.round = 0 AND (ours.id IS NULL "
        "OR our_request.key <> their_ask.key OR ours.question <> their_ask.question) LIMIT 1"
    ).fetchone()
    ours, theirs = (
        connection.execute(f"SELECT count(*) FROM {schema}.ask WHERE round = 0").fetchone()[0]
        for schema in ("main", "other")
    )
    example = _other_truth(connection)
    if asked_otherwise:
        sample, cell, missing = asked_otherwise
        how = "only there" if missing else "with another prompt, picture or setting"
        example = f"the sample {sample!r} is asked in the cell {cell!r} {how}"
    elif ours != theirs:
        example = f"{first} asks {ours} times and {source} {theirs} times"
    if example:
        named = "".join(f"\n  - {difference}" for difference in differences) or " nothing that was recorded"
        raise RunFolderError(
            f"{first} and {source} are not shards of one experiment: {example}. They differ in:{named}\n"
            "Merge runs of one experiment file, one data set and one version of vlm-eval."
        )


def _other_truth(connection: sqlite3.Connection) -> str:
    for sample, ours, theirs in connection.execute(
        "SELECT sample_id, ours.data, theirs.data FROM main.sample AS ours JOIN other.sample AS theirs "
        "USING (sample_id) WHERE ours.data <> theirs.data"
    ):
        if truth_of(json.loads(ours)) != truth_of(json.loads(theirs)):
            return f"the gold or the words of the sample {sample!r} differ"
    return ""


def count_repeated(connection: sqlite3.Connection, first: Path, source: Path) -> int:
    """Count requests that both runs answered. Raises RunFolderError where they were answered differently."""
    repeated = 0
    for key, ours, theirs in connection.execute(
        f"SELECT request.key, ours.data, theirs.data {BOTH_OUTCOMES} JOIN main.outcome AS ours "
        "ON ours.request = our_request.id WHERE ours.kind = 'answer' AND theirs.kind = 'answer'"
    ):
        repeated += 1
        if _said(ours) != _said(theirs):
            raise RunFolderError(
                f"The request {key[:12]} was answered in {source} and before it (from {first} on), and "
                f"differently: {_short(_said(theirs)['text'])} and {_short(_said(ours)['text'])}. "
                "An answer cannot be chosen: leave one of those runs out, and next time give every shard a number "
                "of its own."
            )
    return repeated


def _said(data: str) -> dict[str, Any]:
    answer = json.loads(data)
    return {name: answer.get(name) for name in _SAID}


def refuse_other_pictures(connection: sqlite3.Connection, source: Path) -> None:
    """Raise RunFolderError where one view was sent with different bytes."""
    row = connection.execute(
        "SELECT ours.path FROM main.view AS ours JOIN other.view AS theirs USING (identity) "
        "WHERE ours.sent <> theirs.sent LIMIT 1"
    ).fetchone()
    if row:
        raise RunFolderError(
            f"{row[0]} was sent in {source} with other bytes than before. The machines rendered it with different "
            "picture libraries: install the same versions, and ask again."
        )


def check_nothing_is_lost(connection: sqlite3.Connection, source: Path) -> None:
    """Raise RunFolderError unless every planned answer of the other run is in ours."""
    lost = connection.execute(
        "SELECT count(*) FROM other.outcome AS theirs JOIN other.request ON request.id = theirs.request "
        "LEFT JOIN main.request AS our_request ON our_request.key = request.key "
        "LEFT JOIN main.outcome AS ours ON ours.request = our_request.id "
        "WHERE theirs.kind = 'answer' AND (ours.kind IS NULL OR ours.kind <> 'answer') "
        "AND EXISTS (SELECT 1 FROM other.ask WHERE ask.request = theirs.request)"
    ).fetchone()[0]
    if lost:
        raise RunFolderError(f"{lost} answers of {source} did not arrive. Nothing was written; this is a bug.")


def missing_shards(parts: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Say which shards were not among the runs."""
    given = {part["shard"] for part in parts if part["shard"]}
    for count in sorted({int(name.partition("/")[2]) for name in given}):
        missing = [f"{index}/{count}" for index in range(1, count + 1) if f"{index}/{count}" not in given]
        if missing:
            yield f"The shards {', '.join(missing)} are not among the merged runs."


def own_budgets(parts: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Say that a limit on the cost held for each shard by itself."""
    limits = [(part["experiment"] or {}).get("max_cost") for part in parts]
    given = [limit for limit in limits if limit is not None]
    if len(given) > 1:
        yield (
            f"--max-cost held for each of {len(given)} runs by itself: together they may have cost up to "
            f"${sum(given):,.2f}. From now on it holds for the merged run as a whole."
        )


def different_facts(parts: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Say where a model ran in different ways: another device, precision or library."""
    for model in dict.fromkeys(name for part in parts for name in part["facts"]):
        facts = [part["facts"][model] for part in parts if part["facts"].get(model)]
        for name in dict.fromkeys(name for fact in facts for name in fact):
            values = list(dict.fromkeys(str(fact.get(name)) for fact in facts))
            if len(values) > 1:
                yield f"{model} ran with different {name}: {', '.join(values)}."


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
