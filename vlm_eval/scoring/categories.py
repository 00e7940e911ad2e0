"""The scorers "categories" and "categories:via-classes": which of ten broad categories does the answer accuse?

Source: section 4.3 of the study of context-dependent anomalies, which compares the answer with the categories
directly and names four of its ten (tool, food, animal, child's toy); the other six names are ours, see
datasets/label_spaces/README.md.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from vlm_eval.flow import Item, Judgement, Sample
from vlm_eval.scoring.label_space import (
    BROAD_CATEGORIES,
    OPEN_IMAGES,
    LabelSpace,
    group_by_category,
    load_label_space,
)
from vlm_eval.scoring.mapping import Mapper, MappingOptions
from vlm_eval.scoring.mapping_scorer import as_judgement
from vlm_eval.scoring.passages import find_in_item


class CategoriesScorer:
    """Judges an item by the nearest broad category: directly, or by the category of the nearest class."""

    def __init__(
        self,
        options: MappingOptions | None = None,
        *,
        via_classes: bool = False,
        answer_descriptions: Mapping[str, str] | None = None,
        cache: Path | None = None,
    ) -> None:
        self._classes = load_label_space(OPEN_IMAGES)
        self._space = category_space(via_classes=via_classes)
        self._mapper = Mapper(options or MappingOptions(), answer_descriptions, cache=cache)
        self.options = self._mapper.options
        self.name = "categories:via-classes" if via_classes else "categories"
        self.version = f"1 {self._mapper.version}"

    def judge(self, items: Sequence[Item]) -> Sequence[Judgement]:
        """Return one judgement an item, in order: the category, with its similarity as score, or an abstention."""
        mapped = self._mapper.map([find_in_item(item, self.options.embed) for item in items], self._space)
        return [
            as_judgement(each, find_gold_category(item.sample, self._classes))
            for item, each in zip(items, mapped, strict=True)
        ]


def category_space(*, via_classes: bool) -> LabelSpace:
    """Return the ten broad categories, for which their own names stand or the 601 classes of Open Images."""
    return group_by_category(load_label_space(OPEN_IMAGES)) if via_classes else load_label_space(BROAD_CATEGORIES)


def find_gold_category(sample: Sample, classes: LabelSpace) -> str | None:
    """Return a sample's broad category: the card's own, else that of the class that is an accepted name."""
    if sample.gold.category is not None:
        own = load_label_space(BROAD_CATEGORIES).find(sample.gold.category)
        return own or sample.gold.category
    found = (classes.find(name) for name in sample.gold.accepted)
    return next((classes.categories[label] for label in found if label is not None), None)
