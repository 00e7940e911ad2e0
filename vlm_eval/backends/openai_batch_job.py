"""One job of the Batch API as it is kept on disk, so that a kill at any moment neither loses nor doubles it.

A job's folder appears whole, under a name that is also sent to the server:
    job.json        name, stage, the server's id, and how the requests were worded
    requests.jsonl  what is uploaded; deleted once the job is started
    sent.jsonl      key and digests of the pictures that were sent
    results.jsonl   what came back, one line a request, in any order

Stages: built -> starting -> started -> fetched. What was built and never started is thrown away; what was being
started is looked for at the server by its name.
"""

import json
import os
import shutil
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from vlm_eval.flow import Request

Stage = Literal["built", "starting", "started", "fetched"]


@dataclass(frozen=True, slots=True)
class JobRecord:
    """What `job.json` holds."""

    name: str
    stage: Stage = "built"
    batch_id: str = ""
    created: float = 0.0  # seconds since 1970, before it was started
    dialect: Mapping[str, Any] = field(default_factory=dict)  # how parameters were worded
    ending: str = ""  # the server's word for how it ended


class Job:
    """A job and its folder; `wanted` are the requests that this process waits for."""

    def __init__(self, folder: Path, record: JobRecord) -> None:
        self.folder = folder
        self.record = record
        self.wanted: dict[str, Request] = {}

    @property
    def requests_file(self) -> Path:
        """Return what is uploaded."""
        return self.folder / "requests.jsonl"

    @property
    def results_file(self) -> Path:
        """Return what came back."""
        return self.folder / "results.jsonl"

    def note(self, **changes: Any) -> None:
        """Change the record, on disk before anything else happens."""
        self.record = replace(self.record, **changes)
        _write(self.folder / "job.json", json.dumps(asdict(self.record)))

    def sent(self) -> dict[str, tuple[str, ...]]:
        """Return the digests of the pictures that were sent, by key."""
        rows = map(json.loads, (self.folder / "sent.jsonl").read_text(encoding="ascii").splitlines())
        return {key: tuple(digests) for key, digests in rows}

    def results(self) -> Iterator[dict[str, Any]]:
        """Yield the lines that came back."""
        with self.results_file.open("rb") as stream:
            for line in stream:
                if line.strip():
                    yield json.loads(line)

    def discard(self) -> None:
        """Delete the job's folder."""
        shutil.rmtree(self.folder)


class JobWriter:
    """Writes the requests of a new job; nothing of it is seen before `finish`."""

    def __init__(self, scratch: Path, dialect: Mapping[str, Any]) -> None:
        name = uuid.uuid4().hex
        self._partial = scratch / f"{name}.part"
        self._partial.mkdir(parents=True)
        self._job = Job(scratch / name, JobRecord(name, created=time.time(), dialect=dialect))
        self._requests = (self._partial / "requests.jsonl").open("wb")
        self._sent = (self._partial / "sent.jsonl").open("w", encoding="ascii")
        self.size = 0  # bytes

    @property
    def keys(self) -> Mapping[str, Request]:
        """Return the requests by key."""
        return self._job.wanted

    def add(self, request: Request, line: bytes, digests: tuple[str, ...]) -> None:
        """Add a request with its line and the digests of its pictures."""
        self._requests.write(line)
        self._sent.write(json.dumps([request.key, digests]) + "\n")
        self._job.wanted[request.key] = request
        self.size += len(line)

    def finish(self) -> Job:
        """Close the files and let the job appear."""
        self._requests.close()
        self._sent.close()
        _write(self._partial / "job.json", json.dumps(asdict(self._job.record)))
        self._partial.rename(self._job.folder)
        return self._job

    def drop(self) -> None:
        """Throw away what was written."""
        self._requests.close()
        self._sent.close()
        shutil.rmtree(self._partial)


def read_jobs(scratch: Path) -> list[Job]:
    """Return the jobs of earlier processes, oldest first; what was never started is deleted."""
    jobs = []
    for folder in scratch.iterdir() if scratch.is_dir() else ():
        if not (folder / "job.json").is_file() or folder.suffix == ".part":
            shutil.rmtree(folder)
            continue
        job = Job(folder, JobRecord(**json.loads((folder / "job.json").read_text(encoding="ascii"))))
        if job.record.stage == "built":
            job.discard()
        else:
            jobs.append(job)
    return sorted(jobs, key=lambda job: job.record.created)


def _write(path: Path, text: str) -> None:
    partial = path.with_suffix(".part")
    with partial.open("w", encoding="ascii") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    partial.replace(path)
