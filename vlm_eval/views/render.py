"""From a source file and a recipe to the bytes that a model is sent.

The same file and recipe always give the same bytes: the PNG settings are fixed here, and RENDERER_VERSION in
vlm_eval.views.identity rises when they change.
"""

import hashlib
import io
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from vlm_eval.errors import BadInputError, InputError
from vlm_eval.flow import Recipe, Renderer, Role, View
from vlm_eval.views.cloud_files import Recent
from vlm_eval.views.header import OTHER_FORMATS, STRIP_METADATA, TO_RGB8_PNG, read_header, read_layout
from vlm_eval.views.identity import view_identity
from vlm_eval.views.settings import Tile
from vlm_eval.views.sources import source_of
from vlm_eval.views.steps import draw, is_drawn
from vlm_eval.views.webp import is_webp, rewrite_webp_header

if TYPE_CHECKING:
    from vlm_eval.views.mark_regions import Labels

_recent = Recent(1)
PNG_LEVEL = 1  # 2.4 times as fast as Pillow's default of 6, for files about a tenth larger


def render(path: Path, recipe: Recipe, expected: str | None = None) -> bytes:
    """Render an encoded picture (JPEG, PNG or WebP) by applying each step of a recipe in order.

    Args:
        path: of the source file, which is read once.
        recipe: the steps.
        expected: the identity that the file and the recipe had when the run was planned; None: not checked.

    Raises:
        BadInputError: the file is missing, changed, damaged, no picture or too large; or a step is unknown.
    """
    data = _read(path)
    if expected is not None and view_identity(hashlib.sha256(data).hexdigest(), recipe) != expected:
        raise BadInputError(
            f"{path} is not the picture that the run was planned with: the file changed since then, or another "
            "version of vlm-eval planned the run. Put the old file back, or start a new run."
        )
    source = bool(recipe) and source_of(recipe[0]) is not None
    if not source:
        read_header(data, path)
    for number, step in enumerate(recipe):
        if step.operation not in _OPERATIONS and not is_drawn(step, first=number == 0):
            raise BadInputError(
                f"{path}: unknown step {step.operation!r} in its recipe; "
                f"allowed are {', '.join(sorted(_OPERATIONS))}. "
                "Was the run made by another version of vlm-eval?"
            )
    if all(step.operation in _OPERATIONS for step in recipe):
        for step in recipe:
            data = _OPERATIONS[step.operation](data, path)
        return data
    return draw_png(data, path, recipe)


def draw_png(data: bytes, path: Path, recipe: Recipe) -> bytes:
    """Draw a recipe that has more to it than sending a picture file. Raises BadInputError."""
    try:
        if source_of(recipe[0]):
            return _png(draw(data, path, recipe)[0], None)
        image, profile = _decoded(data, path, recipe)
        return _png(draw(data, path, recipe[1:], image)[0], profile)
    except InputError as error:
        raise BadInputError(f"{path}: {error}") from error


def _decoded(data: bytes, path: Path, recipe: Recipe) -> tuple[Image.Image, bytes | None]:
    """Read a picture; one that is cut into tiles is kept, since they follow each other."""
    if all(step.operation != Tile.operation for step in recipe):
        return _read_rgb8(data, path)
    kept: tuple[Image.Image, bytes | None] = _recent.get(data, None, lambda: _read_rgb8(data, path))
    return kept


def draw_labels(view: View) -> "Labels":
    """Return the regions of a view's marks, shape (height, width). Raises BadInputError."""
    data = _read(view.path)
    drawn = bool(view.recipe) and source_of(view.recipe[0]) is not None
    try:
        steps, image = (view.recipe, None) if drawn else (view.recipe[1:], read_rgb8(data, view.path))
        labels = draw(data, view.path, steps, image)[1]
    except InputError as error:
        raise BadInputError(f"{view.path}: {error}") from error
    if labels is None:
        raise BadInputError(f"{view.path} has no marks in its recipe.")
    return labels


def renderer_of(identity: str) -> Renderer:
    """Return the renderer of a view, which refuses a file that is no longer the one with this identity."""
    return partial(render, expected=identity)


def reopen(role: Role, path: Path, recipe: Recipe, identity: str, size: tuple[int, int]) -> View:
    """Rebuild a view from what a store kept of it, without looking at the file."""
    return View(role, path, recipe, identity, size, renderer_of(identity))


def strip_metadata(data: bytes, path: Path) -> bytes:
    """Take metadata and whatever lies behind the picture out of a JPEG, PNG or WebP file, re-encoding nothing."""
    layout = read_layout(data)
    if layout is None:
        raise BadInputError(f"{path} is not JPEG, PNG or WebP; only those can be stripped. Plan the run anew.")
    kept = b"".join(data[part] for part in layout.kept)
    return rewrite_webp_header(kept) if is_webp(kept) else kept


def to_rgb8_png(data: bytes, path: Path) -> bytes:
    """Render any readable picture as upright 8-bit RGB PNG.

    The EXIF orientation is applied; alpha is laid over white; of several frames the first is taken; CMYK is
    converted by Pillow, which knows Adobe's inverted JPEGs; an RGB colour profile is kept.

    16-bit rule: the high byte of each sample (value // 256), by the same scale for every file, so that a part and
    its reference stay comparable. A sensor's 12 bits that were not stretched to 16 therefore come out dark.
    Float samples must lie in [0, 1], 32-bit integers in [0, 65535].
    """
    return _png(*_read_rgb8(data, path))


def read_rgb8(data: bytes, path: Path) -> Image.Image:
    """Read a picture file as to_rgb8_png shows it. Raises BadInputError."""
    return _read_rgb8(data, path)[0]


def _read_rgb8(data: bytes, path: Path) -> tuple[Image.Image, bytes | None]:
    """Return a picture and its colour profile, if that is one of RGB."""
    formats = ("JPEG", "PNG", "WEBP", *OTHER_FORMATS)
    try:
        with Image.open(io.BytesIO(data), formats=formats) as image:
            profile = image.info.get("icc_profile") or b""
            ImageOps.exif_transpose(image, in_place=True)
            rgb = _flatten(image)
    except BadInputError as error:
        raise BadInputError(f"{path} {error}") from error
    except UnidentifiedImageError as error:
        raise BadInputError(
            f"{path} is not a picture that can be read. Replace the file or drop the item."
        ) from error
    except Exception as error:  # a decoder may raise anything; whatever it is, this file is at fault
        raise BadInputError(f"{path} cannot be decoded ({error}). Replace the file or drop the item.") from error
    return rgb, profile if profile[16:20] == b"RGB " else None


def _png(image: Image.Image, profile: bytes | None) -> bytes:
    """Encode a grey or RGB picture without anything that the file's info might hold."""
    out = io.BytesIO()
    clean = Image.frombytes(image.mode, image.size, image.tobytes())
    clean.save(out, "PNG", compress_level=PNG_LEVEL, icc_profile=profile)
    return out.getvalue()


def _flatten(image: Image.Image) -> Image.Image:
    if image.mode.startswith(("I", "F")):
        return Image.fromarray(_eight_bits(np.asarray(image))).convert("RGB")
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        colours = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), colours).convert("RGB")
    if image.mode == "RGB":
        image.load()  # no copy: large pictures take hundreds of megabytes
        return image
    return image.convert("RGB")


def _eight_bits(samples: np.ndarray) -> np.ndarray:
    """Reduce 16-bit, 32-bit or float grey samples of shape (height, width) to 8 bits."""
    floating = np.issubdtype(samples.dtype, np.floating)
    top = 1 if floating else 65535
    if not (samples.min() >= 0 and samples.max() <= top):  # so that NaN is refused too
        raise BadInputError(
            f"has samples from {samples.min()} to {samples.max()}, allowed are 0 to {top}. "
            "Scale them and save the picture with 8 or 16 bits."
        )
    return (np.round(samples * 255) if floating else samples // 256).astype(np.uint8)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        reason = error.strerror or str(error)
        raise BadInputError(f"{path} cannot be read ({reason}). Put the file there or drop the item.") from error


_OPERATIONS: dict[str, Callable[[bytes, Path], bytes]] = {
    STRIP_METADATA.operation: strip_metadata,
    TO_RGB8_PNG.operation: to_rgb8_png,
}
