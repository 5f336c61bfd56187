"""Teach the light network where text is: a head on its features, which stay as they are.

    python experiments/lite/text.py FOLDER OUT [--network release/lite.safetensors] [--pages 900]
    python experiments/lite/text.py FOLDER OUT --designs DESIGNS

The first command writes OUT/text.safetensors: the network with the head, and with the layer for screens. On
drawn pictures that layer multiplies attention by up to e^0.75 where the head sees text
(salgan.networks.TextHead). The head learns from made-up pages (pages.py) and from training photographs of
OSIE, EyeCrowd and SUN500, in which the lines are those that the detector of `salgan regions --suggest` is
sure of. No gaze is used.

The second command prints what that gives on the validation photographs and on designs for validation, for
several weights: paired differences in NSS and CC from the network without the head, at the network's input.

The detector takes about seven minutes and is asked once; its answers are kept in OUT/lines.json. All the rest
takes five.
"""

from __future__ import annotations

import argparse
import json
import sys
from itertools import chain
from pathlib import Path

import numpy as np
import torch
from choose_screens import Seen, seen
from pages import Box, page
from record import in_16_bits
from shapes import DESIGNS, LAYOUTS, designs, photographs
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  # its name everywhere

from salgan._arrays import Picture
from salgan._files import make_folder, replacing
from salgan.datasets import load_split, open_dataset
from salgan.errors import SalganError
from salgan.evaluation.intervals import bootstrap_mean
from salgan.networks import Generator, ScreenPrior, load_network, save_network
from salgan.regions import _text

STRIDE = 8
"""Of the head's output against the picture."""
PHOTOGRAPHS = {"osie": 450, "eyecrowd": 130, "sun500": 130}
"""How many training pictures of each set are learnt from, taken evenly."""
SURE, HIGHEST = 0.65, 0.2
"""Score and height, as a share of the picture's, from and up to which a line in a photograph is believed: on
sand or grass the detector takes large parts for text, and is less sure."""
WEIGHTS = (0.25, 0.5, 0.75, 1.0)
EPOCHS, BATCH, RATE = 8, 16, 3e-3


def photographs_with_lines(data: Path, kept: Path) -> list[tuple[Picture, list[Box]]]:
    """Training photographs and their lines of text, which are looked for once and kept."""
    lines = kept_lines(kept)
    found = []
    for name, wanted in PHOTOGRAPHS.items():
        training = list(open_dataset(data / name, layout=LAYOUTS[name]).select(load_split(name)["train"]))
        for number, stimulus in enumerate(training[:: max(1, len(training) // wanted)][:wanted]):
            picture, key = stimulus.picture(), f"{name}/{stimulus.name}"
            if key not in lines:
                lines[key] = [
                    [each.left, each.top, each.right, each.bottom, each.score] for each in _text.find(picture)
                ]
                if number % 50 == 0:
                    print(f"lines of text: {name} {number}", file=sys.stderr, flush=True)
                    _keep(lines, kept)
            found.append((picture, sure(lines[key], picture.shape[0])))
    _keep(lines, kept)
    return found


def sure(lines: list[list[float]], height: int) -> list[Box]:
    """The boxes of those lines in a photograph of some height that are believed."""
    return [
        (left, top, right, bottom)
        for left, top, right, bottom, score in lines
        if score >= SURE and bottom - top < HIGHEST * height
    ]


def kept_lines(path: Path) -> dict[str, list[list[float]]]:
    """What the detector found in each picture, as far as it was asked; it is kept here."""
    if not path.exists():
        return {}
    try:
        lines: dict[str, list[list[float]]] = json.loads(path.read_text("utf-8"))
    except ValueError:
        raise SalganError(f"{path}: is damaged; delete it, and the lines are looked for again") from None
    return lines


def _keep(lines: dict[str, list[list[float]]], kept: Path) -> None:
    with replacing(kept) as part:
        part.write_text(json.dumps(lines), "utf-8")


def coverage(lines: list[Box], height: int, width: int, shape: tuple[int, int]) -> Tensor:
    """The share of each of the head's places that lines of text cover, (1, rows, columns).

    Args:
        lines: boxes in the picture.
        height: rows of the picture.
        width: columns of the picture.
        shape: rows and columns of the network's input.
    """
    rows, columns = shape
    covered = np.zeros(shape, np.float32)
    for left, top, right, bottom in lines:
        y, x = round(top / height * rows), round(left / width * columns)
        below, beside = round(bottom / height * rows), round(right / width * columns)
        covered[y : max(y + 1, below), x : max(x + 1, beside)] = 1
    return F.avg_pool2d(torch.from_numpy(covered)[None], STRIDE)


@torch.no_grad()
def features(network: Generator, picture: Picture) -> tuple[Tensor, Tensor]:
    """What the head looks at, of one picture, in 16 bits."""
    small = torch.from_numpy(network.preprocessing.resize(picture, network.preprocessing.shape).copy())
    fine, pyramid = network.text_features(small.permute(2, 0, 1)[None].float())
    return fine[0].half(), pyramid[0].half()


def train(network: Generator, known: list[tuple[Picture, list[Box]]], pages: int) -> None:
    """Train the head of a network, and nothing else of it.

    Args:
        network: with a head; changed in place.
        known: photographs with their lines of text.
        pages: how many made-up pages to learn from, beside them.
    """
    assert network.text is not None  # noqa: S101  # for the type checker
    seen_features, targets = [], []
    for number in range(len(known) + pages):
        made = number - len(known)
        picture, lines = page(made, known) if made >= 0 else known[number]
        seen_features.append(features(network, picture))
        targets.append(coverage(lines, *picture.shape[:2], network.preprocessing.shape))
        if number % 200 == 0:
            print(f"features: {number} of {len(known) + pages}", file=sys.stderr, flush=True)
    fine, pyramid = (torch.stack(each) for each in zip(*seen_features, strict=True))
    truth = torch.stack(targets)
    head = network.text.requires_grad_(True).train()
    for layer in (head.down[0], head.mix[0], head.read):
        layer.reset_parameters()
    torch.nn.init.constant_(head.read.bias, -3.0)  # most places have no text
    optimiser = torch.optim.AdamW(head.parameters(), RATE, weight_decay=1e-4)
    steps = EPOCHS * (len(truth) // BATCH)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for epoch in range(EPOCHS):
        losses = []
        for rows in torch.randperm(len(truth)).split(BATCH)[: len(truth) // BATCH]:
            logits = head.logits(fine[rows].float(), pyramid[rows].float())
            loss = F.binary_cross_entropy_with_logits(logits, truth[rows])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            losses.append(loss.item())
        print(f"epoch {epoch + 1}/{EPOCHS} · BCE {np.mean(losses):.4f}", file=sys.stderr, flush=True)
    head.requires_grad_(False).eval()


def compare(network: Generator, pictures: list[Seen]) -> None:
    """Print what the head gives, by kind of picture and weight."""
    assert network.text is not None  # noqa: S101  # for the type checker
    plain = ScreenPrior()
    with torch.no_grad():
        found = [network.text(*network.text_features(each.picture)) for each in pictures]
    print("| weight of text | " + " | ".join((*DESIGNS.values(), "photographs")) + " |")
    print("|---" * (len(DESIGNS) + 2) + "|")
    before = np.array([each.score(plain) for each in pictures])
    for weight in WEIGHTS:
        layer = ScreenPrior(text=weight)
        after = np.array([each.score(layer, text) for each, text in zip(pictures, found, strict=True)])
        cells = []
        for kind in (*DESIGNS.values(), "photographs"):
            rows = np.array([each.kind == kind for each in pictures])
            changes = (bootstrap_mean(change) for change in (after - before)[rows].T)
            cells.append(
                ", ".join(f"{each.mean:+.3f} [{each.low:+.3f}, {each.high:+.3f}]" for each in changes)
            )
        print(f"| {weight} | " + " | ".join(cells) + " |")


def main() -> None:
    """Train the head, or show what it gives."""
    parser = argparse.ArgumentParser(description="Teach the light network where text is.")
    parser.add_argument("data", type=Path, help="folder that holds osie, eyecrowd and sun500")
    parser.add_argument("out", type=Path, help="folder of the results")
    parser.add_argument("--network", type=Path, default=Path("release/lite.safetensors"))
    parser.add_argument("--pages", type=int, default=900, help="how many made-up pages to learn from")
    parser.add_argument("--designs", type=Path, help="show what OUT/text.safetensors gives on these")
    arguments = parser.parse_args()
    if arguments.pages < 0:
        sys.exit("error: --pages cannot be negative")
    written = arguments.out / "text.safetensors"
    if arguments.designs is not None:
        network = load_network(written)
        assert isinstance(network, Generator)  # noqa: S101  # it was written below
        cases = chain(photographs(arguments.data, "val"), designs(arguments.designs))
        compare(network, list(seen(network, cases)))
        return
    plain = load_network(arguments.network)
    if not isinstance(plain, Generator):
        sys.exit("error: the head belongs to the light networks")
    torch.manual_seed(0)
    network = Generator(
        **plain.architecture | {"screens": True, "text": True}, preprocessing=plain.preprocessing
    ).eval()
    missing = network.load_state_dict(plain.state_dict(), strict=False).missing_keys
    assert all(name.startswith("text.") for name in missing)  # noqa: S101  # it is the same network
    make_folder(arguments.out)
    known = photographs_with_lines(arguments.data, arguments.out / "lines.json")
    train(network, known, arguments.pages)
    save_network(in_16_bits(network), written)
    print(written)


if __name__ == "__main__":
    try:
        main()
    except SalganError as error:
        sys.exit(f"error: {error}")
