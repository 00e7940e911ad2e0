"""`vlm-eval power`: how many items, in how many clusters, a difference needs."""

from pathlib import Path
from typing import Annotated

import typer

from vlm_eval.errors import InputError


def power(
    difference: Annotated[float, typer.Option(help="Difference of accuracy to find: 0.05 is five points.")],
    run: Annotated[Path | None, typer.Option(help="Run folder of a pilot: fills in the next three.")] = None,
    changed: Annotated[
        float | None, typer.Option(help="Share of items on which the two cells differ; by default 0.2.")
    ] = None,
    cluster_size: Annotated[float | None, typer.Option(help="Items a cluster; by default 1.")] = None,
    correlation: Annotated[
        float | None, typer.Option(help="Correlation within clusters, 0 to 1; by default 0.")
    ] = None,
    wanted: Annotated[float, typer.Option("--power", help="Chance of finding it.")] = 0.8,
    comparisons: Annotated[int, typer.Option(help="Tests in the same table.")] = 1,
) -> None:
    """Say how many items and clusters a comparison of two cells on the same items needs."""
    from vlm_eval.metrics.power import Setting, items_needed

    size, share, within = cluster_size or 1.0, 0.2 if changed is None else changed, correlation or 0.0
    if run is not None:
        pilot = _pilot(run)
        share = pilot[0] if changed is None else changed
        size = pilot[1] if cluster_size is None else cluster_size
        within = pilot[2] if correlation is None else correlation
    if comparisons < 1:
        raise InputError(f"--comparisons is {comparisons}; it must be at least 1.")
    try:
        share = share if changed is not None else max(share, difference)
        setting = Setting(difference, share, size, within, wanted, 0.05 / comparisons)
    except ValueError as error:
        raise InputError(f"{error}.") from error
    plan = items_needed(setting)
    typer.echo(
        f"{plan.items:,} items in {plan.clusters:,} clusters find a difference of {100 * difference:g} points"
        f" with a chance of {100 * plan.power:.0f} %."
    )
    typer.echo(
        f"Assumed: the cells differ on {100 * setting.changed:.1f} % of the items; {size:g} items a cluster,"
        f" correlation {within:.2f} (design effect {plan.design_effect:.2f}); two-sided test at"
        f" {100 * setting.level:.2g} %."
    )


def _pilot(folder: Path) -> tuple[float, float, float]:
    from vlm_eval.reports.panel import read_panels
    from vlm_eval.reports.pilot import read_pilot
    from vlm_eval.reports.run_info import read_info
    from vlm_eval.runs.frame import read_frame

    info = read_info(folder)
    panels = read_panels(read_frame(folder), [name for name, _ in info.get("cells", ())])
    found = [read_pilot(panel, info) for panel in panels]
    worst = max(found, key=lambda pilot: pilot.changed)
    return worst.changed, worst.cluster_size, worst.correlation
