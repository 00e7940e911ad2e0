import json

import pandas as pd
import pytest

from vlm_eval.reports.files import safe_name, write_items, write_rows


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("llava:llava-hf/llava-1.5-7b-hf", "llava-llava-hf-llava-1.5-7b-hf"),
        ("../../etc/passwd", "etc-passwd"),
        ("pocket-llava (toy)", "pocket-llava-toy"),
        ("日本", "model"),
        ("x" * 300, "x" * 80),
    ],
)
def test_any_name_becomes_a_harmless_file_name(name, expected):
    assert safe_name(name, set()) == expected


def test_two_names_that_look_alike_get_two_files():
    taken = set()
    assert [safe_name(name, taken) for name in ("a/b", "a:b", "A-B")] == ["a-b", "a-b-2", "A-B-3"]


def test_none_becomes_an_empty_field_and_never_nan(tmp_path):
    path = write_rows(tmp_path / "x.csv", [{"cell": "task", "auroc": None, "note": "no, scores"}])
    assert path.read_text() == 'cell,auroc,note\ntask,,"no, scores"\n'


def test_metadata_is_written_as_json_and_the_frame_stays_as_it_was(frame_of, tmp_path):
    frame = frame_of(classes=("part",), per_class=2)
    frame["metadata"] = [{"needs_reference": True}] * len(frame)
    before = frame.copy(deep=True)
    written = pd.read_csv(write_items(tmp_path / "items.csv", frame))
    assert json.loads(written.loc[0, "metadata"]) == {"needs_reference": True}
    pd.testing.assert_frame_equal(frame, before)
