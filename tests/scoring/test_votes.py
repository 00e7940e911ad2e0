import pytest

from vlm_eval.flow import Answer, Gold, Item, Question, Sample
from vlm_eval.scoring.votes import VotesScorer, count_votes


def test_the_share_is_taken_over_claims_and_k_is_kept_beside_it():
    votes = count_votes(["anomalous", "normal", "anomalous", None, None])
    assert (votes.asked, votes.share, votes.majority) == (5, pytest.approx(2 / 3), "anomalous")


def test_without_a_claim_there_is_no_score():
    assert count_votes([None, None]).score().reason == "no-claims"
    assert count_votes(["anomalous", "normal"]).majority is None


def item(name, text, repeat, cell="task"):
    return Item(
        Sample(name, "c", "image", (), "x", Gold("yes"), name), Question("chat", cell, repeat=repeat), Answer(text)
    )


def test_all_repeats_of_a_sample_in_a_cell_get_one_judgement():
    items = [
        item("a", "Yes.", 0),
        item("b", "No.", 0),
        item("a", "No.", 1),
        item("a", "Yes.", 2),
        item("b", "", 1),
    ]
    items.append(item("a", "No.", 0, cell="task+class"))
    judged = VotesScorer().judge(items)
    assert judged[0] == judged[2] == judged[3]
    assert judged[0].score == pytest.approx(2 / 3)
    assert judged[0].details == {"asked": 3, "anomalous": 2, "normal": 1}
    assert (judged[1].value, judged[1].score) == ("normal", 0.0)
    assert judged[5].score == 0.0


def test_a_tie_is_an_abstention_with_a_score():
    judged = VotesScorer().judge([item("a", "Yes.", 0), item("a", "No.", 1)])
    assert (judged[0].value, judged[0].reason, judged[0].score) == (None, "tie", 0.5)
