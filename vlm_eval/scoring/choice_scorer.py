"""The scorer "choice": which option of a multiple-choice question does the answer pick?"""

import re
from collections.abc import Sequence

from vlm_eval.flow import Item, Judgement, Scalar
from vlm_eval.scoring.choice import read_choice

RIGHT = "right option"
"""Key of a sample's metadata that holds the right option's letter."""

_LETTER = re.compile(r"\b[A-E]\b")


def read_last_letter(text: str) -> str | None:
    """Return the last capital A to E that stands alone, as MMAD's published evaluation reads an answer.

    "No defect is visible. A clean bottle" reads as A: kept apart, only to reproduce published numbers.
    """
    letters = _LETTER.findall(text)
    return letters[-1] if letters else None


class ChoiceScorer:
    """Judges the key of the option that the answer picks; abstains with "none" where it picks none or several.

    The options stand in the question, the right one in the sample's metadata. The details hold it, whether it was
    picked (a question without an option picked is not right), and the letter that the published reading takes.
    """

    name = "choice"
    version = "1"

    def judge(self, items: Sequence[Item]) -> Sequence[Judgement]:
        """Return one judgement an item, in order."""
        return [_judge(item) for item in items]


def _judge(item: Item) -> Judgement:
    options = item.question.options
    if not options:
        return Judgement(None, "no-options")
    text = item.answer.text
    picked = read_choice(text, options)
    right = item.sample.metadata.get(RIGHT)
    details: dict[str, Scalar] = {"right": right, "published": read_last_letter(text)}
    if right is not None:
        stated = item.sample.metadata.get(f"option {right}")
        moved = stated is not None and options.get(str(right)) != stated  # as where a probe swapped the options
        details["hit"] = picked is not None and options[picked] == stated if moved else picked == right
    reason = None if picked is not None else "none" if text.strip() else "empty"
    return Judgement(picked, reason, details=details)
