"""Reads dates of series as seconds since 1970, and refuses those that can be read in two ways."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vlm_eval.errors import BadInputError

if TYPE_CHECKING:
    import pandas as pd

_BY_NUMBERS = r"^\s*(\d{1,2})[/.-](\d{1,2})[/.-]\d{4}\b"
_REMEDY = "Write dates as 2024-01-31 12:00:00, or name another column as `time`."


def read_dates(column: "pd.Series[Any]", name: str) -> NDArray[np.float64]:
    """Return the dates of a column in seconds since 1970 (UTC where no zone is stated), NaN where there is none.

    Dates such as 13/01/2024 are read by the order that the column itself shows, in which one number exceeds 12.

    Args:
        column: of text or dates.
        name: of the column, for errors.

    Raises:
        BadInputError: a cell is no date, lacks its year, or leaves open which number is the month.
    """
    import pandas as pd

    try:
        stamps = pd.to_datetime(column, utc=True, format="ISO8601")
    except (ValueError, TypeError):
        stamps = _other_dates(column, name)
    seconds = stamps.dt.tz_localize(None).to_numpy("datetime64[us]").astype(np.int64) / 1e6
    return np.where(stamps.isna(), np.nan, seconds)


def _other_dates(column: "pd.Series[Any]", name: str) -> "pd.Series[Any]":
    import pandas as pd

    text = column.astype("string")
    stamps = pd.to_datetime(column, utc=True, errors="coerce", format="mixed", dayfirst=_is_day_first(text, name))
    broken = stamps.isna() & column.notna()
    if broken.any():
        words = broken & pd.to_numeric(column, errors="coerce").isna()
        raise BadInputError(
            f"has {column[words if words.any() else broken].iloc[0]!r} in the column {name!r}, which is neither a "
            f"number nor a date. {_REMEDY}"
        )
    # The parser would fill in today's year, so that the same file gave another picture tomorrow.
    if len(yearless := column[column.notna() & ~text.str.contains(r"\d{4}", na=False)]):
        raise BadInputError(
            f"has {yearless.iloc[0]!r} in the column {name!r}, a date without a year of four digits. {_REMEDY}"
        )
    return stamps


def _is_day_first(text: "pd.Series[Any]", name: str) -> bool:
    parts = text.str.extract(_BY_NUMBERS).dropna().astype(int)
    if parts.empty:
        return False
    first, second = (parts[part] > 12 for part in (0, 1))
    if first.any() == second.any():
        why = "where the month stands first and where second" if first.any() else "where day and month look alike"
        raise BadInputError(
            f"has dates such as {text[parts.index[0]]!r} in the column {name!r}, {why}, so their order is "
            f"not known. {_REMEDY}"
        )
    return bool(first.any())
