"""The forced yes/no question after the model's own answer: a second round whose prompt holds the first."""

from vlm_eval.flow import Answer, Generation, Prompt, Request, Turn
from vlm_eval.runs.keys import make_request

FORCED = Generation(max_tokens=1, yes_no=True)


def after_answer(request: Request, answer: Answer, question: str) -> Request:
    """Build the follow-up of an answered request: its turns, the answer as the model's turn, then the question.

    The reasoning trace is left out, as no conversation shows it. The score of its outcome has the source
    `yes-no-after-answer`. A backend without conversations cannot be asked this: check its capabilities first.

    Args:
        request: what was asked.
        answer: what the model said.
        question: the words of the follow-up, such as the rendered `yes_no` ingredient.

    Raises:
        ValueError: the answer is empty, so that there is nothing to follow up.
    """
    if not answer.text.strip():
        raise ValueError("the answer is empty: there is nothing to follow up")
    turns = (*request.prompt.turns, Turn("assistant", (answer.text,)), Turn("user", (question,)))
    return make_request(request.model, Prompt(turns), FORCED, request.repeat)
