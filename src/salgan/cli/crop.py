"""``salgan crop``: the crops that keep what people look at."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from salgan.cli._common import Device, Model
from salgan.errors import ConfigError

if TYPE_CHECKING:
    from PIL import Image

    from salgan.crop import Crop

__all__ = ["crop"]

# What each format is written as; a crop of an animation is one picture, BMP has no compression, and few
# programs open HEIC.
_WRITTEN_AS: dict[str | None, tuple[str, dict[str, Any]]] = {
    "JPEG": (".jpg", {"format": "JPEG", "quality": 92}),
    "MPO": (".jpg", {"format": "JPEG", "quality": 92}),
    "WEBP": (".webp", {"format": "WEBP", "quality": 92}),
    "AVIF": (".avif", {"format": "AVIF", "quality": 80}),
    "HEIF": (".jpg", {"format": "JPEG", "quality": 92}),
    "TIFF": (".tif", {"format": "TIFF", "compression": "tiff_deflate"}),
}
_AS_PNG: tuple[str, dict[str, Any]] = (".png", {"format": "PNG"})


@dataclass(frozen=True)
class _Wanted:
    """One ``--ratio`` or ``--size``: its text, the window for it, and the size to scale that to."""

    label: str
    window: tuple[int, int]
    size: tuple[int, int] | None
    path: Path | None


def crop(
    picture: Annotated[Path, typer.Argument(metavar="IMAGE", help="The picture.")],
    ratio: Annotated[
        list[str] | None,
        typer.Option(
            metavar="W:H", help="Cut the largest window of this ratio and keep its pixels. Repeat for more."
        ),
    ] = None,
    size: Annotated[
        list[str] | None,
        typer.Option(
            metavar="WxH",
            help="Cut the largest window of this ratio and scale it to this size. Repeat for more.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FOLDER", help="The folder for the crops, made if missing."),
    ] = None,
    json: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write windows and figures as JSON; - means stdout."),
    ] = None,
    model: Model = "lite",
    device: Device = "auto",
    skip_existing: Annotated[
        bool, typer.Option("--skip-existing", help="Leave crops that already exist alone.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that already exist.")] = False,
) -> None:
    """Crop a picture where people look.

    [bold]salgan crop photo.jpg --ratio 1:1 --ratio 16:9 --size 400x300 -o out[/bold]

    This writes out/photo.crop-1-1.jpg, out/photo.crop-16-9.jpg and out/photo.crop-400x300.jpg.

    Each crop is the window of its shape that keeps the most attention, and never less than the one in the
    centre. Without -o, only the figures are shown. The focal point is given in fractions of the picture,
    ready for a style sheet (object-position).
    """
    from salgan import image
    from salgan.cli._common import load_predictor
    from salgan.cli._results import check_targets, write_json
    from salgan.crop import SCHEMA, best

    if skip_existing and overwrite:
        raise ConfigError("--skip-existing and --overwrite exclude each other")
    if out is not None and out.exists() and not out.is_dir():
        raise ConfigError(f"{out}: is a file; -o names the folder for the crops")
    check_targets([json], overwrite=overwrite)
    decoded, _ = image.decode(picture)
    ending, options = _WRITTEN_AS.get(decoded.format, _AS_PNG)
    if ending == ".jpg" and decoded.has_transparency_data:
        ending, options = _AS_PNG
    pixels = image.read(decoded)
    height, width = pixels.shape[:2]
    wanted = _wanted(ratio or [], size or [], width, height, out and out / picture.stem, ending)
    if not (overwrite or skip_existing):
        _refuse_to_overwrite(wanted)
    predictor = load_predictor(model)
    crops = best(predictor.predict(pixels), [each.window for each in wanted])
    if out is not None:
        _write(image.upright(decoded), list(zip(wanted, crops, strict=True)), options, skip=skip_existing)
    if json is not None:
        entries = [
            {"for": each.label, "file": each.path and str(each.path), **found.document()}
            for each, found in zip(wanted, crops, strict=True)
        ]
        about = {"path": str(picture), "width": width, "height": height}
        write_json({"schema": SCHEMA, "picture": about, "model": predictor.name, "crops": entries}, json)
    if json is None or str(json) != "-":
        _print_table(wanted, crops)


def _wanted(
    ratios: list[str], sizes: list[str], width: int, height: int, base: Path | None, ending: str
) -> list[_Wanted]:
    """The crops asked for, each once. It is a ConfigError to ask for none, or for one that does not fit."""
    from fractions import Fraction

    from salgan.crop import largest, parse_ratio, parse_size

    found: dict[str, tuple[tuple[int, int], tuple[int, int] | None]] = {}
    for text in ratios:
        found.setdefault(text.replace(" ", ""), (largest(width, height, parse_ratio(text)), None))
    for text in sizes:
        wide, high = parse_size(text)
        if wide > width or high > height:
            raise ConfigError(
                f"--size {wide}x{high} is larger than the picture ({width}×{height}), never enlarged here; "
                f"take --ratio {wide}:{high}"
            )
        found.setdefault(f"{wide}x{high}", (largest(width, height, Fraction(wide, high)), (wide, high)))
    if not found:
        raise ConfigError("say which crops: --ratio 1:1, --size 400x300")
    return [
        _Wanted(
            label,
            window,
            size,
            base and base.with_name(f"{base.name}.crop-{label.replace(':', '-')}{ending}"),
        )
        for label, (window, size) in found.items()
    ]


def _refuse_to_overwrite(wanted: list[_Wanted]) -> None:
    there = [each.path for each in wanted if each.path is not None and each.path.exists()]
    if there:
        others = f" and {len(there) - 1} more" if len(there) > 1 else ""
        raise ConfigError(f"{there[0]}{others} exist already; add --skip-existing or --overwrite")


def _write(
    picture: Image.Image, crops: list[tuple[_Wanted, Crop]], options: dict[str, Any], *, skip: bool
) -> None:
    from salgan._files import make_folder, replacing
    from salgan.crop import cut

    for each, found in crops:
        if each.path is None or (skip and each.path.exists()):
            continue
        make_folder(each.path.parent)
        with replacing(each.path) as part:
            # The colours mean what the profile says; the rest of the metadata described another picture.
            cut(picture, found, each.size).save(part, icc_profile=picture.info.get("icc_profile"), **options)


def _print_table(wanted: list[_Wanted], crops: list[Crop]) -> None:
    from salgan.cli._results import print_table

    rows = []
    for each, found in zip(wanted, crops, strict=True):
        point = found.focal_point
        rows.append(
            [
                each.label,
                f"{found.width}×{found.height} at {found.left}, {found.top}",
                f"{found.kept:.1%}",
                f"{found.centre_kept:.1%}",
                f"{point.x:.3f}, {point.y:.3f}",
                "" if each.path is None else str(each.path),
            ]
        )
    print_table(["crop", "window", "attention kept", "centre crop", "focal point", "file"], rows, left={0, 5})
