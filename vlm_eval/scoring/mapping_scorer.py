"""The scorers "mapping" and "mapping:open-images": which label is nearest to what the answer accuses?"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from vlm_eval.flow import Item, Judgement, Label, Sample, Scalar
from vlm_eval.scoring.label_space import LabelSpace, load_label_space, make_label_space
from vlm_eval.scoring.mapping import MappedAnswer, Mapper, MappingOptions
from vlm_eval.scoring.passages import Found, find_in_item

CARD = "card"
"""The label space of a sample's own candidate labels."""


class MappingScorer:
    """Judges an item by the nearest label: the card's candidate labels, a shipped label space, or a CSV file's."""

    def __init__(
        self,
        space: str = CARD,
        options: MappingOptions | None = None,
        *,
        answer_descriptions: Mapping[str, str] | None = None,
        cache: Path | None = None,
    ) -> None:
        self._space = None if space == CARD else load_label_space(space)
        self._mapper = Mapper(options or MappingOptions(), answer_descriptions, cache=cache)
        self.options = self._mapper.options
        self.name = "mapping" if space == CARD else f"mapping:{space}"
        self.version = f"1 space={space} {self._mapper.version}"

    def judge(self, items: Sequence[Item]) -> Sequence[Judgement]:
        """Return one judgement an item, in order: the label, with its similarity as score, or an abstention."""
        found = [find_in_item(item, self.options.embed) for item in items]
        groups: dict[tuple[Label, ...], list[int]] = {}
        for place, item in enumerate(items):
            groups.setdefault(() if self._space else item.sample.candidate_labels, []).append(place)
        judged: dict[int, Judgement] = {}
        for labels, places in groups.items():
            space = self._space or (
                make_label_space(labels, name=items[places[0]].sample.card) if labels else None
            )
            judged |= zip(
                places, self._judge([items[p] for p in places], [found[p] for p in places], space), strict=True
            )
        return [judged[place] for place in range(len(items))]

    def _judge(self, items: Sequence[Item], found: Sequence[Found], space: LabelSpace | None) -> list[Judgement]:
        if space is None:
            return [Judgement(None, "no-labels")] * len(items)
        mapped = self._mapper.map(found, space)
        return [
            as_judgement(each, find_gold(item.sample, space)) for item, each in zip(items, mapped, strict=True)
        ]


def find_gold(sample: Sample, space: LabelSpace) -> str | None:
    """Return the label that is right for a sample; None where the space holds none of its accepted names."""
    names = (sample.gold.defect_type or "", *sample.gold.accepted)
    return next((label for label in map(space.find, names) if label is not None), None)


def as_judgement(mapped: MappedAnswer, gold: str | None) -> Judgement:
    """Turn a mapping into a judgement.

    The details hold what was embedded, the three best labels, the margin and, where the space holds the gold
    label, whether that is the first one and among the first three. A judgement without a label is no hit.
    """
    details: dict[str, Scalar] = {"gold": gold}
    if mapped.passage is not None:
        details |= {"embedded": mapped.passage.kind, "tokens": mapped.tokens, "truncated": mapped.truncated}
    details |= {f"top_{place}": label for place, (label, _) in enumerate(mapped.top[:3], 1)}
    if mapped.margin is not None:
        details["margin"] = mapped.margin
    if gold is not None:
        details["hit_1"] = mapped.label == gold
        details["hit_3"] = mapped.label is not None and gold in [label for label, _ in mapped.top[:3]]
    span = mapped.passage.span if mapped.passage else None
    return Judgement(mapped.label, mapped.reason, span, mapped.similarity, details)
