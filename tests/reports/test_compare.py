"""Two cells on the same items, against figures that scikit-learn, SciPy and plain counting give."""

import io
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console
from scipy.stats import binomtest
from sklearn.metrics import accuracy_score

from vlm_eval.errors import InputError
from vlm_eval.reports.compare import KINDS, Address, compare, find_name, parse_address
from vlm_eval.reports.compare_table import flips_table, pair_note
from vlm_eval.reports.html_compare import write_comparison
from vlm_eval.reports.html_read import read_run


def address(cell=None, model=None, run="runs/a"):
    return parse_address("::".join([run, model or "", cell or ""]) if model or cell else run)


@pytest.fixture
def frame(frame_of, info):
    return frame_of(cells=info["cells"][:2], classes=("part",), per_class=60)


def right(frame, cell):
    own = frame[frame["cell"] == cell].set_index("sample_id")
    return own["verdict"].map({"anomalous": "yes", "normal": "no"}) == own["gold"]


def test_an_address_names_a_run_and_perhaps_a_model_and_a_cell():
    assert parse_address("runs/a") == Address(parse_address("runs/a").run)
    assert (parse_address("a::m").model, parse_address("a::::c").model) == ("m", None)
    assert parse_address("a::m::c+d").cell == "c+d"
    for bad in ("", "::m", "a::m::c::d"):
        with pytest.raises(InputError, match="is no address"):
            parse_address(bad)


def test_two_cells_of_a_run_give_the_difference_and_the_test_of_the_flips(frame):
    (pair,) = compare(frame, frame, address("task"), address("task+reference")).pairs
    first, second = right(frame, "task"), right(frame, "task+reference")
    gained, lost = int((second & ~first).sum()), int((first & ~second).sum())
    row = pair.rows[2]
    assert row.measure == "accuracy"
    assert row.effect.difference.value == pytest.approx(second.mean() - first.mean(), abs=1e-9)
    assert row.first.value == pytest.approx(accuracy_score(np.ones(60), first))
    assert (pair.count("only B right"), pair.count("only A right")) == (gained, lost)
    exact = binomtest(gained, gained + lost).pvalue
    assert row.effect.test == "McNemar mid-p" and row.effect.p_value <= exact
    assert sum(map(pair.count, KINDS)) == 60
    tested = [one for one in pair.rows if one.effect.p_value is not None]
    assert all(one.adjusted_p >= one.effect.p_value for one in tested)


def test_answers_cannot_steer_the_terminal(frame):
    frame["text"] = "\x1b[2JYes\u202e dent \x9b31m"
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(flips_table(compare(frame, frame, address("task"), address("task+reference")).pairs))
    told = console.export_text()
    assert "[2JYes" in told
    assert not {"\x1b", "\u202e", "\x9b"} & set(told)


def test_cells_of_the_same_name_are_paired_and_the_others_named(frame_of, info):
    one = frame_of(cells=info["cells"][:3], classes=("part",))
    other = frame_of(cells=info["cells"][1:4], classes=("part",), seed=5)
    found = compare(one, other, address(), address(run="runs/b"))
    names = [name for name, _ in info["cells"]]
    assert [pair.first[1] for pair in found.pairs] == names[1:3]
    assert [name.split(" · ")[1] for name in found.unmatched] == [names[0], names[3]]


def test_a_run_against_itself_differs_in_nothing(frame):
    found = compare(frame, frame, address(), address())
    for pair in found.pairs:
        assert [row.effect.difference.value for row in pair.rows] == [0, 0, 0]
        assert pair.count("both right") + pair.count("both wrong") == 60


def test_items_that_only_one_side_answered_are_left_out_and_counted(frame, fail_asks):
    other = frame.copy()
    fail_asks(other, (other["cell"] == "task") & other["sample_id"].str.contains("/00"))
    found = compare(frame, other, address("task"), address("task"))
    (pair,) = found.pairs
    assert pair.only_first == 10 and pair.only_second == 0
    assert len(pair.kinds) == 50 == pair.rows[2].effect.difference.items
    assert "Left out: 10 answered in A alone." in pair_note(pair)


def test_items_whose_gold_changed_between_the_runs_are_left_out_and_counted(frame):
    other = frame.copy()
    other.loc[other["sample_id"] == "demo/part/003.png", "gold"] = "no"
    (pair, _) = compare(frame, other, address(), address()).pairs
    assert pair.other_gold == 1 and len(pair.kinds) == 59


def test_several_models_are_paired_by_name(frame_of, info):
    frames = [
        frame_of(models=models, cells=info["cells"][:1], classes=("part",)) for models in (("a", "b"), ("b", "c"))
    ]
    found = compare(*frames, address(), address())
    assert [(pair.first[0], pair.second[0]) for pair in found.pairs] == [("b", "b")]
    (pair,) = compare(*frames, address(model="a"), address(model="c")).pairs
    assert pair.name == "a → c · task"


def test_repeats_that_disagree_are_between(frame_of, info):
    frame = frame_of(cells=info["cells"][:2], classes=("part",), repeats=3)
    (pair,) = compare(frame, frame, address("task"), address("task+reference")).pairs
    assert pair.count("between") > 0
    assert sum(map(pair.count, KINDS)) == 30


@pytest.mark.parametrize(
    ("one", "other", "message"),
    [
        (address("nope"), address(), r"holds no cell 'nope'\. It holds task, task\+reference"),
        (address("task+refrence"), address(), r"Did you mean 'task\+reference'\? It holds task, task\+reference"),
        (address("task"), address(model="nope"), r"holds no model 'nope'\. It holds pocket-llava \(toy\)\."),
    ],
)
def test_an_address_that_selects_nothing_says_what_there_is(frame, one, other, message):
    with pytest.raises(InputError, match=message):
        compare(frame, frame, one, other)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("pocket-llava", "pocket-llava (toy)"),
        ("Pocket-LLaVA", "pocket-llava (toy)"),
        ("gpt-4o", "openai:gpt-4o"),
        ("llava-1.5-7b-hf", "llava:llava-hf/llava-1.5-7b-hf"),
        ("llava-hf/llava-1.5-7b-hf", "llava:llava-hf/llava-1.5-7b-hf"),
        ("openai:gpt-4o-mini", "openai:gpt-4o-mini"),
    ],
)
def test_a_model_is_found_by_the_name_that_people_type(typed, meant):
    names = ["pocket-llava (toy)", "openai:gpt-4o", "openai:gpt-4o-mini", "llava:llava-hf/llava-1.5-7b-hf"]
    assert find_name(typed, names, "model", Path("run")) == meant


def test_a_name_of_several_models_is_not_guessed():
    with pytest.raises(
        InputError, match=r"several models 'gpt-4o': openai:gpt-4o, azure:gpt-4o\. Write one in full"
    ):
        find_name("gpt-4o", ["openai:gpt-4o", "azure:gpt-4o"], "model", Path("run"))
    with pytest.raises(InputError, match=r"holds no cell 'x'\. It holds cell0, .*cell19 and 10 more\."):
        find_name("x", [f"cell{number}" for number in range(30)], "cell", Path("run"))


def test_ingredients_of_a_cell_may_stand_in_another_order(frame_of, info):
    frame = frame_of(cells=info["cells"][-2:], classes=("part",), per_class=6)
    one, other = address("task+standard+class", "pocket-llava"), address("TASK+reference+class+standard")
    (pair,) = compare(frame, frame, one, other).pairs
    assert (pair.first[1], pair.second[1]) == ("task+class+standard", "task+class+standard+reference")


def test_models_with_scores_of_several_sources_are_compared_by_their_claims(frame):
    other = frame.assign(model="other", score_source="votes", anomaly_score=0.5)
    both = pd.concat([frame.assign(score_source="yes-no"), other], ignore_index=True)
    (pair,) = compare(both, both, address("task", "pocket-llava"), address("task", "other")).pairs
    assert pair.count("both right") + pair.count("both wrong") == 60


def test_other_data_and_other_cells_cannot_be_compared(frame, frame_of, info):
    with pytest.raises(InputError, match="runs/a is about demo, runs/b about elpv"):
        compare(frame, frame_of(card="elpv"), address(), address(run="runs/b"))
    others = frame_of(cells=info["cells"][4:6], classes=("part",))
    with pytest.raises(InputError, match=r"no cell in common.*Name one cell of each"):
        compare(frame, others, address(), address())
    apart = frame.assign(sample_id=frame["sample_id"] + "x")
    with pytest.raises(InputError, match="no item in common"):
        compare(frame, apart, address(), address())


def test_the_page_holds_both_answers_of_every_item(run_of, tmp_path):
    one = run_of(lambda number: "Yes, a crack.", "one")
    other = run_of(lambda number: "No defects." if number % 3 else "Yes, <b>a crack</b>.", "other")
    addresses = (parse_address(f"{one}::::task"), parse_address(f"{other}::::task"))
    runs = (read_run(one), read_run(other))
    found = compare(runs[0].frame, runs[1].frame, *addresses)
    text = write_comparison(found, runs, addresses, tmp_path / "compare.html").read_text()
    data = json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.S)[1])
    (pair,) = found.pairs
    assert len(data["pairs"]) == 11 == len(pair.kinds)
    columns = {name: index for index, name in enumerate(data["columns"])}
    for entry in data["pairs"]:
        first, second = (data["rows"][place] for place in entry["asks"])
        samples = [data["samples"][row[columns["sample"]]]["id"] for row in (first, second)]
        assert samples[0] == samples[1]
        assert pair.kinds[samples[0]] == entry["kind"]
        assert data["strings"][first[columns["text"]]] == "Yes, a crack."
    assert "<b>" not in text
