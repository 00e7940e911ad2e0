"""Load a vision-language model and its processor through transformers. Imported late: needs the `local` extra."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
import transformers
from transformers import AutoConfig, AutoImageProcessor, AutoModelForImageTextToText, AutoProcessor, AutoTokenizer
from transformers.models.auto.processing_auto import PROCESSOR_MAPPING
from transformers.utils import is_torchvision_available

from vlm_eval.backends.checkpoints import checkpoint_path
from vlm_eval.errors import BackendUnavailable, MissingExtraError
from vlm_eval.flow import BackendSpec, Model, Scalar

Check = Callable[[Any, Any], None]
"""Looks at a configuration and a processor and raises BackendUnavailable where a family cannot ask them."""


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model with the processor that fits it. Everything of Any is transformers' own."""

    model: Any
    processor: Any
    tokenizer: Any
    image_token: int | None  # the id that stands for a picture in the input, where the checkpoint names one
    longest: int | None  # positions that the language model knows
    served: str  # the checkpoint, with the commit that was served where the hub names it
    facts: Mapping[str, Scalar]  # what produced the numbers: device, dtype, threads, versions


def load(spec: BackendSpec, check: Check) -> LoadedModel:
    """Load the checkpoint of a spec, after the family's `check` of its configuration and processor.

    Options read: `device` (cuda where there is one, else cpu), `device_map` (given to accelerate, replaces
    `device`) and `threads` (torch's own number where absent). Weights come from safetensors only and no code of
    the checkpoint's is run. Without a dtype the CPU computes in float32 and a GPU in the checkpoint's own dtype.

    Raises MissingExtraError without bitsandbytes where it is needed, and BackendUnavailable where the checkpoint
    cannot be found, read or asked.
    """
    _be_quiet()
    _pin_threads(spec.options.get("threads"))
    checkpoint, placing = checkpoint_path(spec.model.checkpoint), _placing(spec)
    where = {"revision": _commit(spec.model, checkpoint), "trust_remote_code": False}
    try:
        config = AutoConfig.from_pretrained(checkpoint, **where)
        processor = _load_processor(checkpoint, config, where)
        _check_pictures(spec.model, processor)
        check(config, processor)
        model = AutoModelForImageTextToText.from_pretrained(
            checkpoint, config=config, use_safetensors=True, **placing, **where
        )
    except ImportError as error:
        raise BackendUnavailable(f"{spec.model.name} needs a package that is not installed: {error}") from error
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise BackendUnavailable(
            f"{spec.model.name} cannot be loaded: {error}\nAllowed is a checkpoint of a vision-language model with"
            " weights in safetensors and no code of its own, as a folder or as a name on the Hugging Face hub."
        ) from error
    return _assemble(spec, model.eval(), processor)


_threads: dict[str, int] = {}  # `own`: torch's number before it was pinned; `pinned`: what was set last


def _pin_threads(wanted: Scalar) -> None:
    """Pin torch's threads; a model that names none gets torch's own number, whatever the one before it pinned."""
    if torch.get_num_threads() != _threads.get("pinned"):
        _threads["own"] = torch.get_num_threads()
    _threads["pinned"] = _threads["own"] if wanted is None else int(wanted)
    torch.set_num_threads(_threads["pinned"])


def quantization_config(model: Model) -> Any:
    """Build bitsandbytes' configuration, or None for a model that is not quantised.

    Raises BackendUnavailable without CUDA and MissingExtraError without bitsandbytes, before anything is loaded.
    """
    if model.quantization is None:
        return None
    if not torch.cuda.is_available():
        raise BackendUnavailable(
            f"{model.name} is to be loaded in {model.quantization}, which bitsandbytes does on a CUDA device, and"
            " this machine has none. Take the quantization away, or run on a machine with a CUDA device."
        )
    if find_spec("bitsandbytes") is None:
        raise MissingExtraError("bitsandbytes", "quantized", f"Loading {model.name} in {model.quantization}")
    if model.quantization == "8bit":
        return transformers.BitsAndBytesConfig(load_in_8bit=True)
    compute = model.dtype if model.dtype in ("float32", "float16") else "bfloat16"
    return transformers.BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=getattr(torch, compute)
    )


def _be_quiet() -> None:
    """Keep transformers' log lines and bars off the terminal, which shows the run's own progress."""
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()


def _commit(model: Model, checkpoint: str) -> str:
    """Return the commit to ask the hub for. A folder has none: its revision is a digest of its weights."""
    return "main" if model.revision is None or Path(checkpoint).is_dir() else model.revision


def _placing(spec: BackendSpec) -> dict[str, Any]:
    """Say where the weights go and in which precision, as arguments of `from_pretrained`."""
    quantized = quantization_config(spec.model)
    device = spec.options.get("device") or ("cuda" if torch.cuda.is_available() else "cpu")
    dtype = spec.model.dtype or ("float32" if device == "cpu" else "auto")
    if str(device).startswith("cuda") and not torch.cuda.is_available():
        raise BackendUnavailable(
            f"{spec.model.name} is to run on {device}, and torch finds no CUDA device. Use cpu."
        )
    placing: dict[str, Any] = {"device_map": spec.options.get("device_map") or {"": device}, "dtype": dtype}
    return placing if quantized is None else placing | {"quantization_config": quantized}


def _load_processor(checkpoint: str, config: Any, where: Mapping[str, Any]) -> Any:
    """Load the processor, without its video part where torchvision is absent.

    transformers builds the video part together with the rest and needs torchvision for it (issue 48558 of
    huggingface/transformers); pictures alone do not.
    """
    processor_class = PROCESSOR_MAPPING.get(type(config), None)
    if processor_class is None or "video_processor" not in processor_class.get_attributes():
        return AutoProcessor.from_pretrained(checkpoint, **where)
    if is_torchvision_available():
        return AutoProcessor.from_pretrained(checkpoint, **where)
    parts = {
        "image_processor": AutoImageProcessor.from_pretrained(checkpoint, **where),
        "tokenizer": AutoTokenizer.from_pretrained(checkpoint, **where),
    }
    settings, _ = processor_class.get_processor_dict(checkpoint, revision=where["revision"])
    arguments = [parts.get(name) for name in processor_class.get_attributes()]
    processor = _without_video(processor_class).from_args_and_dict(arguments, settings)
    # SmolVLM's chat template asks the video part for its defaults, videos or not.
    processor.video_processor = SimpleNamespace(num_frames=None, fps=None, model_input_names=[])
    return processor


def _without_video(processor_class: Any) -> Any:
    """Derive a processor class that accepts None as its video part."""

    def check(self: Any, name: str, argument: Any) -> Any:
        if name == "video_processor" and argument is None:
            return None
        return processor_class.check_argument_for_proper_class(self, name, argument)

    return type(processor_class.__name__, (processor_class,), {"check_argument_for_proper_class": check})


def _check_pictures(model: Model, processor: Any) -> None:
    if not hasattr(processor, "image_processor"):
        raise BackendUnavailable(
            f"{model.name} is no vision-language model: its processor takes no pictures. Name one that does."
        )


def _assemble(spec: BackendSpec, model: Any, processor: Any) -> LoadedModel:
    """Set the processor up for batches and note what was loaded."""
    tokenizer = processor.tokenizer
    text_config = model.config.get_text_config(decoder=True)
    # A decoder reads on from the last position of a row; an encoder counts its positions from the first.
    tokenizer.padding_side = "right" if model.config.is_encoder_decoder else "left"
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    _forget_sampling(model, tokenizer)
    commit = getattr(model.config, "_commit_hash", None) or spec.model.revision
    return LoadedModel(
        model=model,
        processor=processor,
        tokenizer=tokenizer,
        image_token=image_token(model.config),
        longest=getattr(text_config, "max_position_embeddings", None),
        served=spec.model.checkpoint + (f"@{commit}" if commit else ""),
        facts={
            "device": str(model.device),
            "dtype": str(model.dtype).removeprefix("torch."),
            "threads": torch.get_num_threads(),
            "torch": str(torch.__version__),
            "transformers": str(transformers.__version__),
        },
    )


def image_token(config: Any) -> int | None:
    """Return the id of the token that a picture's features replace."""
    for name in ("image_token_id", "image_token_index"):
        if (token := getattr(config, name, None)) is not None:
            return int(token)
    return None


def _forget_sampling(model: Any, tokenizer: Any) -> None:
    """Keep of the checkpoint's generation settings only its token ids.

    Otherwise its temperature, its repetition penalty and its beams would silently stand in for what the request
    leaves at a default.
    """
    settings = model.generation_config
    kept = {
        name: getattr(settings, name)
        for name in ("bos_token_id", "eos_token_id", "decoder_start_token_id")
        if getattr(settings, name) is not None
    }
    kept.setdefault("eos_token_id", tokenizer.eos_token_id)
    for module in model.modules():
        if getattr(module, "generation_config", None) is not None:
            module.generation_config = transformers.GenerationConfig(pad_token_id=tokenizer.pad_token_id, **kept)
