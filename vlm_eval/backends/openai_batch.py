"""Chat completions through the Batch API: half the price, an answer within 24 hours.

Requests go into files, each file becomes a job at the server, and jobs outlive this process: what was started is
never started again, and what came back is kept until its request asks for it.
"""

import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from vlm_eval.backends.openai_batch_client import ENDPOINT, BatchClient
from vlm_eval.backends.openai_batch_job import Job, JobWriter, read_jobs
from vlm_eval.backends.openai_batch_reply import read_line
from vlm_eval.backends.openai_body import Dialect, encode_body
from vlm_eval.backends.openai_pictures import EncodedPicture, encode_picture, sizes_sent
from vlm_eval.backends.openai_settings import Settings
from vlm_eval.backends.openai_trouble import Trouble
from vlm_eval.backends.redaction import clean_message, without_secret
from vlm_eval.errors import BackendUnavailable, BadInputError
from vlm_eval.flow import Answer, Capabilities, Failure, Model, Outcome, Request, View

_KEPT_PICTURES = 16  # the cells of an item come one after the other
_TOO_MUCH = "token_limit_exceeded"  # more tokens are waiting than the account may have
_ENDED = ("completed", "expired", "cancelled")


class OpenAIBatch:
    """A model behind a server's Batch API."""

    def __init__(self, model: Model, settings: Settings, abilities: Capabilities, scratch: Path) -> None:
        self.capabilities = abilities
        self.facts = {"batch": True}
        self._model = model
        self._settings = settings
        self._scratch = scratch / "batches"
        self._client = BatchClient(settings)
        self._dialect = Dialect()
        self._pictures: dict[str, EncodedPicture] = {}
        self._open: list[Job] | None = None  # None: the jobs of earlier processes are not looked up yet
        self._known: dict[str, Job] = {}  # by key: what an open job was asked, or a fetched one has answered
        self._crowded = False  # the server takes no further job before another ends

    def answer(self, requests: Iterable[Request]) -> Iterator[tuple[str, Outcome]]:
        """Yield outcomes job by job; at most `batch_jobs` files of requests are pulled ahead.

        Raises:
            BackendUnavailable: a job was refused, or `batch_wait` is off and jobs have not ended.
        """
        jobs = self._open = self._take_up() if self._open is None else self._open
        for job in {id(job): job for job in (*jobs, *self._known.values())}.values():
            job.wanted.clear()
        source = _Source(requests)
        while source.look() is not None or any(job.wanted for job in jobs):
            if source.look() is not None and self._has_room(jobs):
                yield from self._start_one(source, jobs)
                continue
            ended = [job for job in list(jobs) if job.wanted and self._has_ended(job, source)]
            for job in ended:
                jobs.remove(job)
                yield from self._deliver(job, source)
            if not ended:
                self._wait(jobs)

    def _take_up(self) -> list[Job]:
        """Return the jobs of earlier processes that are still to be fetched."""
        jobs = []
        for job in read_jobs(self._scratch):
            if job.record.stage == "fetched":
                self._known |= dict.fromkeys(_answered(job), job)
            elif job.record.stage == "started" or self._was_started(job):
                jobs.append(job)
                self._known |= dict.fromkeys(job.sent(), job)
            else:
                job.discard()
        return jobs

    def _was_started(self, job: Job) -> bool:
        found = self._client.find(job.record.name, job.record.created)
        if found is not None:
            job.note(stage="started", batch_id=found["id"])
        return found is not None

    def _has_room(self, jobs: list[Job]) -> bool:
        return not self._crowded and sum(bool(job.wanted) for job in jobs) < self._settings.batch_jobs

    def _start_one(self, source: "_Source", jobs: list[Job]) -> Iterator[tuple[str, Outcome]]:
        """Fill a file and start a job on it; yield what needs no asking."""
        writer = JobWriter(self._scratch, asdict(self._dialect))
        fetched: dict[int, Job] = {}
        try:
            for _ in range(self._settings.batch_requests):
                if (request := source.look()) is None:
                    break
                if (job := self._known.get(request.key)) is not None:
                    job.wanted[request.key] = request
                    if job.record.stage == "fetched":
                        fetched[id(job)] = job
                elif (failure := self._write(writer, request)) is not None:
                    yield request.key, failure
                elif request.key not in writer.keys:
                    break  # the file is full: the next one begins with it
                source.take()
        except BaseException:
            writer.drop()
            raise
        for job in fetched.values():
            yield from self._deliver(job, source)
        if not writer.keys:
            writer.drop()
            return
        job = writer.finish()
        self._start(job)
        self._known |= dict.fromkeys(job.wanted, job)
        jobs.append(job)

    def _write(self, writer: JobWriter, request: Request) -> Failure | None:
        """Add a request to a file unless that is full; return the failure of one that cannot be asked."""
        try:
            pictures = [self._encoded(view) for view in request.prompt.views]
        except BadInputError as error:
            return Failure("bad-input", str(error))
        body = encode_body(request, pictures, self._model.checkpoint, self._settings, self._dialect).joined()
        head = f'{{"custom_id":"{request.key}","method":"POST","url":"{ENDPOINT}","body":'
        line = head.encode() + body + b"}\n"
        largest = self._settings.batch_megabytes * 1e6
        if len(line) > largest:
            return Failure(
                "bad-input", f"the request has {len(line) / 1e6:.1f} MB; a batch file holds {largest / 1e6:g}"
            )
        if writer.size + len(line) <= largest:
            writer.add(request, line, tuple(picture.digest for picture in pictures))
        return None

    def _encoded(self, view: View) -> EncodedPicture:
        if view.identity not in self._pictures:
            if len(self._pictures) >= _KEPT_PICTURES:
                self._pictures.pop(next(iter(self._pictures)))
            largest = self._settings.max_picture_megabytes
            self._pictures[view.identity] = encode_picture(view, None if largest is None else int(largest * 1e6))
        return self._pictures[view.identity]

    def _start(self, job: Job) -> None:
        try:
            file_id = self._client.upload(job.requests_file)
        except BackendUnavailable:
            job.discard()
            raise
        job.note(stage="starting")
        batch = self._client.create(file_id, job.record.name, job.record.created)
        job.note(stage="started", batch_id=batch["id"])
        job.requests_file.unlink()

    def _has_ended(self, job: Job, source: "_Source") -> bool:
        """Look after a job, and fetch what it brought when it has ended."""
        batch = self._client.retrieve(job.record.batch_id)
        if batch.get("status") == "failed":
            self._refused(job, batch, source)
            return False
        if batch.get("status") not in _ENDED:
            return False
        job.results_file.write_bytes(b"")  # of a process that was killed while it fetched
        for file_id in (batch.get("output_file_id"), batch.get("error_file_id")):
            if file_id:
                self._client.download(file_id, job.results_file)
        job.note(stage="fetched", ending=batch["status"])
        self._crowded = False
        for key in job.sent():
            self._known.pop(key, None)
        self._known |= {key: job for key in _answered(job) if key not in job.wanted}
        return True

    def _refused(self, job: Job, batch: Mapping[str, Any], source: "_Source") -> None:
        """Deal with a job of which nothing was asked: wait with its requests, or raise BackendUnavailable."""
        assert self._open is not None
        self._open.remove(job)
        wanted = list(job.wanted.values())
        for key in job.sent():
            self._known.pop(key, None)
        job.discard()
        errors = [error for error in (batch.get("errors") or {}).get("data") or () if isinstance(error, Mapping)]
        self._crowded = any(error.get("code") == _TOO_MUCH for error in errors)
        if self._crowded and any(other.wanted for other in self._open):
            source.put_back(wanted)
            return
        hint = " (ask for less in one job with the option batch_requests)" if self._crowded else ""
        said = "; ".join(str(error.get("message") or error.get("code")) for error in errors) or "no reason given"
        raise self._client.explain(f"the job was refused{hint}: {said}")

    def _deliver(self, job: Job, source: "_Source") -> Iterator[tuple[str, Outcome]]:
        """Yield the outcomes that are wanted of a fetched job."""
        sent = job.sent()
        for line in job.results():
            request = job.wanted.pop(str(line.get("custom_id")), None)
            if request is None:
                continue
            self._known.pop(request.key, None)
            read = read_line(line, request.generation.yes_no)
            if isinstance(read, Answer):
                yield (
                    request.key,
                    replace(self._without_key(read), sent=sent[request.key], image_sizes=sizes_sent(request)),
                )
            elif not self._reword(job, read):
                yield request.key, Failure(read.kind, self._clean(read.message))
            else:
                source.put_back([request])
        for key in list(job.wanted):
            del job.wanted[key]
            yield key, Failure("timeout", f"the batch job ended ({job.record.ending}) before this was answered")

    def _reword(self, job: Job, trouble: Trouble) -> bool:
        """Learn which parameter the model does not take; say whether asking in other words can help."""
        worded = Dialect(**job.record.dialect)
        if trouble.action != "adapt" or worded.without(trouble.parameter) == worded:
            return False
        self._dialect = self._dialect.without(trouble.parameter)
        return True

    def _wait(self, jobs: list[Job]) -> None:
        if self._settings.batch_wait:
            time.sleep(self._settings.batch_poll)
            return
        count = sum(len(job.wanted) for job in jobs)
        names = ", ".join(job.record.batch_id for job in jobs if job.wanted)
        raise BackendUnavailable(
            f"{count} requests are with the server's Batch API ({names}). Run the same command later to fetch the "
            "answers; batch_wait: true waits for them."
        )

    def _without_key(self, answer: Answer) -> Answer:
        key = self._settings.api_key
        return replace(
            answer, text=without_secret(answer.text, key), reasoning=without_secret(answer.reasoning, key)
        )

    def _clean(self, message: str) -> str:
        return clean_message(message, (self._settings.api_key,))


class _Source:
    """Requests of which the next can be looked at, and to which some can be given back."""

    def __init__(self, requests: Iterable[Request]) -> None:
        self._rest = iter(requests)
        self._next: deque[Request] = deque()

    def look(self) -> Request | None:
        if not self._next and (request := next(self._rest, None)) is not None:
            self._next.append(request)
        return self._next[0] if self._next else None

    def take(self) -> None:
        self._next.popleft()

    def put_back(self, requests: Iterable[Request]) -> None:
        self._next.extend(requests)


def _answered(job: Job) -> Iterator[str]:
    """Yield the keys of a fetched job that came back with an answer."""
    for line in job.results():
        response = line.get("response")
        if isinstance(response, Mapping) and response.get("status_code") == 200:
            yield str(line.get("custom_id"))
