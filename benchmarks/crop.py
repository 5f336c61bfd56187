"""How many more of people's fixations the attention crop keeps than the centre crop does.

    python benchmarks/crop.py --data DATA [--model lite] [--model baseline:half-viewers]

DATA holds the folders osie, eyecrowd and sun500 (or some of them); their committed test parts are used. For
each picture and ratio the crop is chosen from the model's map alone, by salgan.crop; what counts is the
part of the measured fixations inside it, less the part inside the centre crop of the same size. The mean
over pictures comes with a 95 % bootstrap interval. baseline:half-viewers, which chooses by the gaze of one
half of the viewers and counts that of the other half, says what there is to gain. Writes
benchmarks/results/crop.json.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
from collections import defaultdict
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from salgan import __version__
from salgan._files import replacing
from salgan.cli._common import progress
from salgan.crop import Crop, best, largest, parse_ratio
from salgan.datasets import Fixations, Stimulus, open_dataset
from salgan.errors import SalganError
from salgan.evaluation.intervals import bootstrap_mean
from salgan.evaluation.map_sources import open_map_source
from salgan.saliency_map import SaliencyMap

DATASETS = ("osie", "eyecrowd", "sun500")
RATIOS = ("1:1", "4:5", "16:9", "9:16", "2:1")


def as_saliency_map(values: np.ndarray, width: int, height: int) -> SaliencyMap:
    """Any source's map as one of the picture's size: scaled by its maximum, which moves no crop."""
    values = np.asarray(values, dtype=np.float64)
    values = values - min(0.0, values.min())
    small = (values / max(values.max(), np.finfo(float).tiny)).astype(np.float32)
    if small.shape != (height, width):
        small = np.asarray(Image.fromarray(small).resize((width, height), Image.Resampling.BILINEAR))
    return SaliencyMap(np.clip(small, 0, 1))


def kept(fixations: Fixations, left: int, top: int, width: int, height: int) -> float:
    """The part of the fixations whose nearest pixel lies in a window."""
    column, row = np.rint(fixations.x), np.rint(fixations.y)
    within = (left <= column) & (column < left + width) & (top <= row) & (row < top + height)
    return float(within.mean())


def measure(source: Any, stimulus: Stimulus, ratios: list[str]) -> list[tuple[float, float]] | None:
    """For each ratio the part of the fixations in the centre crop and in the chosen one; None without any."""
    width, height = stimulus.width, stimulus.height
    fixations = source.scored(stimulus).fixations
    inside = None if fixations is None else fixations.inside(width, height)
    if not inside:
        return None
    saliency = as_saliency_map(source.predict(stimulus), width, height)
    crops = best(saliency, [largest(width, height, parse_ratio(ratio)) for ratio in ratios])
    return [(_in_centre(inside, crop, width, height), _in_crop(inside, crop)) for crop in crops]


def _in_crop(fixations: Fixations, crop: Crop) -> float:
    return kept(fixations, crop.left, crop.top, crop.width, crop.height)


def _in_centre(fixations: Fixations, crop: Crop, width: int, height: int) -> float:
    left, top = (width - crop.width) // 2, (height - crop.height) // 2
    return kept(fixations, left, top, crop.width, crop.height)


def summary(pairs: np.ndarray) -> dict[str, Any]:
    """What (N, 2) parts in the centre and in the chosen crop amount to."""
    gain = pairs[:, 1] - pairs[:, 0]
    interval = bootstrap_mean(gain)
    return {
        "pictures": len(pairs),
        "centre": float(pairs[:, 0].mean()),
        "crop": float(pairs[:, 1].mean()),
        "gain": interval.mean,
        "interval": [interval.low, interval.high],
        "better": float((gain > 0).mean()),
        "worse": float((gain < 0).mean()),
    }


def run(data: Path, source: Any, ratios: list[str], limit: int | None = None) -> dict[str, Any]:
    """The figures of one model: {dataset or "all": {ratio: summary}}."""
    found: dict[str, list[list[tuple[float, float]]]] = defaultdict(list)
    for name in DATASETS:
        if not (data / name).is_dir():
            continue
        stimuli = open_dataset(data / name, part="test").stimuli[:limit]
        with progress() as on_progress:
            for done, stimulus in enumerate(stimuli, start=1):
                measured = measure(source, stimulus, ratios)
                if measured is not None:
                    found[name].append(measured)
                on_progress(f"{source.name} on {name}", done, len(stimuli))
    if not found:
        raise SalganError(f"{data}: holds none of the folders {', '.join(DATASETS)}")
    found["all"] = [one for name in list(found) for one in found[name]]
    return {
        name: {ratio: summary(np.array(pictures)[:, at]) for at, ratio in enumerate(ratios)}
        for name, pictures in found.items()
    }


def table(results: dict[str, Any]) -> str:
    """All models, datasets and ratios, as Markdown."""
    lines = [
        "| model | dataset | pictures | ratio | centre keeps | crop keeps | gain in points (95 %) | worse |",
        "|---|---|---:|---|---:|---:|---:|---:|",
    ]
    for model, by_dataset in results.items():
        for name, by_ratio in by_dataset.items():
            for ratio, one in by_ratio.items():
                low, high = (100 * end for end in one["interval"])
                lines.append(
                    f"| {model} | {name} | {one['pictures']} | {ratio} "
                    f"| {one['centre']:.1%} | {one['crop']:.1%} "
                    f"| {100 * one['gain']:+.1f} ({low:+.1f} to {high:+.1f}) | {one['worse']:.0%} |"
                )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description="Fixations kept by the attention crop and the centre crop.")
    parser.add_argument("--data", type=Path, required=True, help="folder with osie, eyecrowd, sun500")
    parser.add_argument("--model", action="append", help="repeat for more (default lite)")
    parser.add_argument("--ratio", action="append", help=f"repeat for more (default {' '.join(RATIOS)})")
    parser.add_argument("--limit", type=int, help="only so many pictures of each set, to try it out")
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).parent / "results" / "crop.json", help="where to write"
    )
    arguments = parser.parse_args()
    try:
        ratios = arguments.ratio or list(RATIOS)
        sources = [open_map_source(model) for model in arguments.model or ["lite"]]
        results = {source.name: run(arguments.data, source, ratios, arguments.limit) for source in sources}
    except SalganError as error:
        parser.exit(1, f"{error}\n")
    report = {
        "date": date.today().isoformat(),
        "salgan": __version__,
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "part": "test" if arguments.limit is None else f"first {arguments.limit} of test",
        "results": results,
    }
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    with replacing(arguments.out) as part:
        part.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    print(table(results))


if __name__ == "__main__":
    main()
