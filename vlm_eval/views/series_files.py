"""Reads time series and x-y data: CSV, TSV, TXT, Parquet, NumPy.

The times are the column that `time` names; without it the first column whose name is one of TIME_NAMES, else the
rows are numbered from 0. The values are the columns that `values` names, else all other columns of numbers.
"""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vlm_eval.errors import BadInputError
from vlm_eval.views.cloud_files import Recent
from vlm_eval.views.series_dates import read_dates

if TYPE_CHECKING:
    import pandas as pd

Array = NDArray[np.float64]
ENDINGS = (".csv", ".npy", ".npz", ".parquet", ".tsv", ".txt")
TIME_NAMES = ("timestamp", "time", "datetime", "date", "day", "month", "year", "t", "x")
GOLD_NAMES = frozenset(
    {
        "anomalous", "anomaly", "anomalies", "changepoint", "is_anomalous", "is_anomaly", "is_outlier", "label",
        "labels", "outlier",
    }
)  # fmt: skip
"""Columns that are drawn only where `values` names them: a picture must not show what is asked about."""

MAX_VALUES = 50_000_000
"""Series of more values are refused: they do not fit two gigabytes beside their text."""

_REMEDY = "Replace the file or drop the item."
_recent = Recent(4)


@dataclass(frozen=True, slots=True)
class Series:
    """Values over time, in the order of time."""

    times: Array  # (n,): seconds since 1970 where dated, else the file's own numbers or row numbers
    values: Array  # (n, channels); NaN where there is none
    names: tuple[str, ...]  # of the channels
    time_name: str  # "" where rows are numbered
    dated: bool


def read_series(data: bytes, path: Path, time: str = "", values: str = "") -> Series:
    """Read a series; the last few are kept, since windows of a file follow each other.

    Rows without a time are left out, rows out of order are sorted by time, and of rows with one time all are kept.
    Infinite values count as missing.

    Args:
        data: the file's bytes.
        path: its ending, one of ENDINGS, says how to read it.
        time: column of times; see above.
        values: columns of values, separated by commas; see above.

    Raises:
        BadInputError: the file cannot be read, lacks a column, or holds no finite value.
    """
    series: Series = _recent.get(
        data, (path.suffix.lower(), time, values), lambda: _read(data, path, time, values)
    )
    return series


def _read(data: bytes, path: Path, time: str, values: str) -> Series:
    ending = path.suffix.lower()
    if ending not in _TABLES:
        raise BadInputError(f"{path} is no series by its ending; allowed are {', '.join(ENDINGS)}.")
    if not data.strip():
        raise BadInputError(f"{path} is empty. {_REMEDY}")
    try:
        table = _TABLES[ending](data)
    except Exception as error:  # a parser may raise anything; whatever it is, this file is at fault
        raise BadInputError(f"{path} cannot be read as a table ({error}). {_REMEDY}") from error
    try:
        return _series(table, time, values)
    except BadInputError as error:
        raise BadInputError(f"{path} {error}") from error


def _series(table: "pd.DataFrame", time: str, values: str) -> Series:
    table.columns = [str(name).strip() for name in table.columns]
    if not len(table):
        raise BadInputError(f"has no rows. {_REMEDY}")
    if table.size > MAX_VALUES:
        raise BadInputError(f"holds {table.size:,} values; at most {MAX_VALUES:,} are allowed. Cut it into parts.")
    time_name = _time_name(table, time)
    times, dated = _times(table, time_name)
    names = _value_names(table, time_name, values)
    numbers = np.stack([_numbers(table, name) for name in names], axis=1)
    numbers = np.where(np.isfinite(numbers), numbers, np.nan)
    timed = np.isfinite(times)
    if not timed.any():
        raise BadInputError(f"has {len(table):,} rows but no time in the column {time_name!r}. {_REMEDY}")
    if not np.isfinite(numbers[timed]).any():
        raise BadInputError(f"has {len(table):,} rows but no finite value in {', '.join(names)}. {_REMEDY}")
    order = np.flatnonzero(timed)[np.argsort(times[timed], kind="stable")]
    return Series(times[order], numbers[order], tuple(names), time_name, dated)


def _time_name(table: "pd.DataFrame", stated: str) -> str:
    if stated:
        _require(table, stated)
        return stated
    lowered = {name.lower(): name for name in reversed(table.columns)}
    return next((lowered[name] for name in TIME_NAMES if name in lowered and len(table.columns) > 1), "")


def _require(table: "pd.DataFrame", name: str) -> None:
    if name not in table.columns:
        raise BadInputError(f"has no column {name!r}; it has {', '.join(table.columns[:20])}.")


def _times(table: "pd.DataFrame", name: str) -> tuple[Array, bool]:
    import pandas as pd

    if not name:
        return np.arange(len(table), dtype=np.float64), False
    column = table[name]
    if pd.api.types.is_numeric_dtype(column):
        return column.to_numpy(np.float64, na_value=np.nan), False
    return read_dates(column, name), True


def _value_names(table: "pd.DataFrame", time_name: str, stated: str) -> Sequence[str]:
    import pandas as pd

    if stated:
        names = [name.strip() for name in stated.split(",")]
        for name in names:
            _require(table, name)
        return names
    names = [
        name
        for name in table.columns
        if name != time_name and (pd.api.types.is_numeric_dtype(table[name]) or table[name].isna().all())
    ]
    if gold := [name for name in names if name.lower() in GOLD_NAMES]:
        raise BadInputError(
            f"has the column {gold[0]!r}, which looks like the label and would be drawn. Name the columns to draw "
            "as `values`."
        )
    if not names:
        raise BadInputError(f"has no column of numbers beside the time; it has {', '.join(table.columns[:20])}.")
    return names


def _numbers(table: "pd.DataFrame", name: str) -> Array:
    import pandas as pd

    try:
        return pd.to_numeric(table[name]).to_numpy(np.float64, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise BadInputError(
            f"has something else than numbers in the column {name!r} ({error}). {_REMEDY}"
        ) from error


def _read_csv(data: bytes) -> "pd.DataFrame":
    """Read a table parted by semicolons or tabs where the first line has one, else by commas."""
    import pandas as pd

    first = data.lstrip().split(b"\n", 1)[0].decode("utf-8-sig", "replace")
    part = next((sign for sign in (";", "\t") if sign in first), ",")  # a comma may be a decimal one then
    headless = all(_is_number(cell) for cell in first.strip().split(part))
    table = pd.read_csv(io.BytesIO(data), sep=part, header=None if headless else 0, skipinitialspace=True)
    if headless:
        table.columns = [
            f"value {number + 1}" if table.shape[1] > 1 else "value" for number in range(table.shape[1])
        ]
    return table


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _read_text(data: bytes) -> "pd.DataFrame":
    """Read numbers parted by any white space as one channel, a table otherwise."""
    import pandas as pd

    first = data.lstrip()[:65536].split(b"\n", 1)[0].decode("utf-8-sig", "replace")
    if any(sign in first for sign in ",;\t") or not all(_is_number(cell) for cell in first.split()):
        return _read_csv(data)
    return pd.DataFrame({"value": np.array(data.split(), dtype=np.float64)})


def _read_parquet(data: bytes) -> "pd.DataFrame":
    import pandas as pd

    table = pd.read_parquet(io.BytesIO(data))
    return table.reset_index() if table.index.name else table


def _read_numpy(data: bytes) -> "pd.DataFrame":
    import pandas as pd

    loaded = np.load(io.BytesIO(data), allow_pickle=False)
    if isinstance(loaded, np.lib.npyio.NpzFile):
        return pd.DataFrame({name: loaded[name] for name in loaded.files})
    if np.iscomplexobj(loaded):
        raise ValueError("complex numbers, which cannot be drawn")
    array = np.asarray(loaded, dtype=np.float64)
    if array.ndim > 2 or array.ndim == 0:
        raise ValueError(f"an array of shape {array.shape}; (n,) or (n, channels) is needed")
    array = array.reshape(len(array), -1) if array.size else array.reshape(0, 1)
    names = ["value"] if array.shape[1] == 1 else [f"value {number + 1}" for number in range(array.shape[1])]
    return pd.DataFrame(array, columns=names)


_TABLES: dict[str, Callable[[bytes], Any]] = {
    ".csv": _read_csv, ".npy": _read_numpy, ".npz": _read_numpy, ".parquet": _read_parquet, ".tsv": _read_csv,
    ".txt": _read_text,
}  # fmt: skip
