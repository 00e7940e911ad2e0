"""What a report says about a run besides its numbers."""

from collections.abc import Mapping, Sequence
from typing import TypedDict

from vlm_eval.flow import Scalar
from vlm_eval.runs.human import HumanVerdict


class ReportInfo(TypedDict, total=False):
    """The words around the numbers. Every key may be absent.

    A model whose name ends in "(toy)" is marked as such wherever it appears.
    """

    title: str
    datasets: Mapping[str, str]  # title by card
    licences: Mapping[str, str]  # licence of the pictures by card
    notes: Sequence[str]  # what a reader of the tables must know, such as a contaminated effect
    cells: Sequence[tuple[str, Mapping[str, Scalar]]]  # in grid order: name and level by ingredient
    defect_rate: float  # at which precision is told; 0.01 where absent
    margin: float  # of the equivalence test, as a difference of rates; 0.05 where absent
    costs: tuple[float, float]  # of a miss and of a false alarm, in any unit, for an operating point of least cost
    prices: Mapping[str, tuple[float, float]]  # by model: dollars a million tokens in and out
    human: Sequence[HumanVerdict]  # what people say that some of the answers claim, see reports.human_rate
    join: str  # the rule by which views that were asked one by one are joined, where it is not the run's own
    published: Sequence[Mapping[str, Scalar]]  # numbers of others, see reports.published.read_published


TOY_NOTE = (
    "(toy): a pocket model of a few megabytes that ships with vlm-eval. It shows that the machinery works;"
    " its figures say nothing about any other model."
)


def is_toy(model: str) -> bool:
    """Say whether a model's name marks it as a toy."""
    return model.rstrip().endswith("(toy)")
