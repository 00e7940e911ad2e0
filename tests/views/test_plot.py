from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from vlm_eval.errors import BadInputError, InputError
from vlm_eval.views.plot import (
    _axes,
    _font,
    _value_ticks,
    draw_plot,
    draw_series,
    interval_mask,
    interval_spans,
    size_of_plot,
)
from vlm_eval.views.plot_frame import value_range, windows_of
from vlm_eval.views.series_files import Series, read_series
from vlm_eval.views.settings import Plot

HERE = Path("a.csv")


def series(values, times=None, dated=False, names=None):
    values = np.asarray(values, float)
    values = values[:, None] if values.ndim == 1 else values
    times = np.arange(len(values), dtype=float) if times is None else np.asarray(times, float)
    return Series(times, values, names or tuple("abcdefghijklmnop"[: values.shape[1]]), "t", dated)


def ink(image):
    """The pixels of the first channel's colour."""
    pixels = np.asarray(image).astype(int)
    return (pixels[..., 2] - pixels[..., 0] > 60) & (pixels[..., 2] > 100)


def test_a_rising_line_rises() -> None:
    rows, columns = np.nonzero(ink(draw_series(series(np.arange(50)), Plot())))
    assert np.corrcoef(rows, columns)[0, 1] < -0.999
    assert np.ptp(columns) > 300 and np.ptp(rows) > 250


def test_one_spike_among_a_million_readings_is_seen() -> None:
    values = np.zeros(1_000_000)
    plain = ink(draw_series(series(values + 1), Plot()))
    values[345_678] = 5
    spiked = ink(draw_series(series(values), Plot()))
    rows, columns = np.nonzero(spiked)
    peak = columns[rows == rows.min()].mean()
    left, right = columns.min(), columns.max()
    assert (peak - left) / (right - left) == pytest.approx(0.345678, abs=0.01)
    assert np.ptp(np.nonzero(plain)[0]) < 6 < 200 < np.ptp(rows)


@pytest.mark.parametrize("downsample", ["minmax", "lttb", "none"])
def test_every_way_of_thinning_draws_the_same_curve(downsample) -> None:
    values = np.sin(np.linspace(0, 20, 5_000))
    whole = ink(draw_series(series(values), Plot(downsample="none")))
    thinned = ink(draw_series(series(values), Plot(downsample=downsample)))
    assert (whole != thinned).mean() < 0.005


def test_missing_readings_and_long_pauses_leave_gaps() -> None:
    values = np.ones(100)
    values[40:60] = np.nan
    gap = ink(draw_series(series(values), Plot())).any(axis=0)
    times = np.concatenate([np.arange(40), np.arange(60, 100)])
    pause = ink(draw_series(series(np.ones(80), times), Plot())).any(axis=0)
    for columns in (gap, pause):
        first, last = np.flatnonzero(columns)[[0, -1]]
        assert not columns[first + round(0.45 * (last - first)) : first + round(0.55 * (last - first))].any()
        assert columns[first : first + round(0.38 * (last - first))].all()


def test_a_reading_between_two_gaps_is_a_dot() -> None:
    values = np.full(30, np.nan)
    values[[3, 15, 27]] = 1, 2, 3
    assert 3 * 4 < ink(draw_series(series(values), Plot())).sum() < 3 * 120


@pytest.mark.parametrize("values", [[5.0], [0, 0, 0, 0], [1e-300, 2e-300], [-1e100, 1e100], [3, 3 + 1e-13]])
def test_odd_but_sound_series_give_a_picture(values) -> None:
    image = draw_series(series(values), Plot())
    assert image.size == (448, 448) and ink(image).any()


def test_values_that_no_axis_can_hold_are_refused() -> None:
    with pytest.raises(BadInputError, match=r"at most 1e\+150"):
        draw_series(series([-1e300, 1e300]), Plot())


def test_channels_are_drawn_below_each_other_each_to_its_own_scale() -> None:
    values = np.stack([np.sin(np.arange(100)), 1e6 + np.arange(100), np.full(100, np.nan)], axis=1)
    image = draw_series(series(values), Plot())
    pixels = np.asarray(image).astype(int)
    red = (pixels[..., 0] - pixels[..., 2] > 80).any(axis=1)
    assert np.flatnonzero(ink(image).any(axis=1)).max() < np.flatnonzero(red).min()
    with pytest.raises(BadInputError, match="13 columns of values; at most 12"):
        draw_series(series(np.zeros((5, 13))), Plot())


def test_scatter_shows_each_point_and_no_line() -> None:
    rng = np.random.default_rng(0)
    x, y = np.sort(rng.uniform(0, 10, 30)), rng.uniform(0, 1, 30)
    y[7] = 9
    points = ink(draw_series(series(y, x), Plot(kind="scatter")))
    assert 30 * 5 < points.sum() < 30 * 40
    line = ink(draw_series(series(y, x), Plot()))
    assert line.sum() > 2 * points.sum()


def test_windows_cover_the_series_and_repeat_what_they_are_told_to() -> None:
    steps = series(np.arange(100.0))
    windows = windows_of(Plot(windows=4, overlap=0.5))
    marks = [(0.0, 0.0), (40.0, 40.0), (99.0, 99.0)]
    seen = [[bool(interval_spans(steps, window, [mark])) for mark in marks] for window in windows]
    assert len(windows) == 4 and seen[0][0] and seen[3][2] and sum(row[1] for row in seen) >= 2
    assert not seen[0][2] and not seen[3][0]


def test_a_window_keeps_the_scale_of_the_series_unless_told_otherwise() -> None:
    values = np.concatenate([np.sin(np.arange(50)), 100 * np.sin(np.arange(50))])
    first = Plot(windows=2, window=0)
    flat = ink(draw_series(series(values), first)).any(axis=1).sum()
    own = ink(draw_series(series(values), replace(first, scale="window"))).any(axis=1).sum()
    assert flat < 30 < 250 < own


def test_a_stated_time_that_has_no_reading_is_refused_and_an_empty_window_says_so() -> None:
    dated = series(np.ones(10), np.arange(10) * 3600.0, dated=True)
    with pytest.raises(
        BadInputError, match=r"no reading from 2024-01-01 00:00:00 to .* goes from 1970-01-01 00:00:00"
    ):
        draw_series(dated, Plot(start="2024-01-01", end="2024-02-01"))
    with pytest.raises(InputError, match="start is 'noon'"):
        draw_series(dated, Plot(start="noon"))
    two = series([1.0, 2.0], [0, 100])
    image = draw_series(two, Plot(windows=4, window=1))
    assert not ink(image).any() and (np.asarray(image) < 128).any()


def test_gold_intervals_lie_where_the_readings_are_drawn() -> None:
    values = np.zeros(1_000)
    values[600:650] = 1
    steps = series(values)
    mask = interval_mask(steps, Plot(), [(600, 649)])
    high = ink(draw_series(steps, Plot()))
    high[300:] = False
    drawn, marked = (np.flatnonzero(pixels.any(axis=0))[[0, -1]] for pixels in (high, mask))
    assert abs(drawn - marked).max() <= 2
    assert 15 < mask.any(axis=0).sum() < 30
    assert interval_mask(steps, Plot(), [(5, 5)], least=5).any(axis=0).sum() == 5
    assert not interval_mask(steps, Plot(start="0", end="100"), [(600, 649)]).any()


def test_a_wider_picture_keeps_its_size() -> None:
    settings = Plot(size=600, height=200)
    assert draw_series(series(np.arange(9)), settings).size == size_of_plot(settings) == (600, 200)


def test_the_range_of_an_axis_holds_a_constant_in_its_middle() -> None:
    assert value_range(np.array([5.0, 5.0])) == (2.5, 7.5)
    assert value_range(np.array([0.0])) == (-1, 1)
    assert value_range(np.array([np.nan])) == (0, 1)


def test_equal_files_give_equal_pixels_and_errors_name_the_file() -> None:
    data = b"time,value\n1,2\n2,5\n3,1\n"
    assert draw_plot(data, HERE, Plot()).tobytes() == draw_plot(data, HERE, Plot()).tobytes()
    with pytest.raises(BadInputError, match=r"a\.csv has no reading"):
        draw_plot(data, HERE, Plot(start="7"))


def test_every_shared_series_is_drawn(shared_data) -> None:
    for file in sorted((shared_data / "nab" / "data").rglob("*.csv"))[::3]:
        assert ink(draw_series(read_series(file.read_bytes(), file), Plot())).sum() > 100


@pytest.mark.parametrize("high", [480.0, 45.0, 3.1])
def test_a_low_panel_has_two_labels_at_least_so_that_its_scale_can_be_read(high) -> None:
    values = np.zeros((100, 6))
    values[:, 3] = np.linspace(-high / 16, high, 100)
    axes, _ = _axes(series(values), Plot())
    assert len(_value_ticks(axes[3], _font(448)).labels) >= 2
