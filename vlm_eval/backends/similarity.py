"""`baseline:similarity`: names the class of the region that belongs least to its picture.

Section 4.4 and appendix C of the study of context-dependent anomalies; the functions themselves are in
vlm_eval.metrics.similarity. The answer is the name of a class, so that the scorers of words and mappings read it;
there is no anomaly score, as every picture of that task holds an anomaly.
"""

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vlm_eval.backends.joint_encoder import JointEncoder, Vectors
from vlm_eval.backends.patch_nn_features import open_rgb
from vlm_eval.backends.pictures import read_picture
from vlm_eval.backends.region_proposals import Boxes, Proposer
from vlm_eval.backends.support_comparison import NO_PICTURE, in_batches, refuse_numbers
from vlm_eval.errors import BadInputError, InputError
from vlm_eval.flow import Answer, Capabilities, Failure, Outcome, Request, View
from vlm_eval.metrics.similarity import (
    Combination,
    FunctionSet,
    Scores,
    choose_functions,
    combine_similarities,
    image_region_similarity,
    least_similar,
    nearest_classes,
    region_region_similarity,
)
from vlm_eval.resources import shipped

_TEXTS = 4096  # joined descriptions whose vectors are kept


@dataclass(frozen=True, slots=True)
class ObjectClasses:
    """The classes that a region can be of, each with a description: the knowledge base."""

    names: tuple[str, ...]
    descriptions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SimilaritySettings:
    """What the study leaves open, with the defaults taken here."""

    functions: FunctionSet = "all"
    combine: Combination = "mean"
    k: int = 5  # classes whose descriptions are joined to the knowledge of a region
    itself: bool = True  # RRV and KB as printed: a region is compared with itself too
    top: int = 1  # names in the answer
    of: Literal["classes", "regions"] = (
        "classes"  # of the least similar region, or one of each of the least similar
    )


class Similarity:
    """Answers with the class of the least similar region, whatever the words of the request."""

    capabilities = Capabilities(conversation=False, support=True, least_support=0)

    def __init__(
        self, joint: JointEncoder, propose: Proposer, classes: ObjectClasses, settings: SimilaritySettings
    ) -> None:
        self._joint = joint
        self._propose = propose
        self._classes = classes
        self._settings = settings
        self._described = [f"{n}: {d}" for n, d in zip(classes.names, classes.descriptions, strict=True)]
        self._objects = joint.texts(self._described)
        self._knowledge = lru_cache(maxsize=_TEXTS)(self._embed_knowledge)
        self.facts = dict(joint.facts)

    def answer(self, requests: Iterable[Request]) -> Iterator[tuple[str, Outcome]]:
        """Yield an outcome a request, in order."""
        return in_batches(requests, 1, lambda batch: [self._look(request) for request in batch])

    def _look(self, request: Request) -> Outcome:
        queries = [view for view in request.prompt.views if view.role == "query"]
        if not queries:
            return Failure("unsupported", NO_PICTURE)
        if len(queries) > 1:
            return Failure(
                "unsupported",
                f"baseline:similarity looks at one picture, and the item has {len(queries)}. Ask of each alone.",
            )
        try:
            return self._name(queries[0])
        except BadInputError as error:
            return Failure("bad-input", str(error))

    def _name(self, view: View) -> Answer:
        encoded = read_picture(view)
        picture = open_rgb(encoded.data, str(view.path))
        boxes = self._propose(picture, view.path)
        if not boxes:
            raise BadInputError(
                f"No region was found in {view.path}. Take another kind of regions, or a lower threshold."
            )
        scores, classes = self._score(picture, boxes)
        order = least_similar(scores, len(boxes))
        names = [self._classes.names[place] for place in self._chosen(order, classes)]
        left, top, right, bottom = (round(edge) for edge in boxes[order[0]])
        seen = f"Least similar of {len(boxes)} regions: {left} {top} {right} {bottom}, {scores[order[0]]:.3f}."
        return Answer(", ".join(names), reasoning=seen, served_model=self._joint.name, sent=(encoded.digest,))

    def _score(self, picture: Image.Image, boxes: Boxes) -> tuple[Scores, NDArray[np.int64]]:
        """Return the combined similarity of each region, and its classes, the most similar first."""
        crops = [picture.crop(_whole(box)) for box in boxes]
        vectors = self._joint.images([picture, *crops])
        refuse_numbers(vectors, "the picture")
        image, regions = vectors[0], vectors[1:]
        wanted = max(self._settings.k, self._settings.top)
        classes = nearest_classes(regions, self._objects, wanted)
        known = np.stack([self._knowledge(tuple(row)) for row in classes[:, : self._settings.k].tolist()])
        itself = self._settings.itself
        functions = choose_functions(
            image_region_similarity(image, regions),
            region_region_similarity(regions, itself=itself),
            region_region_similarity(known, itself=itself),
            self._settings.functions,
        )
        return combine_similarities(functions, self._settings.combine), classes

    def _embed_knowledge(self, classes: tuple[int, ...]) -> Vectors:
        text = " ".join(self._described[place] for place in classes)
        return np.asarray(self._joint.texts([text])[0], dtype=np.float32)

    def _chosen(self, order: NDArray[np.int64], classes: NDArray[np.int64]) -> Sequence[int]:
        """Return the classes that the answer names, without repetition."""
        if self._settings.of == "classes":
            return [int(place) for place in classes[order[0], : self._settings.top]]
        first = dict.fromkeys(int(classes[region, 0]) for region in order[: self._settings.top])
        return list(first)


def _whole(box: tuple[float, float, float, float]) -> tuple[int, int, int, int]:
    """Return the whole pixels that a box touches."""
    left, top, right, bottom = box
    return int(left), int(top), max(int(left) + 1, int(np.ceil(right))), max(int(top) + 1, int(np.ceil(bottom)))


def read_object_classes(name_or_path: str) -> ObjectClasses:
    """Read a shipped label space with descriptions, or a CSV with columns `name` and `description`.

    Raises:
        InputError: there is no such file, or a class has no description.
    """
    path = Path(name_or_path)
    if path.suffix != ".csv":
        path = shipped("datasets") / "label_spaces" / f"{name_or_path}.csv"
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            rows = [(row["name"].strip(), row["description"].strip()) for row in csv.DictReader(stream)]
    except (OSError, UnicodeDecodeError, csv.Error, KeyError, AttributeError) as error:
        raise InputError(
            f"The object classes {name_or_path!r} cannot be read ({error!r}). Give open-images, or a CSV in UTF-8 "
            "with the columns name and description."
        ) from error
    bare = [name for name, description in rows if not name or not description]
    if bare or not rows:
        raise InputError(
            f"{path} must name and describe at least one class, and each of them"
            + (f"; {bare[0]!r} has no description." if bare else ".")
        )
    return ObjectClasses(tuple(name for name, _ in rows), tuple(description for _, description in rows))
