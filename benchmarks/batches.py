"""What a batch brings on this machine.

python benchmarks/batches.py [MODEL ...]

Prints, for batches of 1, 2, 4 and 8 pictures on one thread, the milliseconds of processor time that a picture
takes (the fastest of six runs, the sizes by turns), and how far the maps of a batch of 8 are from those of
the same pictures alone.
"""

import sys
import time

import numpy as np

import salgan


def measure(name: str) -> None:
    model = salgan.load_model(name, threads=1)
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, (600, 800, 3), dtype=np.uint8) for _ in range(8)]
    batch = model.network_input(pictures)
    alone = np.concatenate([model._infer(batch[at : at + 1]) for at in range(8)])
    seconds: dict[int, list[float]] = {1: [], 2: [], 4: [], 8: []}
    for _ in range(6):
        for size, taken in seconds.items():
            start = time.process_time()
            together = model._infer(batch[:size])
            taken.append((time.process_time() - start) / size)
    figures = ", ".join(f"{size}: {1000 * min(taken):.1f} ms" for size, taken in seconds.items())
    print(f"{name}: {figures}; greatest difference {np.abs(together - alone).max():.1g}")


if __name__ == "__main__":
    for each in sys.argv[1:] or ["lite"]:
        measure(each)
