"""What an experiment file may say beside what is asked: published figures beside ours, and a choice to judge."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Text = Annotated[str, Field(min_length=1)]


class PublishedFigure(BaseModel):
    """A number that others printed, and where the report has ours."""

    model_config = ConfigDict(extra="forbid")
    table: Text  # file of the report without its ending: ablation, mapping, choice_answers, pixels ...
    column: Text
    where: dict[str, str | int | float | bool] = {}  # rows of that table: column and value
    value: float | None = None  # in the unit of our column; None where the source prints none
    source: Text  # where it is printed
    differs: Text | None = None  # what is not the same here, and why


class Selection(BaseModel):
    """A choice among the candidates of this run, by the synthetic anomalies of one of its data sets."""

    model_config = ConfigDict(extra="forbid")
    synthetic: Text  # name of its card
    real: Text | None = None
    default: Text | None = None  # a candidate, as the tables name it
    hardest: int | None = Field(default=None, ge=1)
