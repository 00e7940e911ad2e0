"""Marks where a baseline of another run found items most anomalous: its score maps as heat maps."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from vlm_eval.errors import InputError
from vlm_eval.flow import Sample, Scalar
from vlm_eval.runs.score_maps import FOLDER
from vlm_eval.runs.store import Store

RUN = "run"
"""The parameter of an experiment's marks that names the run folder, in the place of `path`."""


def with_maps(marks: Mapping[str, Scalar], samples: Sequence[Sample]) -> list[Mapping[str, Scalar]]:
    """Return the marks of each sample, with the file of its score map in the place of the run that holds it.

    Raises:
        InputError: the regions are not `heat`, the run holds maps of no model or of several, or of too few items.
        RunFolderError: there is no such run.
    """
    if RUN not in marks:
        return [marks] * len(samples)
    if marks.get("regions") != "heat" or marks.get("path"):
        raise InputError(
            "marks take a run for heat regions alone, and then no path: {regions: heat, run: runs/x}."
        )
    folder = Path(str(marks[RUN])).resolve()
    found = _maps(folder)
    absent = [sample.id for sample in samples if sample.id not in found]
    if absent:
        raise InputError(
            f"{folder} holds no score map of {len(absent)} of {len(samples)} items, such as {absent[0]}. Run the "
            "baseline on all of them, on the same cards."
        )
    rest = {name: value for name, value in marks.items() if name != RUN}
    return [{**rest, "path": str(found[sample.id])} for sample in samples]


def _maps(folder: Path) -> dict[str, Path]:
    with Store(folder) as store:
        rows = store.connection.execute(
            "SELECT model.name, sample.sample_id, outcome.data FROM ask JOIN model ON model.id = ask.model "
            "JOIN sample ON sample.id = ask.sample JOIN outcome ON outcome.request = ask.request "
            "WHERE outcome.kind = 'answer' AND purpose = 'answer' ORDER BY ask.id DESC"  # the first ask stays
        ).fetchall()
    held = [(model, sample, json.loads(data).get("score_map_digest")) for model, sample, data in rows]
    found = {sample: folder / FOLDER / digest for _, sample, digest in held if digest}
    models = sorted({model for model, _, digest in held if digest})
    if len(models) != 1:
        said = f"score maps of {' and '.join(models)}" if models else "no score maps"
        raise InputError(f"{folder} holds {said}. Give a run of one baseline that makes them, such as patch-nn.")
    return found
