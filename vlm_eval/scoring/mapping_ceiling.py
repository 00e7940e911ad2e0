"""The ceiling of an embedding scorer: what it would say if every answer were the gold name itself."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from vlm_eval.flow import Answer, Item, Judgement, Sample, Scorer
from vlm_eval.scoring.descriptions import text_hash
from vlm_eval.scoring.label_space import OPEN_IMAGES, load_label_space
from vlm_eval.scoring.mapping_names import open_mapping

SUFFIX = " ceiling"
"""What is added to a scorer's name for the judgements of its ceiling."""


class CeilingScorer:
    """Judges the gold name of each item as if it were the answer, with the options of another scorer."""

    def __init__(self, scorer: Scorer, version: str) -> None:
        self._scorer = scorer
        self.name = scorer.name + SUFFIX
        self.version = version

    def judge(self, items: Sequence[Item]) -> Sequence[Judgement]:
        """Return one judgement an item, in order; an item without a gold name gets "no-gold-name"."""
        named = [
            replace(
                item,
                answer=Answer(name),
                question=replace(item.question, reply_fields=(), image_roles=()),
            )
            for item in items
            if (name := gold_name(item.sample))
        ]
        judged = iter(self._scorer.judge(named) if named else ())
        return [next(judged) if gold_name(item.sample) else Judgement(None, "no-gold-name") for item in items]


def gold_name(sample: Sample) -> str | None:
    """Return the name that a perfect answer would give: the first accepted one, else defect type or category."""
    return next(iter(sample.gold.accepted), None) or sample.gold.defect_type or sample.gold.category


def open_ceiling(name: str, answer_descriptions: Mapping[str, str] | None = None) -> CeilingScorer:
    """Build the ceiling of an embedding scorer from that scorer's name.

    Where answers are embedded with descriptions, a gold name that no model described gets Open Images' own one.
    """
    described = dict(answer_descriptions or {})
    space = load_label_space(OPEN_IMAGES)
    own = {text_hash(text): words for text, words in zip(space.texts, space.descriptions, strict=True)}
    version = open_mapping(name, described).version
    return CeilingScorer(open_mapping(name, own | described), version)
