"""Any image-text-to-text model with a chat template through transformers."""

from functools import partial
from pathlib import Path
from typing import Any

from vlm_eval.backends.local import LocalBackend, open_local
from vlm_eval.backends.local_prompt import chat_layout
from vlm_eval.errors import BackendUnavailable
from vlm_eval.flow import BackendSpec, Model


def build(spec: BackendSpec, scratch: Path) -> LocalBackend:
    """Load a checkpoint that holds a chat template. Writes nothing to the scratch folder."""
    return open_local(spec, partial(check_template, spec.model), chat_layout)


def check_template(model: Model, config: Any, processor: Any) -> None:
    """Raise BackendUnavailable where neither the processor nor its tokenizer holds a chat template."""
    if getattr(processor, "chat_template", None) or processor.tokenizer.chat_template:
        return
    remedy = (
        f"blip2:{model.checkpoint}" if config.model_type in ("blip-2", "instructblip") else "another checkpoint"
    )
    raise BackendUnavailable(
        f"{model.name} has no chat template, which the family {model.family} needs to lay a prompt out. Ask for"
        f" {remedy}, or name a revision that holds a chat_template.jinja."
    )
