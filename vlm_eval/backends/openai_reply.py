"""From the JSON of a chat completion to an Answer, in the dialects of several servers."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from vlm_eval.backends.openai_trouble import Trouble, read_status
from vlm_eval.flow import Answer, Finish, YesNo

_FINISH: Mapping[str, Finish] = {
    "length": "length",
    "max_tokens": "length",
    "model_length": "length",
    "content_filter": "content-filter",
    "content-filter": "content-filter",
    "safety": "content-filter",
    "refusal": "refusal",
}


def read_reply(body: object, yes_no: bool) -> Answer | Trouble:
    """Read the JSON of a reply that came with status 200.

    Trouble is what holds no choice: no object, an error, empty choices.
    """
    if not isinstance(body, Mapping):
        return Trouble("retry", "api-error", f"the reply is no JSON object: {str(body)[:200]!r}", lost=True)
    choice = _first(body.get("choices"))
    error = body.get("error") or choice.get("error")
    if error and not choice.get("message", {}):
        return _error_in_reply(error)
    if not isinstance(choice.get("message"), Mapping):
        return Trouble("retry", "api-error", "the reply holds no choices", lost=True)
    if error or choice.get("finish_reason") == "error":
        return _error_in_reply(error or "the server broke off")
    if not _is_text(choice["message"].get("content")):
        return Trouble("retry", "api-error", "the reply's content is neither text nor a list of parts", lost=True)
    return _answer(body, choice, yes_no)


def _is_text(content: object) -> bool:
    if isinstance(content, Sequence) and not isinstance(content, str):
        return all(part is None or isinstance(part, str | Mapping) for part in content)
    return content is None or isinstance(content, str)


def _answer(body: Mapping[str, Any], choice: Mapping[str, Any], yes_no: bool) -> Answer | Trouble:
    message = choice["message"]
    text, reasoning, unfinished = _text_and_reasoning(message)
    # Thinking that never came to its end was cut off, whatever the server calls it.
    finish = "length" if unfinished else _FINISH.get(str(choice.get("finish_reason")).casefold(), "stop")
    refusal = message.get("refusal")
    if isinstance(refusal, str) and refusal:
        text, finish = refusal, "refusal"
    probabilities = _yes_no(choice) if yes_no else None
    if yes_no and probabilities is None:
        message = "the server gave no log-probabilities, so yes and no cannot be scored"
        return Trouble("final", "unsupported", message, alive=True)
    usage = _mapping(body.get("usage"))
    model = body.get("model")
    return Answer(
        text=_storable(text),
        finish=finish,
        reasoning=_storable(reasoning),
        prompt_tokens=_count(usage.get("prompt_tokens")),
        completion_tokens=_count(usage.get("completion_tokens")),
        yes_no=probabilities,
        served_model=_storable(model) if isinstance(model, str) else None,
        reasoning_tokens=_count(_mapping(usage.get("completion_tokens_details")).get("reasoning_tokens")),
    )


def _text_and_reasoning(message: Mapping[str, Any]) -> tuple[str, str, bool]:
    """Return the answer, the trace before it, and whether the trace was cut off."""
    content = message.get("content")
    thought = message.get("reasoning_content") or message.get("reasoning")
    reasoning = thought if isinstance(thought, str) else ""
    if isinstance(content, Sequence) and not isinstance(content, str):
        return "".join(part if isinstance(part, str) else _part_text(part) for part in content), reasoning, False
    if not isinstance(content, str):
        return "", reasoning, False
    return (content, reasoning, False) if reasoning else _split_thought(content)


def _part_text(part: object) -> str:
    return str(_mapping(part).get("text") or "")


def _storable(text: str) -> str:
    """Replace half a surrogate pair, which JSON can hold and no UTF-8 file can."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def _split_thought(content: str) -> tuple[str, str, bool]:
    """Part a trace in <think> tags from the answer; servers without a reasoning parser leave it in the text.

    Some chat templates write the opening tag into the prompt, so that only the closing one comes back.
    """
    before, closing, after = content.partition("</think>")
    opened = before.lstrip().startswith("<think>")
    if not closing and not opened:
        return content, "", False
    thought = before.lstrip().removeprefix("<think>").strip()
    return after.lstrip(), thought, not closing


def _yes_no(choice: Mapping[str, Any]) -> YesNo | None:
    """Sum the probabilities of the surface forms of yes and no among the listed first tokens.

    A word of which no form is listed is at most as likely as the least likely token listed; that bound stands for
    it.
    """
    first = _first(_mapping(choice.get("logprobs")).get("content"))
    listed: dict[str, float] = {}
    tokens = first.get("top_logprobs")
    for entry in map(_mapping, tokens if isinstance(tokens, list) else ()):
        value = entry.get("logprob")
        if isinstance(value, int | float) and math.isfinite(value):
            listed[str(entry.get("token"))] = float(value)
    if not listed:
        return None
    bound = min(listed.values())
    return YesNo(_log_sum(listed, "yes", bound), _log_sum(listed, "no", bound))


def _log_sum(listed: Mapping[str, float], word: str, bound: float) -> float:
    # The marks are how SentencePiece and byte-level BPE write a leading space.
    total = sum(math.exp(value) for token, value in listed.items() if _bare(token) == word)
    return math.log(total) if total > 0 else bound


def _bare(token: str) -> str:
    return token.strip(" \t\n\u2581\u0120\u010a\"'*.,!:").casefold()


def _error_in_reply(error: object) -> Answer | Trouble:
    code = error.get("code") if isinstance(error, Mapping) else None
    status = code if isinstance(code, int) and 400 <= code < 600 else 502
    read = read_status(status, error, {})
    return replace(read, lost=True) if isinstance(read, Trouble) else read


def _first(items: object) -> Mapping[str, Any]:
    return _mapping(items[0]) if isinstance(items, list) and items else {}


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
