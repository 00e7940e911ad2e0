"""Another view of the same thing: a cloud from another angle, a series drawn otherwise, other frames of a clip."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from vlm_eval.flow import Recipe
from vlm_eval.views.settings import Dicom, Nifti, Plot, Project, Settings, Video, read_settings, to_step

TURN = 30.0
"""Degrees about the vertical by which a cloud is turned: little enough for a scan of one side."""


def another_view(recipe: Recipe) -> Recipe | None:
    """Return the recipe with its first step seen otherwise, None where that step has no other view.

    Nothing that is true of an item changes by it: the same object, readings, time or slices are shown.
    """
    if not recipe or recipe[0].operation not in _OTHERS:
        return None
    kind, other = _OTHERS[recipe[0].operation]
    settings = other(read_settings(recipe[0], kind))
    return None if settings is None else (to_step(settings), *recipe[1:])


def _turned(settings: Project) -> Settings:
    if settings.up == "z":
        return replace(settings, turn_z=settings.turn_z + TURN)
    return replace(settings, turn_y=settings.turn_y + TURN)


def _drawn(settings: Plot) -> Settings:
    """Cut the series into one window fewer; one that is drawn whole gets a picture half as high."""
    if settings.windows > 1 and settings.window < 0:
        return replace(settings, windows=settings.windows - 1)
    wide = settings.height in (0, settings.size)
    return replace(settings, height=max(96, settings.size // 2) if wide else 0)


def _other_frames(settings: Video) -> Settings | None:
    if settings.times or settings.every:
        return None  # what is true may hold for those moments alone
    return replace(settings, at="parts" if settings.at == "changes" else "changes")


def _fewer_slices(settings: Dicom) -> Settings | None:
    return replace(settings, slices=settings.slices - 1) if settings.slices > 1 and settings.slice < 0 else None


def _mirrored(settings: Nifti) -> Settings:
    return replace(settings, side="radiological" if settings.side == "neurological" else "neurological")


_OTHERS: dict[str, tuple[type[Settings], Callable[[Any], Settings | None]]] = {
    "project": (Project, _turned),
    "plot": (Plot, _drawn),
    "video": (Video, _other_frames),
    "dicom": (Dicom, _fewer_slices),
    "nifti": (Nifti, _mirrored),
}
