"""Brings inflected words to one form, so that names match whatever their number, tense or hyphen."""

from functools import lru_cache

_IRREGULAR = {
    "broken": "break",
    "broke": "break",
    "torn": "tear",
    "bent": "bend",
    "worn": "wear",
    "burnt": "burn",
    "split": "split",
    "teeth": "tooth",
    "feet": "foot",
    "knives": "knife",
    "leaves": "leaf",
    "shelves": "shelf",
    "loaves": "loaf",
    "wolves": "wolf",
    "mice": "mouse",
    "geese": "goose",
    "men": "man",
    "women": "woman",
    "children": "child",
    "tumour": "tumor",
    "oedema": "edema",
    "haemorrhage": "hemorrhage",
}
_SUFFIXES = ("ations", "ation", "ating", "ated", "ing", "ed")


@lru_cache(maxsize=1 << 14)
def stem(word: str) -> str:
    """Return the stem of a word in lower case: `scratches`, `scratched` and `scratching` give `scratch`."""
    word = word.removesuffix("'s").removesuffix("'")
    word = _IRREGULAR.get(word, word).replace("colour", "color")
    word = _singular(word)
    for suffix in _SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= 3:
            word = word[: -len(suffix)]
            if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "sl":
                word = word[:-1]
            break
    return word[:-1] if word.endswith("e") and len(word) > 3 else word


def _singular(word: str) -> str:
    if len(word) < 4 or word.endswith(("ss", "us", "is")):
        return word
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("sses", "xes", "ches", "shes", "zzes")):
        return word[:-2]
    return word[:-1] if word.endswith("s") else word
