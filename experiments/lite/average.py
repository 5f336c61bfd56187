"""Average the weights of several runs of the light network into one.

    python experiments/lite/average.py lite data=FOLDER NETWORK.safetensors[@SHARE]... -o OUT.safetensors

The runs must start from the same weights (same encoder, same seed), so that they lie in one valley of the
loss; the average then generalises better than each (Wortsman et al. 2022, "Model soups"). A network counts as
much as its share, 1 if left out. The recipe's size becomes the input's. Batch-norm statistics are measured
again on 960 training pictures of the recipe, since in general they do not average. With ``--plain`` they are
averaged all the same, and no data are needed.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn

sys.path.append(str(Path(__file__).parent.parent / "best"))
from mean import name_and_number, opened

from salgan.errors import ModelError, SalganError
from salgan.networks import Generator, save_network
from salgan.training import load_config
from salgan.training.cache import prepare
from salgan.training.data import Pool


def average(networks: list[Generator], shares: list[float]) -> Generator:
    """Put the mean of all weights, by shares that sum to 1, into the first network, and return it.

    Raises:
        ModelError: the networks are not of one form.
    """
    states = [network.state_dict() for network in networks]
    shapes = [{key: value.shape for key, value in state.items()} for state in states]
    if any(each != shapes[0] for each in shapes):
        raise ModelError("only networks of one form can be averaged, with their batch norms")
    mean = {
        key: sum(share * state[key].double() for share, state in zip(shares, states, strict=True)).to(
            value.dtype
        )
        for key, value in states[0].items()
    }
    networks[0].load_state_dict(mean)
    return networks[0]


def opened_with_share(text: str) -> tuple[Generator, float]:
    """The network and the share of NETWORK[@SHARE], 1 if left out.

    Raises:
        ModelError: not a network of ours, or a share that is not positive.
    """
    name, share = name_and_number(text)
    if share <= 0:
        raise ModelError(f"{text}: a share is positive")
    return opened(name), share


@torch.no_grad()
def measure_statistics(network: Generator, pool: Pool, batches: int = 60, size: int = 16) -> None:
    """Replace batch-norm statistics by their mean over training batches, drawn with seed 0."""
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    network.eval()
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain mean over the batches
        norm.train()
    order = np.random.default_rng(0).permutation(len(pool))
    for rows in order[: batches * size].reshape(-1, size):
        network.logits(pool.batch(rows).pictures)
    network.eval()


def main() -> None:
    """Parse, average, measure, save."""
    parser = argparse.ArgumentParser(description="Average the weights of several runs of one recipe.")
    parser.add_argument("recipe", type=Path)
    parser.add_argument("arguments", nargs="+", help="overrides of the recipe (key=value) and networks")
    parser.add_argument("--plain", action="store_true", help="average the batch-norm statistics, too")
    parser.add_argument("-o", "--out", type=Path, required=True)
    arguments = parser.parse_intermixed_args()
    overrides = [each for each in arguments.arguments if "=" in each]
    unused = ["out=.", *(["data=."] if arguments.plain else [])]  # the recipe wants them named
    config = load_config(arguments.recipe, [*unused, *overrides])
    chosen = [opened_with_share(each) for each in arguments.arguments if "=" not in each]
    if not chosen:
        sys.exit("error: name the networks to average")
    total = sum(share for _, share in chosen)
    network = average([network for network, _ in chosen], [share / total for _, share in chosen])
    height, width = config.size
    record = network.preprocessing.fixed(height, width)
    network.preprocessing = record
    if not arguments.plain:
        cache = Path(config.cache) if config.cache else None
        prepared = [prepare(source, Path(config.data), record, cache) for source in config.sources]
        measure_statistics(network, Pool(prepared, "train", torch.device("cpu")))
    save_network(network, arguments.out)


if __name__ == "__main__":
    try:
        main()
    except SalganError as error:
        sys.exit(f"error: {error}")
