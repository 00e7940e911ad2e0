"""From a line that a batch job brought back to an outcome."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from vlm_eval.backends.openai_reply import read_reply
from vlm_eval.backends.openai_trouble import Trouble, read_status
from vlm_eval.flow import Answer


def read_line(line: Mapping[str, Any], yes_no: bool) -> Answer | Trouble:
    """Read one line of a job's output or error file."""
    response = line.get("response")
    if not isinstance(response, Mapping):
        return _without_response(line.get("error"))
    status = int(response.get("status_code") or 0)
    if status == 200:
        return read_reply(response.get("body"), yes_no)
    read = read_status(status, response.get("body"), {})
    # Within a job there is no second attempt; a later run makes one.
    return replace(read, retry_after=None) if isinstance(read, Trouble) else read


def _without_response(error: object) -> Trouble:
    fields = error if isinstance(error, Mapping) else {}
    code = str(fields.get("code") or "")
    message = str(fields.get("message") or code or "the line holds neither response nor error")
    if code in ("batch_expired", "request_timeout"):
        return Trouble("retry", "timeout", message)
    return Trouble("retry", "not-asked" if code == "batch_cancelled" else "api-error", message)
