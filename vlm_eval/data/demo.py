"""The `demo` data set: items of every modality with exact gold, drawn once into the cache, then read as any other.

Parts, series, depth pictures and scenes are pictures; clouds, signals and clips are files of their modality, which
the card's steps turn into pictures.

Parts come in four classes, two kinds times two metals, and each class has its own training items. What is a wrong
metal in one class is the right one in another, so the items of "part-reference" are decided by a reference alone.
The folder follows the MVTec layout: `<class>/train/good`, `<class>/test/<defect>`, `<class>/ground_truth/...`.
"""

import hashlib
import json
import shutil
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, NonNegativeInt

from vlm_eval.data.samples import Found, SampleMaker
from vlm_eval.data.schema import Card, Strict
from vlm_eval.errors import CardError
from vlm_eval.flow import Modality, Recipe, Sample, Step
from vlm_eval.resources import cache_folder

if TYPE_CHECKING:
    from numpy.random import Generator

    from vlm_eval.data.demo_recordings import Recording

DEMO_VERSION = 3
"""Raised whenever a file would come out differently, so that an old cache is not taken for a new one."""

Kind = Literal["part", "part-reference", "series", "depth", "scene", "cloud", "signal", "clip"]

_PARTS = ("part-a", "part-b", "part-c", "part-d")
_CLASSES: dict[str, tuple[str, ...]] = {"part": _PARTS, "part-reference": _PARTS}
_DOMAINS = {
    "series": "time-series",
    "depth": "point-cloud",
    "signal": "time-series",
    "cloud": "point-cloud",
    "clip": "pedestrian",
}
_MODALITIES: dict[str, Modality] = {"cloud": "point-cloud", "signal": "time-series", "clip": "video"}
# Seen as the drawn pictures of such things are: a sheet from straight above, without its border; a line; a table.
_RECIPES: dict[str, Recipe] = {
    "cloud": (Step("project", (("elevation", 90.0), ("extent", 98.0))),),
    "signal": (Step("plot", (("time_label", "time (s)"), ("unit", "°C"))),),
    "clip": (Step("video", (("frames", 2), ("rate", 4.0))),),
}
# Over the four classes in turn, any four neighbours show each kind in each metal once: none looks wrong by itself.
_BALANCED = (0, 1, 1, 0, 1, 0, 0, 1)
_LIST = "items.jsonl"


class DemoOptions(Strict):
    """Options of the reader `demo`."""

    items: dict[Kind, NonNegativeInt] = Field(
        default={"part": 22, "part-reference": 8, "series": 30, "depth": 30, "scene": 30}, min_length=1
    )  # test items a kind, one half of them anomalous
    train_items: NonNegativeInt = 8  # normal items a class, to choose references from
    seed: NonNegativeInt = 0


@dataclass(frozen=True, slots=True)
class _Order:
    """One picture to draw."""

    kind: str
    object_class: str
    split: Literal["test", "train"]
    defect: str | None
    number: int  # within kind, split and sound or not

    @property
    def stem(self) -> str:
        name = f"{self.kind}-{self.number:03d}"
        return f"{self.object_class}/{self.split}/{(self.defect or 'good').replace(' ', '_')}/{name}"

    @property
    def gold_stem(self) -> str:
        return self.stem.replace("/test/", "/ground_truth/")


def demo_folder() -> Path:
    """Return the folder in which the drawn pictures are kept."""
    return cache_folder() / "demo"


def read_demo(card: Card, root: Path) -> Iterable[Sample]:
    """Yield the samples of the drawn data set; the first call draws it into a folder below the root.

    Raises CardError where the folder cannot be written or was damaged.
    """
    options = DemoOptions.model_validate(card.options)
    settings = json.dumps(options.model_dump(), sort_keys=True)
    folder = root / f"v{DEMO_VERSION}-{hashlib.sha256(settings.encode()).hexdigest()[:12]}"
    if not folder.is_dir():
        draw_demo(folder, options.items, train_items=options.train_items, seed=options.seed)
    maker = SampleMaker(card)
    for entry in _read_list(folder):
        yield _sample(maker, folder, entry)


def draw_demo(folder: Path, items: Mapping[Kind, int], *, train_items: int = 8, seed: int = 0) -> None:
    """Draw the data set into a folder that does not exist yet; it appears complete or not at all.

    Args:
        folder: where to; two processes may draw the same one at once.
        items: test items a kind, one half of them anomalous.
        train_items: normal training items a class.
        seed: of all pictures; an item looks the same whatever the numbers of items are.
    """
    draft = folder.with_name(f"{folder.name}.{uuid.uuid4().hex[:8]}.part")
    try:
        draft.mkdir(parents=True)
        lines = [_write(order, draft, seed) for order in _plan(items, train_items)]
        (draft / _LIST).write_text("\n".join(lines) + "\n", encoding="utf-8")
        if not folder.is_dir():
            draft.replace(folder)
    except OSError as error:
        if not folder.is_dir():
            raise CardError(
                f"The demo pictures cannot be written to {folder} ({error}). They need about 100 kB each; "
                "set VLM_EVAL_CACHE to a folder that can be written"
            ) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _plan(items: Mapping[Kind, int], train_items: int) -> Iterator[_Order]:
    kinds = list(items)
    for kind in kinds:
        classes = _CLASSES.get(kind, (kind,))
        # Both sorts of part items share classes, and with them the training items.
        if kind != "part-reference" or "part" not in kinds:
            for number in range(train_items * len(classes)):
                yield _Order(kind, classes[number % len(classes)], "train", None, number)
        anomalous = items[kind] // 2
        for number in range(items[kind] - anomalous):
            yield _Order(kind, classes[number % len(classes)], "test", None, number)
        defects = _defects(kind)
        for number in range(anomalous):
            yield _Order(kind, classes[number % len(classes)], "test", defects[number % len(defects)], number)


def _defects(kind: str) -> tuple[str, ...]:
    from vlm_eval.data import demo_depth, demo_parts, demo_recordings, demo_scenes, demo_series

    return {
        "part": demo_parts.DEFECTS,
        "part-reference": tuple(demo_parts.REFERENCE_DEFECTS[turn] for turn in _BALANCED),
        "series": demo_series.DEFECTS,
        "depth": demo_depth.DEFECTS,
        "scene": demo_scenes.DEFECTS,
        **demo_recordings.DEFECTS,
    }[kind]


def _write(order: _Order, folder: Path, seed: int) -> str:
    """Draw an item and its gold, and return its line of the list."""
    made = _draw(order, seed)
    files = {f"{order.stem}{ending}": content for ending, content in made.files.items()}
    gold = {f"{order.gold_stem}{ending}": content for ending, content in made.gold.items()}
    for path, content in {**files, **gold}.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    entry: dict[str, Any] = {**asdict(order), "path": next(iter(files)), "span": made.span}
    if order.defect is not None:
        entry |= {"masks": list(gold), "intervals": made.intervals, "place": made.place, "accepted": made.accepted}
    return json.dumps(entry)


def _draw(order: _Order, seed: int) -> "Recording":
    """Draw until the anomaly's place in words is beyond dispute."""
    import numpy as np

    name = f"{seed}/{order.kind}/{order.split}/{order.defect}/{order.object_class}/{order.number}"
    rng = np.random.default_rng(int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]))
    while True:
        made = _draw_once(rng, order)
        if made.is_clear:
            return made


def _draw_once(rng: "Generator", order: _Order) -> "Recording":
    from vlm_eval.data import demo_depth, demo_parts, demo_recordings, demo_scenes, demo_series

    draw = {"series": demo_series.draw_series, "depth": demo_depth.draw_depth, "scene": demo_scenes.draw_scene}
    if order.kind in draw:
        return demo_recordings.as_recording(draw[order.kind](rng, order.defect))
    if order.kind in demo_recordings.MAKERS:
        return demo_recordings.MAKERS[order.kind](rng, order.defect)
    index = _PARTS.index(order.object_class)
    kind, metal = demo_parts.KINDS[index // 2], tuple(demo_parts.METALS)[index % 2]
    return demo_recordings.as_recording(demo_parts.draw_part(rng, kind, metal, order.defect))


def _read_list(folder: Path) -> Iterator[dict[str, Any]]:
    try:
        for line in (folder / _LIST).read_text(encoding="utf-8").splitlines():
            yield json.loads(line)
    except (OSError, ValueError) as error:
        raise CardError(f"{folder / _LIST} cannot be read ({error}). Delete {folder}; it is drawn anew") from error


def _sample(maker: SampleMaker, folder: Path, entry: Mapping[str, Any]) -> Sample:
    defect = entry["defect"]
    found = Found(
        source=folder / entry["path"],
        path=entry["path"],
        object_class=entry["object_class"],
        anomalous="no" if defect is None else "yes",
        defects=() if defect is None else (defect,),
        split=entry["split"],
        masks=tuple(folder / path for path in entry.get("masks", ())),
        intervals=tuple((start, end) for start, end in entry.get("intervals", ())),
    )
    kind, _, needs_reference = entry["kind"].partition("-")
    sample = maker.make(found, {"kind": kind, "needs_reference": bool(needs_reference), **entry["span"]})
    closer = tuple(entry.get("accepted", ()))
    gold = replace(sample.gold, place=entry.get("place"), accepted=(*sample.gold.accepted, *closer))
    return replace(
        sample,
        gold=gold,
        domain=_DOMAINS.get(kind, sample.domain),
        modality=_MODALITIES.get(kind, sample.modality),
        recipe=_RECIPES.get(kind, sample.recipe),
    )
