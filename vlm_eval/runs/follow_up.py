"""Requests whose prompt holds the model's own answer: a later round, and the forced yes/no question."""

from vlm_eval.flow import Answer, Generation, Prompt, Request, Turn
from vlm_eval.runs.keys import make_request

FORCED = Generation(max_tokens=1, yes_no=True)
NOTHING = Prompt(())
"""The prompt of a request that is never sent, because the round before it has no answer."""


def next_round(request: Request, answer: Answer, words: str, generation: Generation) -> Request:
    """Build the next round: what was asked, the answer as the model's turn, then the words.

    The reasoning trace is left out, as no conversation shows it. A backend without conversations cannot be asked
    this: check its capabilities first.
    """
    turns = (*request.prompt.turns, Turn("assistant", (answer.text,)), Turn("user", (words,)))
    return make_request(request.model, Prompt(turns), generation, request.repeat)


def after_answer(request: Request, answer: Answer, question: str) -> Request:
    """Build the forced yes/no question after an answer; the source of its score is yes-no-after-answer.

    Args:
        request: what was asked.
        answer: what the model said.
        question: the words of the follow-up.

    Raises:
        ValueError: the answer is empty, so that there is nothing to follow up.
    """
    if not answer.text.strip():
        raise ValueError("the answer is empty: there is nothing to follow up")
    return next_round(request, answer, question, FORCED)


def asks_nothing(request: Request, generation: Generation) -> Request:
    """Build the request that stands in the plan for a round which cannot be asked."""
    return make_request(request.model, NOTHING, generation, request.repeat)
