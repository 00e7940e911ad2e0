"""Makes a validation set from normal pictures alone: interpolated anomalies, held-out normals, and controls."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from vlm_eval.errors import BadInputError
from vlm_eval.synthetic.card import write_dataset
from vlm_eval.synthetic.generate import Made, Progress, generate
from vlm_eval.synthetic.interpolation import Interpolator, Inverted, open_interpolator
from vlm_eval.synthetic.pictures import read_picture, write_picture
from vlm_eval.synthetic.records import GenerationFolder, Item, Record
from vlm_eval.synthetic.scenes import Scene, card_of, read_scenes
from vlm_eval.synthetic.seams import Picture
from vlm_eval.synthetic.settings import Interpolation
from vlm_eval.synthetic.support_split import Mixture, plan_mixtures, split_support

TARGET = "interpolated anomaly"
_KEPT = 24
"""Inverted pictures that are kept: all contents and the style at hand, at ten and ten."""


def interpolate(
    settings: Interpolation,
    here: Path,
    folder: Path,
    progress: Progress | None = None,
    opened: Callable[[], Interpolator] | None = None,
) -> Made:
    """Make a validation set, or go on making it.

    Args:
        settings: what is wanted.
        here: the folder that its paths are relative to.
        folder: where to; a card, `items.jsonl`, `log.jsonl` and the pictures are written into it.
        progress: is told how many pictures are done.
        opened: what to open instead of the checkpoint that the settings name.

    Raises:
        InputError: settings, support set, checkpoint or folder cannot be used.
        MissingExtraError: diffusers is not installed.
    """
    scenes = read_scenes(settings.scenes, here)
    mixtures = [one for own in _by_class(scenes).values() for one in _plan(own, settings)]
    source = card_of(settings.scenes, here)
    work = GenerationFolder(folder, settings.model_dump(mode="json"))
    open_model = opened or (lambda: open_interpolator(settings.checkpoint, settings.steps))

    def write(records: tuple[Record, ...]) -> Path:
        return write_dataset(folder, settings, records, source, {})

    made = _make(mixtures, work.finished(), folder, settings, open_model)
    return generate(work, {one.id for one in mixtures}, made, write, progress)


def _by_class(scenes: Sequence[Scene]) -> Mapping[str, list[Scene]]:
    found: dict[str, list[Scene]] = {}
    for scene in scenes:
        found.setdefault(scene.object_class, []).append(scene)
    return found


def _plan(scenes: Sequence[Scene], settings: Interpolation) -> list[Mixture]:
    return plan_mixtures(split_support(scenes, settings.style, settings.content, settings.seed))


def _make(
    mixtures: Sequence[Mixture],
    finished: frozenset[str],
    folder: Path,
    settings: Interpolation,
    open_model: Callable[[], Interpolator],
) -> Iterator[Record]:
    open_mixtures = [one for one in mixtures if one.id not in finished]
    if not open_mixtures:
        return
    model = open_model()

    @lru_cache(maxsize=_KEPT)
    def inverted(path: Path) -> Inverted:
        return model.invert(read_picture(path))

    def picture_of(one: Mixture) -> Picture:
        if one.content is not None:
            return model.mix(inverted(one.style.path), inverted(one.content.path), settings.gamma)
        if one.kind == "untouched":
            return read_picture(one.style.path)
        return model.reconstruct(inverted(one.style.path))

    for one in open_mixtures:
        try:
            write_picture(picture_of(one), folder / f"images/{one.id}.png")
        except BadInputError as error:
            yield _record(one, (), f"{one.style.path.name}: {error}")
            continue
        yield _record(one, (Item(one.id, f"images/{one.id}.png"),), None)


def _record(one: Mixture, items: tuple[Item, ...], failed: str | None) -> Record:
    return Record(
        job=one.id,
        kind=one.kind,
        scene=one.style.name,
        group=one.style.group,
        object_class=one.style.object_class,
        target=TARGET if one.content is not None else "",
        variant=0,
        items=items,
        failed=failed,
    )
