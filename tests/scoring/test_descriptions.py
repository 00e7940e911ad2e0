"""The table of answer descriptions."""

import pytest

from vlm_eval.errors import InputError
from vlm_eval.scoring.descriptions import (
    Description,
    clean_description,
    read_descriptions,
    text_hash,
    write_line,
)


def row(text, description, *, checked=False, model="m"):
    return Description(text_hash(text), text, description, "prompt", model, checked)


def test_a_table_is_read_as_it_was_written(tmp_path):
    path = tmp_path / "table.jsonl"
    rows = [row("a doll", "a child's toy"), row("a hole", 'a "gap"\nin two lines')]
    path.write_text("".join(map(write_line, rows)), encoding="utf-8")
    assert list(read_descriptions(path).values()) == rows
    assert read_descriptions(tmp_path / "none.jsonl") == {}


def test_what_a_person_checked_goes_before_what_a_model_wrote_later(tmp_path):
    path = tmp_path / "table.jsonl"
    rows = [row("a doll", "first"), row("a doll", "right", checked=True), row("A  DOLL", "later")]
    path.write_text("".join(map(write_line, rows)), encoding="utf-8")
    assert [found.description for found in read_descriptions(path).values()] == ["right"]


def test_a_last_line_that_was_cut_off_is_left_out_and_any_other_damage_is_named(tmp_path):
    path = tmp_path / "table.jsonl"
    path.write_text(write_line(row("a doll", "a toy")) + '{"text_hash": "ab', encoding="utf-8")
    assert len(read_descriptions(path)) == 1
    path.write_text('{"text_hash": "ab"\n' + write_line(row("a doll", "a toy")), encoding="utf-8")
    with pytest.raises(InputError, match="line 1"):
        read_descriptions(path)


def test_a_flag_that_is_no_flag_is_refused(tmp_path):
    path = tmp_path / "table.jsonl"
    path.write_text(write_line(row("a doll", "a toy")).replace("false", '"no"'), encoding="utf-8")
    with pytest.raises(InputError, match="`checked` must be true or false"):
        read_descriptions(path)


@pytest.mark.parametrize(
    ("completion", "description"),
    [
        ("a child's toy in human shape", "a child's toy in human shape"),
        (" a toy\nhole: a gap\n", "a toy"),
        ("a doll: a toy", "a toy"),
        ("**A doll:** a toy", "a toy"),
        ("Description: a toy", "a toy"),
        ("\n\n- a toy: small and soft", "a toy: small and soft"),
        (" \n ", ""),
    ],
)
def test_a_completion_is_cut_to_one_line_without_its_echo(completion, description):
    assert clean_description("a doll", completion) == description
