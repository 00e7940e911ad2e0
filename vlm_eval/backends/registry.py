"""Families of models by name, the one place that knows them all. Imports nothing heavy.

A family is a way of asking; the checkpoint is an argument and is never listed here.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Literal, cast

from vlm_eval.backends.baseline_kinds import baseline_capabilities, baseline_revision
from vlm_eval.backends.checkpoints import checkpoint_path, shipped_family, shipped_models, weights_revision
from vlm_eval.backends.endpoint import max_pictures, receiving_host, searches_beams
from vlm_eval.backends.recorded_files import holds_yes_no
from vlm_eval.errors import ExperimentError
from vlm_eval.flow import Backend, BackendSpec, Capabilities, Model, Scalar

_LOCAL_CHECK = "vlm_eval.backends.local_settings:check"
_LOCAL_OPTIONS = frozenset({"batch_size", "device", "device_map", "threads"})
_REMOTE_OPTIONS = frozenset(
    {
        "api_key_env",
        "api_version",
        "azure",
        "base_url",
        "batch",
        "batch_jobs",
        "batch_megabytes",
        "batch_poll",
        "batch_requests",
        "batch_wait",
        "beam_search",
        "cache_megabytes",
        "concurrency",
        "detail",
        "first_wait",
        "json_schema",
        "max_attempts",
        "max_picture_megabytes",
        "max_pictures",
        "reasoning_effort",
        "requests_per_minute",
        "timeout",
        "tokens_per_minute",
    }
)
_BUILT_IN = "1"  # raised whenever a built-in model would give other scores, so that stored ones are not mixed in
_SCRIPTED_OPTIONS = frozenset({"die_at", "fail_every", "fail_kind", "latency", "shuffle", "unavailable_at"})


@dataclass(frozen=True, slots=True)
class Family:
    """A way of asking models: where its code is, what it can do, which options it reads."""

    name: str
    description: str
    entry: str  # "module:function", imported when a backend is opened
    capabilities: Capabilities
    options: frozenset[str]
    source: Literal["weights", "file", "server", "built-in"]  # what the checkpoint names
    example: str = ""
    check: str = ""  # "module:function" that refuses a spec before anything is asked; imports nothing heavy


_FAMILIES: Mapping[str, Family] = {
    family.name: family
    for family in (
        Family(
            "openai",
            "chat completions over HTTP: OpenAI, Azure, OpenRouter, vLLM, Ollama, llama-server (base_url)",
            "vlm_eval.backends.openai_chat:build",
            Capabilities(yes_no=True, remote=True),
            _REMOTE_OPTIONS,
            "server",
            example="openai:gpt-4o",
            check="vlm_eval.backends.openai_settings:read_settings",
        ),
        Family(
            "llava",
            "LLaVA through transformers, on this machine",
            "vlm_eval.backends.local_llava:build",
            Capabilities(yes_no=True, beams=True),
            _LOCAL_OPTIONS,
            "weights",
            example="llava:llava-hf/llava-1.5-7b-hf",
            check=_LOCAL_CHECK,
        ),
        Family(
            "blip2",
            "BLIP-2 through transformers, on this machine: one picture, one turn",
            "vlm_eval.backends.local_blip2:build",
            Capabilities(max_images=1, conversation=False, yes_no=True, beams=True),
            _LOCAL_OPTIONS,
            "weights",
            example="blip2:Salesforce/blip2-opt-2.7b",
            check=_LOCAL_CHECK,
        ),
        Family(
            "auto",
            "any image-text-to-text model with a chat template through transformers, on this machine",
            "vlm_eval.backends.local_auto:build",
            Capabilities(yes_no=True, beams=True),
            _LOCAL_OPTIONS,
            "weights",
            example="auto:HuggingFaceTB/SmolVLM-256M-Instruct",
            check=_LOCAL_CHECK,
        ),
        Family(
            "scripted",
            "the shipped fake: a built-in answer (yes, no, refuse, coin ...) or a file of rules",
            "vlm_eval.backends.scripted:build",
            Capabilities(yes_no=True, beams=True),
            _SCRIPTED_OPTIONS,
            "file",
            example="scripted:yes",
            check="vlm_eval.backends.scripted:check",
        ),
        Family(
            "replay",
            "answers that exist already, from a run folder or a JSONL or CSV file",
            "vlm_eval.backends.replay:build",
            Capabilities(yes_no=True, beams=True),
            frozenset(),
            "file",
            example="replay:answers.jsonl",
            check="vlm_eval.backends.replay:check",
        ),
        Family(
            "baseline",
            "no language model: patch-nn, feature-bank, prompt-pair, similarity; a score or a class",
            "vlm_eval.backends.baselines:build",
            Capabilities(conversation=False, support=True),
            frozenset({"batch_size", "threads"}),
            "built-in",
            example="baseline:patch-nn",
            check="vlm_eval.backends.baselines:check",
        ),
    )
}


def list_families() -> tuple[Family, ...]:
    """List the families in the order in which `vlm-eval models list` shows them."""
    return tuple(_FAMILIES.values())


def parse_model(
    text: str,
    *,
    revision: str | None = None,
    dtype: str | None = None,
    quantization: Literal["8bit", "4bit"] | None = None,
    **options: Scalar,
) -> BackendSpec:
    """Read `family:checkpoint`, or the name of a shipped model, into an order for a backend.

    An option that only other families read is left out, so that one set of flags serves several models; so are
    revision, dtype and quantization where no weights are loaded, and options that are None. Weights, rules and
    answers in a local file carry a digest of the file as their revision.

    Raises:
        ExperimentError: unknown family, shipped model or option; or an empty checkpoint.
    """
    _refuse_unknown_options(options)
    if text in shipped_models():
        spec = _shipped_spec(text, dtype, quantization)
    else:
        spec = BackendSpec(_model(text, revision, dtype, quantization, options))
    known = _family(spec.model.family).options
    given = {name: value for name, value in options.items() if name in known and value is not None}
    return replace(spec, options={**spec.options, **given})


def capabilities(spec: BackendSpec) -> Capabilities:
    """Say what a backend can do, without opening it.

    A server on this very machine is not remote: no picture leaves. One searches with beams where the option
    beam_search says so. Recorded answers serve forced yes/no questions only where they hold the probabilities.
    """
    family = _family(spec.model.family)
    if spec.model.family == "replay":
        return replace(family.capabilities, yes_no=holds_yes_no(Path(spec.model.checkpoint)))
    if spec.model.family == "baseline":
        return baseline_capabilities(spec.model.checkpoint)
    if not family.capabilities.remote:
        return family.capabilities
    able = replace(family.capabilities, remote=receiving_host(spec) is not None, beams=searches_beams(spec))
    return replace(able, max_images=max_pictures(spec))


def check(spec: BackendSpec) -> None:
    """Refuse a spec that could not be asked, before anything is spent or stored. Imports nothing heavy.

    Looked at: the key that OpenAI's or Azure's own host needs, the base URL, a built-in name, a file of rules or
    answers, the batch size and dtype of a local model. Weights are not looked at.

    Raises:
        ExperimentError: saying what to set or to name instead.
    """
    if place := _family(spec.model.family).check:
        _load(place)(spec)


def open_backend(spec: BackendSpec, scratch: Path) -> Backend:
    """Open the backend that a spec orders. `scratch` is a folder of its own, which is made if need be.

    Raises:
        InputError: the checkpoint, file or option cannot be used.
        MissingExtraError: a package that the family needs is not installed.
        BackendUnavailable: the model cannot be asked at all.
    """
    build = cast(Callable[[BackendSpec, Path], Backend], _load(_family(spec.model.family).entry))
    scratch.mkdir(parents=True, exist_ok=True)
    return build(spec, scratch)


def _load(place: str) -> Callable[..., object]:
    module_name, function_name = place.split(":")
    return cast(Callable[..., object], getattr(import_module(module_name), function_name))


def _family(name: str) -> Family:
    if name not in _FAMILIES:
        raise ExperimentError(_unknown(name))
    return _FAMILIES[name]


def _model(
    text: str,
    revision: str | None,
    dtype: str | None,
    quantization: Literal["8bit", "4bit"] | None,
    options: Mapping[str, Scalar],
) -> Model:
    name, colon, checkpoint = text.partition(":")
    if not colon:
        raise ExperimentError(_unknown(text))
    family = _family(name)
    if not checkpoint:
        raise ExperimentError(f"Model {text!r} names no checkpoint. Write it like {family.example!r}.")
    if family.source == "weights":
        folder = Path(checkpoint_path(checkpoint))
        return Model(name, checkpoint, revision or weights_revision(folder), dtype, quantization)
    if family.source == "file":
        return Model(name, checkpoint, weights_revision(Path(checkpoint)))
    if family.source == "built-in":
        return Model(name, checkpoint, baseline_revision(checkpoint, _BUILT_IN))
    return Model(name, checkpoint, _asked_how(options))


def _asked_how(options: Mapping[str, Scalar]) -> str | None:
    """Name the options that change answers, for the key to hold; a served model has no revision of its own."""
    schema = options.get("json_schema")
    said = {
        "detail": None if options.get("detail") == "auto" else options.get("detail"),
        "reasoning_effort": options.get("reasoning_effort"),
        # A file that is not there is refused by the family's check, with its name.
        "json_schema": None if schema is None else weights_revision(Path(str(schema))) or "missing",
    }
    return ",".join(f"{name}={value}" for name, value in said.items() if value is not None) or None


def _shipped_spec(name: str, dtype: str | None, quantization: Literal["8bit", "4bit"] | None) -> BackendSpec:
    # One thread: the pocket models are too small to gain from more, and lose much on a busy machine.
    folder = shipped_models()[name]
    model = Model(shipped_family(folder), name, weights_revision(folder), dtype or "float32", quantization)
    return BackendSpec(model, {"threads": 1, "batch_size": 16}, f"{name} (toy)")


def _refuse_unknown_options(options: Mapping[str, Scalar]) -> None:
    known = frozenset().union(*(family.options for family in _FAMILIES.values()))
    unknown = sorted(set(options) - known)
    if "api_key" in unknown:
        raise ExperimentError("A key is no option, as options are stored. Set OPENAI_API_KEY, or api_key_env.")
    if unknown:
        raise ExperimentError(f"Unknown model option {', '.join(unknown)}. Known: {', '.join(sorted(known))}.")


def _unknown(text: str) -> str:
    shipped = ", ".join(sorted(shipped_models())) or "none"
    return (
        f"Unknown model {text!r}. Write family:checkpoint with one of the families {', '.join(_FAMILIES)} "
        f"(such as 'openai:gpt-4o'), or name a shipped model: {shipped}."
    )
