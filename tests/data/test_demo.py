import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vlm_eval.data import Dataset, load_card, load_dataset
from vlm_eval.data.demo import DEMO_VERSION, draw_demo
from vlm_eval.errors import CardError
from vlm_eval.flow import Sample

PICTURES = ("part", "series", "depth", "scene")
RECORDED = ("cloud", "signal", "clip")
ROWS = ("top", "", "bottom")
COLUMNS = ("left", "", "right")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return load_dataset("demo", root=tmp_path_factory.mktemp("demo"))


def small(folder: Path, seed: int = 0) -> Path:
    draw_demo(folder, {"part": 4, "series": 2}, train_items=1, seed=seed)
    return folder


def pixels(sample: Sample) -> np.ndarray:
    with Image.open(sample.sources[0]) as image:
        return np.asarray(image).astype(float) / 255


def mask_of(sample: Sample) -> np.ndarray:
    with Image.open(sample.gold.masks[0]) as image:
        return np.asarray(image) > 0


def chosen(demo: Dataset, split: str = "test", **wanted: object) -> list[Sample]:
    return [
        sample
        for sample in demo.samples
        if sample.split == split
        and all(
            sample.metadata.get(key, getattr(sample.gold, key, None)) == value for key, value in wanted.items()
        )
    ]


def test_it_holds_thirty_items_of_each_kind_half_of_them_anomalous(demo: Dataset) -> None:
    counts = Counter((sample.metadata["kind"], sample.gold.anomalous) for sample in chosen(demo))
    assert counts == {(kind, gold): 15 for kind in PICTURES + RECORDED for gold in ("yes", "no")}


def test_every_class_has_eight_normal_training_items(demo: Dataset) -> None:
    training = [sample for sample in demo.samples if sample.split == "train"]
    assert {sample.gold.anomalous for sample in training} == {"no"}
    classes = {sample.object_class for sample in demo.samples}
    assert Counter(sample.object_class for sample in training) == dict.fromkeys(classes, 8)


def test_the_kinds_are_asked_about_in_their_domains_wording(demo: Dataset) -> None:
    assert {(sample.metadata["kind"], sample.domain, sample.nouns["noun"]) for sample in demo.samples} == {
        ("part", "industrial", "metal part"),
        ("series", "time-series", "sensor signal"),
        ("depth", "point-cloud", "surface"),
        ("scene", "industrial", "table scene"),
        ("cloud", "point-cloud", "surface"),
        ("signal", "time-series", "sensor signal"),
        ("clip", "pedestrian", "table scene"),
    }


def test_every_defect_type_of_the_card_occurs_and_no_other(demo: Dataset) -> None:
    for sample in chosen(demo, anomalous="yes"):
        assert sample.gold.defect_type in {label.name for label in sample.candidate_labels}
        assert sample.gold.accepted[0] == sample.gold.defect_type
        assert len(sample.gold.accepted) > 3
    drawn = {(sample.metadata["kind"], sample.gold.defect_type) for sample in chosen(demo, anomalous="yes")}
    named = {(sample.metadata["kind"], label.name) for sample in demo.samples for label in sample.candidate_labels}
    assert drawn == named


def test_normal_items_have_neither_mask_nor_place(demo: Dataset) -> None:
    for sample in chosen(demo, anomalous="no"):
        assert (sample.gold.masks, sample.gold.place, sample.gold.defect_type) == ((), None, None)


def drawn(demo: Dataset, **wanted: object) -> list[Sample]:
    return [sample for sample in chosen(demo, **wanted) if sample.metadata["kind"] in PICTURES]


def test_masks_have_the_pictures_size_and_mark_something(demo: Dataset) -> None:
    for sample in drawn(demo, anomalous="yes"):
        mask = mask_of(sample)
        assert mask.shape == pixels(sample).shape[:2] == (224, 224)
        assert 15 < mask.sum() < 0.6 * mask.size, sample.id


def test_the_place_in_words_is_where_the_mask_lies(demo: Dataset) -> None:
    for sample in drawn(demo, anomalous="yes"):
        if sample.gold.defect_type == "misplaced piece":
            continue  # its mask holds the empty seat too
        down, right = (places.mean() / 224 for places in np.nonzero(mask_of(sample)))
        words = f"{ROWS[int(3 * down)]} {COLUMNS[int(3 * right)]}".strip() or "center"
        assert sample.gold.place == words, sample.id


@pytest.mark.parametrize(
    ("defect", "darkest", "brightest"),
    [("hole", 0.0, 0.15), ("stain", 0.05, 0.5), ("scratch", 0.45, 1.0)],
)
def test_a_surface_defect_looks_its_part_inside_its_mask(demo, defect, darkest, brightest) -> None:
    items = drawn(demo, defect_type=defect)
    assert items
    for sample in items:
        assert darkest <= np.median(pixels(sample)[mask_of(sample)]) <= brightest, sample.id


@pytest.mark.parametrize(("defect", "brighter_side"), [("bump", 1), ("dent", -1)])
def test_light_from_the_top_left_tells_bumps_from_dents(demo, defect, brighter_side) -> None:
    for sample in drawn(demo, defect_type=defect):
        grey, (rows, columns) = pixels(sample).mean(axis=-1), np.nonzero(mask_of(sample))
        towards_light = (rows - rows.mean()) + (columns - columns.mean()) < 0
        lit, shaded = (
            grey[rows[towards_light], columns[towards_light]],
            grey[rows[~towards_light], columns[~towards_light]],
        )
        assert (lit.mean() - shaded.mean()) * brighter_side > 0.02, sample.id


def is_brass(sample: Sample) -> bool:
    with_colour = pixels(sample)[30:194, 30:194]
    return bool((with_colour[..., 0] - with_colour[..., 2]).mean() > 0.05)


def is_ring(sample: Sample) -> bool:
    """A ring is at least 1.52 half widths high in its middle, a plate at most 1.37."""
    bright = pixels(sample).max(axis=-1)
    bench, metal = np.median(bright[:8, :8]), np.percentile(bright, 75)
    rows = np.nonzero(bright[:, 106:118].mean(axis=1) > (bench + metal) / 2)[0]
    return bool(rows[-1] - rows[0] > 162)


def test_the_classes_are_two_kinds_times_two_metals(demo: Dataset) -> None:
    for sample in chosen(demo, split="train", kind="part"):
        index = "abcd".index(sample.object_class[-1])
        assert (is_ring(sample), is_brass(sample)) == (index < 2, bool(index % 2)), sample.id


def test_a_reference_item_departs_from_its_class_in_what_its_gold_says(demo: Dataset) -> None:
    for sample in chosen(demo, needs_reference=True):
        index = "abcd".index(sample.object_class[-1])
        assert (is_brass(sample) != bool(index % 2)) == (sample.gold.defect_type == "wrong colour"), sample.id
        assert (is_ring(sample) != (index < 2)) == (sample.gold.defect_type == "wrong kind"), sample.id


def test_without_a_reference_nothing_tells_the_reference_items(demo: Dataset) -> None:
    """Normal and anomalous ones show each kind in each metal equally often."""
    items = chosen(demo, needs_reference=True)
    assert Counter((sample.gold.anomalous, is_ring(sample), is_brass(sample)) for sample in items) == {
        (gold, ring, brass): 1 for gold in ("yes", "no") for ring in (True, False) for brass in (True, False)
    }
    assert Counter(sample.object_class for sample in items) == {f"part-{letter}": 2 for letter in "abcd"}


def test_only_reference_items_are_of_the_wrong_colour_or_kind(demo: Dataset) -> None:
    marked = {sample.gold.defect_type for sample in chosen(demo, needs_reference=True, anomalous="yes")}
    others = {sample.gold.defect_type for sample in chosen(demo, needs_reference=False, anomalous="yes")}
    assert marked == {"wrong colour", "wrong kind"}
    assert not marked & others


def test_ids_state_the_card_and_the_file(demo: Dataset) -> None:
    for sample in demo.samples:
        assert sample.id.startswith("demo/")
        assert sample.sources[0].as_posix().endswith(sample.id.removeprefix("demo"))
        assert sample.group == sample.id


def test_drawing_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    first, second = small(tmp_path / "first"), small(tmp_path / "second")
    files = [file.relative_to(first) for file in sorted(first.rglob("*")) if file.is_file()]
    assert len(files) == 15  # 6 items, 5 references, 3 masks, the list
    assert all((first / file).read_bytes() == (second / file).read_bytes() for file in files)


def test_another_seed_draws_other_pictures(tmp_path: Path) -> None:
    name = "series/test/good/series-000.png"
    assert (small(tmp_path / "a") / name).read_bytes() != (small(tmp_path / "b", seed=1) / name).read_bytes()


def test_an_item_looks_the_same_however_many_are_drawn(tmp_path: Path) -> None:
    draw_demo(tmp_path / "more", {"part": 12}, train_items=0)
    draw_demo(tmp_path / "less", {"part": 6}, train_items=0)
    name = "part-c/test/hole/part-002.png"
    assert (tmp_path / "more" / name).read_bytes() == (tmp_path / "less" / name).read_bytes()


def card_with(folder: Path, **options: object) -> Path:
    path = folder / "tiny.yaml"
    content = {"name": "tiny", "title": "Tiny", "reader": "demo", "licence": "CC0-1.0", "options": options}
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_a_card_chooses_kinds_and_numbers(tmp_path: Path) -> None:
    card = card_with(tmp_path, items={"part-reference": 8}, train_items=2)
    samples = load_dataset(card, root=tmp_path).samples
    assert Counter((sample.split, sample.gold.anomalous) for sample in samples) == {
        ("train", "no"): 8,
        ("test", "no"): 4,
        ("test", "yes"): 4,
    }
    assert all(sample.metadata["needs_reference"] for sample in samples if sample.split == "test")


def test_it_is_drawn_once(tmp_path: Path) -> None:
    card = card_with(tmp_path, items={"depth": 2}, train_items=1)
    picture = load_dataset(card, root=tmp_path).samples[0].sources[0]
    before = picture.stat().st_mtime_ns
    assert load_dataset(card, root=tmp_path).samples[0].sources[0].stat().st_mtime_ns == before


def test_it_lies_in_the_cache_where_no_root_is_stated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLM_EVAL_CACHE", str(tmp_path / "cache"))
    card = card_with(tmp_path, items={"series": 2}, train_items=0)
    assert load_dataset(card).samples[0].sources[0].is_relative_to(tmp_path / "cache" / "demo")


def test_an_interrupted_drawing_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Image.Image, "save", interrupt)
    with pytest.raises(KeyboardInterrupt):
        small(tmp_path / "demo")
    assert list(tmp_path.iterdir()) == []


def test_a_drawing_that_another_process_finished_first_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "demo"
    save = Image.Image.save

    def finish_elsewhere(*arguments: object, **options: object) -> None:
        folder.mkdir(exist_ok=True)
        (folder / "theirs").touch()
        save(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Image.Image, "save", finish_elsewhere)
    small(folder)
    assert [file.name for file in tmp_path.rglob("*")] == ["demo", "theirs"]


def test_a_folder_that_cannot_be_written_is_named_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CardError, match=r"file/demo.*VLM_EVAL_CACHE"):
        small(tmp_path / "file" / "demo")


def test_a_damaged_list_is_named_with_the_remedy(tmp_path: Path) -> None:
    card = card_with(tmp_path, items={"series": 2}, train_items=0)
    load_dataset(card, root=tmp_path)
    next(tmp_path.rglob("items.jsonl")).write_text("{", encoding="utf-8")
    with pytest.raises(CardError, match=r"items\.jsonl cannot be read .*Delete "):
        load_dataset(card, root=tmp_path)


@pytest.mark.parametrize(
    "options", [{"items": {"parts": 3}}, {"items": {"part": -1}}, {"items": {}}, {"seeds": 1}]
)
def test_options_that_mean_nothing_are_refused(tmp_path: Path, options: dict[str, object]) -> None:
    with pytest.raises(CardError, match="options"):
        load_dataset(card_with(tmp_path, **options), root=tmp_path)


def test_the_large_card_differs_from_the_demo_in_numbers_and_seed_only() -> None:
    demo, large = load_card("demo"), load_card("demo-large")
    assert large.classes == demo.classes
    assert large.options["items"] == {
        "part": 400,
        "part-reference": 200,
        "series": 400,
        "depth": 400,
        "scene": 400,
        "cloud": 200,
        "signal": 200,
        "clip": 200,
    }
    assert large.options["seed"] != demo.options["seed"]


def test_no_simple_statistic_of_the_whole_picture_gives_scenes_and_parts_away(demo: Dataset) -> None:
    for kind in ("part", "scene", "series"):
        means = {
            gold: [pixels(sample).mean() for sample in chosen(demo, kind=kind, anomalous=gold)]
            for gold in ("yes", "no")
        }
        above = np.mean([yes > no for yes in means["yes"] for no in means["no"]])
        assert 0.2 < above < 0.8, kind


@pytest.mark.parametrize("name", ["demo", "demo-large"])
def test_the_cards_state_the_version_of_the_drawings(name: str) -> None:
    assert load_card(name).revision == str(DEMO_VERSION)
