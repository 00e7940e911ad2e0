"""Zero-shot classification of free-form answers: the label whose text is most similar to what the answer accuses.

Source: the study of context-dependent anomalies (Open Images objects in rooms), sections 4.3 and 4.5: answer and
label, each with a description appended, are embedded and compared by cosine similarity.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from vlm_eval.errors import InputError
from vlm_eval.scoring.descriptions import digest_of, text_hash
from vlm_eval.scoring.embedding import DEFAULT_EMBEDDER, Embedder, Vectors, open_embedder
from vlm_eval.scoring.embedding_cache import embed_cached
from vlm_eval.scoring.label_space import LabelSpace, make_label_space
from vlm_eval.scoring.passages import PARTS, Found, Part, Passage, find_passages

Descriptions = Literal["neither", "labels", "answers", "both"]
DESCRIPTIONS: tuple[Descriptions, ...] = ("neither", "labels", "answers", "both")

_ROWS = 4096  # passages compared with all labels at a time, so that memory stays bounded


@dataclass(frozen=True, slots=True)
class MappingOptions:
    """What is embedded and how; all of it is part of a scorer's version."""

    embed: Part = "accused"
    descriptions: Descriptions = "neither"
    embedder: str = DEFAULT_EMBEDDER
    threshold: float | None = None  # least cosine similarity of the first label, in [-1, 1]; below it, no label
    top: int = 3  # labels kept, best first

    def __post_init__(self) -> None:
        if self.embed not in PARTS:
            raise InputError(f"embed is {self.embed!r}. Allowed: {', '.join(PARTS)}.")
        if self.descriptions not in DESCRIPTIONS:
            raise InputError(f"descriptions is {self.descriptions!r}. Allowed: {', '.join(DESCRIPTIONS)}.")
        if self.threshold is not None and not -1 <= self.threshold <= 1:
            raise InputError(f"threshold is {self.threshold}. A cosine similarity lies between -1 and 1.")
        if self.top < 1:
            raise InputError(f"top is {self.top}. Keep at least one label.")

    def __str__(self) -> str:
        limit = "none" if self.threshold is None else f"{self.threshold:g}"
        return (
            f"embed={self.embed} descriptions={self.descriptions} embedder={self.embedder} "
            f"threshold={limit} top={self.top}"
        )

    @property
    def protocol(self) -> str:
        """Name the protocol. Only descriptions on both sides are the study's."""
        if self.descriptions == "both":
            return "descriptions on both sides (the study's protocol)"
        return {
            "neither": "bare names, no descriptions (not the study's protocol)",
            "labels": "descriptions on the labels only (not the study's protocol)",
            "answers": "descriptions on the answers only (not the study's protocol)",
        }[self.descriptions]


@dataclass(frozen=True, slots=True)
class MappedAnswer:
    """The label that an answer is mapped to, or the reason why it is mapped to none."""

    label: str | None
    reason: str | None = None  # empty, refused, claims-normal, names-nothing, not-described, below-threshold
    top: tuple[
        tuple[str, float], ...
    ] = ()  # labels with their cosine similarities, best first; also below threshold
    margin: float | None = (
        None  # similarity of the first label minus that of the second; None where there is one label
    )
    passage: Passage | None = None  # what was embedded
    tokens: int = 0  # of what was embedded, before truncation
    truncated: bool = False  # it was longer than the embedder reads

    @property
    def similarity(self) -> float | None:
        """Return the cosine similarity of the first label."""
        return self.top[0][1] if self.top else None


def map_answers(
    answers: Sequence[str],
    labels: LabelSpace | Sequence[str],
    *,
    embed: Part = "accused",
    descriptions: Descriptions = "neither",
    answer_descriptions: Mapping[str, str] | None = None,
    embedder: str | Embedder = DEFAULT_EMBEDDER,
    threshold: float | None = None,
    top: int = 3,
    cache: Path | None = None,
) -> list[MappedAnswer]:
    """Map each answer to the most similar label, or to none with the reason; equal answers are embedded once.

    Args:
        answers: free-form texts.
        labels: a label space (`load_label_space("open-images")`), or names, none of them twice.
        embed: the accused phrase, the best of its sentences, or the whole answer.
        descriptions: on neither side, on the labels, on the answers, on both.
        answer_descriptions: description by `text_hash` of what is embedded; needed for "answers" and "both".
        embedder: the name of one (see `open_embedder`) or one that is open.
        threshold: least cosine similarity; below it an answer is mapped to no label.
        top: how many labels to keep, best first.
        cache: where the vectors of labels are kept; by default VLM_EVAL_CACHE or the platform's cache folder.

    Raises:
        InputError: an option is not allowed, a label stands twice, or the labels lack descriptions.
        MissingExtraError: the embedder is not installed.
    """
    space = labels if isinstance(labels, LabelSpace) else make_label_space(labels)
    name = embedder if isinstance(embedder, str) else embedder.name
    options = MappingOptions(embed, descriptions, name, threshold, top)
    mapper = Mapper(options, answer_descriptions or {}, None if isinstance(embedder, str) else embedder, cache)
    return mapper.map([find_passages(answer, embed) for answer in answers], space)


class Mapper:
    """Maps passages to labels and remembers their vectors. The embedder is opened when it is first needed."""

    def __init__(
        self,
        options: MappingOptions,
        answer_descriptions: Mapping[str, str] | None = None,
        embedder: Embedder | None = None,
        cache: Path | None = None,
    ) -> None:
        self.options = options
        self._described = answer_descriptions or {}
        self._embedder = embedder
        self._cache = cache
        self._vectors: dict[str, tuple[Vectors, int]] = {}  # by text, with its number of tokens

    @property
    def version(self) -> str:
        """Say which options and which answer descriptions decide a mapping."""
        uses = self.options.descriptions in ("answers", "both")
        return f"{self.options} described={digest_of(self._described)}" if uses else str(self.options)

    def map(self, found: Sequence[Found], space: LabelSpace) -> list[MappedAnswer]:
        """Map what was found in each answer to a space's labels, in order.

        Raises:
            InputError: the labels are to be described, but the space has no descriptions.
        """
        texts = [tuple(self._text(passage) for passage in each.passages) for each in found]
        unique = list(dict.fromkeys(text for each in texts for text in each if text is not None))
        rows = {text: row for row, text in enumerate(unique)}
        ranked = self._rank(unique, space)
        return [
            self._choose(each, [None if text is None else ranked[rows[text]] for text in own])
            for each, own in zip(found, texts, strict=True)
        ]

    def _text(self, passage: Passage) -> str | None:
        """Return what is embedded for a passage; None where its description is missing."""
        if self.options.descriptions not in ("answers", "both"):
            return passage.text
        description = self._described.get(text_hash(passage.text))
        return None if description is None else describe(passage.text, description)

    def _rank(self, texts: Sequence[str], space: LabelSpace) -> list[MappedAnswer]:
        """Rank the labels for each text, as a mapping without its passage."""
        if not texts:
            return []
        labels = embed_cached(self._open(), label_texts(space, self.options.descriptions), self._cache).vectors
        self._remember(texts)
        starts = np.flatnonzero(np.diff(np.array(space.owners), prepend=-1))
        ranked: list[MappedAnswer] = []
        for start in range(0, len(texts), _ROWS):
            page = [self._vectors[text] for text in texts[start : start + _ROWS]]
            scores = np.stack([vector for vector, _ in page]) @ labels.T
            by_label = np.maximum.reduceat(scores, starts, axis=1)
            ranked += [self._read(row, tokens, space) for row, (_, tokens) in zip(by_label, page, strict=True)]
        return ranked

    def _read(self, scores: NDArray[np.float32], tokens: int, space: LabelSpace) -> MappedAnswer:
        order = np.argsort(-scores, kind="stable")[: max(self.options.top, 2)]
        best = float(scores[order[0]])
        margin = best - float(scores[order[1]]) if len(order) > 1 else None
        top = tuple((space.labels[row], float(scores[row])) for row in order[: self.options.top])
        below = self.options.threshold is not None and best < self.options.threshold
        return MappedAnswer(
            None if below else top[0][0],
            "below-threshold" if below else None,
            top,
            margin,
            tokens=tokens,
            truncated=tokens > self._open().max_tokens,
        )

    def _choose(self, found: Found, ranked: Sequence[MappedAnswer | None]) -> MappedAnswer:
        """Take the passage that is most similar to any label; the first of equals."""
        candidates = [
            (mapped.similarity or 0.0, -place, mapped) for place, mapped in enumerate(ranked) if mapped is not None
        ]
        if not candidates:
            return MappedAnswer(None, found.reason or "not-described", passage=next(iter(found.passages), None))
        _, place, mapped = max(candidates, key=lambda candidate: candidate[:2])
        return replace(mapped, passage=found.passages[-place])

    def _remember(self, texts: Iterable[str]) -> None:
        """Embed what was not embedded before."""
        new = [text for text in texts if text not in self._vectors]
        if new:
            embedded = self._open().embed(new)
            pairs = zip(embedded.vectors, embedded.tokens.tolist(), strict=True)
            self._vectors.update(zip(new, pairs, strict=True))

    def _open(self) -> Embedder:
        if self._embedder is None:
            self._embedder = _open_once(self.options.embedder)
        return self._embedder


@lru_cache(maxsize=2)
def _open_once(name: str) -> Embedder:
    """Open an embedder that several scorers share, such as a scorer and its ceiling."""
    return open_embedder(name)


def describe(text: str, description: str) -> str:
    """Append a description, as in "apple: a round fruit"."""
    return f"{text}: {description}"


def label_texts(space: LabelSpace, descriptions: Descriptions) -> list[str]:
    """Return what is embedded for a label space. Raises InputError where descriptions are missing."""
    if descriptions not in ("labels", "both"):
        return list(space.texts)
    if not space.descriptions:
        raise InputError(
            f"The label space {space.name!r} has no descriptions. Choose descriptions neither or answers, or "
            "give a CSV file with a column `description`."
        )
    return [describe(text, description) for text, description in zip(space.texts, space.descriptions, strict=True)]
