"""The archives that benchmarks with hidden ground truth ask for, checked before they are written.

``salicon``: 5,000 pictures ``COCO_test2014_*.jpg`` of 640×480; maps as 8-bit grey PNG of the same names, at
the root of a zip archive. The challenge's public pages (LSUN 2017, CodaLab 17136) state the metrics but not
the file layout; this is what its participants upload. (The challenge of 2015 took JSON files of another
form.)

``mit300``: 300 pictures ``i1.jpg`` to ``i300.jpg``; maps as JPEG of the same names and sizes, in a zip
archive with one folder named after the model (saliency.mit.edu/submission_mit300.html).

``cat2000``: 20 folders of 100 pictures of 1920×1080; maps as JPEG of the same names and sizes, in the same
folders below one named after the model (saliency.mit.edu/submission_cat2000.html).

The MIT/Tübingen benchmark, which goes on with the last two, scores densities: a name that ends in ``.hdf5``
asks for its form, see :mod:`salgan.evaluation.submitted_densities`.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from salgan import image
from salgan._arrays import Array
from salgan._files import files_below, replacing
from salgan._progress import Progress, Say, silent, unsaid
from salgan._words import did_you_mean
from salgan.datasets import Stimulus
from salgan.datasets.density import resized
from salgan.errors import ConfigError, DatasetError, ModelError
from salgan.evaluation.baselines import FROM_FIXATIONS
from salgan.evaluation.map_kinds import check_aspect
from salgan.evaluation.map_sources import lacks, open_map_source
from salgan.evaluation.sources import MapSource, Model
from salgan.evaluation.submitted_densities import write_log_densities

__all__ = ["SUBMISSIONS", "Submission", "submit"]


@dataclass(frozen=True)
class Submission:
    """What one benchmark asks for.

    Attributes:
        name: the name of the benchmark.
        count: number of pictures.
        pattern: what a picture's path below the given folder looks like, without ending.
        size: (width, height) of every picture, None where they differ.
        folders: number of folders that the pictures are in, 0 for none; each holds the same number.
        suffix: the suffix of the maps, ``.png`` or ``.jpg``.
        in_folder: whether everything is below a folder with the model's name.
        densities: whether log densities in HDF5 are accepted, too.
    """

    name: str
    count: int
    pattern: str
    size: tuple[int, int] | None
    folders: int
    suffix: str
    in_folder: bool
    densities: bool


_HDF5 = (".hdf5", ".h5")

SUBMISSIONS = {
    each.name: each
    for each in (
        Submission("salicon", 5000, r"COCO_test2014_\d{12}", (640, 480), 0, ".png", False, False),
        Submission("mit300", 300, r"i([1-9]\d?|[12]\d\d|300)", None, 0, ".jpg", True, True),
        Submission("cat2000", 2000, r"[A-Za-z]+/\d{3}", (1920, 1080), 20, ".jpg", True, True),
    )
}
"""The benchmarks by name."""


def submit(
    benchmark: str | Submission,
    model: str | Path | MapSource | Model,
    pictures: Path,
    out: Path,
    *,
    names: str | None = None,
    trust: bool = False,
    overwrite: bool = False,
    on_progress: Progress = silent,
    say: Say = unsaid,
) -> int:
    """Predict a benchmark's test pictures and pack the maps as it wants them.

    The pictures are checked before the first prediction: names, number, sizes. The archive is read back and
    checked before it gets its name. In a zip archive, maps are divided by their largest value and rounded to
    8 bits, as the formats demand; an HDF5 file holds log densities.

    Args:
        benchmark: ``salicon``, ``mit300`` or ``cat2000``.
        model: see :func:`salgan.evaluation.open_map_source`; a folder of maps will do.
        pictures: folder of the test pictures.
        out: the zip archive to write; a name that ends in .hdf5 (or .h5) writes log densities, which the
            MIT/Tübingen benchmark takes for mit300 and cat2000.
        names: how a folder of maps names its maps, such as ``{stem}_saliency.png``; None recognises it.
        trust: import the code of a network of your own.
        overwrite: replace it if it exists.
        on_progress: is told how far it is after each picture.
        say: is told, in a line, what a set of maps was taken for.

    Returns:
        Number of maps in the archive.

    Raises:
        ConfigError: no such benchmark; or the archive exists.
        DatasetError: the pictures are not the benchmark's.
        ModelError: the model is a baseline made from fixations; or a map is missing, flat, not finite,
            negative, or of another shape than its picture.
    """
    wanted = benchmark if isinstance(benchmark, Submission) else _find(benchmark)
    as_densities = out.suffix.lower() in _HDF5
    if not as_densities and out.suffix.lower() != ".zip":
        raise ConfigError(f"{out}: the archive's name must end in .zip, or in .hdf5 for log densities")
    if as_densities and not wanted.densities:
        raise ConfigError(f"{wanted.name} takes maps of 8 bits, not densities; name a .zip archive")
    if out.exists() and not overwrite:
        raise ConfigError(f"{out} exists; name another file or pass --overwrite")
    if not out.parent.is_dir():
        raise ConfigError(f"{out.parent}: no such folder")
    source = open_map_source(model, names=names, trust=trust)
    if isinstance(source, FROM_FIXATIONS):
        raise ModelError(
            f"baseline:{source.name} is made from fixations, and the test pictures of {wanted.name} come "
            "without any; submit a model, a folder of maps, or another baseline"
        )
    stimuli = check_pictures(wanted, pictures)
    if missing := source.missing(s.name for s in stimuli):
        raise ModelError(lacks(source, missing, len(stimuli)))
    if as_densities:
        with replacing(out) as part:
            write_log_densities(stimuli, source, pictures, part, on_progress, say)
        return len(stimuli)
    prefix = f"{re.sub('[^A-Za-z0-9_.-]', '_', source.name)}/" if wanted.in_folder else ""
    entries = {f"{prefix}{stimulus.name}{wanted.suffix}": stimulus for stimulus in stimuli}
    with replacing(out) as part:
        # Stored, not deflated: PNG and JPEG are compressed already.
        with zipfile.ZipFile(part, "w", zipfile.ZIP_STORED) as archive:
            for number, (name, stimulus) in enumerate(entries.items(), 1):
                saliency = source.predict(stimulus)
                check_aspect(saliency.shape, stimulus.height, stimulus.width, stimulus.name)
                saliency = resized(saliency, stimulus.height, stimulus.width)
                content = _encode(_eight_bits(saliency, stimulus.name), wanted.suffix)
                # A fixed date, so that the same maps make the same archive.
                archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content)
                on_progress("predicting", number, len(entries))
        _check_archive(part, {name: (s.width, s.height) for name, s in entries.items()}, wanted)
    return len(entries)


def check_pictures(wanted: Submission, folder: Path) -> list[Stimulus]:
    """Find a benchmark's test pictures and make sure that the set is correct and complete.

    Args:
        wanted: what the benchmark asks for.
        folder: where they are.

    Returns:
        The pictures, named by their path without ending, sorted.

    Raises:
        DatasetError: names, number, folders or sizes are not the benchmark's.
    """
    if not folder.is_dir():
        raise DatasetError(f"{folder}: no such folder")
    found: dict[str, Path] = {}
    for path in sorted(files_below(folder, DatasetError)):
        stem = path.relative_to(folder).with_suffix("").as_posix()
        if path.suffix.lower() not in image.SUFFIXES or path.name.startswith("."):
            continue
        if not re.fullmatch(wanted.pattern, stem):
            raise DatasetError(
                f"{path}: is not a picture of {wanted.name}, whose names look like {wanted.pattern}; "
                "name the folder that holds its test pictures only"
            )
        if stem in found:
            raise DatasetError(f"{path} and {found[stem].name} share a name; remove one of them")
        found[stem] = path
    if len(found) != wanted.count:
        raise DatasetError(f"{folder}: holds {len(found):,} pictures, {wanted.name} has {wanted.count:,}")
    if wanted.folders:
        sizes = Counter(PurePosixPath(stem).parent for stem in found)
        if len(sizes) != wanted.folders or set(sizes.values()) != {wanted.count // wanted.folders}:
            raise DatasetError(
                f"{folder}: holds {len(sizes)} folders of {min(sizes.values())} to {max(sizes.values())} "
                f"pictures, {wanted.name} has {wanted.folders} of {wanted.count // wanted.folders}"
            )
    stimuli = [Stimulus(stem, path) for stem, path in found.items()]
    for stimulus in stimuli:
        if wanted.size is not None and (stimulus.width, stimulus.height) != wanted.size:
            raise DatasetError(
                f"{stimulus.path}: is {stimulus.width}×{stimulus.height}, the pictures of {wanted.name} are "
                f"{wanted.size[0]}×{wanted.size[1]}"
            )
    return stimuli


def _find(name: str) -> Submission:
    known = name.casefold()  # MIT300 is how it is written elsewhere
    if known not in SUBMISSIONS:
        raise ConfigError(f"no benchmark {name!r} to submit to; {did_you_mean(name, SUBMISSIONS)}")
    return SUBMISSIONS[known]


def _eight_bits(saliency: Array, name: str) -> NDArray[np.uint8]:
    values = np.asarray(saliency, dtype=np.float64)
    if not np.isfinite(values).all() or values.min() < 0:
        raise ModelError(f"{name}: the map has negative, NaN or infinite values, which 8 bits cannot hold")
    if values.max() == values.min():
        raise ModelError(f"{name}: the map is flat; is this the right model?")
    levels: NDArray[np.uint8] = np.rint(values / values.max() * 255).astype(np.uint8)
    return levels


def _encode(levels: NDArray[np.uint8], suffix: str) -> bytes:
    file = io.BytesIO()
    if suffix == ".png":
        Image.fromarray(levels).save(file, format="PNG")
    else:
        # The highest quality that still is JPEG: compression must not decide a rank.
        Image.fromarray(levels).save(file, format="JPEG", quality=100, subsampling=0)
    return file.getvalue()


def _check_archive(path: Path, sizes: dict[str, tuple[int, int]], wanted: Submission) -> None:
    """Read the archive back as the benchmark will: names, number, sizes, kind."""
    kind = {".png": "PNG", ".jpg": "JPEG"}[wanted.suffix]
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        if sorted(names) != sorted(sizes) or len(names) != wanted.count:
            raise ModelError(f"{path}: does not hold the {wanted.count} maps that were written; run again")
        for name, size in sizes.items():
            with archive.open(name) as file, Image.open(file, formats=[kind]) as opened:
                if opened.size != size or opened.mode != "L":
                    raise ModelError(
                        f"{name}: was written as {opened.mode} of {opened.size}, not grey {size}"
                    )
