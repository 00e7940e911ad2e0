"""Mapping answers to labels, with an embedder whose vectors are known by hand."""

import math

import numpy as np
import pytest

from vlm_eval.errors import InputError
from vlm_eval.flow import Label
from vlm_eval.scoring.categories import CategoriesScorer
from vlm_eval.scoring.descriptions import text_hash
from vlm_eval.scoring.embedding import Embedded
from vlm_eval.scoring.embedding_cache import embed_cached
from vlm_eval.scoring.label_space import make_label_space
from vlm_eval.scoring.mapping import MappingOptions, map_answers
from vlm_eval.scoring.mapping_baselines import (
    best_constant_guess,
    confusion_columns,
    constant_guess_top_3,
    mapping_ceiling,
    rate_mapping,
    shuffled_floor,
)
from vlm_eval.scoring.mapping_scorer import MappingScorer


class Compass:
    """Embeds a text as the unit vector at the angle in degrees that its last number states; a word is a token."""

    name = "compass"
    max_tokens = 6

    def __init__(self, identity="compass"):
        self.identity = identity
        self.asked = []

    def embed(self, texts):
        self.asked += texts
        angles = [math.radians(float(text.split()[-1])) for text in texts]
        vectors = np.array([[math.cos(angle), math.sin(angle)] for angle in angles], dtype=np.float32)
        return Embedded(vectors, np.array([len(text.split()) for text in texts]))


LABELS = ("hole 0", "dent 60", "stain 90")


@pytest.fixture
def compass():
    return Compass()


def test_an_answer_is_mapped_to_the_most_similar_label_with_margin_and_the_best_three(compass):
    (mapped,) = map_answers(["a mark 80"], LABELS, embedder=compass)
    assert mapped.label == "stain 90"
    assert [label for label, _ in mapped.top] == ["stain 90", "dent 60", "hole 0"]
    assert mapped.similarity == pytest.approx(math.cos(math.radians(10)), abs=1e-6)
    assert mapped.margin == pytest.approx(math.cos(math.radians(10)) - math.cos(math.radians(20)), abs=1e-6)
    assert mapped.passage.span == (0, 9)


def test_below_the_threshold_there_is_no_label_but_the_nearest_are_told(compass):
    (mapped,) = map_answers(["a mark 180"], LABELS, embedder=compass, threshold=0.5)
    assert (mapped.label, mapped.reason, mapped.top[0][0]) == (None, "below-threshold", "stain 90")


def test_equal_answers_are_embedded_once(compass):
    mapped = map_answers(["a mark 80", "a mark 10", "a mark 80"] * 5, LABELS, embedder=compass)
    assert [text for text in compass.asked if text.startswith("a mark")] == ["a mark 80", "a mark 10"]
    assert [each.label for each in mapped[:3]] == ["stain 90", "hole 0", "stain 90"]


def test_answers_without_a_name_are_told_apart_and_nothing_is_embedded_for_them(compass):
    mapped = map_answers(["", "No.", "Yes."], LABELS, embedder=compass)
    assert [(each.label, each.reason) for each in mapped] == [
        (None, "empty"),
        (None, "claims-normal"),
        (None, "names-nothing"),
    ]
    assert compass.asked == []


def test_the_best_sentence_decides(compass):
    answer = "It is a room 40. It has a rug 28. I see a mark 89"
    (mapped,) = map_answers([answer], LABELS, embed="sentence", embedder=compass)
    assert (mapped.label, mapped.passage.text) == ("stain 90", "I see a mark 89")


def test_a_text_longer_than_the_embedder_reads_is_marked_as_cut(compass):
    long, short = map_answers(["one two three four five six 80", "six 80"], LABELS, embedder=compass)
    assert (long.truncated, long.tokens) == (True, 7)
    assert (short.truncated, short.tokens) == (False, 2)


def test_descriptions_are_appended_to_the_sides_that_are_asked_for(compass):
    space = make_label_space(["hole", "dent"], descriptions=["at 0", "at 90"])
    described = {text_hash("a mark"): "at 80"}
    (mapped,) = map_answers(
        ["a mark"], space, descriptions="both", answer_descriptions=described, embedder=compass
    )
    assert mapped.label == "dent"
    assert compass.asked == ["hole: at 0", "dent: at 90", "a mark: at 80"]


def test_an_answer_that_nobody_described_is_not_guessed(compass):
    space = make_label_space(["hole", "dent"], descriptions=["at 0", "at 90"])
    (mapped,) = map_answers(["a mark"], space, descriptions="both", embedder=compass)
    assert (mapped.label, mapped.reason) == (None, "not-described")


def test_a_label_space_without_descriptions_cannot_be_described(compass):
    with pytest.raises(InputError, match="has no descriptions"):
        map_answers(["a mark 80"], LABELS, descriptions="labels", embedder=compass)


def test_only_descriptions_on_both_sides_carry_the_name_of_the_study():
    named = [
        side
        for side in ("neither", "labels", "answers", "both")
        if "(the study's" in MappingOptions(descriptions=side).protocol
    ]
    assert named == ["both"]


def test_a_label_that_stands_twice_is_an_error(compass):
    with pytest.raises(InputError, match="twice"):
        map_answers(["a mark 80"], ["hole 0", "Hole 0"], embedder=compass)


@pytest.mark.parametrize(
    "wrong",
    [{"embed": "all"}, {"descriptions": "some"}, {"threshold": 2.0}, {"top": 0}],
    ids=lambda wrong: next(iter(wrong)),
)
def test_an_option_that_is_not_allowed_is_explained(wrong):
    with pytest.raises(InputError, match=next(iter(wrong))):
        MappingOptions(**wrong)


def test_synonyms_count_for_their_label(compass):
    space = make_label_space([Label("hole 0", ("gap 45",)), Label("stain 90")])
    (mapped,) = map_answers(["a mark 50"], space, embedder=compass)
    assert (mapped.label, [label for label, _ in mapped.top]) == ("hole 0", ["hole 0", "stain 90"])


def test_label_vectors_are_kept_by_content_and_read_again(tmp_path, compass):
    first = embed_cached(compass, LABELS, tmp_path)
    again = Compass()
    np.testing.assert_array_equal(embed_cached(again, LABELS, tmp_path).vectors, first.vectors)
    assert again.asked == []
    other = Compass("other weights")
    embed_cached(other, LABELS, tmp_path)
    embed_cached(other, ["hole 10"], tmp_path)
    assert other.asked == [*LABELS, "hole 10"]


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04", b"no file of ours"], ids=["empty", "cut off", "foreign"])
def test_a_damaged_cache_file_is_made_anew(tmp_path, compass, damage):
    embed_cached(compass, LABELS, tmp_path)
    (file,) = (tmp_path / "embeddings").iterdir()
    whole = file.read_bytes()
    file.write_bytes(damage or whole[: len(whole) // 2])
    assert len(embed_cached(compass, LABELS, tmp_path).vectors) == 3
    assert len(compass.asked) == 6


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path, compass):
    (tmp_path / "embeddings").write_text("a file where the folder should be")
    assert len(embed_cached(compass, LABELS, tmp_path).vectors) == 3


def mapped_to(compass, *angles):
    return map_answers([f"a mark {angle}" for angle in angles], LABELS, embedder=compass, threshold=0.0)


def test_rates_count_unmapped_answers_as_wrong(compass):
    rates = rate_mapping(mapped_to(compass, 0, 70, 89, 200), ["hole 0", "hole 0", "stain 90", "stain 90"])
    assert (rates.n, rates.mapped, rates.top_1, rates.top_3) == (4, 3, 0.5, 0.75)


def test_the_ceiling_gives_the_gold_names_as_answers_once_each(compass):
    rates = mapping_ceiling(
        ["hole 0"] * 3 + ["dent 60"], lambda names: map_answers(names, LABELS, embedder=compass)
    )
    assert (rates.n, rates.top_1) == (4, 1.0)


def test_the_best_constant_guess_is_the_commonest_gold_label():
    gold = ["a"] * 5 + ["b"] * 3 + ["c"] + ["d"]
    assert best_constant_guess(gold) == ("a", 0.5)
    assert constant_guess_top_3(gold) == 0.9


def test_the_shuffled_floor_is_the_mean_over_all_permutations(compass):
    from itertools import permutations

    gold = ["hole 0", "hole 0", "dent 60", "stain 90"]
    mapped = mapped_to(compass, 0, 50, 95, 200)
    every = [rate_mapping(list(order), gold) for order in permutations(mapped)]
    first, third = shuffled_floor(mapped, gold)
    assert first == pytest.approx(np.mean([rates.top_1 for rates in every]))
    assert third == pytest.approx(np.mean([rates.top_3 for rates in every]))


def test_rates_of_nothing_are_refused():
    with pytest.raises(ValueError, match="no gold label"):
        rate_mapping([], [])


def test_unmapped_answers_have_a_column_of_their_own(compass):
    assert confusion_columns(mapped_to(compass, 0, 200)) == ["hole 0", "unmapped"]


def scorer_with(compass, **settings):
    scorer = MappingScorer(**settings)
    scorer._mapper._embedder = compass
    return scorer


def test_the_scorer_maps_each_item_to_the_labels_of_its_own_card(item, compass):
    judge = scorer_with(compass).judge
    one = item("a mark 80", accepted=("stain 90",), labels=tuple(map(Label, LABELS)))
    two = item("a mark 80", accepted=("hole 0",), labels=(Label("hole 0"), Label("crack 30")))
    none = item("a mark 80", accepted=("hole 0",))
    first, second, third, again = judge([one, two, none, one])
    assert (first.value, first.details["hit_1"], first.details["hit_3"]) == ("stain 90", True, True)
    assert (second.value, second.details["hit_1"], second.details["hit_3"]) == ("crack 30", False, True)
    assert (third.value, third.reason) == (None, "no-labels")
    assert again == first
    assert first.evidence == (0, 9) and first.score == pytest.approx(math.cos(math.radians(10)), abs=1e-6)


def test_an_answer_that_claims_normality_is_an_abstention(item, compass):
    (judged,) = scorer_with(compass).judge([item("No.", accepted=("hole 0",), labels=(Label("hole 0"),))])
    assert (judged.value, judged.reason, judged.details["hit_1"]) == (None, "claims-normal", False)


def test_the_options_and_the_descriptions_are_part_of_the_version():
    versions = {
        MappingScorer().version,
        MappingScorer("open-images").version,
        MappingScorer(options=MappingOptions(embed="whole")).version,
        MappingScorer(options=MappingOptions(threshold=0.3)).version,
        MappingScorer("open-images", MappingOptions(descriptions="both")).version,
        MappingScorer("open-images", MappingOptions(descriptions="both"), answer_descriptions={"a": "b"}).version,
    }
    assert len(versions) == 6


def test_the_names_tell_the_scorers_apart():
    names = [
        MappingScorer().name,
        MappingScorer("open-images").name,
        CategoriesScorer().name,
        CategoriesScorer(via_classes=True).name,
    ]
    assert names == ["mapping", "mapping:open-images", "categories", "categories:via-classes"]
