"""The accuracy as people read the answers, from few labels with their drawing probabilities."""

import io

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from vlm_eval.errors import InputError
from vlm_eval.reports.human_rate import human_rate
from vlm_eval.reports.panel import read_panels
from vlm_eval.reports.write import write_report
from vlm_eval.runs.human import HumanVerdict, read_human

CLAIM = {"yes": "anomalous", "no": "normal"}


def label(sample, verdict, probability=1.0, **more):
    return HumanVerdict(sample_id=sample, verdict=verdict, probability=probability, **more)


def only_panel(frame):
    (panel,) = read_panels(frame, [])
    return panel


@pytest.fixture
def frame(frame_of, info):
    return frame_of(classes=("part", "series"), cells=info["cells"][:1])


def test_labels_of_every_answer_give_their_own_accuracy_whatever_the_scorer_read(frame):
    truth = frame["gold"].map(CLAIM)
    verdicts = [
        label(sample, said if number % 4 else "unsure")
        for number, (sample, said) in enumerate(zip(frame["sample_id"], truth, strict=True))
    ]
    found = human_rate(only_panel(frame), "task", verdicts)
    assert found.by_people.value == pytest.approx(0.75)
    assert found.by_scorer.value == pytest.approx((frame["verdict"] == truth).mean())
    assert (found.labels, found.answers, found.unsure) == (60, 60, 15)


def test_the_correction_is_the_weighted_mean_of_what_people_say_otherwise(frame):
    drawn = np.random.default_rng(3).random(len(frame)) < 0.4
    truth = frame["gold"].map(CLAIM)
    verdicts = [label(sample, "normal", 0.4) for sample in frame["sample_id"][drawn]]
    by_hand = (frame["verdict"] == truth).mean() + (
        ((truth == "normal").astype(float) - (frame["verdict"] == truth))[drawn].sum() / 0.4 / len(frame)
    )
    found = human_rate(only_panel(frame), "task", verdicts).by_people
    assert found.value == pytest.approx(np.clip(by_hand, 0, 1))
    assert found.low < found.value < found.high


def test_labels_without_a_probability_never_enter_and_are_counted(frame):
    panel, samples = only_panel(frame), list(frame["sample_id"])
    verdicts = [label(sample, "normal", None) for sample in samples]
    none = human_rate(panel, "task", verdicts)
    assert "recorded probability" in none.by_people.reason
    assert (none.labels, none.without_probability) == (0, 60)
    some = human_rate(panel, "task", [label(sample, "normal", 0.2) for sample in samples[:6]] + verdicts[6:])
    alone = human_rate(panel, "task", [label(sample, "normal", 0.2) for sample in samples[:6]])
    assert (some.labels, some.without_probability) == (6, 54)
    assert some.by_people == alone.by_people


def test_of_several_readers_the_share_counts_and_an_answer_is_drawn_once(frame):
    panel, sample = only_panel(frame), frame["sample_id"]
    gold = frame["gold"].map(CLAIM)
    two = [label(one, said, annotator="a") for one, said in zip(sample, gold, strict=True)]
    two += [label(one, "unsure", annotator="b") for one in sample]
    found = human_rate(panel, "task", two)
    assert (found.by_people.value, found.readers, found.labels) == (pytest.approx(0.5), 2, 60)
    with pytest.raises(InputError, match=r"several drawing probabilities \(0\.5, 1\.0\)"):
        human_rate(panel, "task", [*two, label(sample[0], "normal", 0.5, annotator="c")])


def test_a_label_belongs_to_its_own_cell_model_and_repeat(frame_of, info):
    frame = frame_of(classes=("part",), cells=info["cells"][:2], repeats=2)
    panel, sample = only_panel(frame), frame["sample_id"][0]
    assert human_rate(panel, "task+reference", [label(sample, "normal", cell="task")]) is None
    assert human_rate(panel, "task", [label(sample, "normal", model="other")]) is None
    second = human_rate(panel, "task", [label(one, "unsure", repeat=1) for one in frame["sample_id"].unique()])
    own = frame[(frame["cell"] == "task") & (frame["repeat"] == 1)]
    assert second.by_people.value == 0
    assert second.by_scorer.value == pytest.approx((own["verdict"] == own["gold"].map(CLAIM)).mean())


def test_a_cell_without_answers_or_labels_has_no_such_accuracy(frame, fail_asks):
    assert human_rate(only_panel(frame), "task", []) is None
    verdicts = [label(sample, "normal") for sample in frame["sample_id"]]
    fail_asks(frame, np.ones(len(frame), dtype=bool))
    assert human_rate(only_panel(frame), "task", verdicts) is None


def write_labels(path, rows, header="sample_id,verdict,probability,reviewer"):
    path.write_text("\n".join([header, *rows]))
    return path


def test_a_file_of_labels_is_read_by_the_names_that_reviewers_use(frame, tmp_path):
    first = frame["sample_id"][0]
    (read,) = read_human(write_labels(tmp_path / "a.csv", [f"{first},yes,0.25,ada"]), frame)
    assert (read.verdict, read.probability, read.annotator) == ("anomalous", 0.25, "ada")


@pytest.mark.parametrize(
    ("header", "row", "message"),
    [
        ("sample_id,verdict", "demo/nowhere.png,yes", "sample_id that the run"),
        ("sample_id,verdict,cell", "{first},yes,tusk", "cell that the run .*such as 'tusk'"),
        ("sample_id,verdict", "{first},yes", "name no cell, but the run has 2"),
        ("sample_id,verdict,cell,model", "{first},yes,task,gpt", "model that the run"),
        ("sample_id,verdict,cell,repeat", "{first},yes,task,4", "no repeat 4"),
        ("sample_id,verdict,cell,probability", "{first},yes,task,0", "probability"),
    ],
)
def test_a_row_that_leaves_open_which_answer_was_read_is_refused(frame_of, info, tmp_path, header, row, message):
    frame = frame_of(classes=("part",), cells=info["cells"][:2])
    path = write_labels(tmp_path / "a.csv", [row.format(first=frame["sample_id"][0])], header)
    with pytest.raises(InputError, match=message):
        read_human(path, frame)


def test_the_report_prints_and_writes_it_beside_the_scorers(frame, info, tmp_path):
    rows = [
        f"{sample},{'yes' if number % 2 else 'no'},0.5,ada" for number, sample in enumerate(frame["sample_id"])
    ]
    rows[0] = rows[0].replace(",0.5,", ",,")
    labels = read_human(write_labels(tmp_path / "a.csv", rows), frame)
    stream = io.StringIO()
    write_report(frame, tmp_path, info={**info, "human": labels}, console=Console(file=stream, width=80))
    text = " ".join(stream.getvalue().split())
    assert "As people read the answers" in text
    assert "59 of 60" in text
    assert "1 labels without a drawing probability do not enter" in text
    table = pd.read_csv(tmp_path / "human_accuracy.csv")
    assert table.loc[0, ["answers", "labels", "labels_without_probability", "readers"]].tolist() == [60, 59, 1, 1]
    assert 0.5 < table["accuracy_by_people_low"][0] < table["accuracy_by_people_high"][0] == 1
    write_report(frame, tmp_path, info=info, console=Console(file=io.StringIO(), width=80))
    assert not (tmp_path / "human_accuracy.csv").exists()
