"""How the numbers of the layer for screens were chosen, and what they give on a kind they were not chosen on.

    python experiments/lite/choose_screens.py FOLDER DESIGNS [--network release/lite.safetensors]

FOLDER holds osie, eyecrowd and sun500, whose validation pictures show what photographs lose. DESIGNS holds
the web pages, posters and charts, which are for looking and validating only. Maps are scored at the
network's input, so the figures differ in the third digit from those at full size (shapes.py prints these).

Printed, as NSS / CC: the network without the layer; with the numbers it has; and, for each kind of design,
with the numbers that the two other kinds would have chosen. The criterion is the mean relative gain in NSS
and CC.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from shapes import DESIGNS, Case, designs, photographs
from torch import Tensor

from salgan._arrays import Floats
from salgan.errors import SalganError
from salgan.metrics import cc, nss
from salgan.networks import Generator, ScreenPrior, load_network

CANDIDATES = [
    {"drawn": drawn, "contrast": contrast, "start": (start, start), "spread": spread}
    for drawn, contrast, start, spread in itertools.product(
        ((0.2, 0.5), (0.25, 0.5), (0.25, 0.6)), (0.5, 0.7, 0.8, 0.9), (0.3, 0.4, 0.5), (0.5, 0.8)
    )
]
KINDS = tuple(DESIGNS.values())


@dataclass(frozen=True)
class Seen:
    """A picture as the network sees it, the map before the layer, and the truth at that size."""

    kind: str
    picture: Tensor
    map: Tensor
    density: Floats
    looked: np.ndarray[tuple[int, int], np.dtype[np.bool_]]

    def score(self, layer: ScreenPrior | None, text: Tensor | None = None) -> tuple[float, float]:
        """NSS and CC of the map, after the layer if there is one, which may know where text is."""
        finished = self.map if layer is None else layer(self.picture, self.map, text)
        array = finished[0, 0].double().numpy()
        return nss(array, self.looked), cc(array, self.density)


def seen(network: Generator, cases: Iterable[Case]) -> Iterator[Seen]:
    """What the network makes of pictures; of photographs, their middles are left out."""
    for case in cases:
        if case.groups[0].startswith("middles"):
            continue
        small = network.preprocessing.resize(case.picture)
        picture = torch.from_numpy(small.copy()).permute(2, 0, 1)[None].float()
        with torch.no_grad():
            before = torch.sigmoid(network.logits(picture))
        (height, width), (rows, columns) = case.density.shape, small.shape[:2]
        image = Image.fromarray(case.density.astype(np.float32))
        density = np.asarray(image.resize((columns, rows), Image.Resampling.BOX), np.float64)
        looked = np.zeros((rows, columns), np.bool_)
        y = np.clip((case.y + 0.5) / height * rows, 0, rows - 1).astype(np.int64)
        x = np.clip((case.x + 0.5) / width * columns, 0, columns - 1).astype(np.int64)
        looked[y, x] = True
        kind = case.groups[0] if case.groups[0] in KINDS else "photographs"
        yield Seen(kind, picture, before, density, looked)


def means(pictures: list[Seen], layer: ScreenPrior | None) -> dict[str, Floats]:
    """Mean NSS and CC of each kind."""
    scores: dict[str, list[tuple[float, float]]] = {}
    for each in pictures:
        scores.setdefault(each.kind, []).append(each.score(layer))
    return {kind: np.mean(rows, axis=0) for kind, rows in scores.items()}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Choose the numbers of the layer for screens.")
    parser.add_argument("data", type=Path)
    parser.add_argument("designs", type=Path)
    parser.add_argument("--network", type=Path, default=Path("release/lite.safetensors"))
    arguments = parser.parse_args()
    network = load_network(arguments.network)
    if not isinstance(network, Generator):
        sys.exit("error: the layer belongs to the light networks")
    drawn = list(seen(network, designs(arguments.designs)))
    taken = list(seen(network, photographs(arguments.data, "val")))
    without = means(drawn, None)
    tried = [means(drawn, ScreenPrior(**settings)) for settings in CANDIDATES]

    def best(kinds: Iterable[str]) -> int:
        chosen = list(kinds)
        gains = [np.mean([each[kind] / without[kind] - 1 for kind in chosen]) for each in tried]
        return int(np.argmax(gains))

    rows = [("without", without | means(taken, None))]
    rows.append(("as it is", means(drawn + taken, ScreenPrior())))
    for kind in KINDS:
        number = best(other for other in KINDS if other != kind)
        rows.append((f"chosen without {kind}: {CANDIDATES[number]}", {kind: tried[number][kind]}))
    print("| | " + " | ".join((*KINDS, "photographs")) + " |", "|---" * (len(KINDS) + 2) + "|", sep="\n")
    for title, scores in rows:
        cells = (
            "{:.3f} / {:.3f}".format(*scores[kind]) if kind in scores else ""
            for kind in (*KINDS, "photographs")
        )
        print(f"| {title} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    try:
        main()
    except SalganError as error:
        sys.exit(f"error: {error}")
