"""What a plan follows from, as one digest: a run that goes on with the same one need not be planned again."""

import hashlib
import json
import stat
from collections.abc import Iterator
from dataclasses import asdict, fields
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from vlm_eval.backends.registry import capabilities
from vlm_eval.flow import Sample
from vlm_eval.prompting.environment import open_templates
from vlm_eval.runs.plan import Plan

_SAMPLE = TypeAdapter(Sample)
_LOOKED_INTO = frozenset(
    {"experiment", "datasets", "specs", "samples", "references", "defects", "nearest"}
    | {"support", "layout", "withdrawn", "shard"}
)
# Settings that no ask follows from: place, speed, cost, and what is done with the answers.
_BESIDE: Any = {
    **dict.fromkeys(("out", "prices", "max_cost", "max_minutes", "scorers", "published", "selection"), True),
    "models": {"__all__": {"options"}},
}
_PACKAGE = Path(__file__).resolve().parents[1]


def plan_digest(plan: Plan) -> str:
    """Return 64 hex digits that change whenever an ask of the plan could; its cost grows with items, not asks.

    In: this package's own code, the experiment, models and what they can do, cells, templates, items with their
    gold and words, references, and the path, size and time of change of every file that is shown, none of which is
    read.
    """
    digest = hashlib.sha256(_code_digest().encode())
    for part in _parts(plan):
        digest.update(part)
        digest.update(b"\0")
    return digest.hexdigest()


def _parts(plan: Plan) -> Iterator[bytes]:
    experiment = plan.experiment.model_dump(mode="json", exclude=_BESIDE)
    models = [[spec.name, asdict(spec.model), asdict(capabilities(spec))] for spec in plan.specs]
    templates = open_templates(plan.prompts).digests()
    layout = plan.layout.model_dump(mode="json")
    yield json.dumps([experiment, models, templates, layout], sort_keys=True).encode()
    yield from (dataset.card.model_dump_json().encode() for dataset in plan.datasets)
    # Whatever else a plan comes to hold counts as well, as it stands.
    others = [field.name for field in fields(plan) if field.name not in _LOOKED_INTO]
    yield repr([(name, getattr(plan, name)) for name in others]).encode()
    chosen = (plan.references, plan.defects, plan.nearest.by_sample, plan.support.by_class)
    for place, paths in (entry for mapping in chosen for entry in mapping.items()):
        yield repr((place, [_states(path) for path in paths])).encode()
    for sample in plan.samples:
        yield _SAMPLE.dump_json(sample)
        shown = (*sample.sources, *sample.references, *((sample.marked,) if sample.marked else ()))
        yield repr([_states(path) for path in shown]).encode()


def _states(path: Path) -> list[tuple[str, int, int]]:
    """Return path, size and time of change of a file, and of all files in a folder."""
    try:
        status = path.stat()
    except OSError:
        return [(str(path), -1, -1)]
    own = [(str(path), status.st_size, status.st_mtime_ns)]
    if not stat.S_ISDIR(status.st_mode):
        return own
    return own + [state for inner in sorted(path.iterdir()) for state in _states(inner)]


@cache
def _code_digest() -> str:
    """Digest this package, so that no change of it is ever taken for the same plan."""
    digest = hashlib.sha256()
    for path in sorted(_PACKAGE.rglob("*.py")):
        digest.update(path.relative_to(_PACKAGE).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()
