"""The official VQA accuracy, quirk for quirk, so that published numbers can be compared.

Source: Antol et al. 2015, section 4.2, and the behaviour of the challenge's own evaluation, version 2, measured by
running it. Its quirks are kept on purpose; `words` is the scorer without them:
- Nothing is normalised where the human answers agree, so "Yes" against ten "yes" scores 0.
- Each human answer is left out once and the rest counted, so that three matches give 90, not 100.
- "none" becomes "0". Only the first 32 full stops are dropped.
- A punctuation mark is deleted where it stands beside a space anywhere in the text, or where a comma is between
  two digits anywhere in the text; otherwise it becomes a space.
"""

import re
from collections.abc import Sequence

from vlm_eval.flow import Item, Judgement

_PUNCTUATION = ';/[]"{}()=+\\_->`<@,?!'
_COMMA_IN_NUMBER = re.compile(r"\d,\d")
_FULL_STOP = re.compile(r"\.(?!\d)")
_MOST_FULL_STOPS = 32
_ARTICLES = frozenset({"a", "an", "the"})
_NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_DIGITS = {"none": "0"} | {word: str(number) for number, word in enumerate(_NUMBERS)}

_APOSTROPHE_LEFT_OUT = (
    *("ain't", "aren't", "can't", "could've", "couldn't", "didn't", "doesn't", "don't", "hadn't", "hasn't"),
    *("haven't", "he'd", "he's", "how'd", "how'll", "how's", "isn't", "it'd", "it'll", "ma'am", "mightn't"),
    *("might've", "mustn't", "must've", "needn't", "not've", "o'clock", "oughtn't", "shan't", "should've"),
    *("shouldn't", "somebody'll", "somebody's", "someone'd", "someone'll", "someone's", "something'd"),
    *("something'll", "that's", "there'd", "there're", "there's", "they'd", "they'll", "they're", "they've"),
    *("'twas", "wasn't", "we've", "weren't", "what'll", "what're", "what's", "what've", "when's", "where'd"),
    *("where's", "where've", "who'd", "who'll", "who's", "who've", "why'll", "why're", "why's", "won't"),
    *("would've", "wouldn't", "y'all", "you'd", "you'll", "you're", "you've"),
)
_ONE_OF_TWO_LEFT_OUT = (
    *("couldn't've", "hadn't've", "he'd've", "it'd've", "mightn't've", "she'd've", "shouldn't've"),
    *("somebody'd've", "someone'd've", "something'd've", "there'd've", "they'd've", "we'd've", "who'd've"),
    *("wouldn't've", "you'd've"),
)
_IRREGULAR = {
    "ow's'at": "'ow's'at",
    "'ows'at": "'ow's'at",
    "'ow'sat": "'ow's'at",
    "somebody'd": "somebodyd",
    "yall'll": "y'all'll",
    "y'allll": "y'all'll",
    "yall'd've": "y'all'd've",
    "y'alld've": "y'all'd've",
    "y'all'dve": "y'all'd've",
}


def _contractions() -> dict[str, str]:
    known = {word.replace("'", ""): word for word in _APOSTROPHE_LEFT_OUT}
    for word in _ONE_OF_TWO_LEFT_OUT:
        for place in (word.index("'"), word.rindex("'")):
            known[word[:place] + word[place + 1 :]] = word
    return known | _IRREGULAR


_CONTRACTIONS = _contractions()


def normalize_vqa(text: str) -> str:
    """Normalise an answer as the official VQA evaluation does, in linear time.

    Punctuation, case, number words, articles, left-out apostrophes, in this order.
    """
    words = [_DIGITS.get(word, word) for word in _drop_punctuation(_flatten(text)).lower().split()]
    return " ".join(_CONTRACTIONS.get(word, word) for word in words if word not in _ARTICLES)


def _flatten(text: str) -> str:
    return text.replace("\n", " ").replace("\t", " ").strip()


def _drop_punctuation(text: str) -> str:
    number = _COMMA_IN_NUMBER.search(text) is not None
    result = text
    for mark in _PUNCTUATION:
        beside_space = f"{mark} " in text or f" {mark}" in text
        result = result.replace(mark, "" if beside_space or number else " ")
    return _FULL_STOP.sub("", result, count=_MOST_FULL_STOPS)


def vqa_accuracy(answer: str, ten_answers: Sequence[str]) -> float:
    """Return the official VQA accuracy of an answer in percent, 0 to 100, rounded to two decimals as it is there.

    The mean over the human answers of min(1, matches among the other ones / 3).

    Args:
        answer: the model's answer.
        ten_answers: the human answers, ten in the data set.

    Raises:
        ValueError: there is no human answer, or one string stands where a list belongs.
    """
    if isinstance(ten_answers, str):
        raise ValueError(f"the human answers are one string, {ten_answers!r}; give a list of them")
    if not ten_answers:
        raise ValueError("no human answers were given; the VQA accuracy needs them, ten in the official data")
    said, human = _flatten(answer), [_flatten(each) for each in ten_answers]
    if len(set(human)) > 1:
        said, human = normalize_vqa(said), [normalize_vqa(each) for each in human]
    matches = [each == said for each in human]
    shares = [min(1.0, (sum(matches) - match) / 3) for match in matches]
    return round(100 * sum(shares) / len(shares), 2)


class VqaScorer:
    """Scores an answer by the official VQA accuracy, as a share in [0, 1].

    Where a sample has human answers, it holds them in its metadata under `answers`, separated by `|`. Otherwise
    each accepted name is taken for ten agreeing people, and the best one counts.
    """

    name = "vqa"
    version = "1"

    def judge(self, items: Sequence[Item]) -> Sequence[Judgement]:
        """Return one judgement an item, in order."""
        return [self._judge(item) for item in items]

    def _judge(self, item: Item) -> Judgement:
        human = [answer for answer in str(item.sample.metadata.get("answers") or "").split("|") if answer]
        if human:
            accuracy = vqa_accuracy(item.answer.text, human)
        elif item.sample.gold.accepted:
            accuracy = max(vqa_accuracy(item.answer.text, [name] * 10) for name in item.sample.gold.accepted)
        else:
            return Judgement(None, "no-accepted-answers")
        return Judgement(accuracy == 100, score=accuracy / 100, details={"accuracy": accuracy})
