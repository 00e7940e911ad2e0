"""Label spaces: what is shipped, and what is refused."""

import csv
import json
import re
from collections import Counter
from pathlib import Path

import pytest

from vlm_eval.errors import InputError
from vlm_eval.flow import Label
from vlm_eval.scoring.label_space import (
    group_by_category,
    list_label_spaces,
    load_label_space,
    make_label_space,
)

SHARED = Path(__file__).parents[2].parent / "shared" / "data"
SMALL = "a an the and or of in on at to for with by from that which who is are as its it one such"
SMALL_WORDS = frozenset(SMALL.split())


@pytest.fixture(scope="module")
def open_images():
    return load_label_space("open-images")


def test_two_label_spaces_are_shipped():
    assert list_label_spaces() == ["broad-categories", "imagenet-1k", "open-images"]


def test_the_classes_are_those_of_open_images(open_images):
    source = SHARED / "openimages_boxable.csv"
    if not source.is_file():
        pytest.skip("the class list of Open Images is not beside the checkout")
    with source.open(encoding="utf-8") as stream:
        assert sorted(row["class"] for row in csv.DictReader(stream)) == sorted(open_images.labels)


def test_every_class_has_one_of_ten_categories_of_which_six_names_are_ours(open_images):
    categories = load_label_space("broad-categories")
    assert len(categories.labels) == 10
    assert set(open_images.categories.values()) == set(categories.labels)
    path = Path(__file__).parents[2] / "datasets" / "label_spaces" / "broad-categories.csv"
    with path.open(encoding="utf-8") as stream:
        named = {row["name"]: row["named_by"] for row in csv.DictReader(stream)}
    assert {name for name, by in named.items() if by == "the study"} == {"tool", "food", "animal", "child's toy"}
    assert Counter(named.values())["vlm-eval"] == 6


def test_categories_follow_the_proposal_but_for_six_household_things(open_images):
    source = SHARED / "broad_categories_proposal.json"
    if not source.is_file():
        pytest.skip("the proposal is not beside the checkout")
    proposal = json.loads(source.read_text(encoding="utf-8"))
    moved = {label for label in open_images.labels if proposal[label] != open_images.categories[label]}
    assert moved == {"Houseplant", "Lantern", "Picnic basket", "Poster", "Television", "Waste container"}


def test_every_description_adds_six_words_to_its_label_and_is_unlike_the_others(open_images):
    for label, description in zip(open_images.labels, open_images.descriptions, strict=True):
        own = set(re.findall(r"[a-z]+", label.lower()))
        assert len([word for word in re.findall(r"[a-z']+", description.lower()) if word not in own]) >= 6, label
    assert len(set(open_images.descriptions)) == 601


@pytest.mark.parametrize(
    "frame",
    [
        lambda words: tuple(words[:1]),
        lambda words: tuple(words[:2]),
        lambda words: tuple(words[-2:]),
        lambda words: tuple(word for word in words if word in SMALL_WORDS),
    ],
    ids=["first word", "first two words", "last two words", "small words in order"],
)
def test_no_template_is_shared_by_more_than_five_percent_of_the_descriptions(open_images, frame):
    frames = Counter(frame(re.findall(r"[a-z']+", text.lower())) for text in open_images.descriptions)
    most, count = frames.most_common(1)[0]
    assert count <= 0.05 * 601, (most, count)


def test_a_name_that_stands_twice_is_named_in_the_error_with_both_places():
    with pytest.raises(InputError, match=r"'  hOLE ' twice: as label 1 \('hole'.*label 3"):
        make_label_space(["hole", "scratch", "  hOLE "])


def test_a_synonym_may_not_be_the_name_of_another_label():
    with pytest.raises(InputError, match="'gap' twice"):
        make_label_space([Label("hole", ("gap",)), Label("gap")])


@pytest.mark.parametrize(("labels", "message"), [([], "is empty"), (["hole", " "], "Label 2 .* is empty")])
def test_an_empty_space_or_name_is_refused(labels, message):
    with pytest.raises(InputError, match=message):
        make_label_space(labels)


def test_a_csv_file_is_a_label_space_of_ones_own(tmp_path):
    path = tmp_path / "own.csv"
    path.write_text("name,description\nhole,a gap\nstain,a spot\n", encoding="utf-8")
    space = load_label_space(path)
    assert (space.name, space.labels, space.descriptions) == ("own", ("hole", "stain"), ("a gap", "a spot"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("label\nhole\n", "column `name`"),
        ("name,description\nhole,a gap\nstain,\n", "'stain' has no description"),
        ("name\nhole\nHole\n", "twice"),
    ],
)
def test_a_damaged_csv_file_is_explained(tmp_path, text, message):
    path = tmp_path / "own.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        load_label_space(path)


def test_a_file_that_is_not_utf8_and_a_name_that_is_not_known_are_explained(tmp_path):
    path = tmp_path / "own.csv"
    path.write_bytes(b"name\n\xff\xfe\xfa\n")
    with pytest.raises(InputError, match="UTF-8"):
        load_label_space(path)
    with pytest.raises(InputError, match="Shipped: broad-categories, imagenet-1k, open-images"):
        load_label_space("no-such-space")


def test_all_classes_of_a_category_stand_for_it(open_images):
    grouped = group_by_category(open_images)
    assert len(grouped.texts) == 601
    assert grouped.find("saxophone") == "musical instrument"
    assert list(grouped.owners) == sorted(grouped.owners)
    with pytest.raises(InputError, match="have no category"):
        group_by_category(make_label_space(["hole"]))
