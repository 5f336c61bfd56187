"""A network as an ONNX file that :class:`salgan.models.predictor.Predictor` reads."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from timm.layers.conv2d_same import Conv2dSame
from torch import Tensor, nn

from salgan._arrays import Array
from salgan._files import replacing
from salgan._memory import is_out_of_memory
from salgan._private import onnx_runtime
from salgan._version import __version__
from salgan.errors import ModelError
from salgan.models import find_model
from salgan.networks import Generator, load_network
from salgan.networks.files import HALF, SCALE, SHAPE, WHOLE
from salgan.networks.weights import describe, preprocessing_of
from salgan.preprocessing import METADATA_KEY, Preprocessing

__all__ = ["PARITY_BOUND", "STORAGE_BOUNDS", "Exported", "Shape", "Weights", "export_onnx"]

Weights = Literal["float32", "float16", "int8"]
"""How the numbers of kernels and matrices are stored; arithmetic is float32 in any case."""

Shape = Literal["own", "fixed"]
"""Whether pictures go in at the shape nearest to their own or are all squeezed into one."""

PARITY_BOUND = 1e-4
"""Largest difference allowed between a pixel of PyTorch's map and of ONNX Runtime's."""

STORAGE_BOUNDS: Mapping[str, float] = MappingProxyType({"float16": 2e-2, "int8": 5e-2})
"""The same, once weights are stored in fewer bits."""

# The newest operators that the oldest supported ONNX Runtime has in full.
_OPSET = 18

# Smaller tensors stay float32: storing them in fewer bits gains nothing, and the last layer's kernel is one.
_WORTH_8_BITS = 4096
# In 8 bits, at least this many weights share a scale: eight input channels of a 3×3 kernel.
_ROW = 64


@dataclass(frozen=True)
class Exported:
    """What an export made.

    Attributes:
        path: the ONNX file; its preprocessing record lies beside it with the ending ``.json``.
        parity: largest difference of a pixel between PyTorch and the graph with float32 weights.
        difference: the same for the file as written; larger than ``parity`` if weights have fewer bits.
        shapes: the (N, H, W) that were compared.
        size: bytes of the file.
    """

    path: Path
    parity: float
    difference: float
    shapes: tuple[tuple[int, int, int], ...]
    size: int


def export_onnx(
    network: nn.Module | str | Path,
    out: str | Path,
    *,
    weights: Weights = "float32",
    shape: Shape = "own",
    trust: bool = False,
) -> Exported:
    """Write a network as ONNX, after checking that ONNX Runtime and PyTorch agree on it.

    Input ``picture``: float32 RGB in 0..255, (N, 3, H, W). Output ``saliency``: float32 in [0, 1],
    (N, 1, H, W). N, H and W are free, as far as the network allows (VGG-16: multiples of 16; encoders built
    for one size: that one; networks of your own: the shapes of their record). The preprocessing record is in
    the file's metadata and, as JSON, beside the file.

    Args:
        network: a generator; any module with the attribute ``preprocessing`` from RGB pictures in 0..255 to
            maps in 0..1; or whatever :func:`salgan.load_model` opens, as far as its file still holds the
            weights of training.
        out: the ONNX file to write, ending in ``.onnx``; an existing one is replaced.
        weights: how kernels and matrices are stored: ``float16`` halves the file, ``int8`` (with a scale per
            output channel and some input channels) nearly quarters it. They are converted when the file is
            loaded: arithmetic, and so speed, stay those of float32. (For 8-bit arithmetic see
            :func:`salgan.export.quantize_int8`.)
        shape: ``own`` keeps the record; ``fixed`` writes that every picture is squeezed into the network's
            usual input (:meth:`salgan.preprocessing.Preprocessing.fixed`), to compare the two.
        trust: import the code of a network of your own.

    Returns:
        Where it is and how far it is from PyTorch.

    Raises:
        ModelError: the network cannot be exported, or the maps differ by more than ``PARITY_BOUND``
            (``STORAGE_BOUNDS`` with fewer bits); nothing is written then.
    """
    out = Path(out)
    if out.suffix != ".onnx":
        raise ModelError(f"{out}: name the file with the ending .onnx")
    if not isinstance(network, nn.Module):
        file = find_model(network)
        if file.record is not None:
            file.read()  # verifies it
        network = load_network(file.path, trust=trust)
    network = copy.deepcopy(network).cpu().float().eval()
    record = preprocessing_of(network)
    if shape == "fixed":
        record = record.fixed()
        network.preprocessing = record  # type: ignore[assignment]  # a plain attribute of the module
    shapes = _shapes_to_compare(network)
    model = _to_onnx(network)
    _describe(model, network)
    parity = _largest_difference(network, model, shapes)
    _require_agreement(parity, PARITY_BOUND)
    difference = parity
    if weights != "float32":
        _store(model, weights)
        difference = _largest_difference(network, model, shapes)
        _require_agreement(difference, STORAGE_BOUNDS[weights])
    content = model.SerializeToString()
    with replacing(out.with_suffix(".json")) as beside, replacing(out) as part:
        beside.write_text(record.to_json() + "\n", encoding="utf-8")
        part.write_bytes(content)
    return Exported(out, parity, difference, shapes, len(content))


class _SameConvolution(nn.Module):
    """TensorFlow's padding as ONNX knows it.

    timm computes this padding from the picture's size; exported as it stands, that is a dozen nodes of
    arithmetic on sizes and an explicit padding before each such convolution, and the exporter takes minutes
    over it.
    """

    def __init__(self, convolution: Conv2dSame) -> None:
        super().__init__()
        self.convolution = convolution

    def forward(self, x: Tensor) -> Tensor:
        layer = self.convolution
        rows, columns = layer.stride
        inputs = [x, layer.weight] if layer.bias is None else [x, layer.weight, layer.bias]
        result = torch.onnx.ops.symbolic(
            "Conv",
            inputs,
            attrs={
                "auto_pad": "SAME_UPPER",
                "dilations": list(layer.dilation),
                "group": layer.groups,
                "strides": [rows, columns],
            },
            dtype=x.dtype,
            shape=[
                x.shape[0],
                layer.out_channels,
                (x.shape[2] + rows - 1) // rows,
                (x.shape[3] + columns - 1) // columns,
            ],
            version=_OPSET,
        )
        assert isinstance(result, Tensor)  # noqa: S101  # for the type checker
        return result


def _to_onnx(network: nn.Module) -> onnx.ModelProto:
    exportable = copy.deepcopy(network)
    _replace_same_convolutions(exportable)
    record = preprocessing_of(network)
    # Two pictures, because the exporter takes a batch of one for a constant.
    pictures = torch.zeros(2, 3, record.height, record.width)
    free = {0: "batch"} if _has_one_size(network) else {0: "batch", 2: "height", 3: "width"}
    try:
        with torch.no_grad():
            program = torch.onnx.export(
                exportable,
                (pictures,),
                dynamo=True,
                opset_version=_OPSET,
                input_names=["picture"],
                output_names=["saliency"],
                dynamic_shapes=(free,),
                verbose=False,
            )
    except Exception as error:  # the exporter wraps whatever a layer provokes
        if is_out_of_memory(error):
            raise MemoryError from error
        cause = (str(error) or type(error).__name__).splitlines()[0]
        what = type(network).__name__
        if isinstance(network, Generator):
            what = f"a network with encoder {network.architecture['encoder']}"
        raise ModelError(f"PyTorch cannot export {what} ({cause})") from error
    assert program is not None  # noqa: S101  # it is None only when it was told to write a file
    model: onnx.ModelProto = program.model_proto
    return model


def _replace_same_convolutions(module: nn.Module) -> None:
    for name, child in module.named_children():
        if isinstance(child, Conv2dSame):
            setattr(module, name, _SameConvolution(child))
        else:
            _replace_same_convolutions(child)


def _has_one_size(network: nn.Module) -> bool:
    """Whether, as far as is known, a network takes only pictures of its record's size."""
    if isinstance(network, Generator):
        return network.encoder.fixed_size
    return not preprocessing_of(network).shapes


def _describe(model: onnx.ModelProto, network: nn.Module) -> None:
    # For each node the exporter notes where its Python code lies, which is of no use to the user.
    for node in model.graph.node:
        del node.metadata_props[:]
        node.ClearField("doc_string")
    for value in (*model.graph.input, *model.graph.output, *model.graph.value_info, *model.graph.initializer):
        del value.metadata_props[:]
        value.ClearField("doc_string")
    del model.graph.metadata_props[:]
    model.producer_name = "salgan"
    model.producer_version = __version__
    own = {METADATA_KEY: preprocessing_of(network).to_json()}
    helper.set_model_props(model, describe(network) if isinstance(network, Generator) else own)


def _store(model: onnx.ModelProto, weights: Weights) -> None:
    """Store kernels and matrices in fewer bits; nodes folded when the file is loaded restore float32."""
    nodes: list[onnx.NodeProto] = []
    initializers: list[onnx.TensorProto] = []
    for tensor in model.graph.initializer:
        stored = _stored(tensor, weights)
        if stored is None:
            initializers.append(tensor)
            continue
        initializers += stored[0]
        nodes += stored[1]
    nodes += model.graph.node
    del model.graph.node[:], model.graph.initializer[:]
    model.graph.node.extend(nodes)
    model.graph.initializer.extend(initializers)


def _in_steps(rows: NDArray[np.float32], scale: NDArray[np.float32], outputs: int) -> NDArray[np.int8]:
    """Weights in whole steps of their rows' scales; what is rounded off one goes to the next of its output.

    So an output's rounding errors cancel each other. If each weight were rounded for itself, they would add
    up, above all after a training from 8-bit weights: each small step away from them would be taken back.
    """
    values = rows.reshape(outputs, -1)
    steps = np.repeat(scale.reshape(outputs, -1), rows.shape[1], axis=1)
    whole = np.empty(values.shape, np.int8)
    rest = np.zeros(outputs, np.float32)
    for place in range(values.shape[1]):
        wanted = values[:, place] + rest
        whole[:, place] = np.rint(wanted / steps[:, place]).clip(-127, 127)
        rest = wanted - whole[:, place] * steps[:, place]
    return whole.reshape(rows.shape)


def _stored(
    tensor: onnx.TensorProto, weights: Weights
) -> tuple[list[onnx.TensorProto], list[onnx.NodeProto]] | None:
    """The tensors to keep instead of one, and the nodes that make it from them; None to keep it as it is."""
    if tensor.data_type != onnx.TensorProto.FLOAT or len(tensor.dims) < 2:
        return None
    values, name = numpy_helper.to_array(tensor), tensor.name
    if weights == "float16":
        if float(np.abs(values).max(initial=0)) > float(np.finfo(np.float16).max):
            return None
        half = numpy_helper.from_array(values.astype(np.float16), name + HALF)
        return [half], [helper.make_node("Cast", [half.name], [name], to=onnx.TensorProto.FLOAT)]
    if values.size < _WORTH_8_BITS:
        return None
    # A row per block of input channels: ImageNet's kernels have a few large weights, and one scale per output
    # channel would round all others three times as coarsely as a scale per block does.
    block = math.ceil(_ROW / math.prod(values.shape[2:]))
    block = block if values.shape[1] % block == 0 else values.shape[1]
    rows = values.reshape(values.shape[0] * values.shape[1] // block, -1)
    largest = np.abs(rows).max(axis=1, keepdims=True)
    scale = np.where(largest > 0, largest / 127, 1).astype(np.float32)
    whole = numpy_helper.from_array(_in_steps(rows, scale, values.shape[0]), name + WHOLE)
    factor = numpy_helper.from_array(scale, name + SCALE)
    shape = numpy_helper.from_array(np.array(values.shape, dtype=np.int64), name + SHAPE)
    # DequantizeLinear will not do: the runtime keeps it for 8-bit kernels and would run it for every picture.
    return [whole, factor, shape], [
        helper.make_node("Cast", [whole.name], [f"{name}.float"], to=onnx.TensorProto.FLOAT),
        helper.make_node("Mul", [f"{name}.float", factor.name], [f"{name}.rows"]),
        helper.make_node("Reshape", [f"{name}.rows", shape.name], [name]),
    ]


def _shapes_to_compare(network: nn.Module) -> tuple[tuple[int, int, int], ...]:
    record = preprocessing_of(network)
    own = (record.height, record.width)
    if _has_one_size(network):
        return ((1, *own), (3, *own))
    if not isinstance(network, Generator):
        return tuple((1 + number % 3, *shape) for number, shape in enumerate(_inputs(record)))
    step = max(network.encoder.divisor, 8)
    odd = 1 if network.encoder.divisor == 1 else 0
    others = tuple((1, *shape) for shape in _inputs(record) if shape != own)
    return ((1, *own), (2, *own), *others, (3, 12 * step, 8 * step), (1, 6 * step + odd, 11 * step + odd))


def _inputs(record: Preprocessing) -> tuple[tuple[int, int], ...]:
    """Every input of a network that takes several."""
    return record.shapes if record.small is None else (*record.shapes, record.small)


def _largest_difference(
    network: nn.Module, model: onnx.ModelProto, shapes: tuple[tuple[int, int, int], ...]
) -> float:
    onnxruntime = onnx_runtime()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        onnx.checker.check_model(model)
        session: Any = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        return max(_difference(network, session, _pictures(shape)) for shape in shapes)
    except ModelError:
        raise
    except Exception as error:  # the runtime's own exception classes share no base
        if is_out_of_memory(error):
            raise MemoryError from error
        cause = (str(error) or type(error).__name__).splitlines()[0]
        raise ModelError(f"the exported graph does not run ({cause}); nothing was written") from None


def _difference(network: nn.Module, session: Any, pictures: Array) -> float:
    with torch.no_grad():
        expected = network(torch.from_numpy(pictures)).numpy()
    given = session.run(["saliency"], {"picture": pictures})[0]
    if given.shape != expected.shape or not np.isfinite(given).all():
        raise ModelError(
            f"the exported graph answers {pictures.shape} with {given.shape}, not finite or misshapen; "
            "nothing was written"
        )
    return float(np.abs(given - expected).max())


def _pictures(shape: tuple[int, int, int]) -> Array:
    """Smooth colours and noise: a network's answer to noise alone says little about photographs."""
    count, height, width = shape
    generator = np.random.default_rng(height * width)
    rows, columns = np.mgrid[0:height, 0:width] / max(height, width)
    phases = generator.uniform(0, 2 * np.pi, (count, 3, 1, 1))
    waves = np.sin(phases + 12 * rows) * np.cos(2 * phases + 9 * columns)
    noise = generator.normal(0, 20, (count, 3, height, width))
    pictures: Array = np.clip(127.5 + 100 * waves + noise, 0, 255).astype(np.float32)
    return pictures


def _require_agreement(difference: float, bound: float) -> None:
    if not difference < bound:
        raise ModelError(
            f"ONNX Runtime and PyTorch differ by {difference:.2g}, more than {bound:g}; nothing was written"
        )
