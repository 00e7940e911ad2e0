import pytest
import yaml

from vlm_eval.errors import CardError
from vlm_eval.synthetic.object_table import read_table


def test_the_shipped_table_has_the_48_objects_and_scenes_only_for_the_14_that_are_out_of_place_everywhere():
    table = read_table()
    assert len(table.objects) == 48 and len(table.scenes) == 8
    everywhere = {name for name, entry in table.objects.items() if entry.scenes == "all"}
    assert everywhere == {name for name, entry in table.objects.items() if entry.number_of_scenes == 8}
    assert len(everywhere) == 14 and len(table.open_questions) == 34
    assert {"human arm", "human leg"} <= set(table.artefacts)


def test_only_objects_of_the_size_whose_scenes_are_known_are_out_of_place():
    table = read_table()
    assert table.out_of_place("bathroom", "small") == ("squirrel", "stethoscope", "syringe")
    assert "bidet" not in table.out_of_place("kitchen", "large")
    with pytest.raises(CardError, match="'garage' is not in the object table"):
        table.out_of_place("garage", "small")


def write(tmp_path, **entry):
    content = {
        "scenes": ["hall", "shop"],
        "objects": {"cow": {"description": "an animal", "size": "large", **entry}},
    }
    file = tmp_path / "table.yaml"
    file.write_text(yaml.safe_dump(content))
    return file


def test_a_user_completes_the_table(tmp_path):
    table = read_table(write(tmp_path, scenes=["hall"], number_of_scenes=1))
    assert table.out_of_place("hall", "large") == ("cow",)
    assert table.out_of_place("shop", "large") == () and table.open_questions == ()


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"scenes": ["barn"]}, "'barn' is none of the scenes hall, shop"),
        ({"scenes": ["hall"], "number_of_scenes": 2}, "names 1 scenes, but its source marks 2"),
        ({"size": "huge"}, "small"),
    ],
)
def test_a_table_that_contradicts_itself_is_refused(tmp_path, entry, message):
    with pytest.raises(CardError, match=message):
        read_table(write(tmp_path, **entry))


def test_a_table_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(CardError, match="cannot be read"):
        read_table(tmp_path / "none.yaml")
