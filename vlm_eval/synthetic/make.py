"""Makes one item: hole, square crop, inpainter, look again, paste back. What it rejects is kept beside the log."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vlm_eval.errors import BadInputError
from vlm_eval.synthetic.blend import paste_back
from vlm_eval.synthetic.jobs import Job
from vlm_eval.synthetic.pictures import read_mask, read_picture, write_picture
from vlm_eval.synthetic.records import Attempt, Item, Record
from vlm_eval.synthetic.seams import CONTROLS, Fillers, Locator, Look, Mask, Picture, seed_of, seeded
from vlm_eval.synthetic.settings import Synthesis
from vlm_eval.synthetic.windows import Window, box_hole, check_hole, choose_hole, square_window


@dataclass(frozen=True, slots=True)
class _Edit:
    """One filled hole in its picture."""

    picture: Picture
    before: Picture  # the crop
    filled: Picture  # the crop after pasting back
    hole: Mask  # of the crop
    window: Window


class Maker:
    """Does jobs. Each depends on the settings, its scene and its own id alone."""

    def __init__(
        self, folder: Path, settings: Synthesis, fillers: Fillers, look: Look, locate: Locator | None = None
    ) -> None:
        self._folder, self._settings, self._fillers = folder, settings, fillers
        self._look, self._locate = look, locate
        self._chosen: dict[tuple[str, int], int] = {}  # (scene, variant): the candidate that was accepted

    def remember(self, record: Record) -> None:
        """Note which candidate of an anomaly was accepted: its controls share hole and silhouette with it."""
        accepted = [number for number, attempt in enumerate(record.attempts) if attempt.accepted]
        if accepted:
            self._chosen[record.scene, record.variant] = accepted[0]

    def make(self, job: Job) -> Record:
        """Do a job and write its pictures; what is wrong with its scene becomes the record's `failed`."""
        try:
            picture = read_picture(job.scene.path)
            if job.kind in ("untouched", "support"):
                return self._untouched(job, picture)
            if job.kind in CONTROLS:
                return self._control(job, picture)
            return self._edited(job, picture)
        except BadInputError as error:
            return self._record(job, failed=f"{job.scene.path.name}: {error}")

    def _untouched(self, job: Job, picture: Picture) -> Record:
        # Written anew like every edit, so that neither file format nor encoder tells them apart.
        return self._record(job, items=(self._item(job.id, picture),))

    def _control(self, job: Job, picture: Picture) -> Record:
        edit = self._fill(job, picture, self._chosen.get((job.scene.name, job.variant), 0))
        return self._record(job, edit.window, (self._item(job.id, edit.picture),))

    def _edited(self, job: Job, picture: Picture) -> Record:
        """Try candidates. Of a chosen hole the first good one is kept, of a given hole every good one."""
        items: list[Item] = []
        attempts: list[Attempt] = []
        window: Window | None = None
        for candidate in range(self._settings.candidates):
            name = f"{job.id}-{candidate}"
            edit = self._fill(job, picture, candidate)
            verdict = self._look(edit.before, edit.filled, edit.hole, job.target)
            attempts.append(self._attempt(name, edit, verdict.accepted, verdict.reason, dict(verdict.scores)))
            window = edit.window
            if verdict.accepted:
                whole = edit.window.place(verdict.mask, (picture.shape[0], picture.shape[1]))
                items.append(self._item(name, edit.picture, whole if job.kind == "anomaly" else None))
                if not job.scene.holes:
                    break
        return self._record(job, window, tuple(items), tuple(attempts))

    def _fill(self, job: Job, picture: Picture, candidate: int) -> _Edit:
        hole = self._hole(job, picture, candidate)
        window = square_window(hole, self._settings.window)
        crop, inner = window.crop(picture), window.crop(hole)
        seed = seed_of(self._settings.seed, job.scene.name, job.variant, candidate, "fill")
        filled = self._fillers.of(job.kind)(crop, inner, job.target, seed)
        if filled.shape != crop.shape:
            raise BadInputError(f"the inpainter {self._fillers.name} changed the size of a crop")
        whole = paste_back(picture, window, filled, inner, self._settings.blur)
        return _Edit(whole, crop, window.crop(whole), inner, window)

    def _hole(self, job: Job, picture: Picture, candidate: int) -> Mask:
        if job.scene.holes:
            given = job.scene.holes[job.variant]
            if given.mask is not None:
                return check_hole(read_mask(given.mask, picture), picture)
            assert given.box is not None
            return box_hole(given.box, picture)
        rng = seeded(self._settings.seed, job.scene.name, job.variant, candidate, "hole")
        valid = self._valid(job, picture)
        return check_hole(choose_hole(valid, self._settings.size, rng, self._settings.inside), picture)

    def _valid(self, job: Job, picture: Picture) -> Mask:
        if job.target in self._settings.anywhere:
            return np.ones(picture.shape[:2], dtype=np.bool_)
        if job.scene.region is not None:
            return read_mask(job.scene.region, picture)
        if self._locate is not None and self._settings.location is not None:
            return self._locate(picture, self._settings.location)
        return np.ones(picture.shape[:2], dtype=np.bool_)

    def _attempt(
        self,
        name: str,
        edit: _Edit,
        accepted: bool,
        reason: str,
        scores: dict[str, str | int | float | bool | None],
    ) -> Attempt:
        path = f"{'images' if accepted else 'rejected'}/{name}.png"
        if not accepted:
            write_picture(edit.picture, self._folder / path)
        return Attempt(name, accepted, reason, path, scores)

    def _item(self, name: str, picture: Picture, mask: Mask | None = None) -> Item:
        write_picture(picture, self._folder / f"images/{name}.png")
        if mask is not None:
            write_picture(mask, self._folder / f"masks/{name}.png")
        return Item(name, f"images/{name}.png", None if mask is None else f"masks/{name}.png")

    def _record(
        self,
        job: Job,
        window: Window | None = None,
        items: tuple[Item, ...] = (),
        attempts: tuple[Attempt, ...] = (),
        failed: str | None = None,
    ) -> Record:
        return Record(
            job=job.id,
            kind=job.kind,
            scene=job.scene.name,
            group=job.scene.group,
            object_class=job.scene.object_class,
            target=job.target,
            variant=job.variant,
            window=None if window is None else (window.left, window.top, window.right, window.bottom),
            items=items,
            attempts=attempts,
            failed=failed,
        )


def make_all(maker: Maker, jobs: list[Job], finished: frozenset[str]) -> Iterator[Record]:
    """Yield the records of the jobs that are not finished, in order."""
    for job in jobs:
        if job.id not in finished:
            record = maker.make(job)
            maker.remember(record)
            yield record
