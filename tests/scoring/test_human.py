import pytest

from vlm_eval.errors import InputError
from vlm_eval.flow import Answer, Gold, Item, Question, Sample
from vlm_eval.scoring.human import HumanScorer, read_human_verdicts


def write(tmp_path, text, encoding="utf-8"):
    path = tmp_path / "verdicts.csv"
    path.write_bytes(text.encode(encoding))
    return path


def item(name, cell="task", repeat=0):
    return Item(
        Sample(name, "c", "image", (), "x", Gold("yes"), name), Question("chat", cell, repeat=repeat), Answer("")
    )


def test_verdicts_are_read_with_their_drawing_probability(tmp_path):
    path = write(tmp_path, "sample_id,verdict,cell,probability\nc/1,yes,task,0.25\nc/2,Normal,,\n")
    first, second = read_human_verdicts(path)
    assert (first.verdict, first.probability, second.verdict, second.probability) == (
        "anomalous",
        0.25,
        "normal",
        None,
    )


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_the_usual_encodings_are_read(tmp_path, encoding):
    path = write(tmp_path, "sample_id,verdict\nc/größe,1\n", encoding)
    assert read_human_verdicts(path)[0].sample_id == "c/größe"


def test_a_line_separator_inside_a_note_ends_no_row(tmp_path):
    path = write(tmp_path, "sample_id,verdict,note\nc/1,yes,one\u2028two\nc/2,no,\n")
    assert [(one.sample_id, one.note) for one in read_human_verdicts(path)] == [
        ("c/1", "one\u2028two"),
        ("c/2", ""),
    ]


def test_the_reviewer_may_be_called_so(tmp_path):
    path = write(tmp_path, "sample_id,verdict,reviewer\nc/1,yes,Ada\nc/1,no,Bo\n")
    assert [one.annotator for one in read_human_verdicts(path)] == ["Ada", "Bo"]


def test_a_column_map_renames_columns(tmp_path):
    path = write(tmp_path, "image,label\nc/1,abnormal\n")
    found = read_human_verdicts(path, columns={"sample_id": "image", "verdict": "label"})
    assert found[0].verdict == "anomalous"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,verdict\na,yes\n", "sample_id must be there"),
        ("", "sample_id and verdict must be there"),
        ("sample_id,verdict\na,maybe so\n", "row 2: verdict.*'maybe so' is no verdict"),
        ("sample_id,verdict,probability\na,yes,1.5\n", "row 2: probability"),
        ("sample_id,verdict,probability\na,yes,0\n", "row 2: probability"),
        ("sample_id,verdict\na,yes\na,no\n", "row 3: the same answer as in row 2"),
        ("sample_id,verdict\nzz,yes\n", "there is no sample 'zz'"),
        ("sample_id,verdict,colour\na,yes,red\n", "colour"),
        ("sample_id,verdict\na,yes,no\n", "line 2: the row has more cells"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_its_row(tmp_path, text, message):
    with pytest.raises(InputError, match=message):
        read_human_verdicts(write(tmp_path, text), known={"a"})


def test_a_file_in_another_encoding_is_refused(tmp_path):
    with pytest.raises(InputError, match="cannot be read as a CSV file in UTF-8"):
        read_human_verdicts(write(tmp_path, "sample_id,verdict\nü,yes\n", "latin-1"))


def test_people_who_disagree_or_are_unsure_give_no_verdict(tmp_path):
    rows = "sample_id,verdict,annotator\na,yes,A\na,no,B\nb,yes,A\nb,yes,B\nc,unsure,A\n"
    scorer = HumanScorer(read_human_verdicts(write(tmp_path, rows)))
    judged = scorer.judge([item("a"), item("b"), item("c"), item("d")])
    assert [one.value for one in judged] == [None, "anomalous", None, None]
    assert [one.reason for one in judged] == ["people-disagree", None, "unsure", "not-labelled"]
    assert judged[1].details["people"] == 2


def test_a_verdict_of_a_cell_is_not_used_for_another_cell(tmp_path):
    rows = "sample_id,verdict,cell,repeat,probability\na,yes,task,1,0.5\n"
    scorer = HumanScorer(read_human_verdicts(write(tmp_path, rows)))
    judged = scorer.judge([item("a", repeat=1), item("a"), item("a", "task+class", 1)])
    assert [one.value for one in judged] == ["anomalous", None, None]
    assert judged[0].details["probability"] == 0.5
