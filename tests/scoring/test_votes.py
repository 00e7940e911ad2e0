import pytest

from vlm_eval.flow import Answer, Gold, Item, Question, Sample
from vlm_eval.scoring.votes import VotesScorer, count_votes


def test_the_share_is_taken_over_claims_and_k_is_kept_beside_it():
    votes = count_votes(["anomalous", "normal", "anomalous", None, None])
    assert (votes.answers, votes.share, votes.majority) == (5, pytest.approx(2 / 3), "anomalous")
    assert votes.levels == 4  # 0, 1/3, 2/3, 1


def test_without_a_claim_there_is_no_score():
    assert count_votes([None, None]).score().reason == "no-claims"
    assert count_votes(["anomalous", "normal"]).majority is None


def repeats(*texts):
    sample = Sample("a", "c", "image", (), "x", Gold("yes"), "a")
    return [Item(sample, Question("chat", "task", repeat=n), Answer(text)) for n, text in enumerate(texts)]


def test_the_repeats_of_a_question_get_one_judgement():
    judged = VotesScorer().judge_repeats(repeats("Yes.", "No.", "Yes.", ""))
    assert (judged.value, judged.score) == ("anomalous", pytest.approx(2 / 3))
    assert judged.details == {"answers": 4, "anomalous": 2, "normal": 1, "levels": 4}


def test_a_tie_is_an_abstention_with_a_score():
    judged = VotesScorer().judge_repeats(repeats("Yes.", "No."))
    assert (judged.value, judged.reason, judged.score) == (None, "tie", 0.5)


def test_repeats_without_a_claim_have_no_score():
    judged = VotesScorer().judge_repeats(repeats("", "I cannot tell."))
    assert (judged.value, judged.reason, judged.score) == (None, "no-claims", None)
