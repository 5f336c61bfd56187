"""Where the time of one picture goes, from its JPEG to the PNG of its map, and what other ways would cost.

    python benchmarks/steps.py [--rounds 30]

Prints milliseconds of processor time on one thread, the median of the calls, the steps by turns: those that
``salgan predict`` takes for a picture of 800×600, and the alternatives that were thought of for each.
"""

from __future__ import annotations

import argparse
import io
import statistics
import time
from collections.abc import Callable

import numpy as np
from files import PHOTO, SIZE
from PIL import Image

import salgan
from salgan import image
from salgan.models import find, list_models
from salgan.models._sizes import at_picture_size


def main() -> None:
    parser = argparse.ArgumentParser(description="Where the time of one picture goes.")
    parser.add_argument("--rounds", type=int, default=30)
    rounds = parser.parse_args().rounds

    file = io.BytesIO()
    with Image.open(PHOTO) as opened:
        opened.convert("RGB").resize(SIZE).save(file, "JPEG", quality=88)
    jpeg = file.getvalue()
    models = {"lite": salgan.load_model("lite", threads=1)}
    found = {record.name: find(record) for record in list_models()}
    if found.get("lite-int8") is not None:
        models["lite-int8"] = salgan.load_model(str(found["lite-int8"]), threads=1)
    lite = models["lite"]
    picture = image.read(jpeg)
    batch = lite.network_input([picture])
    small = lite._infer(batch)[0, 0]
    whole = at_picture_size(small, SIZE[1], SIZE[0])
    levels = np.rint(whole * 255).astype(np.uint8)

    def reduced() -> None:
        """Decode at half the size, as JPEG can, and resize that."""
        with Image.open(io.BytesIO(jpeg)) as opened:
            opened.draft("RGB", (lite.preprocessing.width, lite.preprocessing.height))
            lite.network_input([np.asarray(opened.convert("RGB"))])

    def enlarged_in_8_bits() -> None:
        Image.fromarray(np.rint(small * 255).astype(np.uint8)).resize(SIZE, Image.Resampling.BICUBIC)

    def encoded(level: int) -> Callable[[], None]:
        return lambda: Image.fromarray(levels).save(io.BytesIO(), "PNG", compress_level=level)

    steps: dict[str, Callable[[], object]] = {
        "decode": lambda: image.read(jpeg),
        "resize to the network's input": lambda: lite.network_input([picture]),
        **{
            f"network, {name}": lambda model=model: model._infer(batch)  # type: ignore[misc]
            for name, model in models.items()
        },
        "enlarge to the picture's size": lambda: at_picture_size(small, SIZE[1], SIZE[0]),
        "round to 8 bits and encode the PNG": lambda: salgan.SaliencyMap(whole).encode("png8"),
        "instead: decode at half size and resize": reduced,
        "instead: enlarge in 8 bits": enlarged_in_8_bits,
        **{f"instead: encode the PNG at level {level}": encoded(level) for level in (0, 1, 6)},
    }
    taken: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(rounds + 1):
        for name, step in steps.items():
            start = time.process_time()
            step()
            taken[name].append(time.process_time() - start)
    for name, values in taken.items():
        print(f"{statistics.median(values[1:]) * 1e3:8.2f}  {name}")


if __name__ == "__main__":
    main()
