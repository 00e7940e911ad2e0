"""How cards are printed: one line each, or one card whole; imported only when they are."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from vlm_eval.data.schema import Card, ClassText, StandardText


def card_table(cards: Sequence[Card]) -> Table:
    """Return a table with one line a card."""
    table = Table(title="Data sets", title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("name", no_wrap=True)
    table.add_column("what it is", overflow="fold")
    table.add_column("classes", justify="right")
    table.add_column("domain", no_wrap=True)
    table.add_column("licence", overflow="fold")
    for card in cards:
        classes = str(len(card.classes)) if card.classes else "1"
        licence = re.split(r"[;(]|\. |, ", card.licence)[0].strip()  # whole in `datasets show`
        table.add_row(Text(card.name, "bold"), Text(card.title), classes, Text(card.domain), Text(licence))
    return table


def print_card(card: Card, console: Console) -> None:
    """Print a card whole: what a user must know first, then its classes."""
    console.print(Text.assemble((card.name, "bold"), f": {card.title}"))
    console.print(_grid(_facts(card)))
    if words := list(_said(card.common)):
        console.print(Text("\nSaid of every class" if card.classes else "\nWhat prompts say", "bold"))
        console.print(_grid(words))
    for name, text in card.classes.items():
        console.print(Text(f"\n{name}", "bold"))
        console.print(_grid(list(_said(text))))
    console.print(Text(f"\nThe file itself, to copy and change: vlm-eval datasets show {card.name} --yaml", "dim"))


def _grid(rows: Sequence[tuple[str, str]]) -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for label, text in rows:
        grid.add_row(Text(f"  {label}"), Text(text))
    return grid


def _facts(card: Card) -> list[tuple[str, str]]:
    told = (
        ("get it", card.obtain),
        (
            "lies in",
            card.root and f"{card.root}, or where --root or {card.root_variable} says",
        ),
        ("then", None if card.root else f"--root FOLDER, or set {card.root_variable}"),
        ("licence", card.licence),
        ("caveat", card.caveat),
        ("not verified", card.unverified),
        ("contamination", card.contamination),
        ("citation", card.citation),
        ("homepage", card.homepage),
        ("revision", card.revision),
        ("read as", f"{card.modality}, wording {card.domain}, reader {card.reader}"),
        ("options", _plain(card.options)),
        ("views", _plain(card.views)),
        ("readings from", card.auxiliary_file),
        ("clusters", card.group and f"by {card.group}"),
    )
    return [(label, text) for label, text in told if text]


def _said(text: ClassText) -> Iterator[tuple[str, str]]:
    if text.nouns:
        yield "nouns", _plain(text.nouns)
    yield from _standard(text.standard)
    if text.candidate_labels:
        yield "labels", ", ".join(text.candidate_labels)
    for key, defect in text.defects.items():
        synonyms = f" (also {', '.join(defect.synonyms)})" if defect.synonyms else ""
        yield "defect", f"{defect.name or key.replace('_', ' ')}{synonyms}"
    if text.auxiliary:
        yield "readings", _plain(text.auxiliary)


def _standard(standard: StandardText | None) -> Iterator[tuple[str, str]]:
    if standard is None:
        return
    for label, said in (("should", standard.normal), ("may have", standard.abnormal)):
        if said:
            yield label, said
    for number, rule in enumerate(standard.rules, start=1):
        yield f"rule {number}", rule
    if standard.source:
        yield "quoted from", standard.source


def _plain(value: Any) -> str:
    """Write nested options on one line, without the marks of a programming language."""
    if isinstance(value, Mapping):
        return "; ".join(
            f"{key} ({_plain(entry)})" if isinstance(entry, Mapping) else f"{key}: {_plain(entry)}"
            for key, entry in value.items()
        )
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
