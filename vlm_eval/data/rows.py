"""Turns rows (of a table or of a Hugging Face data set) into samples by a column map."""

import base64
import binascii
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from pydantic import Field, field_validator

from vlm_eval.data.cache import keep_picture
from vlm_eval.data.samples import UNNAMED_CLASS, Found, Note, SampleMaker, inside
from vlm_eval.data.schema import Card, Strict
from vlm_eval.errors import CardError
from vlm_eval.flow import Anomalous, Sample, Scalar

Row = Mapping[str, Any]


class Columns(Strict):
    """Which column holds what. A column that is named here must be there."""

    image: str = "image"
    label: str | None = "label"
    id: str | None = None  # by default the image's path, or the row's number where the image is embedded
    object_class: str | None = None
    defect_type: str | None = None
    mask: str | None = None
    reference: str | None = None
    group: str | None = None
    split: str | None = None
    question: str | None = None
    metadata: tuple[str, ...] = ()


class Labels(Strict):
    """Which values of the label column mean what; compared as text, without regard to case."""

    normal: tuple[str, ...] = ("0", "normal", "good", "ok", "no", "false")
    anomalous: tuple[str, ...] = ("1", "anomalous", "abnormal", "defective", "defect", "bad", "ng", "yes", "true")
    unknown: tuple[str, ...] = ("", "unknown")

    @field_validator("normal", "anomalous", "unknown", mode="before")
    @classmethod
    def _as_text(cls, value: Any) -> Any:
        """Let people write 0, 1 and the words that YAML takes for truth values without quotes."""
        return tuple(as_text(entry) for entry in value) if isinstance(value, (list, tuple)) else value

    def read(self, value: Any, where: str) -> Anomalous:
        """Read one label. Raises CardError for a value that is listed nowhere."""
        text = as_text(value).casefold()
        for gold, texts in (("no", self.normal), ("yes", self.anomalous), ("unknown", self.unknown)):
            if text in (entry.casefold() for entry in texts):
                return cast(Anomalous, gold)
        raise CardError(
            f"{where}: the label is {value!r}. Allowed are {', '.join(self.normal)} for normal and "
            f"{', '.join(self.anomalous)} for anomalous; other values go into the card's options.labels"
        )


class RowOptions(Strict):
    """Options that tables and Hugging Face data sets share."""

    columns: Columns = Field(default_factory=Columns)
    labels: Labels = Field(default_factory=Labels)
    pattern: str | None = None  # makes a path of the image column's value ("pictures/{:0>3}.png")
    mask_pattern: str | None = None  # the same of the mask column's value; a mask that is not there is left out
    defect: str | None = None  # the defect type of every anomalous row, where no column tells it
    object_class: str = UNNAMED_CLASS  # of every row, where no column tells it

    @field_validator("pattern", "mask_pattern")
    @classmethod
    def _try(cls, pattern: str | None) -> str | None:
        """Refuse a pattern that cannot be filled with one value."""
        try:
            return pattern if pattern is None or pattern.format("7") else None
        except (IndexError, KeyError, ValueError, AttributeError) as error:
            raise ValueError("should hold one {} for the image column's value") from error


def samples_from_rows(
    card: Card, rows: Iterable[tuple[str, Row]], options: RowOptions, root: Path, *, files_anywhere: bool = False
) -> Iterator[Sample | Note]:
    """Yield one sample a row.

    Args:
        card: the card.
        rows: (where it stands, row); the place is used in messages ("labels.csv, line 3").
        options: the column map and the meaning of labels.
        root: the folder that paths are relative to and may not leave.
        files_anywhere: a cell {"path": ...} names a file of the Hugging Face library's own choosing, outside the
            root as well.

    Raises:
        CardError: a column is missing, a label is not understood, a path leads out of the root.
    """
    maker = SampleMaker(card)
    options = _with_readings(card, options)
    classes: dict[str, str] = {}  # of the first row about a picture
    for number, (where, row) in enumerate(rows):
        if number == 0:
            options, notes = _fit(card, row, options, where)
            yield from notes
        mapper = _Mapper(row, where, number, options, root, files_anywhere)
        found = mapper.found()
        if classes.setdefault(found.path, found.object_class) != found.object_class and not options.columns.id:
            found = replace(found, path=f"{found.path}#{found.object_class}")  # the picture in another scope
        yield maker.make(found, mapper.metadata())


def _with_readings(card: Card, options: RowOptions) -> RowOptions:
    """Keep the columns that the card tells as readings, but none that tells the gold verdict."""
    named = {field for text in (card.common, *card.classes.values()) for field in text.auxiliary}
    columns = options.columns
    telling = named & {columns.label, columns.defect_type, columns.mask}
    if telling:
        raise CardError(
            f"Card {card.name}: auxiliary names the column {min(telling)!r}, which tells whether the item is "
            "anomalous. Name columns that are known before an inspection"
        )
    kept = () if card.auxiliary_file else sorted(named - set(columns.metadata))
    return options.model_copy(
        update={"columns": columns.model_copy(update={"metadata": (*columns.metadata, *kept)})}
    )


def _fit(card: Card, row: Row, options: RowOptions, where: str) -> tuple[RowOptions, list[Note]]:
    """Check the column map against the first row. Without a card's word for it, a table may lack labels."""
    columns = options.columns
    named = [name for key in Columns.model_fields if key != "metadata" and (name := getattr(columns, key))]
    lacking = [name for name in (*named, *columns.metadata) if name not in row]
    if lacking == ["label"] and "columns" not in card.options:
        note = Note(f"{where}: there is no column 'label', so every item counts as unlabelled")
        return options.model_copy(update={"columns": columns.model_copy(update={"label": None})}), [note]
    if lacking:
        raise CardError(
            f"{where}: there is no column {lacking[0]!r}. The columns are {', '.join(map(str, row))}. "
            "Name them in a card's options.columns (image, label, id, object_class, defect_type, mask, ...)"
        )
    return options, []


class _Mapper:
    """Reads one row."""

    def __init__(
        self, row: Row, where: str, number: int, options: RowOptions, root: Path, files_anywhere: bool
    ) -> None:
        self._row, self._where, self._number = row, where, number
        self._options, self._columns, self._root = options, options.columns, root
        self._files_anywhere = files_anywhere

    def found(self) -> Found:
        source, path = self._picture(self._cell(self._columns.image))
        anomalous = self._anomalous()
        defect = self._text(self._columns.defect_type) or self._options.defect
        return Found(
            source=source,
            path=self._text(self._columns.id) or path,
            object_class=self._text(self._columns.object_class) or self._options.object_class,
            anomalous=anomalous,
            defects=(defect,) if defect and anomalous == "yes" else (),
            split="train" if (self._text(self._columns.split) or "").lower() == "train" else "test",
            masks=self._masks() if anomalous != "no" else (),
            references=self._side_picture(self._columns.reference),
            group=self._text(self._columns.group),
            question=self._text(self._columns.question),
        )

    def metadata(self) -> dict[str, Scalar]:
        values = {name: self._cell(name) for name in self._columns.metadata}
        return {
            name: value if isinstance(value, (str, int, float, bool, type(None))) else str(value)
            for name, value in values.items()
        }

    def _cell(self, column: str) -> Any:
        if column not in self._row:
            raise CardError(
                f"{self._where}: the row lacks {column!r}, which the first row has. Write null for nothing"
            )
        return self._row[column]

    def _anomalous(self) -> Anomalous:
        column = self._columns.label
        return self._options.labels.read(self._cell(column), self._where) if column else "unknown"

    def _text(self, column: str | None) -> str | None:
        value = self._cell(column) if column else None
        return None if value is None or as_text(value) == "" else as_text(value)

    def _masks(self) -> tuple[Path, ...]:
        stated = self._text(self._columns.mask)
        if stated is None or self._options.mask_pattern is None:
            return self._side_picture(self._columns.mask)
        mask = inside(self._root, self._options.mask_pattern.format(stated), self._where)
        return (mask,) if mask.is_file() else ()

    def _side_picture(self, column: str | None) -> tuple[Path, ...]:
        value = self._cell(column) if column else None
        return () if value is None or value == "" else (self._picture(value, pattern=False)[0],)

    def _picture(self, value: Any, *, pattern: bool = True) -> tuple[Path, str]:
        """Return the file of a picture and what identifies it: its path below the root, or the row's number."""
        data = embedded(value, self._where)
        if data is not None:
            return keep_picture(data), f"{self._number:06d}"
        stated = as_text(value.get("path") if isinstance(value, Mapping) else value)
        if not stated:
            raise CardError(f"{self._where}: the column {self._columns.image!r} is empty; it must name a picture")
        if isinstance(value, Mapping) and self._files_anywhere:
            return Path(stated), f"{self._number:06d}"
        if pattern and self._options.pattern:
            stated = self._options.pattern.format(stated)
        file = inside(self._root, stated, self._where)
        return file, file.relative_to(self._root).as_posix()


def embedded(value: Any, where: str) -> bytes | None:
    """Return the bytes of the picture in a cell (bytes, {"bytes": ...} or a data URL), or None for a path."""
    if isinstance(value, Mapping):
        value = value.get("bytes")
    if isinstance(value, (bytes, bytearray)):
        return bytes(value)
    if isinstance(value, str) and value.startswith("data:image/"):
        try:
            return base64.b64decode(value.partition(",")[2], validate=True)
        except binascii.Error as error:
            raise CardError(f"{where}: the embedded picture is no valid base64: {error}") from error
    return None


def as_text(value: Any) -> str:
    """Write a cell as text: whole numbers without a point, truth values in lower case, nothing as nothing."""
    if value is None or value != value:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()
