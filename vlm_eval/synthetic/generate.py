"""Keeps what is made job by job, and writes the data set of what there is, also when it is interrupted."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from vlm_eval.errors import CardError
from vlm_eval.synthetic.records import GenerationFolder, Record

Progress = Callable[[int, int], None]  # (jobs done, jobs in all)


@dataclass(frozen=True, slots=True)
class Made:
    """A generated data set."""

    card: Path
    records: tuple[Record, ...]
    notes: tuple[str, ...] = ()


def generate(
    work: GenerationFolder,
    jobs: Collection[str],
    made: Iterable[Record],
    write: Callable[[tuple[Record, ...]], Path],
    progress: Progress | None = None,
) -> Made:
    """Put records away as they are made, then write the data set of all that are finished.

    Args:
        work: the folder, which may hold finished jobs.
        jobs: ids of all jobs of the data set; records of others, such as scenes beyond a limit, stay out of it.
        made: the records of the jobs that are open.
        write: writes card, items and log, and returns the card's path.
        progress: is told how many jobs are done.

    Raises:
        CardError: there is no record at all.
    """
    wanted = frozenset(jobs)
    done = len(work.finished() & wanted)
    try:
        for record in made:
            work.put(record)
            done += 1
            if progress:
                progress(done, len(wanted))
    finally:  # an interrupted folder is a smaller data set, not a broken one
        records = tuple(record for record in work.records() if record.job in wanted)
        card = write(records) if records else None
    if card is None:
        raise CardError("Nothing was made: there is no normal picture to work on")
    return Made(card, records)
