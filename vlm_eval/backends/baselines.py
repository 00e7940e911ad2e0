"""Baselines by name: what is needed, and how each is built."""

from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, cast

from vlm_eval.backends.baseline_kinds import (
    Baseline,
    baseline_capabilities,
    need_lite,
    need_transformers,
    parse_baseline,
)
from vlm_eval.backends.joint_encoder import check_joint, open_joint
from vlm_eval.backends.lite0_graph import Features, Output
from vlm_eval.errors import ExperimentError, MissingExtraError
from vlm_eval.flow import Backend, BackendSpec

if TYPE_CHECKING:
    from vlm_eval.metrics.similarity import Combination, FunctionSet

_DEFAULTS = {"threads": 1, "batch_size": 16}


def check(spec: BackendSpec) -> None:
    """Refuse an unknown baseline, a setting or option out of range, or packages that are not installed."""
    baseline = parse_baseline(spec.model.checkpoint)
    for name in _DEFAULTS:
        given = spec.options.get(name, 1)
        if isinstance(given, bool) or not isinstance(given, int) or given < 1:
            raise ExperimentError(
                f"{name} is {given!r}; for {spec.model.name} it must be a whole number from 1 on."
            )
    _NEEDED[baseline.name](baseline, spec.model.name)


def build(spec: BackendSpec, scratch: Path) -> Backend:
    """Build a baseline with its weights. Raises InputError, MissingExtraError."""
    check(spec)
    baseline = parse_baseline(spec.model.checkpoint)
    threads, batch_size = (int(str(spec.options.get(name, default))) for name, default in _DEFAULTS.items())
    return _BUILT[baseline.name](baseline, spec.model.checkpoint, threads, batch_size)


def _patch_nn(baseline: Baseline, checkpoint: str, threads: int, batch_size: int) -> Backend:
    from vlm_eval.backends.patch_nn import PatchNearestNeighbour
    from vlm_eval.backends.patch_nn_features import LiteFeatures

    features = LiteFeatures(threads, cast(Output, baseline.settings["level"]))
    return PatchNearestNeighbour(features, batch_size, baseline.number("patches"))


def _feature_bank(baseline: Baseline, checkpoint: str, threads: int, batch_size: int) -> Backend:
    from vlm_eval.backends.backbones import LiteVectors, TransformersVectors
    from vlm_eval.backends.feature_bank import Distance, MahalanobisBank, MeanBank, NearestBank
    from vlm_eval.backends.support_comparison import Memory, SupportComparison

    settings = baseline.settings
    distance = cast(Distance, settings["distance"])
    vectors: LiteVectors | TransformersVectors
    if settings["backbone"] == "lite0":
        vectors = LiteVectors(cast(Output, settings["level"]), threads)
    else:
        vectors = TransformersVectors(settings["backbone"])

    def remember(features: Features) -> Memory:
        if settings["to"] == "mahalanobis":
            return MahalanobisBank(features)
        if settings["to"] == "mean":
            return MeanBank(features, distance)
        return NearestBank(features, baseline.number("k"), distance)

    able = baseline_capabilities(checkpoint)
    return SupportComparison(vectors, vectors.decode, remember, checkpoint, batch_size, able)


def _prompt_pair(baseline: Baseline, checkpoint: str, threads: int, batch_size: int) -> Backend:
    from vlm_eval.backends.prompt_pair import PromptPair, Score

    joint = open_joint(baseline.settings["joint"], threads=threads, batch_size=batch_size)
    score = cast(Score, baseline.settings["score"])
    return PromptPair(joint, score, batch_size, baseline_capabilities(checkpoint))


def _similarity(baseline: Baseline, checkpoint: str, threads: int, batch_size: int) -> Backend:
    from vlm_eval.backends.region_proposals import open_proposer
    from vlm_eval.backends.similarity import Similarity, SimilaritySettings, read_object_classes

    settings = baseline.settings
    chosen = SimilaritySettings(
        cast("FunctionSet", settings["set"]),
        cast("Combination", settings["combine"]),
        baseline.number("k"),
        settings["itself"] == "yes",
        baseline.number("top"),
        "classes" if settings["of"] == "classes" else "regions",
    )
    joint = open_joint(settings["joint"], threads=threads, batch_size=batch_size)
    propose = open_proposer(settings["regions"], baseline.number("count"), float(settings["threshold"]))
    return Similarity(joint, propose, read_object_classes(settings["classes"]), chosen)


_BUILT: Mapping[str, Callable[[Baseline, str, int, int], Backend]] = {
    "patch-nn": _patch_nn,
    "feature-bank": _feature_bank,
    "prompt-pair": _prompt_pair,
    "similarity": _similarity,
}


def _need_backbone(baseline: Baseline, name: str) -> None:
    if baseline.settings.get("backbone", "lite0") == "lite0":
        need_lite(name)
    else:
        need_transformers(name)


def _need_joint(baseline: Baseline, name: str) -> None:
    check_joint(baseline.settings["joint"])


def _need_regions(baseline: Baseline, name: str) -> None:
    check_joint(baseline.settings["joint"])
    if baseline.settings["regions"] in ("slic", "felzenszwalb") and find_spec("skimage") is None:
        raise MissingExtraError("scikit-image", "marks", f"{name} with regions by segmentation")


_NEEDED: Mapping[str, Callable[[Baseline, str], None]] = {
    "patch-nn": _need_backbone,
    "feature-bank": _need_backbone,
    "prompt-pair": _need_joint,
    "similarity": _need_regions,
}
