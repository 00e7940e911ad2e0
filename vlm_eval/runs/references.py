"""Which pictures are shown as references: normal ones by a seed, the nearest ones, or examples of defects."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from vlm_eval.data.loading import Dataset
from vlm_eval.data.selection import choose_defects, choose_references
from vlm_eval.errors import ExperimentError
from vlm_eval.flow import Sample
from vlm_eval.prompting.cells import Cell
from vlm_eval.runs.experiment import Experiment
from vlm_eval.runs.nearest import Nearest, find_nearest, open_describer
from vlm_eval.runs.support import choose_support
from vlm_eval.views.open import count_views

Place = tuple[str, str, int]
"""Card, object class, reference seed."""


@dataclass
class Chosen:
    """What was chosen of the data sets of a run, and which items that withdraws from evaluation."""

    normal: dict[Place, tuple[Path, ...]] = field(default_factory=dict)
    defects: dict[Place, tuple[Path, ...]] = field(default_factory=dict)
    support: dict[tuple[str, str], tuple[Path, ...]] = field(default_factory=dict)
    withdrawn: frozenset[str] = frozenset()


def seed_of(experiment: Experiment, cell: Cell) -> int:
    """Return the seed by which the references of a cell are chosen: its own, or the experiment's."""
    own = cell.ingredients.reference_seed
    return experiment.reference_seed if own is None else own


def choose_of(dataset: Dataset, experiment: Experiment, cells: Sequence[Cell], chosen: Chosen) -> None:
    """Add what one data set gives. Raises CardError where a class has too few items for what the cells show."""
    card, samples = dataset.card.name, dataset.samples
    shown = {kind: [cell for cell in cells if cell.ingredients.shots and cell.ingredients.reference_kind == kind]
             for kind in ("normal", "defect")}  # fmt: skip
    by_seed = shown["normal"] if experiment.references == "seed" else []
    for picked, choose, into in (
        (by_seed, choose_references, chosen.normal),
        (shown["defect"], choose_defects, chosen.defects),
    ):
        shots = max((cell.ingredients.shots for cell in picked), default=0)
        for seed in dict.fromkeys(seed_of(experiment, cell) for cell in picked):
            found = choose(samples, shots, seed)
            chosen.withdrawn |= found.withdrawn
            into |= {(card, name, seed): paths for name, paths in found.by_class.items()}
    normal = choose_support(samples, experiment.support, experiment.reference_seed)
    chosen.withdrawn |= normal.withdrawn
    chosen.support |= {(card, name): paths for name, paths in normal.by_class.items()}


def nearest_of(
    experiment: Experiment,
    cells: Sequence[Cell],
    loaded: Sequence[Dataset],
    samples: Sequence[Sample],
    chosen: Chosen,
) -> Nearest:
    """Find the nearest normal pictures of the evaluated samples, where the experiment asks for them.

    They come from the support set, else from the training split.

    Raises:
        CardError: a class has no normal pictures to choose among.
        MissingExtraError: the packages of the network are not installed.
    """
    shots = max(
        (cell.ingredients.shots for cell in cells if cell.ingredients.reference_kind == "normal"), default=0
    )
    if experiment.references != "nearest" or not shots:
        return Nearest()
    if text := [sample for sample in samples if not count_views(sample.recipe)]:
        raise ExperimentError(
            f"references: nearest compares pictures, but {text[0].id} is shown as text. Take references: seed."
        )
    pools: dict[tuple[str, str], tuple[Path, ...]] = dict(chosen.support)
    for dataset in loaded:
        _refuse_own(dataset)
        if experiment.support is None:
            found = choose_support(dataset.samples, "train", experiment.reference_seed)
            pools |= {(dataset.card.name, name): paths for name, paths in found.by_class.items()}
    clusters = {path: one.group for dataset in loaded for one in dataset.samples for path in one.sources}
    nearest = find_nearest(samples, pools, shots, open_describer(), clusters)
    _refuse_few(samples, nearest, shots)
    return nearest


def _refuse_own(dataset: Dataset) -> None:
    if any(sample.references for sample in dataset.samples if sample.split == "test"):
        raise ExperimentError(
            f"{dataset.card.name}: its items bring references of their own, so there is none to choose. Leave "
            "references: nearest out."
        )


def _refuse_few(samples: Sequence[Sample], nearest: Nearest, shots: int) -> None:
    few = [sample for sample in samples if len(nearest.by_sample[sample.id]) < shots]
    if few:
        raise ExperimentError(
            f"{shots} nearest normal pictures are asked for, but {few[0].id} has "
            f"{len(nearest.by_sample[few[0].id])} "
            f"to choose among (so {len(few)} items). Ask for fewer, or for a larger support."
        )
