"""Score several networks on the recipe's validation pictures, and their differences from the first.

    python experiments/lite/ablation.py lite data=FOLDER NETWORK.safetensors...

Every network sees the pictures at its own size. Printed: means over all validation pictures, the mean of the
paired differences in CC from the first network with its 95 % bootstrap interval, and OSIE's part alone.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import torch

from salgan.errors import SalganError
from salgan.evaluation.intervals import bootstrap_mean
from salgan.networks import Generator, load_network
from salgan.training import Config, load_config
from salgan.training.cache import prepare
from salgan.training.data import Pool
from salgan.training.metrics import cc, kld, nss, sim

METRICS = {"cc": cc, "nss": nss, "sim": sim, "kld": kld}


@torch.no_grad()
def scores(network: Generator, config: Config) -> tuple[dict[str, np.ndarray], list[str]]:
    """Every validation picture's scores, and the pictures' names."""
    cache = Path(config.cache) if config.cache else None
    sources = [source for source in config.sources if source.val]
    prepared = [
        prepare(source, Path(config.data), network.preprocessing.fixed(), cache) for source in sources
    ]
    pool = Pool(prepared, "val", torch.device("cpu"))
    found: dict[str, list[torch.Tensor]] = {name: [] for name in METRICS}
    for start in range(0, len(pool), 10):
        batch = pool.batch(np.arange(start, min(start + 10, len(pool))))
        maps = network.eval()(batch.pictures)
        for name, metric in METRICS.items():
            truth = batch.fixations if name == "nss" else batch.density
            found[name].append(metric(maps, truth))
    return {name: torch.cat(values).double().numpy() for name, values in found.items()}, pool.names


def main() -> None:
    """Print one row per network."""
    parser = argparse.ArgumentParser(description="Score networks on the validation pictures of a recipe.")
    parser.add_argument("recipe", type=Path)
    parser.add_argument("arguments", nargs="+", help="overrides of the recipe (key=value) and networks")
    arguments = parser.parse_args()
    config = load_config(
        arguments.recipe, [*(each for each in arguments.arguments if "=" in each), "out=."]
    )  # nothing is written there
    first: dict[str, np.ndarray] = {}
    print(
        "| network | CC | difference | NSS | SIM | KLD | OSIE CC | OSIE NSS |", "|---|" + "---|" * 7, sep="\n"
    )
    for path in (each for each in arguments.arguments if "=" not in each):
        mine, names = scores(load_network(Path(path)), config)
        osie = np.array([name.startswith("osie/") for name in names])
        first = first or mine
        change = bootstrap_mean(mine["cc"] - first["cc"])
        difference = "" if mine is first else f"{change.mean:+.4f} [{change.low:+.4f}, {change.high:+.4f}]"
        means = {name: np.nanmean(values) for name, values in mine.items()}
        print(
            f"| {path} | {means['cc']:.4f} | {difference} | {means['nss']:.3f} | {means['sim']:.3f} "
            f"| {means['kld']:.3f} | {mine['cc'][osie].mean():.3f} | {np.nanmean(mine['nss'][osie]):.3f} |",
            flush=True,
        )


if __name__ == "__main__":
    try:
        main()
    except SalganError as error:
        sys.exit(f"error: {error}")
