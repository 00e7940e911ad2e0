"""From the JSON of a chat completion to an Answer, in the dialects of several servers."""

import math
from collections.abc import Mapping, Sequence
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
    """Read a reply that came with status 200.

    Trouble is what holds no choice: another content type (`body` is a string then), an error, empty choices.
    """
    if not isinstance(body, Mapping):
        return Trouble("retry", "api-error", f"the reply is no JSON object: {str(body)[:200]!r}")
    choice = _first(body.get("choices"))
    error = body.get("error") or choice.get("error")
    if error and not choice.get("message", {}):
        return _error_in_reply(error)
    if not isinstance(choice.get("message"), Mapping):
        return Trouble("retry", "api-error", "the reply holds no choices")
    if error or choice.get("finish_reason") == "error":
        return _error_in_reply(error or "the server broke off")
    return _answer(body, choice, yes_no)


def _answer(body: Mapping[str, Any], choice: Mapping[str, Any], yes_no: bool) -> Answer | Trouble:
    message = choice["message"]
    text, reasoning = _text_and_reasoning(message)
    finish = _FINISH.get(str(choice.get("finish_reason")).casefold(), "stop")
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
        text=text,
        finish=finish,
        reasoning=reasoning,
        prompt_tokens=_count(usage.get("prompt_tokens")),
        completion_tokens=_count(usage.get("completion_tokens")),
        yes_no=probabilities,
        served_model=model if isinstance(model, str) else None,
    )


def _text_and_reasoning(message: Mapping[str, Any]) -> tuple[str, str]:
    content = message.get("content")
    thought = message.get("reasoning_content") or message.get("reasoning")
    reasoning = thought if isinstance(thought, str) else ""
    if isinstance(content, Sequence) and not isinstance(content, str):
        parts = [_mapping(part) for part in content]
        return "".join(str(part.get("text") or "") for part in parts), reasoning
    if not isinstance(content, str):
        return "", reasoning
    return (content, reasoning) if reasoning else _split_thought(content)


def _split_thought(content: str) -> tuple[str, str]:
    """Part a trace in <think> tags from the answer; servers without a reasoning parser leave it in the text.

    Some chat templates write the opening tag into the prompt, so that only the closing one comes back.
    """
    before, closing, after = content.partition("</think>")
    opened = before.lstrip().startswith("<think>")
    if not closing and not opened:
        return content, ""
    thought = before.lstrip().removeprefix("<think>").strip()
    return after.lstrip(), thought


def _yes_no(choice: Mapping[str, Any]) -> YesNo | None:
    """Sum the probabilities of the surface forms of yes and no among the listed first tokens.

    A word of which no form is listed is at most as likely as the least likely token listed; that bound stands for
    it.
    """
    first = _first(_mapping(choice.get("logprobs")).get("content"))
    listed: dict[str, float] = {}
    for entry in map(_mapping, first.get("top_logprobs") or ()):
        value = entry.get("logprob")
        if isinstance(value, int | float):
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
    return read_status(status, error, {})


def _first(items: object) -> Mapping[str, Any]:
    return _mapping(items[0]) if isinstance(items, list) and items else {}


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _count(value: object) -> int | None:
    return value if isinstance(value, int) else None
