"""What produced a page's numbers: versions, digests, seeds, the prompts in full and the command."""

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vlm_eval.reports.html_read import RunData
from vlm_eval.runs.store import Store

MOST_PROMPTS = 60
"""Distinct prompts that a page prints in full; every item shows its own besides."""


@dataclass(frozen=True, slots=True)
class PromptText:
    """One wording, with pictures as [picture: role], and the cells that use it."""

    text: str
    cells: tuple[str, ...]
    asks: int


@dataclass(frozen=True, slots=True)
class Provenance:
    """What the page prints of how a run was made."""

    command: str
    experiment: str
    facts: list[tuple[str, str]]
    templates: list[tuple[str, str]]
    prompts: list[PromptText]
    more_prompts: int


def read_provenance(run: RunData) -> Provenance:
    """Collect what a run recorded of itself."""
    made = run.meta.get("provenance") or {}
    prompts = _prompts(run)
    return Provenance(
        command=f"vlm-eval run experiment.yaml --out {shlex.quote(f'runs/{run.folder.resolve().name}')}",
        experiment=run.experiment,
        facts=_facts(run, made),
        templates=sorted((made.get("templates") or {}).items()),
        prompts=prompts[:MOST_PROMPTS],
        more_prompts=max(0, len(prompts) - MOST_PROMPTS),
    )


def _facts(run: RunData, made: Mapping[str, Any]) -> list[tuple[str, str]]:
    facts = [("vlm-eval", f"{made.get('vlm_eval')} (git {made.get('git_revision') or 'unknown'})")]
    facts.append(("Python", f"{made.get('python')} on {made.get('platform')}, {made.get('cpus')} CPUs"))
    packages = {name: version for name, version in (made.get("packages") or {}).items() if version}
    facts.append(("Packages", ", ".join(f"{name} {version}" for name, version in packages.items())))
    for name, spec in run.models.items():
        said = {key: value for key, value in spec.items() if value is not None}
        facts.append((f"Model {name}", _listed(said | (run.meta.get(f"facts of {name}") or {}))))
    for card in made.get("cards") or []:
        known = {key: value for key, value in card.items() if key not in ("name", "notes") and value}
        facts.append((f"Data {card.get('name')}", _listed(known)))
    settings = run.meta.get("experiment") or {}
    seeds = {name: settings[name] for name in ("seed", "reference_seed") if name in settings}
    facts.append(("Seeds", _listed(seeds)))
    facts.append(("Generation", _listed(settings.get("generation") or {})))
    if made.get("withdrawn"):
        facts.append(("Withdrawn", f"{len(made['withdrawn'])} items serve as references and are not asked about"))
    return [(name, text) for name, text in facts if text]


def _listed(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in values.items())


def _prompts(run: RunData) -> list[PromptText]:
    """List the distinct wordings of the run, most asked first, of the same number in order of the cells."""
    found: dict[tuple[str, str], int] = {}
    with Store(run.folder) as store:
        texts = dict(store.connection.execute("SELECT id, text FROM text").fetchall())
        for cell, form, purpose in store.connection.execute(
            "SELECT cell.name, prompt, purpose FROM ask JOIN request ON request.id = ask.request "
            "JOIN cell ON cell.id = ask.cell WHERE round = 0 AND purpose <> 'sentinel' ORDER BY cell.id"
        ):
            words = _wording(form, texts, purpose)
            found[words, cell] = found.get((words, cell), 0) + 1
    cells: dict[str, list[str]] = {}
    asks: dict[str, int] = {}
    for (words, cell), count in found.items():
        cells.setdefault(words, []).append(cell)
        asks[words] = asks.get(words, 0) + count
    return [PromptText(words, tuple(own), asks[words]) for words, own in cells.items()]


def _wording(form: str, texts: Mapping[int, str], purpose: str) -> str:
    lines = [] if purpose == "answer" else ["(forced yes/no follow-up)"]
    for role, parts in json.loads(form):
        shown = [texts[part] if isinstance(part, int) else f"[picture: {part[0]}]" for part in parts]
        lines.append(f"{role}: " + "\n".join(shown))
    return "\n".join(lines)
