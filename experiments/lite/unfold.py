"""Turn the light network's ONNX file back into weights that can be trained on, with their batch norms.

    python experiments/lite/unfold.py lite data=FOLDER MODEL.onnx -o OUT.safetensors

An export folds every batch norm into the convolution before it. Any statistics can be taken out of it again:
with the mean m and variance v of the folded convolution's answers on training pictures, the norm
``sqrt(v + eps) * (y - m) / sqrt(v + eps) + m + bias`` changes nothing in evaluation, and in training it does
what a norm does. Each kernel is brought to the length of the encoder's ImageNet kernel (the decoder's: of a
fresh one) first, since the optimiser's steps are measured against it. Kernels and matrices are stored in 16
bits. Printed: the largest difference of a pixel between the ONNX file's map and the stored network's.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from record import in_16_bits
from torch import Tensor, nn

from salgan._private import onnx_runtime
from salgan.errors import ModelError, SalganError
from salgan.networks import Generator, load_network, save_network
from salgan.preprocessing import METADATA_KEY, Preprocessing
from salgan.training import Config, load_config
from salgan.training.build import build_generator
from salgan.training.cache import prepare
from salgan.training.data import Pool

_OFF = 1e-6
"""Length of a kernel that counts as nothing."""


def unfold(model: onnx.ModelProto, network: Generator, pictures: list[Tensor]) -> None:
    """Put an ONNX file's weights into a fresh network of the same architecture.

    Args:
        model: an export with float32 weights.
        network: changed in place; left in evaluation mode.
        pictures: batches (N, 3, H, W) to measure the norms' statistics on.
    """
    stored = {
        tensor.name: torch.from_numpy(numpy_helper.to_array(tensor).copy())
        for tensor in model.graph.initializer
    }
    names = {name.replace(".convolution.weight", ".weight"): name for name in stored}
    fresh = {name: weight.detach().clone() for name, weight in network.named_parameters()}
    pairs = list(_convolutions_with_norms(network))
    for name, weight in network.named_parameters():
        if name in names and tuple(stored[names[name]].shape) == tuple(weight.shape):
            weight.data.copy_(stored[names[name]])
        elif not any(weight is each for _, _, norm in pairs for each in norm.parameters()):
            raise ModelError(f"the ONNX file lacks {name}")
    for name, _, norm in pairs:
        # Standing in for the norm: adds the folded bias, y * 1 + bias, whatever eps is.
        bias = stored[f"{names[name + '.weight']}_bias"]
        norm.running_mean.zero_()
        norm.running_var.fill_(1 - norm.eps)
        norm.weight.data.fill_(1)
        norm.bias.data.copy_(bias)
    network.eval()
    sums = {name: torch.zeros(2, norm.num_features, dtype=torch.float64) for name, _, norm in pairs}
    counts = dict.fromkeys(sums, 0)

    def note(name: str):  # a hook that adds up what a convolution answers
        def hook(_: nn.Module, __: tuple[Tensor, ...], answer: Tensor) -> None:
            values = answer.double().transpose(0, 1).flatten(1)
            sums[name] += torch.stack([values.sum(1), values.square().sum(1)])
            counts[name] += values.shape[1]

        return hook

    hooks = [convolution.register_forward_hook(note(name)) for name, convolution, _ in pairs]
    with torch.no_grad():
        for batch in pictures:
            network(batch)
    for hook in hooks:
        hook.remove()
    for name, convolution, norm in pairs:
        mean, square = sums[name] / counts[name]
        variance = (square - mean.square()).clamp_min(1e-12)
        length, wanted = (
            weight.flatten(1).norm(dim=1).double()
            for weight in (convolution.weight.data, fresh[f"{name}.weight"])
        )
        # Kernels that ImageNet or the training has switched off keep their length.
        factor = torch.where((wanted > _OFF) & (length > _OFF), wanted / length.clamp_min(_OFF), 1.0)
        spread = variance * factor.square()
        convolution.weight.data.mul_(factor.float()[:, None, None, None])
        norm.running_mean.copy_(mean * factor)
        norm.running_var.copy_(spread)
        norm.weight.data.copy_((spread + norm.eps).sqrt() / factor)
        norm.bias.data.copy_(norm.bias.double() + mean)


def _convolutions_with_norms(network: Generator):
    """Every convolution that a batch norm follows: its name, itself, the norm."""
    last: tuple[str, nn.Conv2d] | None = None
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d):
            last = (name, module)
        elif isinstance(module, nn.BatchNorm2d):
            if last is None:
                raise ModelError(f"{name} follows no convolution")
            yield *last, module
            last = None


def _pictures(config: Config, record: Preprocessing) -> list[Tensor]:
    cache = Path(config.cache) if config.cache else None
    sources = [source for source in config.sources if source.train]
    pool = Pool(
        [prepare(source, Path(config.data), record, cache) for source in sources],
        "train",
        torch.device("cpu"),
    )
    rows = np.random.default_rng(0).permutation(len(pool))[:160].reshape(-1, 8)
    return [pool.batch(each, (record.height, record.width)).pictures for each in rows]


def main() -> None:
    """Parse, unfold, compare, save."""
    parser = argparse.ArgumentParser(
        description="Recover trainable weights from the light network's ONNX file."
    )
    parser.add_argument("recipe", type=Path)
    parser.add_argument("arguments", nargs="+", help="overrides of the recipe (key=value) and the ONNX file")
    parser.add_argument("-o", "--out", type=Path, required=True)
    arguments = parser.parse_args()
    overrides = [each for each in arguments.arguments if "=" in each]
    (path,) = (Path(each) for each in arguments.arguments if "=" not in each)
    config = load_config(arguments.recipe, [*overrides, "out=."])  # nothing is written there
    height, width = config.size
    network = build_generator(config.network, (height, width))
    if not isinstance(network, Generator):
        raise ModelError("network: the recipe names no network of salgan's own")
    model = onnx.load(path)
    text = {each.key: each.value for each in model.metadata_props}[METADATA_KEY]
    network.preprocessing = Preprocessing.from_json(text)
    pictures = _pictures(config, network.preprocessing.fixed())
    unfold(model, network, pictures)
    save_network(in_16_bits(network), arguments.out)
    network = load_network(arguments.out)
    session = onnx_runtime().InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])
    with torch.no_grad():
        mine = network(pictures[0]).numpy()
    theirs = session.run(["saliency"], {"picture": pictures[0].contiguous().numpy()})[0]
    print(f"largest difference of a pixel: {np.abs(mine - theirs).max():.2g}")


if __name__ == "__main__":
    try:
        main()
    except SalganError as error:
        sys.exit(f"error: {error}")
