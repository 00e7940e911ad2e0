import pytest

from vlm_eval.errors import ExperimentError
from vlm_eval.runs.answer_table import read_answers


def write(tmp_path, name, data):
    path = tmp_path / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_the_usual_encodings_are_read(tmp_path, encoding):
    path = write(tmp_path, "a.csv", "sample_id, answer\n1.png,größer\n".encode(encoding))
    assert read_answers(path)[0][1].answer == "größer"


@pytest.mark.parametrize("sign", ["\u2028", "\x85"])
@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", "sample_id,answer\n1.png,No{} crack\n2.png,\n"),
        ("a.jsonl", '{{"sample_id": "1.png", "answer": "No{} crack"}}\n{{"sample_id": "2.png", "answer": ""}}\n'),
    ],
)
def test_a_line_separator_inside_an_answer_ends_no_row(tmp_path, sign, name, text):
    answers = [row.answer for _, row in read_answers(write(tmp_path, name, text.format(sign)))]
    assert answers == [f"No{sign} crack", ""]


@pytest.mark.parametrize(
    ("name", "data", "message"),
    [
        ("a.csv", b"sample_id,answer\n1,ok\n2,\xfc\n", r"line 3: not UTF-8 \(byte 0xfc\)"),
        ("a.csv", "sample_id,answer\n1,No, it is fine\n", "line 2: the number of cells is not the header's, 2"),
        ("a.csv", "sample_id,answer\n1\n", "line 2: the number of cells"),
        ("a.csv", "sample_id,answer,answer\n1,a,b\n", "2 columns called 'answer'"),
        ("a.csv", "sample_id;answer\n1;a\n", "The row has 'sample_id;answer'"),
        ("a.csv", "", "holds no answers"),
        ("a.jsonl", '{"sample_id": "1", "answer": "a"}\n{"sample_id"\n', "line 2 is no valid JSON"),
        ("a.jsonl", "[1]\n", "line 1: a JSON list"),
        ("a.jsonl", '{"sample_id": "1", "answer": null}\n', "row 1: answer: .*not None"),
        ("a.jsonl", '{"sample_id": "1", "answer": "a", "note": 1}\n', "note: Extra inputs.*--column"),
        ("a.txt", "sample_id,answer\n1,a\n", "ends in '.txt'"),
    ],
)
def test_a_table_that_cannot_be_read_is_refused_with_the_place(tmp_path, name, data, message):
    with pytest.raises(ExperimentError, match=message):
        read_answers(write(tmp_path, name, data))


@pytest.mark.parametrize("columns", [{"answer": ""}, {"antwort": "text"}])
def test_a_column_map_that_says_nothing_is_refused(tmp_path, columns):
    with pytest.raises(ExperimentError, match="OURS=THEIRS"):
        read_answers(write(tmp_path, "a.csv", "sample_id,answer\n1,a\n"), columns)


def test_a_megabyte_in_one_cell_is_read(tmp_path):
    answer = "No crack. " * 100_000
    path = write(tmp_path, "a.csv", f'sample_id,answer\n1.png,"{answer}"\n')
    assert read_answers(path)[0][1].answer == answer
