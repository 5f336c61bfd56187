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

    from salgan.crop import Crop, Shape
    from salgan.models.predictor import Predictor

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
    """One ``--ratio`` or ``--size`` for a picture: the size of its window, and where the crop is written."""

    shape: Shape
    window: tuple[int, int]
    path: Path | None


@dataclass(frozen=True)
class _Cropped:
    """One picture: its size, what is wanted of it, how that is written, and what was found."""

    path: Path
    width: int
    height: int
    wanted: list[_Wanted]
    options: dict[str, Any]
    crops: list[Crop]


def crop(
    pictures: Annotated[
        list[str],
        typer.Argument(
            metavar="IMAGE...", help="Pictures, folders, quoted globs, or @list.txt with one of them a line."
        ),
    ],
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
    csv: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write a row for each crop; - means stdout."),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print no table.")] = False,
    model: Model = "lite",
    device: Device = "auto",
    skip_existing: Annotated[
        bool, typer.Option("--skip-existing", help="Leave crops that already exist alone.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace files that already exist.")] = False,
) -> None:
    """Crop pictures where people look.

    [bold]salgan crop photo.jpg --ratio 1:1 --ratio 16:9 --size 400x300 -o out[/bold]

    This writes out/photo.crop-1-1.jpg, out/photo.crop-16-9.jpg and out/photo.crop-400x300.jpg.

    Each crop is the window of its shape that keeps the most attention, and never less than the one in the
    centre. Without -o, only the figures are shown. The focal point is given in fractions of the picture,
    ready for a style sheet (object-position).
    """
    from salgan.cli._common import load_predictor, progress, say_error
    from salgan.cli._results import about, check_targets, found_pictures, refuse_to_overwrite
    from salgan.crop import parse_shapes
    from salgan.errors import OF_ONE_PICTURE, SalganError

    if skip_existing and overwrite:
        raise ConfigError("--skip-existing and --overwrite exclude each other")
    if skip_existing and out is None:
        raise ConfigError("--skip-existing is about the crops' files, and none are written; add -o FOLDER")
    if not (ratio or size):
        raise ConfigError("say which crops: --ratio 1:1, --size 400x300")
    shapes = parse_shapes(ratio or [], size or [])
    if out is not None and out.exists() and not out.is_dir():
        raise ConfigError(f"{out}: is a file; -o names the folder for the crops")
    check_targets([json, csv], overwrite=overwrite)
    found = found_pictures(pictures)
    is_one = len(found.paths) == 1
    planned: list[_Cropped] = []
    errors: list[SalganError] = []
    for path, name in zip(found.paths, found.names, strict=True):
        try:
            one, misfits = _planned(path, shapes, out and out / name)
        except SalganError as error:
            if is_one:
                raise
            errors.append(error)
            continue
        if misfits and is_one:
            raise ConfigError(misfits[0])
        if one.wanted:
            planned.append(one)
        errors += [SalganError(f"{path}: {misfit}") for misfit in misfits]
    if not (overwrite or skip_existing):
        refuse_to_overwrite(each.path for one in planned for each in one.wanted if each.path is not None)
    predictor = load_predictor(model)
    with progress() as on_progress:
        for number, one in enumerate(planned):
            on_progress("pictures", number, len(planned))
            try:
                _crop(one, predictor, skip=skip_existing)
            except OF_ONE_PICTURE as error:
                if is_one:
                    raise
                errors.append(about(one.path, error))
        on_progress("pictures", len(planned), len(planned))
    cropped = [one for one in planned if one.crops]
    _write_figures(cropped, predictor.name, json, csv, is_one=is_one)
    if not quiet and "-" not in (str(json), str(csv)):
        _print_table(cropped, is_one=is_one)
    for each_error in errors:
        say_error(each_error)
    if errors:
        raise typer.Exit(1)


def _planned(path: Path, shapes: list[Shape], base: Path | None) -> tuple[_Cropped, list[str]]:
    """What is to be cut of a picture, before anything is predicted, and which sizes are too large for it."""
    from salgan import image

    decoded, _ = image.decode(path)
    with decoded:
        ending, options = _WRITTEN_AS.get(decoded.format, _AS_PNG)
        if ending == ".jpg" and decoded.has_transparency_data:
            ending, options = _AS_PNG
        width, height = image.upright(decoded).size
    wanted = []
    misfits = []
    for shape in shapes:
        try:
            window = shape.window(width, height)
        except ConfigError as error:
            misfits.append(str(error))
            continue
        target = base and base.with_name(f"{base.name}.crop-{shape.label.replace(':', '-')}{ending}")
        wanted.append(_Wanted(shape, window, target))
    return _Cropped(path, width, height, wanted, options, []), misfits


def _crop(one: _Cropped, predictor: Predictor, *, skip: bool) -> None:
    """Find the crops of a picture, and write those that have a place to go."""
    from salgan import image
    from salgan.crop import best

    decoded, _ = image.decode(one.path)
    with decoded:
        saliency = predictor.predict(image.read(decoded))
        crops = best(saliency, [each.window for each in one.wanted])
        if any(each.path for each in one.wanted):
            _write(image.upright(decoded), list(zip(one.wanted, crops, strict=True)), one.options, skip=skip)
    one.crops.extend(crops)


def _write_figures(
    planned: list[_Cropped], model: str, json: Path | None, csv: Path | None, *, is_one: bool
) -> None:
    from salgan.cli._results import write_csv, write_json
    from salgan.crop import SCHEMA, SCHEMA_OF_MANY

    documents: list[dict[str, Any]] = []
    rows = []
    for one in planned:
        entries = []
        for each, found in zip(one.wanted, one.crops, strict=True):
            entries.append(
                {"for": each.shape.label, "file": each.path and str(each.path), **found.document()}
            )
            point = found.focal_point
            cells = (found.left, found.top, found.width, found.height, found.kept, found.centre_kept)
            rows.append(
                [str(one.path), each.shape.label, *cells, point.x, point.y, each.path and str(each.path)]
            )
        about = {"path": str(one.path), "width": one.width, "height": one.height}
        documents.append({"schema": SCHEMA, "picture": about, "model": model, "crops": entries})
    if json is not None:
        many = {"schema": SCHEMA_OF_MANY, "model": model, "pictures": documents}
        write_json(documents[0] if is_one else many, json)
    if csv is not None:
        header = ["picture", "for", "left", "top", "width", "height", "kept", "centre_kept"]
        write_csv([*header, "focal_x", "focal_y", "file"], rows, csv)


def _write(
    picture: Image.Image, crops: list[tuple[_Wanted, Crop]], options: dict[str, Any], *, skip: bool
) -> None:
    from salgan._files import make_folder, replacing
    from salgan.crop import cut, for_png

    for each, found in crops:
        if each.path is None or (skip and each.path.exists()):
            continue
        make_folder(each.path.parent)
        # The colours mean what the profile says; the rest of the metadata described another picture.
        window, profile = cut(picture, found, each.shape.size), picture.info.get("icc_profile")
        if options["format"] == "PNG":
            window, profile = for_png(window, profile)
        with replacing(each.path) as part:
            window.save(part, icc_profile=profile, **options)


def _print_table(planned: list[_Cropped], *, is_one: bool) -> None:
    from salgan.cli._results import print_table

    rows = []
    for one in planned:
        for each, found in zip(one.wanted, one.crops, strict=True):
            point = found.focal_point
            rows.append(
                [
                    *([] if is_one else [str(one.path)]),
                    each.shape.label,
                    f"{found.width}×{found.height} at {found.left}, {found.top}",
                    f"{found.kept:.1%}",
                    f"{found.centre_kept:.1%}",
                    f"{point.x:.3f}, {point.y:.3f}",
                    "" if each.path is None else str(each.path),
                ]
            )
    header = ["crop", "window", "attention kept", "centre crop", "focal point", "file"]
    if is_one:
        print_table(header, rows, left={0, 5})
    else:
        print_table(["picture", *header], rows, left={0, 1, 6})
