import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from vlm_eval.errors import BadInputError
from vlm_eval.views.series_files import read_series

CSV, TXT, NPY = Path("a.csv"), Path("a.txt"), Path("a.npy")


def array(values: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.save(out, values)
    return out.getvalue()


def test_named_times_and_all_columns_of_numbers_are_taken() -> None:
    series = read_series(b"station,Timestamp,a,b\nN,2024-01-01 00:00,1,2\nN,2024-01-01 01:00,3,\n", CSV)
    assert series.names == ("a", "b") and series.time_name == "Timestamp" and series.dated
    assert series.times.tolist() == [1704067200, 1704070800]
    assert series.values[0].tolist() == [1, 2] and np.isnan(series.values[1, 1])


def test_rows_are_numbered_where_no_column_is_a_time() -> None:
    series = read_series(b"a;b\n1;2\n3;4\n", CSV)
    assert (series.times.tolist(), series.time_name, series.dated) == ([0, 1], "", False)


def test_columns_may_be_named() -> None:
    series = read_series(b"t,u,v\n9,1,2\n8,3,4\n", CSV, time="u", values="v")
    assert (series.times.tolist(), series.values.ravel().tolist()) == ([1, 3], [2, 4])


def test_unsorted_and_repeated_times_are_sorted_and_kept() -> None:
    series = read_series(b"time,value\n3,30\n1,10\n1,11\n2,20\n", CSV)
    assert series.times.tolist() == [1, 1, 2, 3]
    assert series.values.ravel().tolist() == [10, 11, 20, 30]


def test_zones_are_turned_into_utc() -> None:
    series = read_series(b"time,value\n2024-01-01T01:00:00+01:00,1\n2024-01-01T02:00:00Z,2\n", CSV)
    assert series.times.tolist() == [1704067200, 1704074400]


@pytest.mark.parametrize("data", [b"1\n2.5\n-3\n", b"  1.0e0  2.5 -3.0 ", b"1\r\n2.5\r\n-3\r\n"])
def test_numbers_without_a_header_are_one_channel_however_they_are_parted(data) -> None:
    assert read_series(data, TXT).values.ravel().tolist() == [1, 2.5, -3]


def test_a_csv_without_a_header_keeps_its_first_row() -> None:
    assert read_series(b"1,5\n2,6\n", CSV).values.tolist() == [[1, 5], [2, 6]]


def test_parquet_and_numpy_give_the_same_as_csv() -> None:
    table = pd.DataFrame({"time": pd.date_range("2024-01-01", periods=4, freq="h"), "value": [1.0, np.nan, 3, 4]})
    expected = read_series(table.to_csv(index=False).encode(), CSV)
    parquet = read_series(table.to_parquet(), Path("a.parquet"))
    indexed = read_series(table.set_index("time").to_parquet(), Path("a.parquet"))
    for series in (parquet, indexed):
        assert np.array_equal(series.times, expected.times)
        assert np.array_equal(series.values, expected.values, equal_nan=True)
    out = io.BytesIO()
    np.save(out, np.arange(6).reshape(3, 2))
    assert read_series(out.getvalue(), Path("a.npy")).values.tolist() == [[0, 1], [2, 3], [4, 5]]


@pytest.mark.parametrize(
    ("data", "path", "said"),
    [
        (b"", CSV, "is empty"),
        (b"time,value\n", CSV, "has no rows"),
        (b"time,value\n1,\n2,\n", CSV, "2 rows but no finite value in value"),
        (b"time,value\n1,inf\n2,nan\n", CSV, "no finite value"),
        (b"time,value\nnan,1\n,2\n", CSV, "2 rows but no time in the column 'time'"),
        (array(np.ones(5, complex)), NPY, "complex numbers"),
        (array(np.zeros(0)), NPY, "has no rows"),
        (b"time,value\nyesterday,1\n", CSV, "'yesterday' in the column 'time'"),
        (b"time,name\n1,a\n2,b\n", CSV, "no column of numbers beside the time"),
        (b"a,b\n1,2\n1,2,3\n", CSV, "cannot be read as a table"),
        (b"\x00\x01", Path("a.parquet"), "cannot be read as a table"),
        (b"x", Path("a.docx"), "allowed are .csv"),
    ],
)
def test_bad_files_are_refused_with_what_is_wrong(data, path, said) -> None:
    with pytest.raises(BadInputError, match=said) as refused:
        read_series(data, path)
    assert path.name in str(refused.value)


def test_a_column_that_is_not_there_is_named_with_those_that_are() -> None:
    with pytest.raises(BadInputError, match="no column 'speed'; it has time, value"):
        read_series(b"time,value\n1,2\n", CSV, values="speed")
    with pytest.raises(BadInputError, match="something else than numbers in the column 'name'"):
        read_series(b"time,name\n1,a\n", CSV, values="name")


def test_every_shared_series_is_read(shared_data) -> None:
    files = sorted((shared_data / "nab" / "data").rglob("*.csv"))
    for file in files:
        series = read_series(file.read_bytes(), file)
        assert series.dated and series.names == ("value",)
        assert len(series.times) == len(file.read_text().splitlines()) - 1


def test_dates_with_the_day_first_are_read_so_all_through_the_column() -> None:
    days = "".join(f"{day:02d}/01/2024,{day}\n" for day in range(1, 32))
    series = read_series(f"date,value\n{days}".encode(), CSV)
    assert series.values.ravel().tolist() == list(range(1, 32))
    assert np.diff(series.times).tolist() == [86400] * 30


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"date,value\n01/02/2024,1\n02/02/2024,2\n", "day and month look alike"),
        (b"date,value\n13/02/2024,1\n02/13/2024,2\n", "the month stands first and where second"),
        (b"time,value\n12:30,1\n12:31,2\n", "without a year of four digits"),
        (b"month,value\nJan,1\nFeb,2\n", "without a year of four digits"),
        (b"time,value\n1,2\nyesterday,3\n", "'yesterday' in the column 'time'"),
    ],
)
def test_dates_that_can_be_read_in_two_ways_are_refused(data, said) -> None:
    with pytest.raises(BadInputError, match=said):
        read_series(data, CSV)


def test_a_decimal_comma_is_never_taken_for_the_border_of_a_column() -> None:
    with pytest.raises(BadInputError, match="no column of numbers"):
        read_series(b"1,5;2,3\n1,6;2,4\n", CSV)


def test_a_column_that_looks_like_the_label_is_drawn_only_where_it_is_named() -> None:
    data = b"timestamp,value,is_anomaly\n1,2.0,0\n2,9.0,1\n"
    with pytest.raises(BadInputError, match="'is_anomaly', which looks like the label"):
        read_series(data, CSV)
    assert read_series(data, CSV, values="value").names == ("value",)
