"""Reads pictures and masks as arrays, and writes them so that a file is there whole or not at all."""

import os
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from vlm_eval.errors import BadInputError
from vlm_eval.synthetic.seams import Mask, Picture
from vlm_eval.views import gold


def read_picture(path: Path) -> Picture:
    """Read a picture as upright RGB, shape (height, width, 3). Raises BadInputError."""
    try:
        with Image.open(path) as picture:
            return np.asarray(ImageOps.exif_transpose(picture).convert("RGB"))
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise BadInputError(f"{path} cannot be read as a picture: {error}") from error


def read_mask(path: Path, picture: Picture) -> Mask:
    """Read a mask as gold masks are read. Raises BadInputError where it is not of its picture's size."""
    found: Mask = gold.read_mask(path)
    if found.shape[:2] != picture.shape[:2]:
        raise BadInputError(
            f"the mask {path} has {found.shape[1]}x{found.shape[0]} pixels and lies outside its picture of "
            f"{picture.shape[1]}x{picture.shape[0]}; both must be of the same size"
        )
    return found


def write_picture(array: Picture | Mask, path: Path) -> None:
    """Write a picture or mask as PNG: under another name first, then renamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = array.astype(np.uint8) * 255 if array.dtype == np.bool_ else array
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    Image.fromarray(pixels).save(partial, format="PNG", compress_level=4)
    partial.replace(path)
