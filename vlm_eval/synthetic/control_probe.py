"""Does the edit itself give an item away? A linear probe tells control edits from the untouched pictures.

Controls hold no anomaly, so whatever the probe finds is the trace of the editing: a model could use it too, and a
score on such data would measure that. Above the bar the report says so.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vlm_eval.metrics.estimate import Estimate, IntArray, undefined
from vlm_eval.metrics.jackknife import macro_auroc
from vlm_eval.metrics.sampling import sampling
from vlm_eval.synthetic.edit_features import Table, detail_features, network_features
from vlm_eval.synthetic.pictures import read_picture
from vlm_eval.synthetic.records import Record
from vlm_eval.synthetic.seams import CONTROLS, Kind, Picture
from vlm_eval.synthetic.windows import Window

BAR = 0.60
"""AUROC up to which a probe counts as not telling edits from untouched pictures."""

_FOLDS = 10
_SEED = 0
_LEAST_SCENES = 4
_STRENGTH = 0.1  # inverse regularisation: there are more features than pictures
FEATURES: dict[str, Callable[[Sequence[Picture]], Table]] = {
    "network": network_features,
    "fine detail": detail_features,
}


@dataclass(frozen=True, slots=True)
class Probe:
    """How well one probe tells control edits of a kind from the untouched pictures of the same scenes."""

    control: Kind
    area: str  # "picture", or "crop": the window round the edit, where the trace fills more of what is seen
    features: str
    auroc: Estimate
    pairs: int = 0  # edits, each with the untouched picture of its scene
    changed: int = 0  # of them: those that differ from it in any byte; the others cannot be told apart

    @property
    def over(self) -> bool | None:
        """Say whether the edit gives itself away; None where the probe is undefined."""
        return None if self.auroc.value is None else self.auroc.value > BAR


def probe_controls(folder: Path, records: Sequence[Record]) -> tuple[Probe, ...]:
    """Train and test every probe, by scenes: the pictures of one scene are never in training and test at once."""
    untouched = {record.scene: record for record in records if record.kind == "untouched" and record.items}
    found: list[Probe] = []
    for kind in CONTROLS:
        pairs = [
            (record, untouched[record.scene])
            for record in records
            if record.kind == kind and record.items and record.scene in untouched
        ]
        if pairs:
            found += _probes(folder, kind, pairs)
    return tuple(found)


def _probes(folder: Path, kind: Kind, pairs: Sequence[tuple[Record, Record]]) -> Iterator[Probe]:
    total, pairs = len(pairs), [pair for pair in pairs if _differ(folder, pair)]
    edits = [read_picture(folder / edit.items[0].image) for edit, _ in pairs]
    scenes = [read_picture(folder / scene.items[0].image) for _, scene in pairs]
    windows = [Window(*edit.window) if edit.window else None for edit, _ in pairs]
    groups = [edit.group for edit, _ in pairs]
    gold = np.repeat([1, 0], len(pairs))
    for area in ("picture", "crop"):
        pictures = [
            picture if window is None or area == "picture" else window.crop(picture)
            for picture, window in zip([*edits, *scenes], [*windows, *windows], strict=True)
        ]
        for name, features in FEATURES.items():
            enough = len(set(groups)) >= _LEAST_SCENES
            found = (
                linear_probe(features(pictures), gold, [*groups, *groups])
                if enough
                else undefined(f"{len(set(groups))} changed scenes are too few; it needs {_LEAST_SCENES}")
            )
            yield Probe(kind, area, name, found, total, len(pairs))


def _differ(folder: Path, pair: tuple[Record, Record]) -> bool:
    """Tell whether a control changed anything: what equals its scene to the byte would only dilute the probe."""
    edit, scene = (read_picture(folder / record.items[0].image) for record in pair)
    return not np.array_equal(edit, scene)


def linear_probe(features: Table, gold: IntArray, groups: Sequence[str]) -> Estimate:
    """Return the AUROC of a logistic regression on items of groups that it was not trained on.

    Scores of all folds are pooled: each fold holds as many edits as untouched pictures, so none is favoured.

    Args:
        features: shape (items, features).
        gold: 1 for an edit, 0 for an untouched picture.
        groups: cluster of each item; a cluster is tested as a whole.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    names, group = np.unique(np.asarray(groups), return_inverse=True)
    folds = min(_FOLDS, names.size)
    if folds < _LEAST_SCENES:
        return undefined(f"{names.size} scenes are too few for a probe; it needs {_LEAST_SCENES}", gold.size)
    fold = (np.random.default_rng(_SEED).permutation(names.size) % folds)[group]
    score = np.zeros(gold.size)
    for number in range(folds):
        test = fold == number
        model = make_pipeline(StandardScaler(), LogisticRegression(C=_STRENGTH, max_iter=5000))
        model.fit(features[~test], gold[~test])
        score[test] = model.decision_function(features[test])
    whole = np.zeros(gold.size, dtype=np.int64)
    return macro_auroc(gold.astype(np.int64), score, whole, sampling(groups, ["all"] * gold.size))
