"""What is kept of each picture, and the rows of Parquet that hold it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from salgan import crop, render
from salgan._arrays import Picture
from salgan._drawing import encoded
from salgan._version import __version__
from salgan.cluster import storage
from salgan.errors import ConfigError, SalganError, require
from salgan.jobs.find import KINDS, NO_MAP, overlay_ending
from salgan.regions import Region, focal_points, shares
from salgan.saliency_map import FORMATS, SaliencyMap

__all__ = ["Row", "Wanted", "as_text", "parse_wanted", "paths_in", "rows_in", "values_of", "write_part"]

Row = dict[str, Any]
"""One picture: values by column."""

_CROP = "crop:"
_AT_ONCE = 64
"""Rows that are written together, so that a part need not fit into memory."""


@dataclass(frozen=True)
class Wanted:
    """What to keep of each picture.

    Attributes:
        map: the format of the map (:data:`salgan.saliency_map.FORMATS`); None for no map.
        overlay: the overlay's ending, such as ``".png"``; None for no overlay.
        focal: whether to keep the focal points.
        regions: regions whose shares of attention are kept.
        crops: ratios whose best crops are kept, as they were typed.
        draw: makes the overlay of a picture and its map.
        look: how ``draw`` draws, in words; rows with overlays of another look do not belong together.
        background: the colour below transparent pictures, RGB.
    """

    map: str | None = "png16"
    overlay: str | None = None
    focal: bool = False
    regions: tuple[Region, ...] = ()
    crops: tuple[str, ...] = ()
    draw: Callable[[Picture, SaliencyMap], Picture] = render.overlay
    look: str = ""
    background: tuple[int, int, int] = (255, 255, 255)

    def document(self) -> dict[str, Any]:
        """What decides the values, as JSON, so that a later run can tell whether its rows belong here."""
        return {
            "map": self.map,
            "overlay": self.overlay,
            "look": self.look if self.overlay else None,
            "focal": self.focal,
            "regions": [repr(each) for each in self.regions],
            "crops": list(self.crops),
            "background": list(self.background),
        }


def parse_wanted(
    save: str | None,
    format: str | None,
    regions: Sequence[Region],
    *,
    as_files: bool,
    draw: Callable[[Picture, SaliencyMap], Picture] = render.overlay,
    look: str = "",
    background: tuple[int, int, int] = (255, 255, 255),
) -> Wanted:
    """Read ``--save`` and ``--format`` of a run on a cluster.

    Args:
        save: words joined by commas: ``map``, ``overlay`` (``overlay.jpg``, ``overlay.webp``), and for rows
            also ``focal``, ``regions`` and ``crop:16:9``. None is map and overlay for files, the map for
            rows.
        format: of maps; None is npy for files and png16 for rows.
        regions: the regions that ``regions`` means.
        as_files: whether results become files.
        draw: see :class:`Wanted`.
        look: see :class:`Wanted`.
        background: see :class:`Wanted`.

    Raises:
        ConfigError: an unknown word, or one that does not fit the others.
    """
    words = [word.strip() for word in (save or ("map,overlay" if as_files else "map")).split(",")]
    of_rows = ("focal", "regions")
    for word in words:
        if word.startswith(_CROP):
            crop.parse_ratio(word.removeprefix(_CROP))
        elif word not in (*KINDS, *of_rows):
            raise ConfigError(
                f"--save {word!r} is none of {', '.join((*KINDS, *of_rows))} and crop:RATIO (crop:16:9); "
                "join several with a comma"
            )
        if as_files and word not in KINDS:
            raise ConfigError(f"--save {word} is a column of rows; name the results -o NAME.parquet")
    if ("regions" in words) != bool(regions):
        raise ConfigError("--save regions and --box NAME:X,Y,W,H go together: the boxes are the regions")
    if format is not None and format not in FORMATS:
        raise ConfigError(f"--format {format!r} is none of {', '.join(FORMATS)}")
    if format is not None and "map" not in words:
        raise ConfigError(NO_MAP)
    overlay = overlay_ending(words)
    return Wanted(
        map=(format or ("npy" if as_files else "png16")) if "map" in words else None,
        overlay=f".{overlay}" if overlay else None,
        focal="focal" in words,
        regions=tuple(regions),
        crops=tuple(word.removeprefix(_CROP) for word in words if word.startswith(_CROP)),
        draw=draw,
        look=look,
        background=background,
    )


def values_of(picture: Picture, saliency: SaliencyMap, wanted: Wanted) -> Row:
    """What is wanted of one picture, by column.

    The picture may be drawn into.
    """
    height, width = saliency.array.shape
    row: Row = {"width": width, "height": height, "note": saliency.note or None}
    if wanted.map:
        row["map"] = saliency.encode(wanted.map)
    if wanted.focal:
        row["focal"] = [{"x": at.x, "y": at.y, "value": at.value} for at in focal_points(saliency)]
    if wanted.regions:
        row["regions"] = [
            {"name": each.name, "share": each.share, "area": each.area, "lift": each.lift}
            for each in shares(saliency, wanted.regions).regions
        ]
    if wanted.crops:
        ratios = [crop.parse_ratio(text) for text in wanted.crops]
        row["crops"] = _crops(saliency, wanted.crops, ratios)
    if wanted.overlay:
        row["overlay"] = encoded(wanted.draw(picture, saliency), wanted.overlay)
    return row


def _crops(saliency: SaliencyMap, texts: Sequence[str], ratios: Sequence[Fraction]) -> list[Row]:
    height, width = saliency.array.shape
    found = crop.best(saliency, [crop.largest(width, height, ratio) for ratio in ratios])
    return [
        {
            "ratio": text,
            "left": each.left,
            "top": each.top,
            "width": each.width,
            "height": each.height,
            "kept": each.kept,
        }
        for text, each in zip(texts, found, strict=True)
    ]


def write_part(rows: Iterable[Row], wanted: Wanted, location: str) -> int:
    """Write rows as one Parquet file, whole or not at all, a few rows at a time.

    Args:
        rows: with the columns ``path``, ``sha256``, ``model`` and ``error`` beside those of
            :func:`values_of`.
        wanted: what they hold.
        location: the file.

    Returns:
        The file's size in bytes.

    Raises:
        SalganError: it cannot be written.
    """
    pa, parquet = require("pyarrow", "cluster"), require("pyarrow.parquet", "cluster")
    schema = _schema(wanted)
    flat = [name for name in ("path", "model", "error") if name in schema.names]
    with tempfile.TemporaryFile() as file:
        with parquet.ParquetWriter(file, schema, compression="zstd", use_dictionary=flat) as writer:
            some: list[Row] = []

            def flush() -> None:
                columns = [
                    pa.array([row.get(name) for row in some], schema.field(name).type)
                    for name in schema.names
                ]
                writer.write_table(pa.Table.from_arrays(columns, schema=schema))
                some.clear()

            for row in rows:
                some.append(row)
                if len(some) == _AT_ONCE:
                    flush()
            if some:
                flush()
        size = file.tell()
        storage.upload(file, location)
    return size


def _schema(wanted: Wanted) -> Any:
    pa = require("pyarrow", "cluster")
    number, fraction = pa.int32(), pa.float64()
    fields = {
        "path": pa.string(),
        "width": number,
        "height": number,
        "sha256": pa.string(),
        "model": pa.string(),
        "map": pa.binary(),
        "focal": pa.list_(pa.struct({"x": fraction, "y": fraction, "value": fraction})),
        "regions": pa.list_(
            pa.struct({"name": pa.string(), "share": fraction, "area": fraction, "lift": fraction})
        ),
        "crops": pa.list_(
            pa.struct(
                {
                    "ratio": pa.string(),
                    "left": number,
                    "top": number,
                    "width": number,
                    "height": number,
                    "kept": fraction,
                }
            )
        ),
        "overlay": pa.binary(),
        "note": pa.string(),
        "error": pa.string(),
    }
    for name in ("map", "focal", "regions", "crops", "overlay"):
        if not getattr(wanted, name):
            del fields[name]
    return pa.schema(fields, {"salgan": __version__, "map_format": wanted.map or ""})


def paths_in(location: str) -> list[str]:
    """The paths of the rows of a part; the other columns are not read.

    Raises:
        SalganError: it cannot be read.
    """
    return list(_of_part(location, lambda part: part.read(["path"]).column("path").to_pylist()))


def rows_in(location: str) -> int:
    """How many rows a part has.

    Raises:
        SalganError: it cannot be read.
    """
    return int(_of_part(location, lambda part: part.metadata.num_rows))


def _of_part(location: str, look: Callable[[Any], Any]) -> Any:
    parquet = require("pyarrow.parquet", "cluster")
    try:
        with storage.opened(location) as file:
            return look(parquet.ParquetFile(file))
    except (OSError, ValueError, KeyError) as error:
        reason = " ".join(str(error).split())[:200]
        raise SalganError(f"{location}: is not a part that can be read ({reason}); remove it") from None


def as_text(text: str) -> str:
    """Text that Parquet can hold: a byte of a file's name that is not UTF-8 is written as an escape."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
