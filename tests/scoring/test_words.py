import pytest

from vlm_eval.flow import Label
from vlm_eval.scoring.registry import open_scorer
from vlm_eval.scoring.words import word_match


@pytest.mark.parametrize(
    ("answer", "accepted"),
    [
        ("There are scratches at the left.", "scratch"),
        ("The surface is scratched.", "scratch"),
        ("A wire is missing.", "missing wire"),
        ("The signal has a flatline.", "flat line"),
        ("The signal has a flat line.", "flatline"),
        ("It shows a bent_wire.", "bent wire"),
        ("a mis-placed part", "misplaced part"),
        ("The tooth is broken.", "broken teeth"),
        ("There is no scratch but a stain.", "stain"),
        ("a stain rather than a scratch", "stain"),
        ("Pizza!", "pizza"),
    ],
)
def test_a_name_counts_in_any_inflection_spelling_and_order(answer, accepted):
    assert word_match(answer, [accepted])


@pytest.mark.parametrize(
    ("answer", "accepted"),
    [
        ("There is no scratch but a stain.", "scratch"),
        ("I see no cracks, dents or scratches.", "dent"),
        ("A scratch is not visible.", "scratch"),
        ("a stain rather than a scratch", "scratch"),
        ("Cracks: none. Stains: none.", "crack"),
        ("a pineapple", "apple"),
        ("a llama", "alpaca"),
        ("", "scratch"),
    ],
)
def test_a_name_that_is_denied_or_only_part_of_a_word_does_not_count(answer, accepted):
    assert not word_match(answer, [accepted])


def test_a_synonym_counts_for_words_and_not_for_words_strict(item):
    asked = item("There is a scuff.", accepted=("scratch", "scuff"))
    assert open_scorer("words").judge([asked])[0].value is True
    assert open_scorer("words:strict").judge([asked])[0].value is False


def test_strict_wants_the_true_name_as_a_discrete_word_whatever_is_said_of_it(item):
    strict = open_scorer("words:strict")
    judged = strict.judge(
        [item(text, accepted=("scratch",)) for text in ("A Scratch.", "scratches", "no scratch", "un-scratch-ed")]
    )
    assert [judgement.value for judgement in judged] == [True, False, True, True]


def test_an_item_without_accepted_names_gives_an_abstention(item):
    for name in ("words", "words:strict"):
        judgement = open_scorer(name).judge([item("No.", anomalous="no")])[0]
        assert (judgement.value, judgement.reason) == (None, "no-accepted-names")


def test_an_answer_that_lists_the_whole_label_space_shows_in_the_details(item):
    labels = (Label("scratch", ("scuff",)), Label("stain"), Label("hole"))
    asked = item("a scuff, stains or a hole", accepted=("hole",), labels=labels)
    judgement = open_scorer("words").judge([asked])[0]
    assert judgement.value is True
    assert judgement.details == {"names_contained": 3, "names_in_space": 3}


def test_the_evidence_is_where_the_name_stands(item):
    asked = item("ASSISTANT: There is a long scratch.", accepted=("scratch",))
    for name in ("words", "words:strict"):
        evidence = open_scorer(name).judge([asked])[0].evidence
        assert asked.answer.text[slice(*evidence)] == "scratch"


def test_one_string_of_accepted_names_is_refused():
    with pytest.raises(ValueError, match="give a list"):
        word_match("a crack", "crack")


@pytest.mark.parametrize("text", ["The plate is hole-free.", "A scratch-free, hole-free surface."])
def test_free_of_a_defect_denies_it(text):
    assert not word_match(text, ["hole"])
