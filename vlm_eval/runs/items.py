"""Reads what scorers see from the store: Items one by one, or all repeats of a question together."""

import re
from collections.abc import Iterator
from dataclasses import replace

from pydantic import TypeAdapter

from vlm_eval.data.option_questions import OPTION
from vlm_eval.errors import InputError
from vlm_eval.flow import Answer, Claim, Item, Question, Sample
from vlm_eval.runs.one_by_one import gold_in_view
from vlm_eval.runs.probes import probe_name
from vlm_eval.runs.regions import region_path, with_region
from vlm_eval.runs.store import Store

PAGE = 1024
_SAMPLE = TypeAdapter(Sample)
_QUESTION = TypeAdapter(Question)
_ANSWER = TypeAdapter(Answer)
_MARK = "mark "  # what the keys of a sample's metadata begin with
_MEANINGS: dict[str, Claim] = {"anomalous": "anomalous", "normal": "normal"}
_REGION = re.compile(r"\d+(?:\.\d+)?(?: \d+(?:\.\d+)?){3}")

Entry = tuple[int, Item]
"""An ask's id and its item."""


class ItemReader:
    """Builds the items of one store; a sample is read once."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._samples: dict[int, Sample] = {}

    def models(self) -> list[tuple[int, str]]:
        """Return id and name of the models that were asked."""
        return self._store.connection.execute("SELECT id, name FROM model ORDER BY id").fetchall()

    def unjudged(self, model: int, scorer: str, version: str) -> Iterator[list[Entry]]:
        """Yield pages of a model's answers that this version of a scorer has not judged."""
        last = 0
        while True:
            # The plus keeps SQLite from finding the rows by model and sorting all of them for every page.
            rows = self._store.connection.execute(
                "SELECT ask.id, ask.sample, ask.question, outcome.data FROM ask JOIN outcome USING (request) "
                "WHERE ask.id > ? AND +ask.model = ? AND ask.purpose = 'answer' AND outcome.kind = 'answer' "
                "AND NOT EXISTS (SELECT 1 FROM judgement WHERE ask = ask.id AND scorer = ? AND version = ?) "
                "ORDER BY ask.id LIMIT ?",
                (last, model, scorer, version, PAGE),
            ).fetchall()
            if not rows:
                return
            last = rows[-1][0]
            yield [(ask, self._item(sample, question, data)) for ask, sample, question, data in rows]

    def repeats(self, scorer: str, version: str) -> Iterator[tuple[int, list[Item], str | None]]:
        """Yield (first ask, answered repeats, stored judgement) of each sample, or view, in each cell and round.

        The first ask is that of the lowest repeat, answered or not, so that it stays the same as answers come in.
        """
        last = 0
        while True:
            rows = self._store.connection.execute(
                "SELECT id, model, sample, cell, round, view, (SELECT data FROM judgement WHERE ask = one.id AND "
                "scorer = ? AND version = ?) FROM ask AS one WHERE id > ? AND purpose = 'answer' AND NOT EXISTS "
                "(SELECT 1 FROM ask WHERE model = one.model AND sample = one.sample AND cell = one.cell AND "
                "round = one.round AND view = one.view AND purpose = 'answer' AND repeat < one.repeat) "
                "ORDER BY id LIMIT ?",
                (scorer, version, last, PAGE),
            ).fetchall()
            if not rows:
                return
            last = rows[-1][0]
            for first, *address, judged in rows:
                items = self._repeats_of(*address)
                if items:
                    yield first, items, judged

    def _repeats_of(self, model: int, sample: int, cell: int, round_: int, view: int) -> list[Item]:
        rows = self._store.connection.execute(
            "SELECT question, data FROM ask JOIN outcome USING (request) WHERE ask.model = ? AND sample = ? AND "
            "cell = ? AND round = ? AND view = ? AND purpose = 'answer' AND kind = 'answer' ORDER BY ask.repeat",
            (model, sample, cell, round_, view),
        ).fetchall()
        return [self._item(sample, question, data) for question, data in rows]

    def _item(self, sample: int, question: str, data: str) -> Item:
        if sample not in self._samples:
            row = self._store.connection.execute("SELECT data FROM sample WHERE id = ?", (sample,)).fetchone()
            self._samples[sample] = with_region(self._store.folder, sample, _SAMPLE.validate_json(row[0]))
        asked = _QUESTION.validate_json(question)
        kept = region_path(self._store.folder, sample)
        own = gold_in_view(self._samples[sample], asked, region=self._samples[sample].gold.masks == (kept,))
        return Item(own, as_asked(asked, own), _ANSWER.validate_json(data))


def as_asked(question: Question, sample: Sample) -> Question:
    """Fill in what a sample brings along itself: the options of its own question, and the marks of its picture.

    Its metadata hold them. `option A`: the option's text; `yes means`: what an option "Yes" claims; `marks`: how
    many there are, or which ("1-20, 25"); `mark 3`: the region of one, "left top right bottom" in pixels. Marks
    that no prompt showed are left out, as are those that lie elsewhere under a probe.
    """
    options = question.options or {
        key.removeprefix(OPTION): str(text) for key, text in sample.metadata.items() if key.startswith(OPTION)
    }
    shown = not question.image_roles or "marked" in question.image_roles
    shown = shown and probe_name(question.cell) != "random-marks"
    marks = question.marks or (marks_of(sample) if shown else {})
    means = _MEANINGS.get(str(sample.metadata.get("yes means")), question.yes_means)
    return replace(question, options=options, marks=marks, yes_means=means)


def marks_of(sample: Sample) -> dict[str, str]:
    """Read the marks of a sample's marked picture and their regions; an empty text where the region is not told.

    Raises:
        InputError: a region is not four numbers.
    """
    stated = sample.metadata.get("marks")
    if isinstance(stated, bool):
        names = []
    elif isinstance(stated, int):
        names = [str(number) for number in range(1, stated + 1)]
    else:
        names = [name for part in str(stated or "").split(",") for name in _names(part.strip())]
    return {name: _region(sample, name) for name in names}


def _region(sample: Sample, name: str) -> str:
    region = str(sample.metadata.get(_MARK + name) or "")
    if region and not _REGION.fullmatch(region):
        raise InputError(
            f"The metadata of {sample.id!r} say {region!r} of mark {name}. A region is four numbers in pixels, "
            "'left top right bottom'."
        )
    return region


def _names(part: str) -> list[str]:
    first, dash, last = (piece.strip() for piece in part.partition("-"))
    if dash and first.isdecimal() and last.isdecimal():
        return [str(number) for number in range(int(first), int(last) + 1)]
    return [part] if part else []
