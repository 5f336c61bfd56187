"""Score models by the shape of the picture: landscape, square and portrait photographs, and designs.

    python experiments/lite/shapes.py FOLDER MODEL... [--designs FOLDER] [--part val]

A MODEL is what `salgan predict --model` takes, or a training run's network; with `:fixed` after it, every
picture is squeezed into the model's usual input instead of the shape nearest to its own, with `:352x224` into
an input of 352 columns and 224 rows. `A@3+B` is the mean of two models' densities, three parts to one.
`--trust` is for networks of your own. FOLDER holds osie, eyecrowd and sun500. As their validation pictures
hold no portrait and nothing wider than 3:2, each picture is scored again by its middle, cut to other ratios,
with the gaze that fell there: people saw the whole, so these scores tell models apart, but say little of such
pictures as such. `--cut` names the sets to cut, for a slow model. `--designs` names a folder of web pages,
posters and charts that are for looking and validating only; gaze is blurred by 3 % of the longer side there.

Printed: mean CC and NSS at the picture's own size, and the paired difference from the first model with its
95 % bootstrap interval over pictures.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter

from salgan import SaliencyMap, load_model
from salgan._arrays import Floats, Picture
from salgan.datasets import load_split, open_dataset
from salgan.errors import ConfigError, SalganError
from salgan.evaluation.intervals import bootstrap_mean
from salgan.image import read
from salgan.metrics import cc, nss

LAYOUTS = {"osie": "fixations-mat", "eyecrowd": "fixations-mat", "sun500": "sun500"}
CUTS = {"3:4": 3 / 4, "9:16": 9 / 16, "1:2": 1 / 2, "16:9": 16 / 9, "5:2": 5 / 2, "4:1": 4}
"""Width / height of the middles."""
DESIGNS = {"fiwi51": "web pages", "gdi51": "posters", "massvis30-clicks": "charts"}

_FEW = 10
"""So few fixations say nothing of a middle."""


@dataclass(frozen=True)
class Case:
    """A picture, where people looked at it, and which rows of the table it counts for."""

    groups: tuple[str, ...]
    picture: Picture
    density: Floats
    x: Floats
    y: Floats


def photographs(folder: Path, part: str, cut: Collection[str] = tuple(LAYOUTS)) -> Iterator[Case]:
    """The pictures of a part of the three sets, and the middles of those that are cut."""
    for name, layout in LAYOUTS.items():
        dataset = open_dataset(folder / name, layout=layout).select(load_split(name)[part])
        for stimulus in dataset:
            picture, density = stimulus.picture(), stimulus.density()
            height, width = density.shape
            inside = stimulus.fixations.inside(width, height)
            ratio = width / height
            kind = "landscape" if ratio > 1.1 else "portrait" if ratio < 0.9 else "square"
            yield Case((name, kind, "all photographs"), picture, density, inside.x, inside.y)
            for title, wanted in CUTS.items() if name in cut else ():
                high, wide = min(height, round(width / wanted)), min(width, round(height * wanted))
                top, left = (height - high) // 2, (width - wide) // 2
                kept = (
                    (inside.y >= top)
                    & (inside.y < top + high)
                    & (inside.x >= left)
                    & (inside.x < left + wide)
                )
                middle = np.s_[top : top + high, left : left + wide]
                if kept.sum() > _FEW:
                    seen = density[middle] / density[middle].sum()
                    x, y = inside.x[kept] - left, inside.y[kept] - top
                    yield Case((f"middles, {title}",), np.ascontiguousarray(picture[middle]), seen, x, y)


def designs(folder: Path) -> Iterator[Case]:
    """Web pages, posters and charts."""
    for name, kind in DESIGNS.items():
        if not (folder / name / "fixations.npz").is_file():
            raise ConfigError(
                f"{folder}: holds no {name}/fixations.npz; name the folder of {', '.join(DESIGNS)}"
            )
        gaze = np.load(folder / name / "fixations.npz", allow_pickle=False)
        files = {path.name: path for path in (folder / name / "stimuli").iterdir()}
        files |= {path.stem: path for path in files.values()}
        for number, title in enumerate(gaze["names"]):
            picture = read(files[str(title)])
            height, width = picture.shape[:2]
            x, y = gaze["xy"][gaze["offsets"][number] : gaze["offsets"][number + 1]].T.astype(np.float64)
            inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
            x, y = x[inside], y[inside]
            counts = np.zeros((height, width))
            np.add.at(counts, (y.astype(np.int64), x.astype(np.int64)), 1)
            density = gaussian_filter(counts, 0.03 * max(height, width), mode="constant")
            yield Case((kind,), picture, density / density.sum(), x, y)


def opened(spec: str, *, trust: bool = False) -> Callable[[Picture], Floats]:
    """What MODEL, MODEL:fixed, MODEL:COLUMNSxROWS or MODEL@SHARE+MODEL says of a picture."""
    if "+" in spec:
        parts = [re.fullmatch(r"(.+?)(?:@(\d*\.?\d+))?", each) for each in spec.split("+")]
        several = [(opened(part[1], trust=trust), float(part[2] or 1)) for part in parts if part]
        return lambda picture: sum(share * SaliencyMap(model(picture)).density for model, share in several)
    name, _, shape = spec.rpartition(":")
    size = re.fullmatch(r"fixed|(\d+)[x×](\d+)", shape)
    if not name or size is None:
        model = load_model(spec, trust=trust)
    else:
        model = load_model(name, trust=trust)
        columns, rows = (int(side) if side else None for side in size.groups())
        model.preprocessing = model.preprocessing.fixed(rows, columns)
    return lambda picture: model.predict(picture).array


def main() -> None:
    """Print one table per metric."""
    parser = argparse.ArgumentParser(description="Score models by the shape of the picture.")
    parser.add_argument("data", type=Path)
    parser.add_argument("models", nargs="+", metavar="MODEL")
    parser.add_argument("--designs", type=Path)
    parser.add_argument("--part", default="val")
    parser.add_argument(
        "--cut", nargs="*", choices=LAYOUTS, default=list(LAYOUTS), help="sets whose pictures are cut, too"
    )
    parser.add_argument("--trust", action="store_true", help="import the code of networks of your own")
    arguments = parser.parse_args()
    models = [opened(spec, trust=arguments.trust) for spec in arguments.models]
    scores: dict[str, list[list[tuple[float, float]]]] = {}
    cases = photographs(arguments.data, arguments.part, arguments.cut)
    for source in (cases, designs(arguments.designs) if arguments.designs else ()):
        for case in source:
            maps = [model(case.picture) for model in models]
            looked = np.zeros(case.density.shape, np.bool_)
            places = np.rint(np.stack([case.y, case.x])).astype(np.int64)
            limits = np.array(looked.shape)[:, None] - 1
            looked[tuple(np.clip(places, 0, limits))] = True
            row = [(cc(each, case.density), nss(each, looked)) for each in maps]
            for group in case.groups:
                scores.setdefault(group, []).append(row)
    for metric, title in enumerate(("CC", "NSS")):
        print(
            f"\n| {title} | pictures | " + " | ".join(arguments.models) + " |",
            "|---" * (len(models) + 2) + "|",
            sep="\n",
        )
        for group, rows in scores.items():
            values = np.array(rows)[:, :, metric]
            cells = [f"{values[:, 0].mean():.3f}"]
            for number in range(1, len(models)):
                change = bootstrap_mean(values[:, number] - values[:, 0])
                interval = f"[{change.low:+.3f}, {change.high:+.3f}]"
                cells.append(f"{values[:, number].mean():.3f} {change.mean:+.3f} {interval}")
            print(f"| {group} | {len(values)} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    try:
        main()
    except SalganError as error:
        sys.exit(f"error: {error}")
