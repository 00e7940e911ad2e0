"""Makes a whole data set from a synthesis file, and goes on where it was interrupted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from vlm_eval.data.schema import Card
from vlm_eval.errors import CardError
from vlm_eval.synthetic.card import write_dataset
from vlm_eval.synthetic.content_filter import ContentFilter
from vlm_eval.synthetic.generate import Made, Progress, generate
from vlm_eval.synthetic.inpainters import open_fillers
from vlm_eval.synthetic.jobs import Job, plan_context, plan_objects
from vlm_eval.synthetic.look import all_of, difference_look
from vlm_eval.synthetic.make import Maker, make_all
from vlm_eval.synthetic.object_table import ObjectTable, read_table
from vlm_eval.synthetic.pictures import read_picture
from vlm_eval.synthetic.records import GenerationFolder, Record
from vlm_eval.synthetic.scenes import Scene, card_of, open_dataset, read_scenes, support_of
from vlm_eval.synthetic.seams import Fillers, Locator, Look, Picture, seeded
from vlm_eval.synthetic.settings import Synthesis
from vlm_eval.synthetic.street import with_street

NORMALS = 40
"""Normal pictures that the patches of controls are searched in."""


def synthesise(
    settings: Synthesis, here: Path, folder: Path, progress: Progress | None = None, opened: "Opened | None" = None
) -> Made:
    """Make a data set, or go on making it.

    Args:
        settings: what is wanted.
        here: the folder that its paths are relative to.
        folder: where to; a card, `items.jsonl`, `log.jsonl` and the pictures are written into it.
        progress: is told how many jobs are done.
        opened: what to use instead of opening the inpainter and looks that the settings name.

    Raises:
        InputError: settings, scenes or folder cannot be used.
        MissingExtraError: a package is not installed.
    """
    settings = with_street(settings)
    all_scenes = read_scenes(settings.scenes.model_copy(update={"limit": None}), here)
    scenes = all_scenes[: settings.scenes.limit]
    source = card_of(settings.scenes, here)
    pieces = _card_of_pieces(settings, here)
    table = (
        read_table(here / settings.table if settings.table else None) if settings.generator == "context" else None
    )
    opened = opened or _open(settings, here, all_scenes, table, source)
    jobs = _plan(settings, scenes, table, opened.fillers)
    jobs += [Job("support", scene, "", 0) for scene in support_of(settings.scenes, here)]
    work = GenerationFolder(folder, _frozen(settings))
    maker = Maker(folder, settings, opened.fillers, opened.look, opened.locate)
    for record in work.records():
        maker.remember(record)

    def write(records: tuple[Record, ...]) -> Path:
        return write_dataset(folder, settings, records, source, _synonyms(table), pieces)

    made = make_all(maker, jobs, work.finished())
    found = generate(work, {job.id for job in jobs}, made, write, progress)
    return replace(found, notes=(*_notes(table), *_note_on(pieces)))


@dataclass(frozen=True, slots=True)
class Opened:
    """The models of a synthesis."""

    fillers: Fillers
    look: Look
    locate: Locator | None = None


def _open(
    settings: Synthesis, here: Path, scenes: Sequence[Scene], table: ObjectTable | None, source: Card | None
) -> Opened:
    noun = source.common.nouns.get("noun", source.name) if source else "room"
    fillers = open_fillers(settings, here, normal_pictures(scenes, settings.seed), noun)
    looks: list[Look] = [difference_look()]
    locate: Locator | None = None
    if settings.grounding is not None:
        from vlm_eval.synthetic.grounded import open_grounded

        grounded = open_grounded(*settings.grounding)
        looks.insert(0, grounded.look)
        locate = grounded.locate
    if settings.filter is not None:
        looks.append(_content_filter(settings, table))
    return Opened(fillers, all_of(looks), locate)


def _content_filter(settings: Synthesis, table: ObjectTable | None) -> ContentFilter:
    from vlm_eval.backends.joint_encoder import open_joint

    assert settings.filter is not None
    table = table or read_table()
    described = {**table.descriptions, **settings.filter.also}
    joint = open_joint(settings.filter.joint)
    return ContentFilter(joint, described, table.artefact_descriptions, settings.filter.top_k)


def normal_pictures(scenes: Sequence[Scene], seed: int) -> list[Picture]:
    """Read some of the scenes to take normal patches from: the same ones whatever the limit is."""
    order = seeded(seed, "normals").permutation(len(scenes))[:NORMALS]
    return [read_picture(scenes[at].path) for at in sorted(order)]


def _plan(settings: Synthesis, scenes: Sequence[Scene], table: ObjectTable | None, fillers: Fillers) -> list[Job]:
    can = set(fillers.targets)
    if table is not None:
        if can and not can & set(table.objects):
            raise CardError(
                f"The inpainter {fillers.name} makes {', '.join(sorted(can))}, and the object table has none of "
                "them. Name them in a copy of the table, or take an inpainter that makes what it names"
            )
        return list(plan_context(scenes, settings, table, lambda name: not can or name in can))
    targets = settings.targets or tuple(name for name in fillers.targets if name not in settings.normal_objects)
    if not targets:
        raise CardError("No target is named. Give targets: the names of the anomalies that are to be put in")
    for name in (*targets, *settings.normal_objects):
        if can and name not in can:
            raise CardError(
                f"The inpainter {fillers.name} cannot make {name!r}; it can make {', '.join(sorted(can))}"
            )
    return list(plan_objects(scenes, settings, targets))


def _card_of_pieces(settings: Synthesis, here: Path) -> Card | None:
    cut_outs = settings.cut_outs if settings.inpainter == "cut-out" else None
    return open_dataset(cut_outs.dataset, cut_outs.root, here).card if cut_outs and cut_outs.dataset else None


def _frozen(settings: Synthesis) -> dict[str, object]:
    content = settings.model_dump(mode="json")
    del content["scenes"]["limit"]
    return content


def _synonyms(table: ObjectTable | None) -> Mapping[str, Sequence[str]]:
    return {} if table is None else {name: entry.synonyms for name, entry in table.objects.items()}


def _note_on(pieces: Card | None) -> tuple[str, ...]:
    if pieces is None:
        return ()
    return (
        f"The cut-outs come from anomalous items of {pieces.name}: what is chosen by this set must not be judged "
        "on those items, and `select` cannot leave them out",
    )


def _notes(table: ObjectTable | None) -> tuple[str, ...]:
    if table is None or not table.open_questions:
        return ()
    return (
        f"The object table does not say of {len(table.open_questions)} of {len(table.objects)} objects where they "
        "are out of place; they were not used",
    )
