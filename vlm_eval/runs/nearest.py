"""The normal pictures that look most like each query, by features of a small network; nothing is downloaded.

A picture's descriptor is the mean of its patch features (backends/patch_nn_features.py), scaled to length 1; near
is a small cosine distance. Unlike the rest of a plan this decodes pictures, so descriptors are kept in the cache
folder by the identity of the view.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from vlm_eval.backends.pictures import read_picture
from vlm_eval.data.selection import file_digest
from vlm_eval.errors import BadInputError
from vlm_eval.flow import Recipe, Sample, View
from vlm_eval.resources import cache_folder
from vlm_eval.views.open import open_views

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Extractor = Callable[[Sequence["NDArray[np.uint8]"]], "NDArray[np.float32]"]

BATCH = 16
_DIGITS = 5  # of a distance that count: what differs by less hangs on the machine, and the seed decides


@dataclass(frozen=True)
class Nearest:
    """The nearest normal pictures by sample id, nearest first; and what could not be read and is never shown."""

    by_sample: Mapping[str, tuple[Path, ...]] = field(default_factory=dict)
    pool: int = 0  # pictures of all classes that were compared with
    unread: tuple[Path, ...] = ()


def find_nearest(
    samples: Sequence[Sample],
    pools: Mapping[tuple[str, str], Sequence[Path]],
    shots: int,
    describe: "Describer",
    clusters: Mapping[Path, str],
) -> Nearest:
    """Order the normal pictures of each sample's class by their distance to its own picture.

    Args:
        samples: evaluated, as they are shown.
        pools: normal pictures by (card, object class), in the order that decides between equals.
        shots: how many are wanted.
        describe: turns views into descriptors.
        clusters: of the normal pictures (patient, object).

    Returns:
        For each sample the nearest pictures of other clusters that are not the very picture asked about. A sample
        that cannot be read has the first of its pool: it fails when it is asked.
    """
    recipes = {(sample.card, sample.object_class, _own(sample)): None for sample in samples}
    described = {
        (card, name, recipe): _describe_pool(pools.get((card, name), ()), recipe, describe)
        for card, name, recipe in recipes
    }
    digests = {path: file_digest(path) for paths in pools.values() for path in paths}
    found = {}
    for sample in samples:
        pool = described[sample.card, sample.object_class, _own(sample)]
        same = file_digest(sample.sources[0])
        usable = [
            path for path in pool if clusters.get(path) != sample.group and (same is None or digests[path] != same)
        ]
        views = [view for path in sample.sources for view in open_views(path, "query", sample.recipe)]
        found[sample.id] = tuple(_ordered(describe(views), usable, pool)[:shots])
    lost = [
        path
        for (card, name, _), pool in described.items()
        for path in pools.get((card, name), ())
        if path not in pool
    ]
    return Nearest(found, sum(map(len, pools.values())), tuple(dict.fromkeys(lost)))


def _own(sample: Sample) -> Recipe:
    return sample.recipe if sample.reference_recipe is None else sample.reference_recipe


def _describe_pool(
    pool: Sequence[Path], recipe: Recipe, describe: "Describer"
) -> dict[Path, "NDArray[np.float32]"]:
    found = ((path, describe(open_views(path, "reference", recipe))) for path in pool)
    return {path: one for path, one in found if one is not None}


def _ordered(
    query: "NDArray[np.float32] | None", usable: Sequence[Path], pool: Mapping[Path, "NDArray[np.float32]"]
) -> list[Path]:
    if query is None:
        return list(usable)
    distances = {path: round(1 - float(pool[path] @ query), _DIGITS) for path in usable}
    return sorted(usable, key=distances.__getitem__)


class Describer:
    """Turns the views of one item into one descriptor, or None where they cannot be read."""

    def __init__(self, extract: "Extractor", name: str) -> None:
        """Take what turns pictures into patch features, and the name under which its descriptors are kept."""
        self._extract = extract
        self._folder = cache_folder() / "features" / name

    def __call__(self, views: Sequence[View]) -> "NDArray[np.float32] | None":
        """Return the mean descriptor of some views, of length 1."""
        import numpy as np

        try:
            found = [
                one for start in range(0, len(views), BATCH) for one in self._each(views[start : start + BATCH])
            ]
        except BadInputError:
            return None  # told as unread for the pool; a query fails by itself when it is asked
        mean = np.mean(found, axis=0, dtype=np.float64)
        return np.asarray(mean / (np.linalg.norm(mean) or 1), dtype=np.float32)

    def _each(self, views: Sequence[View]) -> Iterator["NDArray[np.float32]"]:
        import numpy as np

        from vlm_eval.backends.patch_nn_features import decode

        kept = [self._folder / view.identity[:2] / f"{view.identity}.npy" for view in views]
        lacking = [view for view, file in zip(views, kept, strict=True) if not file.is_file()]
        pictures = [decode(read_picture(view).data, str(view.path)) for view in lacking]
        features = iter(self._extract(pictures) if pictures else ())
        for file in kept:
            if not file.is_file():
                _keep(file, np.asarray(next(features).mean(axis=(0, 1)), dtype=np.float32))
            yield np.load(file, allow_pickle=False)


def _keep(file: Path, values: "NDArray[np.float32]") -> None:
    import numpy as np

    file.parent.mkdir(parents=True, exist_ok=True)
    # Two processes may write the same one; each writes its own file, and the renaming is atomic.
    draft = file.with_suffix(f".{os.getpid()}.part.npy")
    np.save(draft, values, allow_pickle=False)
    draft.replace(file)


def open_describer() -> Describer:
    """Open the network. Raises MissingExtraError where its packages are not installed."""
    from vlm_eval.backends.baseline_kinds import need_lite

    need_lite("references: nearest")
    from vlm_eval.backends.patch_nn_features import LiteFeatures

    extract = LiteFeatures()
    return Describer(extract, f"lite0-stride16-{str(extract.facts['weights'])[:16]}")
