"""Reads VisA: `split_csv/1cls.csv` (object, split, label, image, mask) over the class folders' pictures."""

from collections.abc import Iterable
from functools import cache
from pathlib import Path

from vlm_eval.data.read_table import table_rows
from vlm_eval.data.rows import Labels, Row
from vlm_eval.data.samples import Found, SampleMaker, inside
from vlm_eval.data.schema import Card, Strict
from vlm_eval.errors import CardError
from vlm_eval.flow import Sample

_COLUMNS = ("object", "split", "label", "image", "mask")


class VisaOptions(Strict):
    """Options of the reader `visa`."""

    split_file: str = "split_csv/1cls.csv"


def read_visa(card: Card, root: Path) -> Iterable[Sample]:
    """Yield one sample a row, with the defect type where the class folder's image_anno.csv tells it."""
    options = VisaOptions.model_validate(card.options)
    file = inside(root, options.split_file, f"Card {card.name}, options.split_file")
    if not file.is_file():
        raise CardError(
            f"{file} is missing. Point --root to the folder that holds {options.split_file} and candle/"
        )
    maker = SampleMaker(card)

    @cache
    def types(file: Path) -> dict[str, str]:
        return _defect_types(file)

    for where, row in table_rows(file):
        lacking = [name for name in _COLUMNS if name not in row]
        if lacking:
            raise CardError(f"{where}: there is no column {lacking[0]!r}; VisA's are {', '.join(_COLUMNS)}")
        yield maker.make(_found(row, where, root, types(inside(root, f"{row['object']}/image_anno.csv", where))))


def _found(row: Row, where: str, root: Path, types: dict[str, str]) -> Found:
    picture = inside(root, row["image"], where)
    path = picture.relative_to(root).as_posix()
    anomalous = Labels().read({"anomaly": "anomalous"}.get(row["label"], row["label"]), where)
    stated = types.get(path, "") if anomalous == "yes" else ""
    return Found(
        source=picture,
        path=path,
        object_class=row["object"],
        anomalous=anomalous,
        defects=tuple(kind.strip() for kind in stated.split(",") if kind.strip()),
        split="train" if row["split"] == "train" else "test",
        masks=(inside(root, row["mask"], where),) if anomalous == "yes" and row["mask"] else (),
    )


def _defect_types(file: Path) -> dict[str, str]:
    """Read picture path -> defect types, separated by commas, of one class; empty where the file is not there."""
    if not file.is_file():
        return {}
    return {row["image"]: row["label"] for _, row in table_rows(file) if row.get("label") not in (None, "normal")}
