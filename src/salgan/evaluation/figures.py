"""Figures for papers and reports: vector PDF and PNG, legible on a page, one colour scale for all maps."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import numpy as np

from salgan._arrays import Array, Floats
from salgan._files import replacing
from salgan.errors import SalganError, require
from salgan.evaluation.intervals import Interval
from salgan.evaluation.report import label

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "SHARES",
    "Curve",
    "Example",
    "differences_figure",
    "examples_figure",
    "history_figure",
    "level_set_length",
    "level_sets_figure",
    "levels",
    "lines",
    "save",
]

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")
"""Okabe and Ito's, which people with colour blindness can tell apart."""

COLOURMAP = "inferno"

_WIDTH = 7.0
"""Inches: the text width of most papers."""

_STYLE = {
    "font.size": 9,
    "axes.titlesize": 9,
    "axes.labelsize": 9,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.fontsize": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "pdf.fonttype": 42,  # embedded as text that can be searched and edited
}

SHARES = (0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.7)
"""Parts of the picture that the level sets enclose. By area, so that contrast does not matter, only shape."""

P = ParamSpec("P")
T = TypeVar("T")


def _styled(draw: Callable[P, T]) -> Callable[P, T]:
    """Draw in our style, whatever the caller's Matplotlib settings are, and leave those as they are."""

    @functools.wraps(draw)
    def in_style(*arguments: P.args, **keywords: P.kwargs) -> T:
        with require("matplotlib", "eval").rc_context(_STYLE):
            return draw(*arguments, **keywords)

    return in_style


@dataclass(frozen=True)
class Example:
    """One picture with several maps of it.

    Attributes:
        name: the name of the picture.
        picture: uint8 RGB (H, W, 3).
        maps: by column title, in the order of the columns, each (H, W) with 1 as the top of the scale.
        note: words below the row's name, such as the scores.
    """

    name: str
    picture: Array
    maps: Mapping[str, Array]
    note: str = ""


@dataclass(frozen=True)
class Curve:
    """One line of a history: a model over epochs.

    Attributes:
        name: for the legend.
        epochs: numbers of the epochs.
        metrics: for each metric one interval per epoch.
    """

    name: str
    epochs: Sequence[int]
    metrics: Mapping[str, Sequence[Interval]]


def save(figure: Figure, stem: Path) -> list[Path]:
    """Write a figure as ``stem.pdf`` and ``stem.png`` (200 dots per inch).

    Raises:
        SalganError: the files cannot be written.
    """
    try:
        stem.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SalganError(f"{stem.parent}: cannot be made ({error.strerror})") from None
    paths = [stem.with_name(f"{stem.name}.{suffix}") for suffix in ("pdf", "png")]
    matplotlib = require("matplotlib", "eval")
    with matplotlib.rc_context(_STYLE):
        for path in paths:
            # Without the date, equal figures give equal files.
            metadata = {"CreationDate": None} if path.suffix == ".pdf" else {"Software": None}
            with replacing(path) as part:
                figure.savefig(part, dpi=200, metadata=metadata)
    return paths


@_styled
def examples_figure(
    examples: Sequence[Example], scale: str = "saliency, 1 = highest", caption: str = ""
) -> Figure:
    """Rows of picture and maps, with one colour scale from 0 to 1 for all panels.

    Args:
        examples: one per row, all with the same columns.
        scale: label of the colour bar.
        caption: words below the rows, such as what the notes are.

    Raises:
        SalganError: no example.
        MissingExtraError: Matplotlib is not installed.
    """
    if not examples:
        raise SalganError("a figure needs at least one picture")
    columns = ["picture", *examples[0].maps]
    shapes = [example.picture.shape[0] / example.picture.shape[1] for example in examples]
    panel = (_WIDTH - 0.9) / len(columns)
    # The rows' names are written to their left, and a note takes a second line there.
    figure = _figure(0.45 + 0.25 * bool(caption) + sum(max(panel * shape, 0.5) + 0.06 for shape in shapes))
    axes = figure.subplots(len(examples), len(columns), squeeze=False, height_ratios=shapes)
    image = None
    for row, example in zip(axes, examples, strict=True):
        row[0].imshow(example.picture)
        row[0].set_ylabel(_short(example.name) + (f"\n{example.note}" if example.note else ""), fontsize=7)
        for axis, column in zip(row[1:], columns[1:], strict=True):
            image = axis.imshow(example.maps[column], cmap=COLOURMAP, vmin=0, vmax=1)
        for axis in row:
            _bare(axis)
    for axis, column in zip(axes[0], columns, strict=True):
        axis.set_title(column)
    if image is not None:
        bar = figure.colorbar(image, ax=axes, fraction=0.02, pad=0.01, aspect=30 * len(examples))
        bar.set_label(scale, fontsize=8)
    if caption:
        figure.supxlabel(caption, fontsize=8)
    return figure


@_styled
def level_sets_figure(examples: Sequence[Example], zoom: float = 0.5) -> Figure:
    """Close-ups of the level sets of maps, each with the mean length of its whole map's level sets.

    Source of the idea: the preprint's Figure 5.

    Args:
        examples: one per row, all with the same columns.
        zoom: side of the close-up as a share of the picture's, around the first map's highest value.

    Raises:
        SalganError: no example.
        MissingExtraError: Matplotlib is not installed.
    """
    if not examples:
        raise SalganError("a figure needs at least one picture")
    columns = list(examples[0].maps)
    shapes = [example.picture.shape[0] / example.picture.shape[1] for example in examples]
    panel = (_WIDTH - 0.5) / len(columns)
    figure = _figure(1.05 + sum(panel * shape + 0.3 for shape in shapes))
    axes = figure.subplots(len(examples), len(columns), squeeze=False, height_ratios=shapes)
    # Lines that enclose the same share of the picture have the same colour in every panel.
    colours = require("matplotlib", "eval").colormaps[COLOURMAP](np.linspace(0.85, 0.05, len(SHARES)))
    for row, example in zip(axes, examples, strict=True):
        left, top, width, height = _close_up(example.maps[columns[0]], zoom)
        for axis, column in zip(row, columns, strict=True):
            saliency = np.asarray(example.maps[column], dtype=np.float64)
            # Faded, so that the lines are what one sees.
            axis.imshow((255 - (255 - example.picture.astype(np.float64)) * 0.35).astype(np.uint8))
            if saliency.min() < saliency.max():
                for level, colour in zip(levels(saliency), colours, strict=True):
                    for line in lines(saliency, level):
                        axis.plot(*line.T, color=colour, linewidth=1)
            axis.set_xlim(left, left + width)
            axis.set_ylim(top + height, top)
            axis.set_title(f"{column}: mean length {level_set_length(saliency):.2f}", fontsize=8)
            _bare(axis)
        row[0].set_ylabel(_short(example.name), fontsize=7)
    sample = require("matplotlib.lines", "eval").Line2D
    figure.legend(
        [sample([], [], color=colour) for colour in colours],
        [f"{share:.0%}" for share in SHARES],
        title=f"close-ups of {zoom:.0%} of each side, around the highest value of {columns[0]}\n"
        "mean length: of the whole map, in diagonals of the picture\n"
        "colours: share of the picture that a level set encloses",
        loc="outside lower center",
        ncols=len(SHARES),
        frameon=False,
        fontsize=8,
        title_fontsize=8,
    )
    return figure


def levels(saliency: Array) -> Floats:
    """The values above which :data:`SHARES` of the pixels lie, descending, one per share.

    Args:
        saliency: (H, W), real.
    """
    values: Floats = np.quantile(np.asarray(saliency, dtype=np.float64), 1 - np.array(SHARES))
    return values


def lines(saliency: Array, level: float) -> list[Floats]:
    """The level set at a value as polylines, each (N, 2) of x and y in pixels; none beyond the map's range.

    Raises:
        MissingExtraError: contourpy, which comes with Matplotlib, is not installed.
    """
    contourpy = require("contourpy", "eval")
    found = contourpy.contour_generator(z=np.asarray(saliency, dtype=np.float64)).lines(level)
    return [np.asarray(line) for line in found]


def level_set_length(saliency: Array) -> float:
    """Mean length of the level sets, in diagonals of the picture.

    The more ragged an area is, and the more pieces it is in, the longer its boundary; a smooth map with few
    peaks has short boundaries. This measure is not in the paper, which shows level sets (preprint, Figure 5)
    without a number.

    Args:
        saliency: (H, W), real.

    Returns:
        Mean over the level sets that enclose :data:`SHARES` of the picture; 0 for a flat map.

    Raises:
        MissingExtraError: contourpy, which comes with Matplotlib, is not installed.
    """
    height, width = saliency.shape
    if saliency.min() == saliency.max():
        return 0.0
    total = sum(
        float(np.hypot(*np.diff(line, axis=0).T).sum())
        for level in levels(saliency)
        for line in lines(saliency, level)
    )
    return total / len(SHARES) / float(np.hypot(height - 1, width - 1))


@_styled
def history_figure(curves: Sequence[Curve], metrics: Sequence[str], begin: int | None = None) -> Figure:
    """Metrics against epochs, a panel per metric, lines with their intervals as bands (preprint, Figure 3).

    Args:
        curves: the lines; those without a metric are left out of its panel.
        metrics: names, one panel each.
        begin: epoch at which the lines part, marked in every panel.

    Raises:
        MissingExtraError: Matplotlib is not installed.
    """
    columns = min(3, len(metrics))
    rows = -(-(len(metrics) + 1) // columns) if len(metrics) > 2 else 1
    figure = _figure(2.1 * rows + 0.3)
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis, metric in zip(axes, metrics, strict=False):
        for curve, colour in zip(curves, COLOURS, strict=False):
            intervals = curve.metrics.get(metric, ())
            if not intervals:
                continue
            low, mean, high = ([getattr(each, end) for each in intervals] for end in ("low", "mean", "high"))
            marker = "o" if len(curve.epochs) < 30 else None
            axis.fill_between(curve.epochs, low, high, color=colour, alpha=0.2, linewidth=0)
            axis.plot(
                curve.epochs, mean, color=colour, linewidth=1.4, marker=marker, ms=2.5, label=curve.name
            )
        if begin is not None:
            axis.axvline(begin, color="0.6", linewidth=0.8, linestyle="--", zorder=0)
        axis.set_title(label(metric))
        axis.set_xlabel("epoch")
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.grid(axis="y", color="0.92", linewidth=0.6)
        axis.set_axisbelow(True)
    handles, names = axes[0].get_legend_handles_labels()
    rest = axes[len(metrics) :]
    notes = "bands: 95% intervals" + ("" if begin is None else "\ndashed: end of the bootstrap")
    for axis in rest:
        axis.set_axis_off()
    if len(rest):
        rest[0].legend(handles, names, loc="center", frameon=False, title=notes, title_fontsize=8)
    else:
        axes[0].legend(handles, names, frameon=False)
    return figure


@_styled
def differences_figure(
    differences: Mapping[str, Mapping[str, Mapping[str, Interval]]], metrics: Sequence[str]
) -> Figure:
    """Differences as points with their intervals, one row a model; every panel has a scale of its own.

    Args:
        differences: by title (one row of panels each), by model, by metric.
        metrics: the columns.

    Raises:
        MissingExtraError: Matplotlib is not installed.
    """
    heights = [len(models) + 1.2 for models in differences.values()]
    figure = _figure(0.2 * sum(heights) + 0.35 * len(heights) + 0.3)
    axes = figure.subplots(len(differences), len(metrics), squeeze=False, height_ratios=heights)
    for row, (title, models), colour in zip(axes, differences.items(), COLOURS, strict=False):
        names = list(models)
        for axis, metric in zip(row, metrics, strict=True):
            axis.axvline(0, color="0.6", linewidth=0.8, zorder=0)
            for place, name in enumerate(names):
                found = models[name][metric]
                axis.plot([found.low, found.high], [place, place], color=colour, linewidth=1.4)
                axis.plot(found.mean, place, "o", color=colour, ms=3.5)
            axis.set_yticks(range(len(names)), names if axis is row[0] else [""] * len(names))
            axis.set_ylim(len(names) - 0.5, -0.5)
            axis.margins(x=0.1)
            axis.locator_params(axis="x", nbins=3)
            axis.tick_params(axis="x", labelsize=7)
            axis.tick_params(axis="y", length=0)
            if row[0] is axes[0, 0]:
                axis.set_title(label(metric).replace(" (", "\n("))
        row[len(metrics) // 2].set_xlabel(title)
    return figure


def _figure(height: float) -> Figure:
    # Figures of their own, not pyplot's: no window system, no state shared with the caller's figures.
    module = require("matplotlib.figure", "eval")
    figure: Figure = module.Figure(figsize=(_WIDTH, height), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.03, h_pad=0.03, wspace=0.01, hspace=0.01)  # type: ignore[union-attr,call-arg]
    return figure


def _bare(axis: Axes) -> None:
    axis.set_xticks([])
    axis.set_yticks([])
    for spine in axis.spines.values():
        spine.set_visible(False)


def _short(name: str) -> str:
    last = name.rpartition("/")[2]
    return last if len(last) <= 18 else f"…{last[-16:]}"


def _close_up(saliency: Array, zoom: float) -> tuple[float, float, float, float]:
    """Left, top, width and height of a window around the highest value, inside the picture."""
    rows, columns = saliency.shape
    row, column = np.unravel_index(np.argmax(saliency), saliency.shape)
    width, height = zoom * columns, zoom * rows
    left = float(np.clip(column - width / 2, 0, columns - width))
    top = float(np.clip(row - height / 2, 0, rows - height))
    return left - 0.5, top - 0.5, width, height
