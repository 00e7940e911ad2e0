"""Reads template/test pairs: every test picture brings the same object without defects as its own reference.

All test pictures are anomalous. The templates are normal, and `templates_as_normal` adds them as items; but a
template asked against itself would be trivial, and against another template it would differ all over. So these
items have no reference: they serve zero-shot cells, and `choose_references` refuses them where a cell wants one.
With `own_reference: false` all items, templates and test pictures, are compared with templates of other boards.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from pydantic import Field

from vlm_eval.data.samples import UNNAMED_CLASS, Found, SampleMaker
from vlm_eval.data.schema import Card, Strict
from vlm_eval.errors import CardError
from vlm_eval.flow import Box, Sample


class PairsOptions(Strict):
    """Options of the reader `pairs`; `{id}` stands for what the files of a pair have in common."""

    query: str
    reference: str
    boxes: str | None = None  # a text file, one box a line: left top right bottom class, in pixels
    boxes_folder: str | None = (
        None  # appended to the query's folder name ("_not": 44000/ has its boxes in 44000_not/)
    )
    box_classes: dict[str, str] = Field(default_factory=dict)  # the class as the box file writes it -> defect type
    object_class: str = UNNAMED_CLASS
    templates_as_normal: bool = False
    own_reference: bool = True  # else no item has one, so that all are compared with the same support set
    training_templates: int = Field(
        default=0, ge=0
    )  # of so many pairs the template alone is read, as training item


def read_pairs(card: Card, root: Path) -> Iterable[Sample]:
    """Yield the test pictures of all folders below the root, and their templates where the card asks for them."""
    options = PairsOptions.model_validate(card.options)
    maker = SampleMaker(card)
    for number, (query, identity) in enumerate(_queries(root, options.query)):
        pair = _pair(maker, root, query, identity, options)
        template = pair.references[0]
        # A board and its template are one cluster, but only where they are items of one comparison.
        group = None if options.own_reference else f"{maker.card_name}/{pair.path}"
        normal = Found(
            template, template.relative_to(root).as_posix(), options.object_class, "no", group=group, split="train"
        )
        if number < options.training_templates:
            yield maker.make(normal)
            continue
        yield maker.make(pair if options.own_reference else replace(pair, references=(), group=group))
        if options.templates_as_normal:
            yield maker.make(replace(normal, split="test"))


def _queries(root: Path, pattern: str) -> Iterator[tuple[Path, str]]:
    expression = re.compile(re.escape(pattern).replace(re.escape("{id}"), "(.+)"))
    for file in sorted(root.rglob(pattern.replace("{id}", "*"))):
        if match := expression.fullmatch(file.name):
            yield file, match.group(1)


def _pair(maker: SampleMaker, root: Path, query: Path, identity: str, options: PairsOptions) -> Found:
    boxes = list(_boxes(query, identity, options))
    return Found(
        source=query,
        path=query.relative_to(root).as_posix(),
        object_class=options.object_class,
        anomalous="yes",
        defects=tuple(dict.fromkeys(box.label for box in boxes)),
        boxes=tuple(replace(box, label=maker.defect_name(options.object_class, box.label)) for box in boxes),
        references=(query.with_name(options.reference.replace("{id}", identity)),),
    )


def _boxes(query: Path, identity: str, options: PairsOptions) -> Iterator[Box]:
    if options.boxes is None:
        return
    folder = query.parent.with_name(query.parent.name + (options.boxes_folder or ""))
    if not folder.is_dir():
        folder = query.parent
    file = folder / options.boxes.replace("{id}", identity)
    if not file.is_file():
        raise CardError(f"{file} is missing: the boxes of {query.name}. Restore it, or leave options.boxes out")
    for number, line in enumerate(file.read_text(encoding="utf-8").split("\n"), start=1):
        if line.strip():
            yield _box(line, f"{file}, line {number}", options)


def _box(line: str, where: str, options: PairsOptions) -> Box:
    cells = line.replace(",", " ").split()
    try:
        left, top, right, bottom = (float(cell) for cell in cells[:4])
        kind = cells[4]
    except (ValueError, IndexError) as error:
        raise CardError(f"{where}: {line!r} is no box. A line holds left top right bottom class") from error
    if kind not in options.box_classes:
        known = ", ".join(options.box_classes)
        raise CardError(
            f"{where}: box class {kind!r} is not in the card's options.box_classes, which know {known}"
        )
    return Box(left, top, right, bottom, options.box_classes[kind])
