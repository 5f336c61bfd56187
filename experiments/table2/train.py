"""The rivals of Table 2, each with its own loss, with BCE, and with an adversarial phase.

    python experiments/table2/train.py DATA OUT VGG16 LITE0 [KEY=VALUE ...]

DATA is the folder that holds osie; VGG16 and LITE0 are files with ImageNet weights (Caffe's VGG-16 and timm's
tf_efficientnet_lite0, as safetensors). Every run is trained in a process of its own into OUT/NETWORK/RUN. A
run that is there is not repeated, and one that was stopped goes on, so the same command resumes everything.

For each network: ``own`` learns with its published loss for as many updates as ``bootstrap`` and one of its
continuations together. From ``bootstrap`` (BCE) start ``bce`` (more BCE), ``gan`` (the recipe that won the
claim's sweep) and ``gan-paper`` (alpha .05 and AdaGrad, as in the paper, after the same warm-up). All see
the same pictures in the same order. The pictures are 240 of OSIE's training part; train.py writes the split.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
SIZES = {"train": 240, "report": 120, "val": 32}
"""Pictures to learn from, to report on (both of its training part), and to watch D with."""

NETWORKS: dict[str, dict[str, Any]] = {
    "light": {
        "network": {"encoder": "tf_efficientnet_lite0", "decoder": {"finest_stride": 4, "separable": False}},
        "size": [96, 128],
        "downsample": 2,
        "bootstrap.optimiser.lr": 1e-3,
    },
    "mlnet": {"network": {"encoder": "mlnet", "frozen": 3}, "size": [96, 128], "downsample": 2},
    "salicon-net": {"network": {"encoder": "salicon-net", "frozen": 3}, "size": [96, 128], "downsample": 2},
    "salgan": {"network": {"encoder": "vgg16"}, "size": [48, 64], "downsample": 1},
    "salnet": {"network": {"encoder": "salnet"}, "size": [48, 64], "downsample": 1},
}
"""Each rival, and SalGAN, at a quarter to a sixth of its published sides. The first three groups of every
VGG-16 are frozen, as SalGAN's are. Maps are compared, and judged by the discriminator, at 48×64."""

OWN = {
    "mlnet": {"bce": 0, "mlnet": 1.0},
    "salicon-net": {"bce": 0, "kld": 1.0},
    "salnet": {"bce": 0, "salnet": 1.0},
}
"""The published loss of each rival; SalGAN's and the light network's is BCE."""

ALONE = {"adversarial.epochs": 0, "ema": None}
CONTROL = {"adversarial.control": True}
PAPER = {
    "adversarial.alpha": 0.05,
    "adversarial.optimiser": {"name": "adagrad", "lr": 3e-4, "weight_decay": 1e-4},
    "adversarial.discriminator_optimiser": None,
}
FURTHER: dict[str, dict[str, Any]] = {"bce": CONTROL, "gan": {}, "gan-paper": PAPER}
"""What the continuations of a bootstrap change."""


def main() -> None:
    """Train what is missing, the most telling runs first."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, help="the folder that holds osie")
    parser.add_argument("out", type=Path, help="the folder of the runs")
    parser.add_argument("vgg16", type=Path, help="VGG-16's ImageNet weights")
    parser.add_argument("lite0", type=Path, help="EfficientNet-Lite 0's")
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--one", help=argparse.SUPPRESS)  # one run, in a process of its own
    parser.add_argument("settings", nargs="*", metavar="KEY=VALUE", help="settings that replace the recipe's")
    arguments = parser.parse_intermixed_args()
    if arguments.one is not None:
        train_one(json.loads(arguments.one))
        return
    split = write_split(arguments.out)
    weights = {"light": arguments.lite0, "salnet": None}
    run = partial(_run, arguments.out, [f"data={arguments.data}", *arguments.settings])
    first: dict[str, dict[str, Any]] = {}
    for name in arguments.networks:
        common, start = _common(name, split), weights.get(name, arguments.vgg16)
        first[name] = common if start is None else common | {"network.weights": str(start)}
        run(name, "bootstrap", first[name] | ALONE)
        for further in ("bce", "gan"):
            run(name, further, common | _from(arguments.out / name / "bootstrap") | FURTHER[further])
    for name in (name for name in arguments.networks if name in OWN):
        content = {"content": OWN[name]}
        run(name, "own-bootstrap", first[name] | content | ALONE)
        further = _from(arguments.out / name / "own-bootstrap") | CONTROL
        run(name, "own", _common(name, split) | content | further)
    for name in arguments.networks:
        further = _from(arguments.out / name / "bootstrap") | FURTHER["gan-paper"]
        run(name, "gan-paper", _common(name, split) | further)


def write_split(out: Path) -> Path:
    """Write OUT/split.json: the pictures to learn from, report on and watch; the test part stays shut."""
    from salgan.datasets import load_split

    parts = load_split("osie")
    order = sorted(parts["train"], key=lambda name: hashlib.sha256(f"table2:{name}".encode()).digest())
    chosen = {
        "train": sorted(order[: SIZES["train"]]),
        "report": sorted(order[SIZES["train"] :][: SIZES["report"]]),
        "val": sorted(parts["val"])[: SIZES["val"]],
    }
    path = out / "split.json"
    out.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(chosen, indent=1), encoding="utf-8")
    return path


def _common(name: str, split: Path) -> dict[str, Any]:
    settings = NETWORKS[name]
    return settings | {
        "sources.0.split": str(split),
        "adversarial.discriminator.downsample": settings["downsample"],
    }


def _from(bootstrap: Path) -> dict[str, Any]:
    return {"bootstrap.epochs": 0, "init": str(bootstrap / "last.safetensors"), "seed": 1}


def _run(out: Path, places: list[str], name: str, run: str, changes: dict[str, Any]) -> None:
    """Train one run to its end; a finished one stays as it is."""
    folder, warm = out / name / run, out / name / "warm.pt"
    if (folder / "networks" / "001.safetensors").is_file():
        return
    stored = folder / "config.yaml"
    if stored.is_file():  # go on with what it was begun with
        changes = changes | {
            "adversarial.warmup.epochs": yaml.safe_load(stored.read_text("utf-8"))["adversarial"]["warmup"][
                "epochs"
            ]
        }
    elif warm.is_file():
        changes = changes | {"adversarial.warmup.epochs": 0}
    changes = changes | {"resume": stored.is_file(), "out": str(folder)}
    task = {
        "overrides": [*(f"{key}={_flow(value)}" for key, value in changes.items()), *places],
        "warm": str(warm) if run.startswith("gan") else None,
    }
    print(f"{name} {run}", flush=True)
    command = [sys.executable, __file__, "-", "-", "-", "-", "--one", json.dumps(task)]
    if subprocess.run(command, check=False).returncode:  # noqa: S603  # our own command line
        sys.exit(f"{name} {run}: stopped; the same command goes on")


def train_one(task: dict[str, Any]) -> None:
    """Train one run in this process."""
    from warm import share_warmup

    from salgan.errors import SalganError
    from salgan.training import load_config, train

    if task["warm"]:
        share_warmup(Path(task["warm"]))
    try:
        config = load_config(HERE / "recipe.yaml", task["overrides"])
        if not train(config, say=partial(print, file=sys.stderr, flush=True)).finished:
            sys.exit(3)
    except SalganError as error:
        sys.exit(f"train: error: {error}")


def _flow(value: Any) -> str:
    return yaml.safe_dump(value, default_flow_style=True, width=1000).strip().removesuffix("\n...")


if __name__ == "__main__":
    main()
