"""What produced a run's numbers."""

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from vlm_eval import __version__
from vlm_eval.prompting.environment import open_templates
from vlm_eval.runs.plan import Plan

_PACKAGES = (
    "jinja2",
    "numpy",
    "pillow",
    "pydantic",
    "openai",
    "torch",
    "transformers",
    "accelerate",
    "tokenizers",
)


def describe_run(plan: Plan) -> dict[str, Any]:
    """Record versions, template digests, cards, models and seeds."""
    return {
        "vlm_eval": __version__,
        "git_revision": _git_revision(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpus": os.cpu_count(),
        "threads": os.environ.get("OMP_NUM_THREADS"),
        "packages": {name: _version(name) for name in _PACKAGES},
        "templates": open_templates(plan.prompts).digests(),
        "cards": [
            {
                "name": dataset.card.name,
                "title": dataset.card.title,
                "licence": dataset.card.licence,
                "revision": dataset.card.revision,
                "citation": dataset.card.citation,
                "contamination": dataset.card.contamination,
                "samples": len(dataset.samples),
                "notes": list(dataset.notes),
            }
            for dataset in plan.datasets
        ],
        "withdrawn": sorted(plan.withdrawn),
        "options": {spec.name: dict(spec.options) for spec in plan.specs},
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _git_revision() -> str | None:
    """Return the revision of the checkout that this package runs from, if it is one."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return None
    try:
        found = subprocess.run(
            ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=12"],
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return found.stdout.strip()
