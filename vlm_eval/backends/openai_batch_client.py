"""The calls of the Batch API: few and long, so plain synchronous HTTP from the standard library serves."""

import json
import shutil
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from vlm_eval.backends.endpoint import host_of
from vlm_eval.backends.openai_settings import Settings
from vlm_eval.backends.openai_trouble import Trouble, read_status
from vlm_eval.backends.redaction import clean_message
from vlm_eval.backends.retry_after import wait_before
from vlm_eval.errors import BackendUnavailable

NAME = "vlm-eval-job"
"""The key under which a job carries our own name for it, so that it is found again when its id was lost."""

ENDPOINT = "/v1/chat/completions"
_PIECE = 2**20
Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class _Refused(Exception):
    trouble: Trouble


class BatchClient:
    """One server's files and batches.

    Calls that can be repeated are, as often as `max_attempts` says. Each raises BackendUnavailable in the end.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def upload(self, path: Path) -> str:
        """Upload a file of requests; return its id."""
        return str(self._insist(lambda: self._upload(path))["id"])

    def create(self, file_id: str, name: str, since: float) -> dict[str, Any]:
        """Start a job on an uploaded file and return it.

        Where the call's own outcome is unknown, the job is looked for by its name before it is started again.
        """
        document = {
            "input_file_id": file_id,
            "endpoint": ENDPOINT,
            "completion_window": "24h",
            "metadata": {NAME: name},
        }
        attempted = False

        def start() -> dict[str, Any]:
            nonlocal attempted
            found = self.find(name, since) if attempted else None
            attempted = True
            return found or self._json("POST", "/batches", json.dumps(document).encode())

        return self._insist(start)

    def retrieve(self, batch_id: str) -> dict[str, Any]:
        """Return a job as it stands."""
        return self._insist(lambda: self._json("GET", f"/batches/{quote(batch_id)}"))

    def find(self, name: str, since: float) -> dict[str, Any] | None:
        """Return the job that carries a name of ours, started after `since` (seconds since 1970); None if none."""
        for batch in self._batches():
            if (batch.get("metadata") or {}).get(NAME) == name:
                return batch
            if float(batch.get("created_at") or since) < since - 3600:  # newest first; an hour for a wrong clock
                return None
        return None

    def download(self, file_id: str, path: Path) -> None:
        """Append a file's content to a local one."""
        before = path.stat().st_size if path.exists() else 0

        def fetch() -> dict[str, Any]:
            with path.open("ab") as stream:
                stream.truncate(before)  # of an attempt that broke off
                with self._open("GET", f"/files/{quote(file_id)}/content") as response:
                    shutil.copyfileobj(response, stream, _PIECE)
            return {}

        self._insist(fetch)

    def explain(self, reason: str) -> BackendUnavailable:
        """Return the error that says why the server's batches cannot be used."""
        shown = clean_message(reason, (self._settings.api_key,))
        return BackendUnavailable(
            f"The Batch API at {host_of(self._settings.base_url)} cannot be used: {shown}. "
            "What is answered is kept; put this right and run again."
        )

    def _batches(self) -> Iterator[dict[str, Any]]:
        after = ""
        while True:
            place = f"/batches?limit=100{after}"
            page = self._insist(lambda place=place: self._json("GET", place))  # type: ignore[misc]
            yield from page.get("data") or ()
            if not page.get("has_more") or not page.get("data"):
                return
            after = f"&after={quote(str(page['data'][-1]['id']))}"

    def _insist(self, call: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        for attempt in range(1, self._settings.max_attempts + 1):
            try:
                return call()
            except _Refused as refused:
                trouble = refused.trouble
            except (OSError, HTTPException, ValueError) as error:
                trouble = Trouble("retry", "api-error", f"{type(error).__name__}: {error}")
            if trouble.action != "retry" or attempt == self._settings.max_attempts:
                break
            time.sleep(wait_before(attempt + 1, trouble.retry_after, self._settings.first_wait))
        raise self.explain(trouble.message)

    def _json(self, method: str, place: str, body: bytes | None = None) -> dict[str, Any]:
        with self._open(method, place, body, {"Content-Type": "application/json"}) as response:
            document = json.loads(response.read())
        if not isinstance(document, dict):
            raise ValueError("the reply is no JSON object")
        return document

    def _upload(self, path: Path) -> dict[str, Any]:
        border = uuid.uuid4().hex
        head = (
            f'--{border}\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n'
            f'--{border}\r\nContent-Disposition: form-data; name="file"; filename="{path.name}"\r\n'
            "Content-Type: application/jsonl\r\n\r\n"
        ).encode()
        tail = f"\r\n--{border}--\r\n".encode()
        headers = {
            "Content-Type": f"multipart/form-data; boundary={border}",
            "Content-Length": str(len(head) + path.stat().st_size + len(tail)),
        }
        with self._open("POST", "/files", _pieces(head, path, tail), headers) as response:
            document = json.loads(response.read())
        if not isinstance(document, dict) or "id" not in document:
            raise ValueError("the reply to an upload names no file")
        return document

    def _open(self, method: str, place: str, body: Any = None, more: Mapping[str, str] | None = None) -> Any:
        url = f"{self._settings.base_url}{place}"
        request = urllib.request.Request(url, body, dict(more or {}), method=method)
        # Not passed on by a redirect, which may lead to another host.
        request.add_unredirected_header("Authorization", f"Bearer {self._settings.api_key}")
        try:
            return urllib.request.urlopen(request, timeout=self._settings.timeout)
        except urllib.error.HTTPError as error:
            with error:
                headers = {name.lower(): value for name, value in error.headers.items()}
                read = read_status(error.code, _json_or_text(error.read()), headers)
            raise _Refused(read if isinstance(read, Trouble) else _policy(error.code)) from error


def _policy(status: int) -> Trouble:
    return Trouble("final", "api-error", f"HTTP {status}: refused by the content policy")


def _json_or_text(data: bytes) -> object:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return data.decode("utf-8", "replace")


def _pieces(head: bytes, path: Path, tail: bytes) -> Iterator[bytes]:
    yield head
    with path.open("rb") as stream:
        while piece := stream.read(_PIECE):
            yield piece
    yield tail
