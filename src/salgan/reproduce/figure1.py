"""Figure 1 (picture, truth, BCE, SalGAN), and level sets as in the preprint's Figure 5, with a number."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from salgan._files import replacing
from salgan._progress import Progress, silent
from salgan._words import markdown_table
from salgan.datasets import Dataset
from salgan.evaluation.figures import SHARES, examples_figure, level_set_length, level_sets_figure, save
from salgan.evaluation.gallery import check_unchanged, examples
from salgan.evaluation.ground_truth import seeded
from salgan.evaluation.intervals import bootstrap_mean, permutation_p
from salgan.evaluation.map_sources import open_map_source
from salgan.evaluation.report import dataset_label, interval_text
from salgan.evaluation.results import Results
from salgan.evaluation.sources import MapSource

__all__ = ["Choice", "choose", "figure1"]

TITLES = ("BCE", "SalGAN")


@dataclass(frozen=True)
class Choice:
    """Which pictures to draw, and on how many to measure smoothness.

    Attributes:
        names: the names of the pictures to draw; empty to draw ``count`` at random.
        count: how many to draw.
        measured: most pictures to measure level sets on.
        seed: the seed of the draws: pictures are not picked by how well one of the models does on them.
    """

    names: Sequence[str] = ()
    count: int = 4
    measured: int = 200
    seed: int = 0


def choose(dataset: Dataset, choice: Choice) -> list[str]:
    """Names of the pictures to draw: those given, or a random choice of those with fixations."""
    if choice.names:
        return [stimulus.name for stimulus in dataset.select(choice.names)]
    return _draw(dataset, choice.count, choice.seed, "figure1")


def figure1(
    dataset: Dataset,
    bce: Results,
    gan: Results,
    networks: Mapping[str, Path],
    folder: Path,
    choice: Choice,
    on_progress: Progress = silent,
    *,
    trust: bool = False,
) -> list[Path]:
    """Draw ``figure1`` and ``level-sets`` (PDF and PNG) and write ``smoothness.md`` and ``smoothness.json``.

    Args:
        dataset: the evaluated pictures.
        bce: evaluation of the network trained on content alone, for the rules and the record.
        gan: evaluation of the adversarially trained network.
        networks: their files, under ``BCE`` and ``SalGAN``.
        folder: where to write.
        choice: which pictures to draw and measure.
        on_progress: is told how far the measuring of level sets is.
        trust: import the code of a network of your own.

    Returns:
        The files written.

    Raises:
        SalganError: a network or a picture cannot be read, a network needs ``trust``, or it has changed since
            it was scored.
    """
    sources = {title: open_map_source(networks[title], trust=trust) for title in TITLES}
    for title, results in zip(TITLES, (bce, gan), strict=True):
        check_unchanged(sources[title], results)
    protocol = bce.about["protocol"]
    rows = examples(dataset, choose(dataset, choice), sources, protocol)
    files = save(examples_figure(rows, "each map divided by its highest value"), folder / "figure1")
    files += save(level_sets_figure(rows), folder / "level-sets")
    measured = _measure(dataset, sources, protocol, choice, on_progress)
    seed = choice.seed
    record = {
        "what": "mean length of the level sets that enclose the shares of the picture, in its diagonals",
        "shares": SHARES,
        "pictures": len(measured["ground truth"]),
        "dataset": dataset_label(bce.about),
        "epochs": {title: results.folder.name for title, results in zip(TITLES, (bce, gan), strict=True)},
        "length": {title: vars(bootstrap_mean(lengths, seed)) for title, lengths in measured.items()},
        "p": permutation_p(np.array(measured["SalGAN"]) - np.array(measured["BCE"]), seed),
    }
    _write(folder / "smoothness.json", json.dumps(record, indent=2) + "\n")
    _write(folder / "smoothness.md", _markdown(record))
    return [*files, folder / "smoothness.md"]


def _measure(
    dataset: Dataset,
    sources: Mapping[str, MapSource],
    protocol: dict[str, Any],
    choice: Choice,
    on_progress: Progress,
) -> dict[str, list[float]]:
    """Level-set lengths of truth and maps on some pictures, one picture in memory at a time."""
    names = _draw(dataset, choice.measured, choice.seed, "smoothness")
    lengths: dict[str, list[float]] = {"ground truth": [], **{title: [] for title in sources}}
    for number, name in enumerate(names, 1):
        (row,) = examples(dataset, [name], dict(sources), protocol)
        for title, values in row.maps.items():
            lengths[title].append(level_set_length(values))
        on_progress("measuring level sets", number, len(names))
    return lengths


def _draw(dataset: Dataset, count: int, seed: int, purpose: str) -> list[str]:
    # A picture that nobody looked at has no truth to draw beside the maps.
    looked_at = [s.name for s in dataset if s.map_path or (s.has_fixations and s.fixation_map().any())]
    order = seeded(seed, purpose).permutation(len(looked_at))[:count]
    return sorted(looked_at[number] for number in order)


def _markdown(record: dict[str, Any]) -> str:
    shares = ", ".join(f"{share:.0%}" for share in record["shares"])
    lines = [
        f"# Smoothness of maps on {record['dataset']}",
        "",
        f"Mean length of the level sets that enclose {shares} of the picture, in diagonals of the picture. "
        "Shorter is smoother. Levels go by area, so that contrast does not matter.",
        "",
        *markdown_table(
            ["map", "length [95% interval]"],
            ([title, interval_text(found)] for title, found in record["length"].items()),
        ),
        "",
        f"- {record['pictures']} pictures; SalGAN against BCE: p = {record['p']:.4f} (paired permutation)",
        "",
    ]
    return "\n".join(lines)


def _write(path: Path, text: str) -> None:
    with replacing(path) as part:
        part.write_text(text, encoding="utf-8", errors="backslashreplace")
