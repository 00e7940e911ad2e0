"""Reads PCD files of version 0.7. Source: the Point Cloud Library's description of the format."""

import io
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vlm_eval.errors import BadInputError

_REMEDY = "Replace the file or drop the item."
_TYPES = {"F": "f", "I": "i", "U": "u"}


def read_pcd(data: bytes) -> NDArray[np.floating[Any]]:
    """Read x, y and z, shape (n, 3). Raises BadInputError for a header that is unsound or states too much."""
    header, body = _header(data)
    try:
        count = int(header["POINTS"][0])
        kind = _dtype(header)
        storage = header["DATA"][0]
    except (KeyError, ValueError, IndexError, TypeError) as error:
        raise BadInputError(f"has no sound PCD header ({error}). {_REMEDY}") from error
    if kind.names is None or not {"x", "y", "z"} <= set(kind.names):
        raise BadInputError(f"has the fields {', '.join(kind.names or ())}; x, y and z are needed.")
    if count < 1:
        raise BadInputError(f"has no points. {_REMEDY}")
    if storage == "ascii":
        return _ascii(body, kind, count)
    if storage not in ("binary", "binary_compressed"):
        raise BadInputError(f"stores its points as {storage!r}; allowed are ascii, binary, binary_compressed.")
    if storage == "binary":
        _require(len(body), kind.itemsize * count, count)
        records = np.frombuffer(body, kind, count)
        return np.stack([records[axis] for axis in "xyz"], axis=1).astype(np.float64)
    return _compressed(body, kind, count)


def _header(data: bytes) -> tuple[Mapping[str, list[str]], bytes]:
    header: dict[str, list[str]] = {}
    position = 0
    while "DATA" not in header:
        end = data.find(b"\n", position)
        if end < 0 or end - position > 4096:
            raise BadInputError(f"has no PCD header. {_REMEDY}")
        name, *values = data[position:end].decode("ascii", "replace").split() or ["#"]
        header[name.upper()] = values
        position = end + 1
    return header, data[position:]


def _dtype(header: Mapping[str, list[str]]) -> np.dtype[Any]:
    names, counts = header["FIELDS"], header.get("COUNT", ["1"] * len(header["FIELDS"]))
    fields = [
        (f"{name}{number}" if name == "_" else name, f"<{_TYPES[kind]}{int(size)}", (int(count),))
        if int(count) > 1
        else (f"{name}{number}" if name == "_" else name, f"<{_TYPES[kind]}{int(size)}")
        for number, (name, kind, size, count) in enumerate(
            zip(names, header["TYPE"], header["SIZE"], counts, strict=True)
        )
    ]
    return np.dtype(fields)


def _require(held: int, needed: int, count: int) -> None:
    if held < needed:
        raise BadInputError(
            f"states {count:,} points, which need {needed:,} bytes, but holds {held:,}. It is cut off: "
            "replace the file or drop the item."
        )


def _ascii(body: bytes, kind: np.dtype[Any], count: int) -> NDArray[np.floating[Any]]:
    import pandas as pd

    starts, position = {}, 0
    for name in kind.names or ():
        starts[name] = position
        position += int(np.prod(kind[name].shape, dtype=int))
    columns = [starts[axis] for axis in "xyz"]
    table = pd.read_csv(io.BytesIO(body), sep=r"\s+", header=None, usecols=columns, dtype=np.float64, engine="c")
    if len(table) < count:
        raise BadInputError(f"states {count:,} points but holds {len(table):,}. It is cut off: replace the file.")
    return table[columns].to_numpy()[:count]


def _compressed(body: bytes, kind: np.dtype[Any], count: int) -> NDArray[np.floating[Any]]:
    packed, size = (int(number) for number in np.frombuffer(body, "<u4", 2))
    _require(size, kind.itemsize * count, count)
    _require(len(body) - 8, packed, count)
    plain = _unpack_lzf(body[8 : 8 + packed], size)
    found, position = {}, 0
    for name in kind.names or ():  # field by field, not point by point
        field = kind[name]
        if name in "xyz":
            found[name] = np.frombuffer(plain, field, count, position)
        position += field.itemsize * count
    return np.stack([found[axis] for axis in "xyz"], axis=1).astype(np.float64)


def _unpack_lzf(packed: bytes, size: int) -> bytes:
    """Unpack LZF: a control byte below 32 heads that many bytes + 1, others refer back (liblzf's format)."""
    plain = bytearray()
    position, end = 0, len(packed)
    while position < end:
        control = packed[position]
        position += 1
        if control < 32:
            plain += packed[position : position + control + 1]
            position += control + 1
            continue
        length = control >> 5
        if length == 7:
            length += packed[position]
            position += 1
        start = len(plain) - ((control & 31) << 8) - packed[position] - 1
        position += 1
        if start < 0:
            raise BadInputError(f"has damaged compressed points. {_REMEDY}")
        _copy_back(plain, start, length + 2)
    if len(plain) != size:
        raise BadInputError(f"unpacks to {len(plain):,} bytes instead of {size:,}. {_REMEDY}")
    return bytes(plain)


def _copy_back(plain: bytearray, start: int, length: int) -> None:
    """Append what lies further back; where that runs into the end, it repeats."""
    piece = plain[start : start + length]
    plain += (piece * (length // len(piece) + 1))[:length]
