"""Everything the paper's experiment needs, in one small archive.

    python experiments/paper/pack.py DATA ENCODER.safetensors OUT.tar.xz [--quality 80]

DATA holds osie, eyecrowd and sun500. Each becomes a plain folder (``salgan.datasets``, layout ``folder``) of
reduced pictures and of fixations in their pixels, so that any reader of the project opens it. Of EyeCrowd and
SUN500 the test pictures stay at home; OSIE's go along, to follow the networks on them.
"""

from __future__ import annotations

import argparse
import io
import sys
import tarfile
from pathlib import Path

import numpy as np
from PIL import Image
from safetensors.numpy import load_file, save

from salgan._files import replacing
from salgan.datasets import Dataset, Stimulus, load_split, open_dataset
from salgan.errors import SalganError

SIDES = dict.fromkeys(("osie", "osie-mouse", "eyecrowd", "sun500"), 480)
"""Longer side of the reduced pictures: nearly twice the network's 256, so that what WebP loses is averaged
away."""


def main() -> None:
    """Pack what the command line names."""
    parser = argparse.ArgumentParser(description="Pack the paper's experiment into one archive.")
    parser.add_argument("data", type=Path, help="folder that holds osie, eyecrowd and sun500")
    parser.add_argument("encoder", type=Path, help="VGG-16 as safetensors, keys as in timm, Caffe's weights")
    parser.add_argument("out", type=Path, help="archive to write, .tar.xz")
    parser.add_argument("--quality", type=int, default=80, help="of the WebP pictures")
    arguments = parser.parse_args()
    try:
        pack(arguments.data, arguments.encoder, arguments.out, arguments.quality)
    except (SalganError, OSError) as error:
        sys.exit(f"pack: error: {error}")


def pack(data: Path, encoder: Path, out: Path, quality: int) -> None:
    """Write the archive whole, or not at all."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with replacing(out) as part, tarfile.open(part, "w:xz", preset=6) as archive:
        _add(archive, "vgg16.safetensors", _half(encoder))
        eyes = open_dataset(data / "osie", "fixations-mat")
        pictures = add_pictures(archive, "osie", eyes, quality)
        add_fixations(archive, "osie", eyes)
        split = load_split("osie")
        mouse = open_dataset(data / "osie", "osie-mouse").select([*split["train"], *split["val"]])
        for stimulus in mouse:  # the very same pictures
            link = tarfile.TarInfo(f"osie-mouse/images/{stimulus.name}.webp")
            link.type, link.linkname = tarfile.LNKTYPE, pictures[stimulus.name]
            archive.addfile(link)
        add_fixations(archive, "osie-mouse", mouse)
        for name in ("eyecrowd", "sun500"):
            split = load_split(name)
            dataset = open_dataset(data / name).select([*split["train"], *split["val"]])
            add_pictures(archive, name, dataset, quality)
            add_fixations(archive, name, dataset)
    print(f"{out}: {out.stat().st_size / 2**20:.1f} MiB")


def add_pictures(archive: tarfile.TarFile, name: str, dataset: Dataset, quality: int) -> dict[str, str]:
    """Add a dataset's pictures, reduced; returns the member's name of each stimulus."""
    members = {}
    for stimulus in dataset:
        picture = Image.fromarray(stimulus.picture()).resize(
            reduced_size(stimulus, SIDES[name]), Image.Resampling.BICUBIC
        )
        content = io.BytesIO()
        picture.save(content, "WEBP", quality=quality, method=6)
        members[stimulus.name] = f"{name}/images/{stimulus.name}.webp"
        _add(archive, members[stimulus.name], content.getvalue())
    return members


def add_fixations(archive: tarfile.TarFile, name: str, dataset: Dataset) -> None:
    """Add a dataset's fixations as (N, 2) arrays in the reduced pictures' pixels."""
    for stimulus in dataset:
        content = io.BytesIO()
        np.save(content, reduced_fixations(stimulus, SIDES[name]), allow_pickle=False)
        _add(archive, f"{name}/fixations/{stimulus.name}.npy", content.getvalue())


def reduced_size(stimulus: Stimulus, side: int) -> tuple[int, int]:
    """Width and height with ``side`` pixels on the longer side, the shape kept."""
    factor = side / max(stimulus.width, stimulus.height)
    return max(1, round(stimulus.width * factor)), max(1, round(stimulus.height * factor))


def reduced_fixations(stimulus: Stimulus, side: int) -> np.ndarray:
    """Fixations inside the picture, in the reduced picture's pixels: float16 (N, 2) of x and y.

    Nothing that is trained or scored here depends on their order, and sorted columns pack best.
    """
    width, height = reduced_size(stimulus, side)
    if stimulus.fixations is None:
        raise SalganError(f"{stimulus.name}: has no fixations to pack")
    inside = stimulus.fixations.inside(stimulus.width, stimulus.height)
    # Pixel centres have whole coordinates, so the left border is at -0.5 in both pictures. A place on the
    # last half pixel may round to the border itself, which lies outside.
    x = np.clip((inside.x + 0.5) * width / stimulus.width - 0.5, -0.5, width - 0.75)
    y = np.clip((inside.y + 0.5) * height / stimulus.height - 0.5, -0.5, height - 0.75)
    order = np.lexsort((x, y))
    return np.asfortranarray(np.stack([x[order], y[order]], axis=1).astype(np.float16))


def _half(encoder: Path) -> bytes:
    tensors = {key: value.astype(np.float16) for key, value in load_file(encoder).items()}
    return save({key: value for key, value in tensors.items() if key.startswith("features.")})


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))


if __name__ == "__main__":
    main()
