"""LLaVA and its kin (LLaVA-NeXT, LLaVA-OneVision, VipLLaVA) through transformers."""

from pathlib import Path
from typing import Any

from vlm_eval.backends.local import LocalBackend, open_local
from vlm_eval.backends.local_auto import check_template
from vlm_eval.backends.local_prompt import chat_layout
from vlm_eval.errors import BackendUnavailable
from vlm_eval.flow import BackendSpec


def build(spec: BackendSpec, scratch: Path) -> LocalBackend:
    """Load a checkpoint of the LLaVA family. Writes nothing to the scratch folder."""

    def check(config: Any, processor: Any) -> None:
        if "llava" not in config.model_type:
            raise BackendUnavailable(
                f"{spec.model.name} is a {config.model_type} checkpoint; the family llava takes LLaVA and its kin."
                f" Ask for it as auto:{spec.model.checkpoint}."
            )
        check_template(spec.model, config, processor)

    return open_local(spec, check, chat_layout)
