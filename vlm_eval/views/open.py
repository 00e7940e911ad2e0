"""From a source file of any modality and the steps that a card or experiment asks for to Views.

Nothing is drawn here: file bytes are hashed, and sizes follow from headers and steps.
"""

import dataclasses
import hashlib
import stat
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib.util import find_spec
from itertools import product
from pathlib import Path

from vlm_eval.errors import BadInputError, InputError, MissingExtraError
from vlm_eval.flow import Recipe, Role, Step, View
from vlm_eval.views.header import TO_RGB8_PNG
from vlm_eval.views.identity import view_identity
from vlm_eval.views.image import image_view
from vlm_eval.views.mark_checkpoint import check_segmenter, checkpoint_digest
from vlm_eval.views.pieces import is_piece, piece_of, tiles_of
from vlm_eval.views.render import renderer_of
from vlm_eval.views.settings import KINDS, Marks, Text, Tile, Video, read_settings, to_step
from vlm_eval.views.sources import expand_source, require_packages, source_of, source_size


def open_views(path: Path, role: Role, recipe: Recipe = ()) -> tuple[View, ...]:
    """Return the views of a file: one, or as many as its steps ask for (angles, windows, tiles).

    Never raises for a file's state: a missing or damaged file gives views whose read() raises BadInputError.

    Raises:
        InputError: a step does not exist, has a wrong parameter, or stands in a wrong place.
        MissingExtraError: reading such a file needs a package that is not installed.
    """
    if not recipe:
        return (image_view(path, role),)
    check_recipe(recipe)
    if source_of(recipe[0]):
        require_packages(recipe[0], path)
    return tuple(_view(path, role, one) for one in expand_recipe(recipe))


def check_recipe(recipe: Recipe) -> None:
    """Check steps as a person wrote them, before anything is spent. Raises InputError, MissingExtraError."""
    for number, step in enumerate(recipe):
        if step.operation not in KINDS:
            raise InputError(f"There is no step {step.operation!r}; allowed are {', '.join(sorted(KINDS))}.")
        if number and reads_file(step):
            raise InputError(f"The step {step.operation!r} reads a file, so it must come first.")
        if number and recipe[0].operation == Text.operation:
            raise InputError(f"A series as text is no picture, so the step {step.operation!r} cannot follow.")
        settings = read_settings(step, KINDS[step.operation])
        if isinstance(settings, Marks):
            _check_marks(settings)
    expand_recipe(recipe)


def make_recipe(steps: Mapping[str, Mapping[str, object]]) -> Recipe:
    """Make a recipe of operations with their parameters, in the order written. Raises InputError."""
    recipe = tuple(
        Step(name, tuple(sorted(parameters.items())))  # type: ignore[arg-type]
        for name, parameters in steps.items()
    )
    check_recipe(recipe)
    return recipe


def reads_file(step: Step) -> bool:
    """Say whether a step must come first."""
    return source_of(step) is not None or step.operation == Text.operation


def override(recipe: Recipe, steps: Recipe) -> Recipe:
    """Return a recipe with other steps set over it: an experiment's over those of a card.

    A step that the recipe has takes the new parameters beside its own; one that reads the file replaces the first
    one, and keeps of its parameters those that it knows; any other is added at the end. Raises InputError.
    """
    found = list(recipe)
    for step in steps:
        names = [one.operation for one in found]
        if step.operation in names:
            place = names.index(step.operation)
            found[place] = _joined(found[place], step)
        elif reads_file(step) and found and reads_file(found[0]):
            known = {field.name for field in dataclasses.fields(KINDS[step.operation])}  # type: ignore[arg-type]
            kept = tuple(pair for pair in found[0].parameters if pair[0] in known)
            found[0] = _joined(Step(step.operation, kept), step)
        else:
            found.insert(0 if reads_file(step) else len(found), step)
    check_recipe(tuple(found))
    return tuple(found)


def _joined(one: Step, over: Step) -> Step:
    return Step(one.operation, tuple(sorted({**dict(one.parameters), **dict(over.parameters)}.items())))


def expand_recipe(recipe: Recipe) -> tuple[Recipe, ...]:
    """Return one recipe a picture, in the order in which they are shown."""
    return tuple(product(*(_expand(step) for step in recipe)))


def count_views(recipe: Recipe) -> int:
    """Return how many pictures a source gives; none where it is shown as text."""
    return 0 if recipe and recipe[0].operation == Text.operation else len(expand_recipe(recipe))


def _expand(step: Step) -> Sequence[Step]:
    if source_of(step):
        return expand_source(step)
    if step.operation == Tile.operation:
        return [to_step(tile) for tile in tiles_of(read_settings(step, Tile))]
    return [to_step(read_settings(step, KINDS[step.operation]))]


def _check_marks(settings: Marks) -> None:
    check_segmenter(settings)
    if settings.regions in ("slic", "felzenszwalb") and find_spec("skimage") is None:
        raise MissingExtraError("scikit-image", "marks", f"Marks on {settings.regions} regions")
    if (settings.regions in ("masks", "heat")) != bool(settings.path):
        raise InputError(
            f"Marks on {settings.regions} regions {'need' if not settings.path else 'take no'} `path`. For masks "
            "and heat it names a file beside the source, in which {stem} stands for the source's own name."
        )


def _view(path: Path, role: Role, recipe: Recipe) -> View:
    first = source_of(recipe[0])
    if not first:
        plain = image_view(path, role)
        size, steps = plain.size, (TO_RGB8_PNG, *recipe)
    else:
        size, steps = _drawn_size(recipe[0], path), recipe
    digest = _digest(path)
    if digest is None or size == (0, 0):
        size = (0, 0)
    else:
        for step in recipe[1:] if first else recipe:
            size = piece_of(step, size).size if is_piece(step) else size
    steps = tuple(_with_digest(step, path) for step in steps)
    identity = view_identity(digest or f"unreadable:{path.as_posix()}", steps)
    return View(role, path, steps, identity, size, renderer_of(identity))


def _drawn_size(step: Step, path: Path) -> tuple[int, int]:
    try:
        return source_size(step, path)
    except BadInputError:
        return 0, 0


def _with_digest(step: Step, source: Path) -> Step:
    """Let the identity of a view with given regions or frames hang on their bytes, and the step hold them."""
    if step.operation == Video.operation:
        from vlm_eval.views.video_folder import with_frames_digest

        return with_frames_digest(step, source, _digest)
    if step.operation != Marks.operation:
        return step
    given = dict(step.parameters)
    if "checkpoint" in given:
        digest: str | None = checkpoint_digest(read_settings(step, Marks))
    elif given.get("path"):
        digest = _digest(source.parent / str(given["path"]).replace("{stem}", source.stem))
    else:
        return step
    parameters = {**given, "digest": digest or "unreadable"}
    return Step(step.operation, tuple(sorted(parameters.items())))


def _digest(path: Path) -> str | None:
    try:
        status = path.stat()
        return _hash(path, status.st_size, status.st_mtime_ns) if stat.S_ISREG(status.st_mode) else None
    except OSError:
        return None


@lru_cache(maxsize=1 << 20)
def _hash(path: Path, size: int, mtime_ns: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
