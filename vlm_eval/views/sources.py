"""The operations that a recipe may begin with: each turns a file of its modality into a picture.

A new modality is a file of its own and one entry in SOURCES; everything after the first step is common.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vlm_eval.errors import MissingExtraError
from vlm_eval.flow import Step
from vlm_eval.views.settings import Dicom, Nifti, Plot, Project, Settings, Video, read_settings, to_step

if TYPE_CHECKING:
    from PIL import Image


@dataclass(frozen=True, slots=True)
class SourceOperation:
    """How a file becomes a picture. The functions import what they need only when they are called."""

    settings: type[Settings]
    draw: Callable[
        [bytes, Path, Any], "Image.Image"
    ]  # file bytes, its path (for its ending and for errors), settings
    size: Callable[[Any, Path], tuple[int, int]]  # width, height of what is drawn, by the file's header if need be
    expand: Callable[[Any], Sequence[Settings]]  # one settings a picture
    packages: Mapping[
        str, tuple[str, str]
    ]  # file ending -> (package, extra) that reading it needs; "*": any other


def source_of(step: Step) -> SourceOperation | None:
    """Return the operation of a first step, or None where the file is a picture itself."""
    return SOURCES.get(step.operation)


def draw_source(data: bytes, path: Path, step: Step) -> "Image.Image":
    """Draw a file by its recipe's first step. Raises BadInputError, InputError."""
    operation = SOURCES[step.operation]
    return operation.draw(data, path, read_settings(step, operation.settings))


def source_size(step: Step, path: Path) -> tuple[int, int]:
    """Return width and height of what a first step draws. Raises BadInputError, InputError."""
    operation = SOURCES[step.operation]
    return operation.size(read_settings(step, operation.settings), path)


def expand_source(step: Step) -> tuple[Step, ...]:
    """Return one first step a picture. Raises InputError."""
    operation = SOURCES[step.operation]
    return tuple(to_step(one) for one in operation.expand(read_settings(step, operation.settings)))


def require_packages(step: Step, path: Path) -> None:
    """Raise MissingExtraError where reading a file needs a package that is not installed."""
    packages = SOURCES[step.operation].packages
    package, extra = packages.get(path.suffix.lower(), packages.get("*", ("", "")))
    if package and find_spec(package) is None:
        raise MissingExtraError(package, extra, f"Reading {path.suffix} files")


def _draw_project(data: bytes, path: Path, settings: Project) -> "Image.Image":
    from vlm_eval.views.project import draw_projection

    return draw_projection(data, path, settings)


def _project_size(settings: Project, path: Path) -> tuple[int, int]:
    from vlm_eval.views.project import size_of_projection

    return size_of_projection(settings)


def _project_views(settings: Project) -> Sequence[Settings]:
    from vlm_eval.views.camera import views_of

    views = views_of(settings)
    return (settings,) if settings.layout == "sheet" else views


def _draw_plot(data: bytes, path: Path, settings: Plot) -> "Image.Image":
    from vlm_eval.views.plot import draw_plot

    return draw_plot(data, path, settings)


def _plot_size(settings: Plot, path: Path) -> tuple[int, int]:
    return settings.size, settings.height or settings.size


def _plot_windows(settings: Plot) -> Sequence[Settings]:
    from vlm_eval.views.plot_frame import windows_of

    return windows_of(settings)


def _draw_video(data: bytes, path: Path, settings: Video) -> "Image.Image":
    from vlm_eval.views.video import draw_video

    return draw_video(data, path, settings)


def _video_size(settings: Video, path: Path) -> tuple[int, int]:
    from vlm_eval.views.video import size_of_video

    return size_of_video(settings, path)


def _video_frames(settings: Video) -> Sequence[Settings]:
    from vlm_eval.views.video_times import frames_of

    return frames_of(settings)


def _draw_dicom(data: bytes, path: Path, settings: Dicom) -> "Image.Image":
    from vlm_eval.views.dicom import draw_dicom

    return draw_dicom(data, path, settings)


def _dicom_size(settings: Dicom, path: Path) -> tuple[int, int]:
    from vlm_eval.views.dicom import size_of_dicom

    return size_of_dicom(settings, path)


def _draw_nifti(data: bytes, path: Path, settings: Nifti) -> "Image.Image":
    from vlm_eval.views.nifti import draw_nifti

    return draw_nifti(data, path, settings)


def _nifti_size(settings: Nifti, path: Path) -> tuple[int, int]:
    from vlm_eval.views.nifti import size_of_nifti

    return size_of_nifti(settings, path)


def _slices(settings: Dicom | Nifti) -> Sequence[Settings]:
    """Return one setting a slice."""
    if settings.slice != -1 or settings.slices == 1 or settings.turn != -1 or settings.layout == "sheet":
        return (settings,)
    return tuple(replace(settings, turn=number) for number in range(settings.slices))


_MESH = ("trimesh", "clouds")
_TIFF = ("tifffile", "clouds")
FRAMES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp")
"""Endings of pictures that stand for the folder of frames in which they lie."""

SOURCES: dict[str, SourceOperation] = {
    "project": SourceOperation(
        Project, _draw_project, _project_size, _project_views,
        {".ply": _MESH, ".obj": _MESH, ".stl": _MESH, ".off": _MESH, ".tif": _TIFF, ".tiff": _TIFF},
    ),
    "plot": SourceOperation(Plot, _draw_plot, _plot_size, _plot_windows, {}),
    "video": SourceOperation(
        Video, _draw_video, _video_size, _video_frames, {**dict.fromkeys(FRAMES, ("", "")), "*": ("av", "video")}
    ),
    "dicom": SourceOperation(Dicom, _draw_dicom, _dicom_size, _slices, {"*": ("pydicom", "medical")}),
    "nifti": SourceOperation(Nifti, _draw_nifti, _nifti_size, _slices, {"*": ("nibabel", "medical")}),
}  # fmt: skip
