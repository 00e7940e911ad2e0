"""Turn a Prompt into what a local model's processor takes: a text, and pictures in order."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from io import BytesIO
from typing import Any

from jinja2 import TemplateError
from PIL import Image

from vlm_eval.backends.pictures import read_pictures
from vlm_eval.errors import BadInputError
from vlm_eval.flow import Part, Prompt, Request

LayOut = Callable[[Prompt], str]
"""Write a prompt as the one text that a model reads. Raises Refused where the model cannot take such a prompt."""


class OutOfMemory(Exception):
    """A batch was too large for the device."""


class Refused(Exception):
    """The model cannot take a request, however often it is asked."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request whose pictures are decoded and whose text is laid out for the model."""

    request: Request
    text: str
    pictures: tuple[Any, ...]  # RGB, in the order in which the text names them
    sent: tuple[str, ...]  # SHA-256 of the encoded pictures


def prepare(request: Request, lay_out: LayOut, control: re.Pattern[str] | None) -> Prepared:
    """Lay out the text, with control tokens made harmless, and decode the pictures.

    Raises BadInputError for a picture that cannot be read and Refused for a prompt that the model cannot take.
    """
    text = lay_out(harmless(request.prompt, control))
    pictures = read_pictures(request.prompt)
    images = tuple(_decode(picture.data) for picture in pictures)
    return Prepared(request, text, images, tuple(picture.digest for picture in pictures))


def chat_layout(processor: Any) -> LayOut:
    """Lay prompts out through the processor's own chat template, open for the model's answer."""

    def lay_out(prompt: Prompt) -> str:
        messages = [
            {"role": turn.role, "content": [_content(part) for part in turn.parts]} for turn in prompt.turns
        ]
        try:
            return str(processor.apply_chat_template(messages, add_generation_prompt=True, tokenize=False))
        except (TemplateError, ValueError, TypeError, LookupError) as error:
            raise Refused(f"The checkpoint's chat template does not take the prompt: {error}") from error

    return lay_out


def harmless(prompt: Prompt, control: re.Pattern[str] | None) -> Prompt:
    """Return the prompt with every control token in its text broken, so that it is read as plain text."""
    turns = tuple(
        replace(
            turn, parts=tuple(_neutralise(part, control) if isinstance(part, str) else part for part in turn.parts)
        )
        for turn in prompt.turns
    )
    return replace(prompt, turns=turns)


def control_tokens(processor: Any) -> set[str]:
    """Collect the strings that the tokenizer or the processor does not read as text, such as `<image>`."""
    tokenizer = processor.tokenizer
    added = [
        token
        for token in tokenizer.added_tokens_decoder.values()
        if token.special or not token.content.strip().isalnum()
    ]
    named = [value for name, value in vars(processor).items() if name.endswith("_token") and value is not None]
    texts = {str(token) for token in [*added, *named, *tokenizer.all_special_tokens]}
    return {text for text in texts if len(text.strip()) > 1}


def control_pattern(tokens: Iterable[str]) -> re.Pattern[str] | None:
    """Compile a pattern that finds any of the tokens, the longest first, in either case."""
    alternatives = "|".join(re.escape(token) for token in sorted(tokens, key=len, reverse=True))
    return re.compile(alternatives, re.IGNORECASE) if alternatives else None


def _neutralise(text: str, control: re.Pattern[str] | None) -> str:
    # A space after the first character keeps the words readable: "<image>" becomes "< image>".
    if control is None:
        return text
    broken = control.sub(lambda match: f"{match.group()[0]} {match.group()[1:]}", text)
    return broken if broken == text else _neutralise(broken, control)


def _content(part: Part) -> dict[str, str]:
    return {"type": "text", "text": part} if isinstance(part, str) else {"type": "image"}


def _decode(data: bytes) -> Any:
    try:
        with Image.open(BytesIO(data)) as image:
            return image.convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise BadInputError(f"A picture of {len(data)} bytes cannot be decoded: {error}") from error
