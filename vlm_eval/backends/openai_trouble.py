"""What a refused or broken call means: try again, give this request up, give the run up, or ask in other words."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from vlm_eval.backends.retry_after import read_retry_after
from vlm_eval.flow import Answer, FailureKind

Action = Literal["retry", "final", "unavailable", "not-found", "adapt"]

_POLICY = re.compile(
    r"content[ _-]?(policy|filter|management)|safety system|responsible ?ai|moderation|flagged", re.I
)
_CREDIT = re.compile(r"insufficient[_ ](quota|balance|credit)|billing|exceeded your current quota", re.I)
_BAD_KEY = re.compile(
    r"(invalid|incorrect|expired|missing|no)[ _]api[ _-]?key|api key (not valid|expired|is)", re.I
)
_SEES_NOTHING = re.compile(
    r"(not|n't|only)\b.{0,40}support.{0,40}\b(image|vision|multimodal)|(image|vision).{0,40}\bnot support"
    r"|only supported by certain models|mmproj|not a (vision|multimodal) model",
    re.I | re.S,
)
_PRESSED = frozenset({408, 429, 503, 504, 524, 529})
_GATEWAY_GAVE_UP = frozenset({504, 524})  # waiting for the model, which may answer, and charge, all the same
_PICTURE = re.compile(r"image|picture|base64|pixel", re.I)
_ADAPTABLE = "max_tokens|temperature|seed"
_REFUSED_PARAMETER = re.compile(
    rf"\b(?:unsupported|unrecognized|unknown)\b.{{0,60}}?\b({_ADAPTABLE})\b", re.I | re.S
)


@dataclass(frozen=True, slots=True)
class Trouble:
    """A call that brought no answer."""

    action: Action
    kind: FailureKind
    message: str
    retry_after: float | None = None  # seconds that the server asked to wait
    alive: bool = False  # the trouble is with this request or its pace; no sign that the server or the model fails
    parameter: str = ""  # the parameter that was refused, for "adapt"
    slow_down: bool = False  # the server is pressed too hard
    lost: bool = False  # the model may have answered, and the answer may be charged, but it did not arrive


def read_status(status: int, body: object, headers: Mapping[str, str]) -> Trouble | Answer:
    """Read an HTTP error, or an error object that came with status 200.

    A prompt that the server's content policy refuses is an answer of the model's side, not a technical failure.
    """
    code, text = _code_and_text(body)
    message = f"HTTP {status}: {text or code or 'no message'}"
    everything = f"{code} {text}"
    if status in {400, 403, 422} and _POLICY.search(everything):
        return Answer("", finish="content-filter")
    if status in {401, 402, 403} or _CREDIT.search(everything) or (status == 400 and _BAD_KEY.search(everything)):
        return Trouble("unavailable", "api-error", message)
    if status in {400, 405, 413, 415, 422}:
        return _refused(status, body, everything, message)
    if status == 404:
        # A wrong address or model name; or, once something was answered, a server that is being replaced.
        return Trouble("not-found", "api-error", message)
    if 300 <= status < 400:
        place = headers.get("location", "nowhere")
        return Trouble(
            "retry", "api-error", f"HTTP {status}: redirected to {place}; set base_url to where it ends"
        )
    lost = status in _GATEWAY_GAVE_UP
    kind: FailureKind = "timeout" if lost or status == 408 else "api-error"
    wait = read_retry_after(headers)
    if 400 <= status < 500 and status not in {408, 409, 425, 429}:
        return Trouble("final", "unsupported", message)
    # A server without eyes (llama-server) says so with a 500, however often it is asked.
    if status == 500 and _SEES_NOTHING.search(everything):
        return Trouble("final", "unsupported", message)
    return Trouble("retry", kind, message, wait, alive=status == 429, slow_down=status in _PRESSED, lost=lost)


def _refused(status: int, body: object, everything: str, message: str) -> Trouble:
    parameter = _refused_parameter(body, everything)
    if parameter:
        return Trouble("adapt", "unsupported", message, parameter=parameter)
    if _SEES_NOTHING.search(everything):
        return Trouble("final", "unsupported", message)
    if status == 413 or _PICTURE.search(everything):
        return Trouble("final", "bad-input", message, alive=True)
    return Trouble("final", "unsupported", message, alive="logprobs" in everything)


def _refused_parameter(body: object, everything: str) -> str:
    """Return the parameter that the server does not take; empty where the refusal is about something else."""
    named = body.get("param") if isinstance(body, Mapping) else None
    if re.search(r"unsupported_(parameter|value)", everything) and named in _ADAPTABLE.split("|"):
        return str(named)
    found = _REFUSED_PARAMETER.search(everything)
    return found.group(1) if found else ""


def _code_and_text(body: object) -> tuple[str, str]:
    """Return the error's codes and its message from any of the shapes in which servers write them."""
    if isinstance(body, str):
        return "", body
    if not isinstance(body, Mapping):
        return "", ""
    inner: Any = body.get("error", body)
    if not isinstance(inner, Mapping):
        return "", str(inner)
    codes = [inner.get("code"), inner.get("type")]
    detail: Any = inner.get("innererror")
    if isinstance(detail, Mapping):
        codes.append(detail.get("code"))
    text = inner.get("message") or inner.get("detail") or ""
    return " ".join(str(code) for code in codes if code), str(text)
