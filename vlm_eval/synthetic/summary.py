"""Says in words and as JSON what a generation made, and whether its edits give themselves away."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from vlm_eval.metrics.estimate import Estimate
from vlm_eval.synthetic.acceptance import FilterQuality, Tally
from vlm_eval.synthetic.control_probe import BAR, Probe
from vlm_eval.synthetic.records import write_text

SUMMARY = "summary.json"


@dataclass(frozen=True, slots=True)
class Summary:
    """What a generation made."""

    tallies: tuple[Tally, ...]
    acceptance: Estimate
    probes: tuple[Probe, ...] = ()
    quality: FilterQuality | None = None
    notes: tuple[str, ...] = ()


def verdict(probes: Sequence[Probe]) -> str:
    """Say in one sentence what the control probes found."""
    known = [probe for probe in probes if probe.auroc.value is not None]
    if probes and not any(probe.changed for probe in probes):
        return "Every control equals its scene to the byte: there is nothing to tell them apart by."
    if not known:
        return "No control probe could be made, so nobody knows whether the edit itself gives items away."
    worst = max(known, key=lambda probe: probe.auroc.value or 0.0)
    said = f"AUROC {show(worst.auroc)} on {worst.features} of the {worst.area}, control {worst.control}"
    if worst.over:
        return (
            f"The edit is the cue: a linear probe tells edits without an anomaly from untouched pictures ({said}; "
            f"allowed is {BAR:.2f}). A score of these items against untouched pictures may measure the edit; "
            "compare the anomalies with the controls."
        )
    if worst.auroc.high is None or worst.auroc.high > BAR:
        return f"No probe tells edits from untouched pictures ({said}), but there are too few scenes to be sure."
    return f"No probe tells edits from untouched pictures ({said})."


def show(estimate: Estimate) -> str:
    """Write an estimate with its interval, or why there is none."""
    if estimate.value is None:
        return f"- ({estimate.reason})"
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:.2f} (no interval: {estimate.reason})"
    return f"{estimate.value:.2f} [{estimate.low:.2f}, {estimate.high:.2f}]"


def shortfalls(summary: Summary) -> tuple[str, ...]:
    """Say what went short: scenes that could not be used, and filters that rejected everything."""
    found = list(summary.notes)
    for one in summary.tallies:
        if one.failed:
            found.append(f"{one.failed} of {one.jobs} jobs ({one.kind}) failed; log.jsonl says why")
        if one.candidates and not one.items:
            found.append(
                f"Every one of the {one.candidates} candidates ({one.kind}) was rejected; log.jsonl says why, and "
                "rejected/ holds them"
            )
        elif one.empty:
            found.append(f"{one.empty} of {one.jobs} jobs ({one.kind}) ended without an accepted candidate")
    return tuple(found)


def write_summary(folder: Path, summary: Summary) -> None:
    """Write the summary as JSON."""
    content = {**asdict(summary), "verdict": verdict(summary.probes), "shortfalls": shortfalls(summary)}
    write_text(folder / SUMMARY, json.dumps(content, indent=1))
