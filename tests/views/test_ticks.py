from datetime import UTC, datetime

import pytest

from vlm_eval.views.ticks import number_ticks, time_ticks


def seconds(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("low", "high", "labels"),
    [
        (0, 10, ("0", "2", "4", "6", "8", "10")),
        (-1, 1, ("-1.0", "-0.5", "0.0", "0.5", "1.0")),
        (0, 41000, ("0", "10,000", "20,000", "30,000", "40,000")),
        (1.62, 2.64, ("1.8", "2.0", "2.2", "2.4", "2.6")),
        (0, 0.9, ("0.0", "0.2", "0.4", "0.6", "0.8")),
    ],
)
def test_numbers_are_round(low, high, labels) -> None:
    assert number_ticks(low, high, 6).labels == labels


@pytest.mark.parametrize(("low", "high", "note"), [(0, 8.2e6, "x 1e6"), (0, 4e-5, "x 1e-6"), (0, 50, "")])
def test_a_power_of_ten_is_taken_out_of_large_and_small_numbers(low, high, note) -> None:
    ticks = number_ticks(low, high)
    assert ticks.note == note and all(len(label) < 6 for label in ticks.labels)


@pytest.mark.parametrize("span", [1e-12, 1e-3, 0.7, 3, 99, 12345, 1e9, 1e200])
@pytest.mark.parametrize("low", [0, -5, 1e3])
def test_ticks_lie_within_and_are_few(span, low) -> None:
    ticks = number_ticks(low, low + span, 6)
    assert len(ticks.places) <= 8
    assert all(low - span * 1e-6 <= place <= low + span * (1 + 1e-6) for place in ticks.places)


@pytest.mark.parametrize(
    ("low", "high", "labels", "note"),
    [
        ("2024-03-01 10:00", "2024-03-01 10:04", ("10:00", "10:01", "10:02", "10:03", "10:04"), "Mar 1 2024"),
        ("2014-07-01", "2014-07-05", ("Jul 1", "Jul 2", "Jul 3", "Jul 4", "Jul 5"), "2014"),
        ("2014-12-30", "2015-01-02", ("Dec 30", "Dec 31", "Jan 1", "Jan 2"), "2014 to 2015"),
        ("2014-07-01", "2015-01-31", ("Jul\n2014", "Sep\n2014", "Nov\n2014", "Jan\n2015"), ""),
        ("1986-01-01", "2012-12-01", ("1990", "1995", "2000", "2005", "2010"), ""),
    ],
)
def test_dates_are_round_and_say_their_year_once(low, high, labels, note) -> None:
    ticks = time_ticks(seconds(low), seconds(high), 5)
    assert (ticks.labels, ticks.note) == (labels, note)


def test_two_days_are_told_apart_by_date_and_hour() -> None:
    ticks = time_ticks(seconds("2024-03-01 12:00"), seconds("2024-03-02 12:00"), 5)
    assert ticks.labels == ("Mar 1\n12:00", "Mar 1\n18:00", "Mar 2\n00:00", "Mar 2\n06:00", "Mar 2\n12:00")
    assert ticks.note == "2024"


def test_weeks_begin_on_mondays() -> None:
    ticks = time_ticks(seconds("2024-03-01"), seconds("2024-03-31"), 5)
    assert {datetime.fromtimestamp(place, UTC).weekday() for place in ticks.places} == {0}


@pytest.mark.parametrize("last", [9, 99, 700, 3000, 9999])
def test_dates_have_few_ticks_however_many_years_there_are(last) -> None:
    ticks = time_ticks(seconds("0001-01-01"), seconds(f"{last:04}-12-31"), 5)
    assert 1 <= len(ticks.places) <= 7


@pytest.mark.parametrize(
    ("low", "high", "labels", "note"),
    [
        (1420070400, 1420160100, ("80,000", "100,000", "120,000", "140,000", "160,000"), "+ 1,420,000,000"),
        (1e6 - 1.1e-4, 1e6 + 1.1e-4, ("-100", "-50", "0", "50", "100"), "+ 1,000,000.00, x 1e-6"),
        (-5000000.2, -5000000.0, ("-0.20", "-0.15", "-0.10", "-0.05", "0.00"), "- 5,000,000"),
    ],
)
def test_numbers_that_differ_in_late_digits_are_told_from_a_round_one(low, high, labels, note) -> None:
    ticks = number_ticks(low, high, 5)
    assert (ticks.labels, ticks.note) == (labels, note)


def test_parts_of_a_second_are_told_from_the_minute() -> None:
    start = seconds("2024-03-30 10:00:01")
    ticks = time_ticks(start, start + 0.85, 5)
    assert ticks.labels == ("1.0", "1.2", "1.4", "1.6", "1.8")
    assert ticks.note == "seconds after Mar 30 2024 10:00"
    assert ticks.places == pytest.approx([start + part for part in (0, 0.2, 0.4, 0.6, 0.8)], abs=1e-6)
