import pytest

from vlm_eval.metrics.estimate import Estimate, undefined
from vlm_eval.reports.effects_table import p_text, points
from vlm_eval.reports.tables import break_name, percent, with_interval


@pytest.mark.parametrize(
    ("value", "text"), [(0.0, "0"), (0.001, "1"), (0.5, "50"), (0.996, "99"), (1.0, "100"), (0.846, "85")]
)
def test_a_rate_is_rounded_but_never_to_a_certainty(value, text):
    assert percent(value) == text


def test_an_undefined_number_is_a_dash_and_one_without_interval_stands_alone():
    assert with_interval(undefined("no normal items")) == "-"
    assert with_interval(Estimate(0.5, reason="one cluster: no interval")) == "50"
    assert with_interval(Estimate(0.5, 0.4, 0.6)) == "50 [40, 60]"
    assert with_interval(Estimate(0.5, 0.4, 0.6), interval=False) == "50"


def test_a_difference_is_signed_and_says_why_it_has_no_interval():
    assert points(Estimate(-0.051, -0.1, 0.002)) == "-5.1 [-10.0, +0.2]"
    assert points(Estimate(0.5, reason="one cluster")) == "+50.0 (one cluster)"
    assert points(undefined("no item has an answer in both cells")) == "- (no item has an answer in both cells)"


@pytest.mark.parametrize(("value", "text"), [(None, "-"), (0.00004, "<0.001"), (0.05, "0.050"), (1.0, "1.000")])
def test_a_p_value_is_never_zero(value, text):
    assert p_text(value) == text


def test_a_long_cell_name_breaks_before_a_plus_sign_and_loses_nothing():
    name = "task+class+standard+reference+marks"
    broken = break_name(name, 20)
    assert broken == "task+class+standard\n +reference+marks"
    assert broken.replace("\n ", "") == name
    assert break_name("task") == "task"
