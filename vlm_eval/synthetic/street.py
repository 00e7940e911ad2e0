"""The shipped lists of objects for street scenes, set into a synthesis that asks for them."""

import yaml
from pydantic import Field

from vlm_eval.data.schema import Strict, Text
from vlm_eval.resources import shipped
from vlm_eval.synthetic.settings import Synthesis


class StreetObjects(Strict):
    """Anomalies, classes that belong in the street, and where they go."""

    source: Text
    location: Text
    anomalies: tuple[Text, ...] = Field(min_length=1)
    normal_objects: tuple[Text, ...] = Field(min_length=1)
    anywhere: tuple[Text, ...] = ()


def read_street() -> StreetObjects:
    """Read the shipped lists."""
    file = shipped("datasets") / "synthetic" / "street-objects.yaml"
    return StreetObjects.model_validate(yaml.safe_load(file.read_text(encoding="utf-8")))


def with_street(settings: Synthesis) -> Synthesis:
    """Return settings with the lists filled in where they ask for street objects; what they state stays."""
    if not settings.street:
        return settings
    lists = read_street()
    return settings.model_copy(
        update={
            "targets": settings.targets or lists.anomalies,
            "normal_objects": settings.normal_objects or lists.normal_objects,
            "anywhere": settings.anywhere or lists.anywhere,
            "location": settings.location or (lists.location if settings.grounding else None),
        }
    )
