"""Which normal pictures become scenes: by split, so many a class, and none of the support set."""

import csv

import pytest
from PIL import Image

from vlm_eval.data.loading import load_dataset
from vlm_eval.data.selection import choose_references
from vlm_eval.errors import CardError, ExperimentError
from vlm_eval.synthetic.scenes import read_scenes, support_of
from vlm_eval.synthetic.settings import SceneSource, read_synthesis
from vlm_eval.synthetic.synthesise import synthesise


@pytest.fixture
def table(tmp_path):
    """A table of two classes, each with 6 training and 5 test pictures that are normal, and one anomalous one."""
    with (tmp_path / "table.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["image", "label", "split", "object_class"])
        for kind in ("cup", "plate"):
            for number in range(12):
                name = f"{kind}-{number}.png"
                Image.new("RGB", (48, 48), (number * 9, 40, 80 if kind == "cup" else 160)).save(tmp_path / name)
                rows.writerow([name, "bad" if number == 11 else "ok", "train" if number < 6 else "test", kind])
    (tmp_path / "ware.yaml").write_text(
        "name: ware\ntitle: Ware\nlicence: none\nreader: table\nroot: table.csv\n"
        "options: {columns: {image: image, label: label, split: split, object_class: object_class}}\n"
    )
    return tmp_path


def scenes(table, **settings):
    return read_scenes(SceneSource(dataset="ware.yaml", **settings), table)


@pytest.mark.parametrize(("split", "count"), [("train", 12), ("test", 10), (None, 22)])
def test_scenes_are_the_normal_pictures_of_a_split(table, split, count):
    assert len(scenes(table, split=split)) == count


def test_a_split_without_normal_pictures_is_named(table):
    with pytest.raises(CardError, match=r"no normal picture .* in its train split, among vase"):
        scenes(table, split="train", classes=("vase",))


def test_so_many_a_class_take_turns_and_more_of_them_begin_with_the_same(table):
    few, more = scenes(table, each=2), scenes(table, each=4)
    assert [scene.object_class for scene in few] in (["cup", "plate"] * 2, ["plate", "cup"] * 2)
    assert few == more[:4] and len({scene.name for scene in more}) == 8
    assert scenes(table, each=4, limit=3) == more[:3]


def test_the_support_set_is_the_one_that_a_run_takes_and_none_of_it_is_edited(table):
    source = SceneSource(dataset="ware.yaml", support=2)
    kept = support_of(source, table)
    chosen = choose_references(load_dataset(table / "ware.yaml").samples, 2, 0).by_class
    assert {scene.path for scene in kept} == {path for own in chosen.values() for path in own}
    assert not {scene.path for scene in kept} & {scene.path for scene in read_scenes(source, table)}
    cups = support_of(source.model_copy(update={"classes": ("cup",)}), table)
    assert {scene.path for scene in cups} == set(chosen["cup"])


def test_the_support_set_is_the_training_split_of_what_is_made(table):
    pytest.importorskip("cv2", reason="needs the extra synth")
    (table / "made.yaml").write_text(
        "name: made\ngenerator: objects\nscenes: {dataset: ware.yaml, support: 2, each: 1}\n"
        "inpainter: texture\nvariants: 1\n"
    )
    settings = read_synthesis(table / "made.yaml")
    synthesise(settings, table, table / "out")
    samples = load_dataset(table / "out").samples
    bank = [sample for sample in samples if sample.split == "train"]
    assert {sample.metadata["kind"] for sample in bank} == {"support"} and len(bank) == 4
    again = choose_references(samples, 2, 0)
    assert {path for own in again.by_class.values() for path in own} == {sample.sources[0] for sample in bank}
    for sample in bank:
        original = table / sample.group.removeprefix("ware/")
        assert Image.open(sample.sources[0]).tobytes() == Image.open(original).tobytes()


def test_a_support_set_that_leaves_no_scene_or_that_items_bring_along_is_refused(table):
    with pytest.raises(CardError, match="nothing is left to edit"):
        scenes(table, split="train", support=6)
    with pytest.raises(CardError, match="has 6 normal items in its training split"):
        scenes(table, support=7)


def test_a_table_of_holes_has_no_split_and_an_interpolation_no_support(tmp_path):
    (tmp_path / "a.yaml").write_text("name: a\ngenerator: context\nscenes: {table: t.csv, each: 2}\n")
    with pytest.raises(ExperimentError, match="a table lists its scenes one by one"):
        read_synthesis(tmp_path / "a.yaml")
    (tmp_path / "b.yaml").write_text(
        "name: b\ngenerator: interpolation\ncheckpoint: none\nscenes: {dataset: x, support: 2}\n"
    )
    with pytest.raises(ExperimentError, match=r"leave scenes\.support out"):
        read_synthesis(tmp_path / "b.yaml")
