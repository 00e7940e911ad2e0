import subprocess
import sys

import pytest

from vlm_eval.errors import ExperimentError
from vlm_eval.flow import Question, RepeatScorer, ReplyField
from vlm_eval.scoring.registry import list_scorers, open_scorer


def test_every_listed_scorer_opens_under_its_name_and_has_a_version():
    for name in list_scorers():
        scorer = open_scorer(name)
        assert scorer.name == name
        assert scorer.version


def test_an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(ExperimentError, match=r"'werdict'.*verdict"):
        open_scorer("werdict")


def test_every_scorer_gives_one_judgement_an_item_in_order(item):
    items = [item("Yes, a crack.", accepted=("crack",)), item("No."), item("")]
    for name in list_scorers():
        scorer = open_scorer(name)
        if isinstance(scorer, RepeatScorer):
            judged = [scorer.judge_repeats([one]) for one in items]
        else:
            judged = scorer.judge(items)
        assert len(judged) == 3
        assert all(judgement.value is not None or judgement.reason for judgement in judged)


def test_the_verdict_scorer_reads_what_the_question_declared(item):
    field = ReplyField("ok", "verdict", anomalous=("no",), normal=("yes",))
    question = Question("json", "naive", reply_fields=(field,))
    turned = Question("vqa", "naive", yes_means="normal")
    items = [item('{"ok": "yes"}', question=question), item("yes", question=turned), item("yes")]
    assert [one.value for one in open_scorer("verdict").judge(items)] == ["normal", "normal", "anomalous"]


def test_scoring_needs_neither_torch_nor_transformers():
    code = (
        "import sys; from vlm_eval.scoring.registry import *; [*map(open_scorer, list_scorers())]; "
        "print(*sys.modules)"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {"torch", "transformers", "openai", "sklearn", "pandas"} & set(loaded)
