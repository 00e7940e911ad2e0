import numpy as np
import pytest
from scipy.stats import binomtest

from vlm_eval.errors import InputError
from vlm_eval.metrics.sampling import Sampling
from vlm_eval.reports.gate import check_gate, describe, read_address
from vlm_eval.reports.panel import read_panels
from vlm_eval.reports.pilot import intracluster_correlation, read_pilot


@pytest.fixture
def perfect(frame_of, info):
    frame = frame_of(classes=("part",), cells=info["cells"][:1], per_class=200)
    frame["verdict"] = np.where(frame["gold"] == "yes", "anomalous", "normal")
    return frame


def test_the_bound_is_tested_and_not_the_value(perfect):
    bound = binomtest(0, 100).proportion_ci(0.95, method="exact").high
    (line,) = check_gate(perfect, {}, {"miss": bound + 1e-4})
    assert line.found.value == 0
    assert line.met
    (line,) = check_gate(perfect, {}, {"miss": bound - 1e-4})
    assert not line.met
    assert "more items would narrow the interval" in describe(line)


def test_an_item_without_an_answer_counts_as_wrong(perfect, fail_asks):
    fail_asks(perfect, perfect.index < 20)
    miss, overkill = check_gate(perfect, {}, {"miss": 0.2, "overkill": 0.05})
    assert (miss.unanswered, miss.found.value) == (10, pytest.approx(0.1))
    assert miss.met
    assert not overkill.met
    assert "10 items have no answer and count as wrong" in describe(overkill)


def test_what_is_undefined_is_not_met(perfect):
    (line,) = check_gate(perfect[perfect["gold"] == "yes"], {}, {"overkill": 1.0})
    assert not line.met
    assert "NOT MET" in describe(line)


def test_every_addressed_cell_is_held_against_every_limit(frame_of, info):
    frame = frame_of(models=("a", "b"))
    assert len(check_gate(frame, info, {"miss": 0.1, "overkill": 0.1})) == 2 * 8 * 2
    lines = check_gate(frame, info, {"miss": 0.1}, "b", "task+class")
    assert [(line.model, line.cell) for line in lines] == [("b", "task+class")]


def test_addresses_name_a_run_a_model_and_a_cell():
    assert read_address("runs/x") == ("runs/x", None, None)
    assert read_address("runs/x::openai:gpt-4o::task+class") == ("runs/x", "openai:gpt-4o", "task+class")
    for text in ("", "a::", "a::b::c::d"):
        with pytest.raises(InputError, match="no address"):
            read_address(text)


@pytest.mark.parametrize(
    ("limits", "cell", "message"),
    [({}, None, "No limit"), ({"miss": 2.0}, None, "between 0 and 1"), ({"miss": 0.1}, "x", "Its cells: task")],
)
def test_what_cannot_be_gated_is_refused(perfect, limits, cell, message):
    with pytest.raises(InputError, match=message):
        check_gate(perfect, {}, limits, None, cell)


def test_a_pilot_says_how_often_cells_differ_and_how_items_hang_together(frame_of, info):
    (panel,) = read_panels(frame_of(classes=("part",), cells=info["cells"][:2]), [])
    pilot = read_pilot(panel, info)
    right = [np.where(panel.gold == 1, arrays.yes, arrays.no) for arrays in panel.cells.values()]
    assert pilot.changed == pytest.approx(np.mean(right[0] != right[1]))
    assert (pilot.cluster_size, pilot.correlation, pilot.pairs) == (1, 0, 1)
    with pytest.raises(InputError, match="--changed"):
        read_pilot(panel, {})


def test_the_intracluster_correlation_is_found_again():
    generator = np.random.default_rng(0)
    drawn = Sampling(np.repeat(np.arange(300), 10), np.zeros(300, dtype=np.int64))
    values = np.repeat(generator.normal(size=300), 10) + generator.normal(size=3000) * 2
    assert intracluster_correlation(values, drawn) == pytest.approx(0.2, abs=0.04)
    assert intracluster_correlation(np.ones(3000), drawn) == 0
