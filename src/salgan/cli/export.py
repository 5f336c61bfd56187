"""``salgan export`` and ``salgan import-lasagne``: convert networks from one kind of file into another."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from salgan.cli._common import Trust, messages, say

__all__ = ["export", "import_lasagne"]

Weights = Literal["float32", "float16", "int8"]
Shape = Literal["own", "fixed"]


def export(
    model: Annotated[
        str,
        typer.Argument(help="A training run's folder, its network.safetensors, or a checkpoint (.pt)."),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="The ONNX file to write.")],
    weights: Annotated[
        Weights,
        typer.Option(help="How to store them: float16 is half the size, int8 a quarter, at the same speed."),
    ] = "float32",
    shape: Annotated[
        Shape,
        typer.Option(
            help="fixed squeezes every picture into the network's usual input, for comparison; own lets "
            "pictures go in at the shape nearest to theirs, if the network was trained on several."
        ),
    ] = "own",
    trust: Trust = False,
) -> None:
    """Turn a trained network into an ONNX file, which predicts without PyTorch.

    [bold]salgan export runs/paper -o paper.onnx[/bold]
    [bold]salgan predict photo.jpg -o out --model paper.onnx[/bold]

    From a run folder, the network with the best validation score is exported. From a checkpoint, such as
    runs/paper/checkpoints/last.pt, it is the network as it was at that moment.

    First, ONNX Runtime and PyTorch are compared on several sizes and batches. If
    a pixel differs by 1e-4 or more (2e-2 in float16, 5e-2 in int8), nothing is
    written.

    The file takes any batch and any size that its encoder takes; that of a network
    of your own takes the recipe's size. It says how pictures must be resized; a
    JSON file beside it says the same.
    """
    from salgan.export import export_onnx

    done = export_onnx(model, out, weights=weights, shape=shape, trust=trust)
    shapes = ", ".join("×".join(map(str, shape)) for shape in done.shapes)
    messages().print(
        f"{done.size / 1e6:.1f} MB; at most {done.difference:.1e} from PyTorch's maps at {shapes}"
    )
    say(done.path)


def import_lasagne(
    file: Annotated[Path, typer.Argument(help="gen_modelWeights*.npz as released with the paper.")],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="The safetensors file to write.")],
) -> None:
    """Read the weights released in 2017 (Theano, Lasagne) into a network file.

    [bold]salgan import-lasagne gen_modelWeights0090.npz -o salgan.safetensors[/bold]
    [bold]salgan export salgan.safetensors -o salgan.onnx[/bold]
    """
    from salgan import networks

    networks.save_network(networks.import_lasagne(file), out, metadata={"salgan.origin": file.name})
    say(out)
