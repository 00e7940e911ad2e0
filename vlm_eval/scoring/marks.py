"""Which marks does an answer accuse, which does it clear, and of which does it say nothing?

The rules, in the order in which they decide on a mark:
1. What is said of the mark by its number; of several such statements the one about the fewest marks, and among
equals
   an accusation, unless a conclusion clears it. A statement that is only conditional leaves the mark open.
2. An exception ("1-20 except 15 look normal") says the opposite of the statement that it is excepted from.
3. What is said of the others, then of all marks, then of the whole picture where it is called normal.
A mark that only serves to compare ("unlike mark 3") or to say what is near ("next to mark 3") is not judged by
that.
"""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from vlm_eval.errors import BadInputError
from vlm_eval.flow import Box, Item, Judgement, Role, Scalar
from vlm_eval.metrics.marks import chance_match, mark_match, oracle_coverage
from vlm_eval.scoring.final_answer import start_of_final_answer
from vlm_eval.scoring.gold_place import box_mask, gold_place
from vlm_eval.scoring.mark_statements import Statement, StatementReader
from vlm_eval.scoring.too_long import is_too_long
from vlm_eval.scoring.verdict import read_verdict

Mark = TypeVar("Mark", bound=Hashable)
MOST_NUMBERS = 60_000
"""What an answer may hold: every number may be a mark, of which the clause is read."""

ROLES: tuple[Role, ...] = ("query", "marked")
"""The pictures of a set-of-mark prompt: "the first image" is the inspected one, the second shows its marks."""
_BARE = frozenset(["mark", "marks", "region", "regions", "area", "areas", "and", "number", "to"])
_RANKS = {"named": 0, "exception": 1, "others": 2, "all": 3}


@dataclass(frozen=True, slots=True)
class MarkReading:
    """What an answer says of one mark, and where."""

    accused: bool | None  # None: nothing, or only under a condition
    span: tuple[int, int] | None = None  # [start, end) of the statement


def read_marks(text: str, marks: Iterable[Mark]) -> dict[Mark, bool | None]:
    """Read which marks an answer accuses (True), clears (False) or does not judge (None); linear time.

    `marks` are the marks that were shown: numbers, or short names such as "A". Numbers of a list, counts and
    measures are not taken for marks. It does not know whether the accusation is true. A text that is too long for
    an answer (see `is_too_long`) judges no mark.
    """
    return {mark: reading.accused for mark, reading in read_mark_statements(text, marks).items()}


def read_mark_statements(
    text: str, marks: Iterable[Mark], image_roles: Sequence[Role] = ROLES
) -> dict[Mark, MarkReading]:
    """Read the same as `read_marks`, with the place of the deciding statement."""
    names = {_name(mark): mark for mark in marks}
    if is_too_long(text, MOST_NUMBERS):
        return {mark: MarkReading(None) for mark in names.values()}
    offset = start_of_final_answer(text.lower())
    body = text[offset:]
    statements = _with_hosts(StatementReader(body, names, image_roles).read())
    best: dict[str, tuple[tuple[int, int], Statement]] = {}
    for statement in statements:
        kind = statement.mention.kind
        if kind in ("named", "exception") and (statement.claim is not None or statement.hedged):
            for name in statement.mention.names:
                _take(best, name, statement)
    _fill(best, names, statements)
    claims = {name: _reading(entry[1], offset) for name, entry in best.items() if name in names}
    if len(claims) < len(names) and not any(reading.accused for reading in claims.values()):
        claims = _whole(body, offset, names, statements, image_roles) | claims
    return {mark: claims.get(name, MarkReading(None)) for name, mark in names.items()}


def _name(mark: object) -> str:
    name = str(mark).strip()
    return str(int(name)) if name.isdecimal() else name


def _with_hosts(statements: Sequence[Statement]) -> list[Statement]:
    """Add hosts that are no statement, and let exceptions without an own claim say their host's opposite."""
    found: list[Statement] = []
    spoken = {id(statement) for statement in statements}
    for statement in statements:
        host = statement.host
        if host is not None:
            if id(host) not in spoken:
                found.append(host)
            several = host.mention.kind in ("all", "others") or len(host.mention.names) > 1
            if several and statement.claim is None and not statement.hedged and host.claim is not None:
                statement.claim = "normal" if host.claim == "anomalous" else "anomalous"
            excepted = set(statement.mention.names)
            host.mention = host.mention._replace(names=tuple(set(host.mention.names) - excepted))
        found.append(statement)
    return found


def _take(best: dict[str, tuple[tuple[int, int], Statement]], name: str, statement: Statement) -> None:
    weight = (_RANKS[statement.mention.kind], len(statement.mention.names))
    held = best.get(name)
    if held is None or weight < held[0] or (weight == held[0] and _outweighs(statement, held[1])):
        best[name] = weight, statement


def _outweighs(later: Statement, earlier: Statement) -> bool:
    """Decide between two statements about equally many marks."""
    if later.claim is None:
        return False
    return later.claim == "anomalous" or earlier.claim is None or later.concluding


def _fill(
    best: dict[str, tuple[tuple[int, int], Statement]],
    names: Mapping[str, object],
    statements: Sequence[Statement],
) -> None:
    """Give the marks that are not spoken of by number what is said of the others, or of all."""
    for kind in ("others", "all"):
        said = [one for one in statements if one.mention.kind == kind and one.claim is not None]
        if not said:
            continue
        accusing = [one for one in said if one.claim == "anomalous"]
        chosen = accusing[-1] if accusing and not said[-1].concluding else said[-1]
        for name in names:
            best.setdefault(name, ((_RANKS[kind], len(names)), chosen))


def _reading(statement: Statement, offset: int) -> MarkReading:
    start, end = statement.span
    accused = None if statement.claim is None else statement.claim == "anomalous"
    return MarkReading(accused, (start + offset, end + offset))


def _whole(
    body: str,
    offset: int,
    names: Mapping[str, object],
    statements: Sequence[Statement],
    image_roles: Sequence[Role],
) -> dict[str, MarkReading]:
    """Read the whole answer: a normal picture clears every mark; nothing but marks accuses them."""
    only = [one for one in statements if one.mention.kind == "named"]
    left = len(body.strip()) - sum(end - start for start, end in (one.span for one in only))
    if only and len(only) == len(statements) and left <= len(only) and all(_is_bare(one, body) for one in only):
        return {name: _reading_true(one, offset) for one in only for name in one.mention.names if name in names}
    verdict = read_verdict(body, image_roles=image_roles)
    if verdict.claim != "normal" or verdict.span is None or any(_overlap(one.span, verdict.span) for one in only):
        return {}  # what is said of one mark clears no other
    span = (verdict.span[0] + offset, verdict.span[1] + offset)
    return {name: MarkReading(False, span) for name in names}


def _overlap(one: tuple[int, int], other: tuple[int, int]) -> bool:
    return one[0] < other[1] and other[0] < one[1]


def _is_bare(statement: Statement, body: str) -> bool:
    words = body[statement.span[0] : statement.span[1]].casefold()
    rest = "".join(sign if sign.isalpha() else " " for sign in words).split()
    names = {name.casefold() for name in statement.mention.names}
    return all(word in _BARE or word in names for word in rest)


def _reading_true(statement: Statement, offset: int) -> MarkReading:
    return MarkReading(True, (statement.span[0] + offset, statement.span[1] + offset))


class MarksScorer:
    """Judges whether the accused marks are the gold ones; the score is their IoU, in [0, 1].

    The marks that were shown stand in the question, the gold ones in the sample's gold.
    """

    name = "marks"
    version = "2"

    def judge(self, items: Sequence[Item]) -> Sequence[Judgement]:
        """Return one judgement an item, in order."""
        return [self._judge(item) for item in items]

    def _judge(self, item: Item) -> Judgement:
        shown = tuple(item.question.marks)
        if not shown:
            return Judgement(None, "no-marks")
        readings = read_mark_statements(item.answer.text, shown, item.question.image_roles or ROLES)
        accused = [mark for mark, reading in readings.items() if reading.accused]
        cleared = sum(reading.accused is False for reading in readings.values())
        details: dict[str, Scalar] = {
            "accused": " ".join(map(str, accused)),
            "cleared": cleared,
            "open": len(shown) - cleared - len(accused),
        }
        span = next((reading.span for reading in readings.values() if reading.accused), None)
        if not accused and not cleared:
            reason = "too-long" if is_too_long(item.answer.text, MOST_NUMBERS) else "no-mark-judged"
            return Judgement(None, reason, details=details)
        gold = [str(mark) for mark in item.sample.gold.marks if str(mark) in readings]
        if item.sample.gold.anomalous not in ("yes", "no") or (item.sample.gold.anomalous == "yes" and not gold):
            return Judgement(None, "no-gold-marks", span, details=details)
        match, chance = mark_match(accused, gold), chance_match(len(accused), len(gold), len(shown))
        details |= {"precision": match.precision, "recall": match.recall, "chance": chance.iou}
        score = 1.0 if match.iou is None else match.iou
        return Judgement(set(accused) == set(gold), evidence=span, score=score, details=details | _oracle(item))


def _oracle(item: Item) -> dict[str, Scalar]:
    """Return what the best mark could reach, in IoU with the gold region, where the marks' regions are known."""
    regions = item.question.marks
    if item.sample.gold.anomalous != "yes" or not all(regions.values()):
        return {}
    try:
        place = gold_place(item.sample)
    except BadInputError:
        return {"oracle_note": "gold-unreadable"}
    if place is None or place.mask is None:
        return {}
    height, width = place.mask.shape
    masks = {name: box_mask((_box(region),), (width, height)) for name, region in regions.items()}
    found = oracle_coverage(masks, place.mask)
    return {"oracle": found.best_iou, "oracle_mark": found.best_mark, "covered": found.covered}


def _box(region: str) -> Box:
    left, top, right, bottom = map(float, region.split())
    return Box(left, top, right, bottom)
