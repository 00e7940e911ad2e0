"""Reads points from text tables (XYZ, CSV, TXT) and from NumPy files."""

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vlm_eval.errors import BadInputError

Points = NDArray[np.floating[Any]]
_REMEDY = "Replace the file or drop the item."


def read_points_table(data: bytes) -> Points:
    """Read the columns x, y and z, or the first three, of a table parted by commas, semicolons, tabs or spaces.

    A first line that is not of numbers alone names the columns; lines that begin with # or // are comments.
    Raises BadInputError for a table without three columns of numbers.
    """
    import pandas as pd

    first = next((line for line in _lines(data) if line and not line.startswith(("#", "//"))), "")
    if not first:
        raise BadInputError(f"holds no points. {_REMEDY}")
    part = "," if "," in first else ";" if ";" in first else r"\s+"
    names = (
        None if _are_numbers(first, part) else [name.strip().strip('"').lower() for name in _split(first, part)]
    )
    width = len(_split(first, part))
    columns = [names.index(axis) for axis in "xyz"] if names and {"x", "y", "z"} <= set(names) else [0, 1, 2]
    if width < 3:
        raise BadInputError(f"has {width} columns, but x, y and z are needed. {_REMEDY}")
    table = pd.read_csv(
        io.BytesIO(data), sep=part, header=None, skiprows=_skipped(data, first, bool(names)), usecols=columns,
        comment="#", dtype=np.float64, engine="c", skipinitialspace=True, names=list(range(width)),
        index_col=False,
    )  # fmt: skip
    return table[columns].to_numpy()


def _lines(data: bytes) -> list[str]:
    return [line.strip() for line in data[:65536].decode("utf-8-sig", "replace").splitlines()]


def _skipped(data: bytes, first: str, header: bool) -> int:
    return _lines(data).index(first) + header


def _split(line: str, part: str) -> list[str]:
    return line.split() if part == r"\s+" else line.split(part)


def _are_numbers(line: str, part: str) -> bool:
    try:
        [float(cell) for cell in _split(line, part) if cell.strip()]
    except ValueError:
        return False
    return True


def read_array(data: bytes) -> Points:
    """Read a NumPy array of shape (n, 3 or more) or (rows, columns, 3); of an .npz its `points` or only array.

    Pickled objects are refused. Raises BadInputError.
    """
    loaded = np.load(io.BytesIO(data), allow_pickle=False)
    if isinstance(loaded, np.lib.npyio.NpzFile):
        names = [name for name in ("points", "xyz", "vertices") if name in loaded.files] or loaded.files
        if len(names) != 1 and names == loaded.files:
            raise BadInputError(f"holds the arrays {', '.join(names)}; one of them must be called 'points'.")
        loaded = loaded[names[0]]
    array = np.asarray(loaded)
    if array.dtype.kind not in "iuf" or array.ndim not in (2, 3) or array.shape[-1] < 3:
        raise BadInputError(f"holds {array.dtype} of shape {array.shape}; numbers of shape (n, 3) are needed.")
    return array[..., :3].astype(np.float64, copy=False)
