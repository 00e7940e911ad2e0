"""Looks into the files of a data set for what makes its numbers wrong: `vlm-eval datasets check`."""

import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from vlm_eval.data.loading import Dataset
from vlm_eval.data.samples import PICTURES
from vlm_eval.data.selection import file_digest
from vlm_eval.flow import Recipe, Sample

Level = Literal["error", "warning", "info"]
_LEVELS: tuple[Level, ...] = ("error", "warning", "info")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that the check found. Errors make numbers wrong; warnings may be as the makers meant it."""

    level: Level
    sample_id: str | None  # None: the data set as a whole
    message: str


def check_dataset(dataset: Dataset) -> list[Finding]:
    """Read every file of a data set once and report what is wrong with it, errors first.

    Decodes pictures where an item's modality is image or medical; other files need only be there.
    """
    digests = {path: file_digest(path) for path in _paths(dataset.samples)}
    pictures = _paths(sample for sample in dataset.samples if _is_picture(sample))
    sizes = {path: _open(path) for path in pictures if digests[path]}
    checks: Sequence[Callable[[], Iterator[Finding]]] = (
        partial(_check_files, dataset.samples, digests, sizes),
        partial(_check_duplicates, dataset.samples, digests),
        partial(_check_references, dataset.samples, digests),
        partial(_check_masks, dataset.samples, sizes),
        partial(_check_counts, dataset.samples),
    )
    found = [Finding("warning", None, note) for note in dataset.notes]
    card = dataset.card
    found += [Finding("info", None, f"caveat: {card.caveat}")] if card.caveat else []
    found += [Finding("info", None, f"not verified in this card: {card.unverified}")] if card.unverified else []
    found += [finding for check in checks for finding in check()]
    return sorted(found, key=lambda finding: _LEVELS.index(finding.level))


def _is_picture(sample: Sample) -> bool:
    read = sample.recipe[0].operation if sample.recipe else ""
    return sample.modality in ("image", "medical") and read not in ("dicom", "nifti")


def _paths(samples: Iterable[Sample]) -> list[Path]:
    """List each file that samples name, once."""
    return list(
        dict.fromkeys(
            path
            for sample in samples
            for path in (*sample.sources, *sample.references, *([sample.marked] if sample.marked else ()))
        )
    )


def _open(path: Path) -> tuple[int, int] | str:
    """Decode a picture; return its size (width, height), or why it cannot be shown."""
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as picture:
                picture.load()
                return picture.size
    except UnidentifiedImageError:
        return "it is in no format of pictures that can be read"  # Pillow's own words repeat the path
    except (
        OSError,
        ValueError,
        SyntaxError,
        Image.DecompressionBombError,
        Image.DecompressionBombWarning,
    ) as error:
        return str(error)


def _check_files(
    samples: Sequence[Sample], digests: Mapping[Path, str | None], sizes: Mapping[Path, tuple[int, int] | str]
) -> Iterator[Finding]:
    for sample in samples:
        for path in (*sample.sources, *sample.references):
            if digests[path] is None:
                yield Finding("error", sample.id, f"{_named(path, sample)} is missing or cannot be read")
            elif isinstance(reason := sizes.get(path), str):
                yield Finding("error", sample.id, f"{_named(path, sample)} cannot be shown as a picture: {reason}")


def _named(path: Path, sample: Sample) -> str:
    """Name a file; not by its path where that stands in the item's id."""
    own = sample.id.removeprefix(f"{sample.card}/").partition("#")[0]
    return "its file" if path in sample.sources and path.as_posix().endswith(own) else str(path)


def _check_duplicates(samples: Sequence[Sample], digests: Mapping[Path, str | None]) -> Iterator[Finding]:
    """Find pictures with the same bytes. Gold may differ only where the text or the other pictures differ."""
    same: dict[tuple[str, Recipe], list[Sample]] = defaultdict(list)
    for sample in samples:
        if digest := digests[sample.sources[0]]:
            same[digest, sample.recipe].append(sample)  # windows of one file are no duplicates
    for group in same.values():
        if len(group) < 2 or _are_scopes(group):
            continue
        first, *others = group
        others_named = ", ".join(sample.id for sample in others[:3]) + (" ..." if len(others) > 3 else "")
        if contradiction := _contradiction(group):
            yield Finding("error", contradiction[0].id, f"is {_both(contradiction)} with the same bytes and text")
        elif {"train", "test"} <= {sample.split for sample in group}:
            yield Finding(
                "warning", first.id, f"the same picture is in the training and the test split: {others_named}"
            )
        else:
            yield Finding("warning", first.id, f"the same picture occurs {len(group)} times: {others_named}")


def _scope(sample: Sample) -> Hashable:
    return sample.object_class, sample.question, sample.references, sample.standard


def _are_scopes(group: Sequence[Sample]) -> bool:
    """Say whether one file is listed several times on purpose: each time about something else."""
    files = {sample.sources for sample in group}
    return len(files) == 1 and len({_scope(sample) for sample in group}) == len(group)


def _both(pair: tuple[Sample, Sample]) -> str:
    return f"{pair[0].gold.anomalous!r} as to anomalous while {pair[1].id} is {pair[1].gold.anomalous!r}"


def _contradiction(group: Sequence[Sample]) -> tuple[Sample, Sample] | None:
    seen: dict[object, Sample] = {}
    for sample in group:
        if sample.gold.anomalous not in ("yes", "no"):
            continue
        other = seen.setdefault(_scope(sample), sample)
        if other.gold.anomalous != sample.gold.anomalous:
            return other, sample
    return None


def _check_references(samples: Sequence[Sample], digests: Mapping[Path, str | None]) -> Iterator[Finding]:
    owners: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        if digest := digests[sample.sources[0]]:
            owners[digest].append(sample)
    for sample in samples:
        for reference in sample.references:
            digest = digests[reference]
            if sample.reference_recipe not in (None, sample.recipe):
                continue  # another part of what may be the same file
            if digest and digest == digests[sample.sources[0]]:
                yield Finding(
                    "error", sample.id, f"its reference {reference} is the very picture that is asked about"
                )
                continue
            known = owners.get(digest or "", [])
            if known and all(other.object_class != sample.object_class for other in known):
                yield Finding(
                    "error", sample.id, f"its reference {reference} shows another class, {known[0].object_class!r}"
                )
            if any(other.gold.anomalous == "yes" for other in known):
                yield Finding("error", sample.id, f"its reference {reference} is anomalous itself")


def _check_masks(samples: Sequence[Sample], sizes: Mapping[Path, tuple[int, int] | str]) -> Iterator[Finding]:
    for sample in samples:
        empty = bool(sample.gold.masks)
        for mask in sample.gold.masks:
            if mask.suffix.lower() not in PICTURES and mask.is_file():
                empty = False
                continue  # labels of points
            looked = _look_at_mask(mask)
            if isinstance(looked, str):
                yield Finding("error", sample.id, f"its mask {mask} cannot be read: {looked}")
                empty = False
                continue
            size, filled = looked
            empty = empty and not filled
            picture = sizes.get(sample.sources[0])
            turned = isinstance(picture, tuple) and size == picture[::-1] and _lies_on_its_side(sample.sources[0])
            if isinstance(picture, tuple) and picture != size and not turned:
                yield Finding(
                    "error", sample.id, f"its mask {mask} is {_by(size)} pixels, the picture {_by(picture)}"
                )
        if empty and sample.gold.anomalous == "yes":
            yield Finding("warning", sample.id, "is anomalous, but its mask is empty")


def _lies_on_its_side(path: Path) -> bool:
    """Say whether EXIF data turns a picture by a quarter; its mask may be drawn over the upright one."""
    from PIL import Image

    with Image.open(path) as picture:
        return bool(picture.getexif().get(0x0112, 1) >= 5)


def _look_at_mask(path: Path) -> tuple[tuple[int, int], bool] | str:
    from PIL import Image

    try:
        with Image.open(path) as mask:
            return mask.size, mask.getbbox(alpha_only=False) is not None
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        return str(error)


def _by(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]}"


def _check_counts(samples: Sequence[Sample]) -> Iterator[Finding]:
    for name in sorted({sample.object_class for sample in samples}):
        of_class = [sample for sample in samples if sample.object_class == name]
        gold = Counter(sample.gold.anomalous for sample in of_class if sample.split == "test")
        kinds = Counter(sample.gold.defect_type for sample in of_class if sample.gold.defect_type)
        listed = ", ".join(f"{kind} {count}" for kind, count in sorted(kinds.items()))
        training = sum(sample.split == "train" for sample in of_class)
        message = f"{name}: {gold['no']} normal, {gold['yes']} anomalous{f' ({listed})' if listed else ''}"
        message += f", {gold['unknown']} unlabelled" if gold["unknown"] else ""
        yield Finding("info", None, message + (f"; {training} normal for training" if training else ""))
        if gold["yes"] and not gold["no"]:
            yield Finding(
                "warning", None, f"{name} has no normal test item: overkill, AUROC and accuracy mean little"
            )
        if gold["no"] and not gold["yes"]:
            yield Finding("warning", None, f"{name} has no anomalous test item: misses cannot be measured")
