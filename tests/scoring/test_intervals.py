import time
from datetime import UTC, datetime

import pytest

from vlm_eval.flow import Answer, Gold, Item, Question, Sample
from vlm_eval.scoring.intervals import read_intervals
from vlm_eval.scoring.intervals_scorer import IntervalsScorer


def spans(text):
    return [(one.start, one.end) for one in read_intervals(text).intervals]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("There is a spike from 120 to 150.", [(120, 150)]),
        ("Unusual dip in the interval 200–230.", [(200, 230)]),
        ("The signal is stable between 0 and 100, but there is a spike between 120 and 130.", [(120, 130)]),
        ("Anomalies at timestamps 45, 50-60.", [(45, 45), (50, 60)]),
        ("A level shift starts at time step 500 and ends at time step 600.", [(500, 600)]),
        ("The series spans from 0 to 1000. There is an outlier. It is located between 300 and 320.", [(300, 320)]),
        ("An anomaly occurs at t=45.", [(45, 45)]),
        ("120-150", [(120, 150)]),
        ("120 to 150, 300 to 310", [(120, 150), (300, 310)]),
        ("The signal drops to a value between 10 and 20 at time 300.", [(300, 300)]),
    ],
)
def test_prose_is_read(text, expected):
    assert spans(text) == expected
    for one in read_intervals(text).intervals:
        assert str(int(one.start)) in text[slice(*one.span)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('[{"start": 10, "end": 20}, {"start": 30.5, "end": 35}]', [(10, 20), (30.5, 35)]),
        ("```json\n{'anomalies': [{'start_time': 10, 'end_time': 20,}]}\n```", [(10, 20)]),
        ("[[10, 20], [30, 40]]", [(10, 20), (30, 40)]),
        ('The anomalies are:\n{"start": 1, "end": 2}\n', [(1, 2)]),
    ],
)
def test_json_is_read(text, expected):
    assert spans(text) == expected


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[]", "normal"),
        ('```json\n{"anomalies": []}\n```', "normal"),
        ("No anomalies between 0 and 1000.", "normal"),
        ("There might be an anomaly between 10 and 20.", "hedged"),
        ("There are 3 spikes.", "none"),
        ("There is one point located near the (2, 40) mark that deviates.", "none"),
        ("I'm sorry, I can't help with that.", "refused"),
        ("", "empty"),
    ],
)
def test_without_an_accused_interval_the_reason_is_kept(text, reason):
    found = read_intervals(text)
    assert (found.intervals, found.reason) == ((), reason)


def test_units_are_kept():
    (clock,) = read_intervals("There is an anomaly from 01:10 to 01:20.").intervals
    assert (clock.start, clock.end, clock.unit) == (70, 80, "second")
    (frames,) = read_intervals("Anomalous frames: 12-20").intervals
    assert frames.unit == "frame"
    (dates,) = read_intervals("There is an anomaly between 2014-04-10 00:04:00 and 2014-04-12 05:00:00.").intervals
    assert dates.start == datetime(2014, 4, 10, 0, 4, tzinfo=UTC).timestamp()
    (point,) = read_intervals("There is a sudden drop around 250 ms.").intervals
    assert point.start == 0.25


def item(text, *, anomalous="yes", intervals=((120, 140),), **metadata):
    gold = Gold(anomalous, intervals=intervals if anomalous == "yes" else ())
    sample = Sample("a", "c", "time-series", (), "x", gold, "a", metadata=metadata)
    return Item(sample, Question("chat", "task"), Answer(text))


def judge(*items):
    return IntervalsScorer().judge(items)


def test_the_scorer_gives_point_and_affiliation_measures():
    (found,) = judge(item("There is a spike from 130 to 150.", start=0, end=1000))
    assert (found.value, found.score) == (True, 0.5)
    assert (found.details["precision"], found.details["recall"]) == (0.5, 0.5)
    assert 0.9 < found.details["affiliation_f1"] < 1


def test_one_point_inside_a_long_interval_is_not_the_whole_interval():
    (found,) = judge(item("There is a spike at t=130."))
    assert found.details["recall"] == pytest.approx(1 / 20)


def test_normal_series_are_right_where_nothing_is_accused():
    clear, alarm = judge(item("It looks normal.", anomalous="no"), item("A spike at t=3.", anomalous="no"))
    assert (clear.value, alarm.value) == (True, False)


def test_a_missed_anomaly_counts_and_a_hedge_abstains():
    missed, hedged, unknown = judge(
        item("It looks normal."), item("There might be a spike at t=3."), item("A spike at t=3.", intervals=())
    )
    assert (missed.value, missed.score) == (False, 0.0)
    assert (hedged.value, hedged.reason) == (None, "hedged")
    assert unknown.reason == "no-gold-intervals"


def test_seconds_become_frames_only_with_a_frame_rate():
    said = "An anomaly occurs from 4.8 to 5.6 seconds."
    without, with_rate = judge(item(said, time_unit="frame"), item(said, time_unit="frame", fps=25))
    assert (without.value, without.reason) == (None, "unit")
    assert with_rate.score == pytest.approx(1.0)


@pytest.mark.parametrize(
    "piece", ["1 ", "1-", "between 1 and ", "[1,", '{"start": 1, ', "0:", "2014-01-", "t=", "{"]
)
def test_time_is_linear_in_the_length(piece):
    def least(size):
        text = piece * (size // len(piece))
        times = []
        for _ in range(3):
            start = time.process_time()
            read_intervals(text)
            times.append(time.process_time() - start)
        return min(times)

    assert least(80_000) < 8 * 3 * max(least(10_000), 0.01)  # a quadratic reader takes 64 times as long


def test_a_megabyte_of_statements_is_read_in_about_a_second():
    text = "A spike from 10 to 20. " * 43_500
    start = time.process_time()
    assert read_intervals(text).intervals
    assert time.process_time() - start < 3.5  # about one on an idle core
