"""BLIP-2 through transformers: one turn, one picture, the text as it stands."""

from pathlib import Path
from typing import Any

from vlm_eval.backends.local import LocalBackend, open_local
from vlm_eval.backends.local_prompt import Refused
from vlm_eval.errors import BackendUnavailable
from vlm_eval.flow import BackendSpec, Model, Prompt

_MODEL_TYPES = ("blip-2", "instructblip")


def build(spec: BackendSpec, scratch: Path) -> LocalBackend:
    """Load a BLIP-2 checkpoint. Writes nothing to the scratch folder."""

    def check(config: Any, processor: Any) -> None:
        _check_type(spec.model, config)
        _write_image_tokens(spec.model, config, processor)

    return open_local(spec, check, lambda processor: lay_out)


def lay_out(prompt: Prompt) -> str:
    """Return the prompt's text as it stands; the processor sets the picture before it.

    Raises Refused for anything but one turn with one picture.
    """
    if len(prompt.turns) != 1 or len(prompt.views) != 1:
        raise Refused(
            f"The prompt has {len(prompt.turns)} turns and {len(prompt.views)} pictures; BLIP-2 takes one turn"
            " with one picture. Ask without rounds and reference images, or ask another family."
        )
    return prompt.text


def _check_type(model: Model, config: Any) -> None:
    if config.model_type not in _MODEL_TYPES:
        raise BackendUnavailable(
            f"{model.name} is a {config.model_type} checkpoint; the family blip2 takes {', '.join(_MODEL_TYPES)}."
            f" Ask for it as auto:{model.checkpoint}."
        )


def _write_image_tokens(model: Model, config: Any, processor: Any) -> None:
    """Make the processor write image tokens: BLIP-2 silently ignores a picture whose tokens are missing.

    Older checkpoints say neither how many tokens a picture takes nor which token it is.
    """
    processor.num_query_tokens = processor.num_query_tokens or config.num_query_tokens
    written = int(processor.tokenizer.convert_tokens_to_ids(str(processor.image_token)))
    if config.image_token_index is None:
        config.image_token_index = written
    known = config.get_text_config().vocab_size
    if config.image_token_index != written or written >= known:
        raise BackendUnavailable(
            f"{model.name} would ignore its pictures: its tokenizer writes {processor.image_token} as {written},"
            f" its configuration expects {config.image_token_index}, and the model knows {known} tokens. Name a"
            " checkpoint or revision whose tokenizer and configuration agree."
        )
