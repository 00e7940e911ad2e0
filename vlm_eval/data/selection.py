"""Chooses what is evaluated and what is shown as normal reference, by seeds alone: same seed, same choice."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vlm_eval.errors import CardError, ExperimentError
from vlm_eval.flow import Sample


@dataclass(frozen=True, slots=True)
class References:
    """Reference pictures: per object class in order, so that the first k serve k shots; and what they cost.

    `withdrawn` holds the ids of test items that became references and must not be evaluated in any cell.
    """

    by_class: Mapping[str, tuple[Path, ...]]
    withdrawn: frozenset[str] = frozenset()


def select(samples: Iterable[Sample], limit: int | None, seed: int) -> tuple[Sample, ...]:
    """Choose test items, as evenly over (object class, gold) as there are items; training items never.

    A hash of (seed, sample id) orders the items of a stratum, and the strata take turns. So a smaller limit gives
    a prefix of a larger one, and items that are added later do not reshuffle the others of their stratum.

    Args:
        samples: of any split; withdrawn references must have been taken out.
        limit: how many, at least 1; None for all of them.
        seed: of the order.

    Returns:
        The chosen items in the order in which to ask them: a run that stops early is balanced too.

    Raises:
        ExperimentError: the limit is below 1.
    """
    if limit is not None and limit < 1:
        raise ExperimentError(
            f"limit is {limit}; allowed are whole numbers from 1 on. Leave it out to take every item"
        )
    strata: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        if sample.split == "test":
            strata[f"{sample.object_class}|{sample.gold.anomalous}"].append(sample)
    turns = [
        (turn, _order(seed, name), sample)
        for name, stratum in strata.items()
        for turn, sample in enumerate(sorted(stratum, key=_by_hash(seed)))
    ]
    return tuple(sample for _, _, sample in sorted(turns, key=lambda entry: entry[:2])[:limit])


def choose_references(samples: Sequence[Sample], shots: int, reference_seed: int) -> References:
    """Choose `shots` normal references a class: the same for every query and every cell.

    They come from the training split; a class without one gives normal test items, which are withdrawn. So is
    every test item of the class in a reference's cluster (patient, object), or with the bytes of one. A data set
    whose items bring their own references (template/test pairs) needs no others. Choose before `select`, from all
    samples.

    Raises:
        CardError: a class has too few normal items, or only some items bring references of their own.
    """
    if shots < 1:
        return References({})
    evaluated = [sample for sample in samples if sample.split == "test"]
    if any(sample.references for sample in evaluated):
        _require_own(evaluated, shots)
        return References({})
    by_class: dict[str, tuple[Path, ...]] = {}
    withdrawn: set[str] = set()
    for name in sorted({sample.object_class for sample in evaluated}):
        chosen = _choose(
            name, [sample for sample in samples if sample.object_class == name], shots, reference_seed
        )
        by_class[name] = tuple(sample.sources[0] for sample in chosen)
        own = [sample for sample in evaluated if sample.object_class == name]
        withdrawn |= _shown_as_reference(own, by_class[name])
        withdrawn |= _of_clusters(own, chosen)
    return References(by_class, frozenset(withdrawn))


def _shown_as_reference(samples: Sequence[Sample], references: Sequence[Path]) -> set[str]:
    """Find the items whose picture is one of the references, by its path or by its bytes."""
    paths, sizes = set(references), {_size(path) for path in references} - {None}
    digests = {digest for path in references if (digest := file_digest(path))}
    return {
        sample.id
        for sample in samples
        if (path := sample.sources[0]) in paths or (_size(path) in sizes and file_digest(path) in digests)
    }


def _of_clusters(samples: Iterable[Sample], chosen: Iterable[Sample]) -> set[str]:
    """Find the items of the clusters of what was chosen, which may be nearly the same picture."""
    groups = {sample.group for sample in chosen}
    return {sample.id for sample in samples if sample.group in groups}


def _size(path: Path) -> int | None:
    """Return a file's size in bytes, None where it cannot be read; only files of equal size need hashing."""
    try:
        return path.stat().st_size
    except OSError:
        return None


def file_digest(path: Path) -> str | None:
    """Return the SHA-256 of a file as hex digits, or None where it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def _choose(name: str, samples: Sequence[Sample], shots: int, reference_seed: int) -> Sequence[Sample]:
    normal = [sample for sample in samples if sample.gold.anomalous == "no"]
    training = [sample for sample in normal if sample.split == "train"]
    # What is shown of a reference may be more than the part of its file that a test item speaks of.
    whole = [sample for sample in normal if sample.reference_recipe is None]
    pool = sorted(training or whole, key=_by_hash(reference_seed))
    if len(pool) < shots:
        raise CardError(_too_few(name, samples, pool, shots))
    return pool[:shots]


def _too_few(name: str, samples: Sequence[Sample], pool: Sequence[Sample], shots: int) -> str:
    """Say what was asked for, which items could serve, why no others can, and what to do."""
    normal = [sample for sample in samples if sample.gold.anomalous == "no"]
    training = any(sample.split == "train" for sample in normal)
    where = "training split" if training else "test split"
    why = "" if training else " There is no training split, so normal test items would serve, and be withdrawn."
    if not training and len(normal) > len(pool):
        why += f" {len(normal) - len(pool)} more show only a part of their file, so they cannot serve."
    fewer = f"Ask for {len(pool)} at most, or add" if pool else "Add"
    return (
        f"{samples[0].card}: class {name!r} has {_count(len(pool), 'normal item')} in its {where}, but "
        f"{_asked(shots, 'reference')} (shots, reference or support).{why} {fewer} normal pictures of that class, "
        "or leave the class out of the data"
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _asked(count: int, noun: str) -> str:
    return f"{_count(count, noun)} {'is' if count == 1 else 'are'} asked for"


def choose_defects(samples: Sequence[Sample], shots: int, reference_seed: int) -> References:
    """Choose `shots` anomalous items a class as examples of defects: the same for every query and cell.

    They are withdrawn, with all that could be the same defect: items of the same cluster, and of the same bytes.

    Raises:
        CardError: a class has too few anomalous items, its items are parts of files, or bring references of
            their own.
    """
    evaluated = [sample for sample in samples if sample.split == "test"]
    if own := [sample for sample in evaluated if sample.references]:
        raise CardError(
            f"{own[0].card}: items bring normal references of their own, such as {own[0].id}, so no example of a "
            "defect can stand in their place. Leave reference_kind: defect out"
        )
    by_class: dict[str, tuple[Path, ...]] = {}
    withdrawn: set[str] = set()
    for name in sorted({sample.object_class for sample in evaluated}):
        own = [sample for sample in evaluated if sample.object_class == name]
        chosen = _choose_defects(name, own, shots, reference_seed)
        by_class[name] = tuple(sample.sources[0] for sample in chosen)
        withdrawn |= _shown_as_reference(own, by_class[name])
        withdrawn |= _of_clusters(evaluated, chosen)
    return References(by_class, frozenset(withdrawn))


def _choose_defects(name: str, samples: Sequence[Sample], shots: int, reference_seed: int) -> Sequence[Sample]:
    if any(sample.reference_recipe is not None for sample in samples) or len({one.recipe for one in samples}) > 1:
        raise CardError(
            f"{samples[0].card}: the items of the class {name!r} are parts of files (windows, slices), and an "
            "example of a defect is shown as the query is, which may be another part. Leave "
            "reference_kind: defect out"
        )
    pool = sorted((sample for sample in samples if sample.gold.anomalous == "yes"), key=_by_hash(reference_seed))
    if len(pool) < shots:
        raise CardError(
            f"{samples[0].card}: {_asked(shots, 'anomalous reference')}, but the class {name!r} has "
            f"{_count(len(pool), 'anomalous item')}. Ask for fewer, or leave "
            "reference_kind: defect out"
        )
    return pool[:shots]


def _require_own(samples: Sequence[Sample], shots: int) -> None:
    """Refuse items that bring too few references: a stranger as reference would tell them from the others."""
    lacking = [sample for sample in samples if len(sample.references) < shots]
    if lacking:
        first = lacking[0]
        raise CardError(
            f"{first.card}: items bring their own references, but {first.id} brings {len(first.references)} where "
            f"{shots} are asked for ({len(lacking)} of {len(samples)} items). Ask for fewer shots, or leave "
            "those items out"
        )


def _by_hash(seed: int) -> Callable[[Sample], bytes]:
    return lambda sample: _order(seed, sample.id)


def _order(seed: int, name: str) -> bytes:
    return hashlib.sha256(f"{seed}\n{name}".encode()).digest()
