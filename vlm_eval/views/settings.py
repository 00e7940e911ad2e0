"""The parameters of every drawing step, with their defaults: what a recipe, a card or an experiment may say.

A step is written down with the parameters that differ from the default, so that one picture has one recipe.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

from vlm_eval.errors import InputError
from vlm_eval.flow import Scalar, Step

MAX_SIDE = 4096
"""The largest side in pixels of a picture that is drawn."""


class Settings:
    """The base of the settings of one operation; `allowed` names the values of its choices."""

    operation: ClassVar[str]
    allowed: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    ranges: ClassVar[Mapping[str, tuple[float, float]]] = {}


@dataclass(frozen=True, slots=True)
class Project(Settings):
    """Draw a point cloud or mesh, seen from infinitely far away.

    At azimuth 0 and elevation 0 the camera looks from the front; azimuth moves it anticlockwise round the object
    as seen from above, elevation raises it, 90 looks straight down. Which way is up is the file's own matter:
    `z` (x right, y away, z up), `y` (x right, y up, z towards the camera) or `-y` (x right, y down, z away, as
    depth cameras have it).
    """

    operation: ClassVar[str] = "project"
    allowed: ClassVar = {
        "style": ("shaded", "depth", "height"), "up": ("z", "y", "-y"), "layout": ("separate", "sheet")
    }  # fmt: skip
    ranges: ClassVar = {
        "size": (16, MAX_SIDE), "splat": (0, 31), "extent": (0, 1e12), "plane": (0, 1e12), "elevation": (-90, 90)
    }  # fmt: skip
    style: str = "shaded"
    up: str = "z"
    azimuth: float = 0.0  # degrees
    elevation: float = 0.0
    turn_x: float = 0.0  # degrees by which the object is turned about its own axes before it is looked at
    turn_y: float = 0.0
    turn_z: float = 0.0
    views: str = ""  # "around 6", "cpmf27", or azimuth/elevation pairs such as "0/90, 45/30"; several pictures
    layout: str = "separate"  # several views as separate pictures, or as one labelled sheet
    size: int = 448  # pixels a side, of each view
    splat: int = 0  # side of a drawn point in pixels, odd; 0: by the points' spacing
    extent: float = 0.0  # width of the picture in the file's unit; 0: the object fills the picture
    plane: float = 0.0  # points this near to the largest plane at the border are left out; 0: none are


@dataclass(frozen=True, slots=True)
class Plot(Settings):
    """Draw a series as lines, or two columns against each other as points."""

    operation: ClassVar[str] = "plot"
    allowed: ClassVar = {
        "kind": ("line", "scatter"), "scale": ("series", "window"), "downsample": ("minmax", "lttb", "none")
    }  # fmt: skip
    ranges: ClassVar = {
        "size": (96, MAX_SIDE), "height": (0, MAX_SIDE), "windows": (1, 1000), "window": (-1, 999),
        "overlap": (0, 0.9),
    }  # fmt: skip
    kind: str = "line"
    time: str = ""  # the column of times, or of x; "": one that is called so, else the row number
    values: str = ""  # the columns of values, separated by commas; "": every other column of numbers
    start: str = ""  # first and last time that are drawn; ISO dates, numbers, or "" for all
    end: str = ""
    windows: int = 1  # so many windows of equal length, each a picture of its own
    window: int = -1  # which of them, from 0; -1: all
    overlap: float = 0.0  # share of a window that the next one repeats
    scale: str = "series"  # the value axis spans the whole series, or the window alone
    size: int = 448  # pixels a side
    height: int = 0  # pixels; 0: as wide as high
    unit: str = ""  # of the values
    label: str = ""  # of the value axis; "": the column's name
    time_label: str = ""
    downsample: str = "minmax"


@dataclass(frozen=True, slots=True)
class Video(Settings):
    """Take frames out of a video, or out of the folder of frames in which the source picture lies."""

    operation: ClassVar[str] = "video"
    allowed: ClassVar = {
        "at": ("parts", "changes"), "unit": ("second", "frame"), "layout": ("separate", "sheet")
    }  # fmt: skip
    ranges: ClassVar = {
        "frames": (1, 64), "every": (0, 1e9), "frame": (-1, 63), "rate": (1e-3, 1e4), "size": (16, MAX_SIDE)
    }  # fmt: skip
    frames: int = 4  # so many, at the middles of equal parts of the time from start to end
    at: str = "parts"  # or at the `changes`: the frames that differ most from the one before, in order of time
    every: float = 0.0  # instead: one every so many units from the start on
    times: str = ""  # instead: at these times, separated by commas
    start: str = ""  # numbers in the unit, counted from the first frame; "": from the first to the last frame
    end: str = ""
    unit: str = "second"  # of start, end, every and times; frames are counted from 0
    rate: float = 25.0  # frames a second of a folder of frames
    layout: str = "separate"  # frames as separate pictures, or on one sheet labelled with their times
    frame: int = -1  # which of the frames, from 0; -1: all
    size: int = 448  # pixels of the longer side at most; on a sheet, pixels a side of each frame
    digest: str = ""  # of the frames in a folder, filled in by open_views


@dataclass(frozen=True, slots=True)
class Dicom(Settings):
    """Show a DICOM picture through a window, or slices of one that has several frames."""

    operation: ClassVar[str] = "dicom"
    allowed: ClassVar = {
        "window": ("file", "full", "abdomen", "bone", "brain", "lung", "mediastinum", "stroke", "subdural"),
        "layout": ("separate", "sheet"),
    }  # fmt: skip
    ranges: ClassVar = {
        "slice": (-1, 1e6), "slices": (1, 64), "turn": (-1, 63), "width": (0, 1e6), "center": (-1e6, 1e6),
        "size": (16, MAX_SIDE),
    }  # fmt: skip
    window: str = "file"  # the file's own, else all its values; `full`: all values; the others: of a CT
    center: float = 0.0  # of a window in the values after rescaling (Hounsfield units of a CT)
    width: float = 0.0  # of that window; 0: what `window` says
    slice: int = -1  # frame number from 0; -1: as `slices` says
    slices: int = 1  # so many, at the middles of equal parts of all frames
    turn: int = -1  # which of those, from 0; -1: all
    layout: str = "separate"
    size: int = 448  # pixels of the longer side


@dataclass(frozen=True, slots=True)
class Nifti(Settings):
    """Show slices of a NIfTI volume, upright whatever way it is stored."""

    operation: ClassVar[str] = "nifti"
    allowed: ClassVar = {
        "plane": ("axial", "coronal", "sagittal"), "side": ("radiological", "neurological"),
        "letters": ("none", "shown"), "layout": ("separate", "sheet"),
    }  # fmt: skip
    ranges: ClassVar = {
        "slice": (-1, 1e6), "slices": (1, 64), "turn": (-1, 63), "volume": (0, 1e6), "size": (16, MAX_SIDE)
    }  # fmt: skip
    plane: str = "axial"
    slice: int = -1  # number from 0: from foot to head, back to front, or left to right; -1: as `slices` says
    slices: int = 1  # so many, at the middles of equal parts of all slices
    turn: int = -1  # which of those, from 0; -1: all
    volume: int = 0  # of a file that holds several in turn
    low: float = 0.0  # the values that are black and white; both 0: the 0.5 and 99.5 per cent points of the volume
    high: float = 0.0
    side: str = "radiological"  # right and front of the patient on the left of the picture; `neurological`: right
    letters: str = "none"  # `shown`: R, L, A, P, H, F at the borders say where the picture points
    layout: str = "separate"
    size: int = 448  # pixels of the longer side


@dataclass(frozen=True, slots=True)
class Text(Settings):
    """Write a series as numbers instead of drawing it, to compare what a model reads with what it sees."""

    operation: ClassVar[str] = "text"
    ranges: ClassVar = {"points": (2, 100_000), "digits": (1, 15)}
    time: str = ""  # as in Plot
    values: str = ""
    start: str = ""
    end: str = ""
    points: int = 120  # readings at most; of more those are kept that shape the curve
    digits: int = 4  # significant digits of values


@dataclass(frozen=True, slots=True)
class Tile(Settings):
    """Cut a picture into k x k tiles; without row and column each of them is a picture of its own."""

    operation: ClassVar[str] = "tile"
    ranges: ClassVar = {"k": (1, 32), "overlap": (0, 0.9), "row": (-1, 31), "column": (-1, 31)}
    k: int = 2
    overlap: float = 0.0  # share of a tile's side that it repeats of its neighbour
    row: int = -1
    column: int = -1


@dataclass(frozen=True, slots=True)
class Zoom(Settings):
    """Cut out a region; all four are shares of the picture's width and height."""

    operation: ClassVar[str] = "zoom"
    ranges: ClassVar = {
        "left": (0, 1), "top": (0, 1), "right": (0, 1), "bottom": (0, 1), "size": (0, MAX_SIDE)
    }  # fmt: skip
    left: float = 0.0
    top: float = 0.0
    right: float = 1.0
    bottom: float = 1.0
    size: int = 0  # pixels of the longer side as sent; 0: the pixels that are there


@dataclass(frozen=True, slots=True)
class Resize(Settings):
    """Make a picture smaller by area means; one that is small enough stays as it is."""

    operation: ClassVar[str] = "resize"
    ranges: ClassVar = {"size": (1, 30000)}
    size: int = 448  # pixels of the longer side


@dataclass(frozen=True, slots=True)
class Marks(Settings):
    """Draw numbered marks on regions of a picture (arXiv:2310.11441, Set-of-Mark)."""

    operation: ClassVar[str] = "marks"
    allowed: ClassVar = {
        "regions": ("grid", "slic", "felzenszwalb", "masks", "heat", "random", "sam"),
        "style": ("contour", "fill", "box"),
        "weights": ("local", "download"),
    }  # fmt: skip
    ranges: ClassVar = {"count": (1, 500), "seed": (0, 2**31), "font": (8, 64)}
    regions: str = "grid"
    style: str = "contour"
    count: int = 9  # regions aimed at; a grid takes the nearest square number
    path: str = ""  # of the masks or the heat map, from the source's folder; {stem} is the source's own name
    digest: str = ""  # of that file or checkpoint, filled in by open_views
    checkpoint: str = ""  # of SAM: a folder, or a name on the Hugging Face hub
    weights: str = "local"  # `download`: they may be fetched from the hub
    seed: int = 0  # of random regions
    font: int = 15  # height of the numbers in pixels of a 448 pixel picture


@dataclass(frozen=True, slots=True)
class Blank(Settings):
    """Put an even grey in place of a picture, of the same size: what is said now was not seen."""

    operation: ClassVar[str] = "blank"
    ranges: ClassVar = {"grey": (0, 255)}
    grey: int = 128


@dataclass(frozen=True, slots=True)
class Shuffle(Settings):
    """Cut a picture into k x k patches and lay them in another order: the same pixels, no object."""

    operation: ClassVar[str] = "shuffle"
    ranges: ClassVar = {"k": (2, 64), "seed": (0, 2**31)}
    k: int = 8
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Blur(Settings):
    """Blur a picture as a lens out of focus does (Gaussian)."""

    operation: ClassVar[str] = "blur"
    ranges: ClassVar = {"radius": (0, 1)}
    radius: float = 0.01  # standard deviation as a share of the longer side


@dataclass(frozen=True, slots=True)
class Darken(Settings):
    """Take a picture in low light: less light, and noise that does not become less."""

    operation: ClassVar[str] = "darken"
    ranges: ClassVar = {"light": (0, 1), "noise": (0, 255), "seed": (0, 2**31)}
    light: float = 0.3  # share of the light that is left
    noise: float = 6.0  # standard deviation in grey levels of 255
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Occlude(Settings):
    """Cover a square somewhere in a picture with grey."""

    operation: ClassVar[str] = "occlude"
    ranges: ClassVar = {"share": (0, 1), "seed": (0, 2**31)}
    share: float = 0.25  # of the picture's area, at most what its shorter side allows
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Recolour(Settings):
    """Show a picture in other colours."""

    operation: ClassVar[str] = "recolour"
    allowed: ClassVar = {"map": ("inverted", "grey", "swapped")}
    map: str = "inverted"  # bright for dark; without colours; or red for blue


@dataclass(frozen=True, slots=True)
class Jpeg(Settings):
    """Show what JPEG of a quality leaves of a picture."""

    operation: ClassVar[str] = "jpeg"
    ranges: ClassVar = {"quality": (1, 95)}
    quality: int = 15


@dataclass(frozen=True, slots=True)
class Scale(Settings):
    """Make a picture smaller or larger by a factor."""

    operation: ClassVar[str] = "scale"
    ranges: ClassVar = {"factor": (0.01, 8)}
    factor: float = 0.5


Kind = TypeVar("Kind", bound=Settings)
KINDS: Mapping[str, type[Settings]] = {
    kind.operation: kind
    for kind in (
        *(Project, Plot, Video, Dicom, Nifti, Text, Tile, Zoom, Resize, Scale, Marks),
        *(Blank, Shuffle, Blur, Darken, Occlude, Recolour, Jpeg),
    )
}


def read_settings(step: Step, kind: type[Kind]) -> Kind:
    """Read a step's parameters. Raises InputError for a parameter or value that the operation does not know."""
    known = {field.name: field.default for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    given: dict[str, Any] = {}
    for name, value in step.parameters:
        if name not in known:
            raise InputError(
                f"The step {step.operation!r} has no parameter {name!r}; allowed are {', '.join(sorted(known))}."
            )
        given[name] = _checked(step.operation, name, value, known[name], kind)
    return kind(**given)


def to_step(settings: Settings) -> Step:
    """Write settings as a step that holds what differs from the defaults, sorted by name."""
    fields = dataclasses.fields(settings)  # type: ignore[arg-type]
    values = {field.name: getattr(settings, field.name) for field in fields}
    changed = {field.name: values[field.name] for field in fields if values[field.name] != field.default}
    return Step(settings.operation, tuple(sorted(changed.items())))


def make_step(operation: str, parameters: Mapping[str, Any]) -> Step:
    """Make a checked step of what a person wrote. Raises InputError."""
    if operation not in KINDS:
        raise InputError(f"There is no step {operation!r}; allowed are {', '.join(sorted(KINDS))}.")
    return to_step(read_settings(Step(operation, tuple(parameters.items())), KINDS[operation]))


def _checked(operation: str, name: str, value: Scalar, default: Any, kind: type[Settings]) -> Scalar:
    where = f"The step {operation!r}, parameter {name!r}, is {value!r};"
    if isinstance(default, str):
        value = str(value)
        allowed = kind.allowed.get(name)
        if allowed and value not in allowed:
            raise InputError(f"{where} allowed are {', '.join(allowed)}.")
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputError(f"{where} a number is needed.")
    if isinstance(default, int) and value != int(value):
        raise InputError(f"{where} a whole number is needed.")
    low, high = kind.ranges.get(name, (-1e12, 1e12))
    if not low <= value <= high:
        raise InputError(f"{where} allowed are numbers from {low:g} to {high:g}.")
    return type(default)(value)  # type: ignore[no-any-return]
