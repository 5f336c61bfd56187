"""How the attention on regions changes over a video: a table, and a plot of it."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np

from salgan._files import replacing
from salgan.regions import Region, shares
from salgan.saliency_map import SaliencyMap
from salgan.video.reading import Frame

__all__ = ["COLUMN", "FrameTable", "draw_timeline"]

COLUMN = "share:"
"""The prefix of region names in the table's header, so that they are never mistaken for another column."""

# Okabe and Ito's, which people with colour blindness can tell apart.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")


class FrameTable:
    """A CSV file with a line per map: number and time of its frame, and each region's share.

    Args:
        path: the file to make.
        regions: what to measure; none leaves the frames and their times.
    """

    def __init__(self, path: Path, regions: Sequence[Region]) -> None:
        self._regions = regions
        self._file = path.open("w", encoding="utf-8", newline="")
        self._rows = csv.writer(self._file, lineterminator="\n")
        self._rows.writerow(["frame", "seconds", *(COLUMN + region.name for region in regions)])

    def append(self, frame: Frame, saliency: SaliencyMap) -> None:
        """Add a line."""
        found = shares(saliency, self._regions).regions if self._regions else ()
        seconds = f"{float(frame.time):.6f}"
        self._rows.writerow([frame.index, seconds, *(f"{each.share:.8g}" for each in found)])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def draw_timeline(table: Path, path: Path, *, title: str = "") -> None:
    """Plot the shares of a table over time.

    Args:
        table: a file that :class:`FrameTable` wrote, with at least one region and one line.
        path: the PNG file to make.
        title: the title above the plot.

    Raises:
        SalganError: the file cannot be written.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with table.open(encoding="utf-8", newline="") as file:
        names = [name.removeprefix(COLUMN) for name in next(csv.reader(file))[2:]]
        values = np.loadtxt(file, delimiter=",", ndmin=2)
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for number, (name, share) in enumerate(zip(names, values[:, 2:].T, strict=True)):
        colour, style = _COLOURS[number % len(_COLOURS)], ("-", "--", ":")[number // len(_COLOURS) % 3]
        marker = "o" if len(share) == 1 else None
        line = axes.plot(values[:, 1], 100 * share, color=colour, linestyle=style, lw=1.5, marker=marker)
        line[0].set_label(name if not name.startswith("_") else f" {name}")
    axes.set_xlabel("seconds")
    axes.set_ylabel("share of attention (%)")
    axes.set_ylim(bottom=0)
    axes.set_xlim(values[0, 1], max(values[-1, 1], values[0, 1] + 1e-3))
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="0.9")
    # Names are text: $5 is not the beginning of a formula, and a file's name need not be UTF-8.
    shown = os.fsencode(title).decode("utf-8", "replace")
    axes.set_title(shown, loc="left", parse_math=False)
    legend = figure.legend(*axes.get_legend_handles_labels(), loc="outside right upper", frameon=False)
    for text in legend.get_texts():
        text.set_parse_math(False)
    with replacing(path) as part:
        figure.savefig(part, format="png", dpi=150)
