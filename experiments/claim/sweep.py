"""The sweep around the adversarial recipe, and its scores on the validation pictures.

    python experiments/claim/sweep.py DATA OUT [--rows NAME ...] [KEY=VALUE ...]

trains what is missing of :data:`ROWS` from the bootstrap in OUT/half-bootstrap (made first if it is not
there), one after the other, and writes experiments/claim/sweep.csv anew after each. It can be stopped and
started again.

    python experiments/claim/sweep.py DATA OUT --final RECIPE.yaml --seeds 0 1 2 [KEY=VALUE ...]

does the same for a recipe and its control, with several seeds, into seeds-half.csv or seeds-full.csv by the
recipe's size.
Both look at validation pictures only. What is chosen, and how, is in README.md here.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from salgan.reproduce.experiment import as_overrides

HERE = Path(__file__).parent
ADAGRAD = {"adversarial.optimiser": {"name": "adagrad", "lr": 3e-4, "weight_decay": 1e-4}}
MIXED = {"kld": 1.0, "cc": 1.0, "nss": 0.05, "bce": 0.3}


def _d(**changes: Any) -> dict[str, Any]:
    """The discriminator's optimiser with other settings."""
    settings = {"name": "adamw", "lr": 3e-4, "weight_decay": 1e-4, "betas": [0.5, 0.999]} | changes
    return {"adversarial.discriminator_optimiser": settings}


CONTROL = {"adversarial.control": True}
ROWS: dict[str, dict[str, Any]] = {
    "BCE": CONTROL,
    "centre": {},
    "alpha 100": {"adversarial.alpha": 100},
    "alpha 30": {"adversarial.alpha": 30},
    "paper's, with a warm-up": {
        "adversarial.alpha": 0.05,
        **ADAGRAD,
        "adversarial.discriminator_optimiser": None,
    },
    "no warm-up": {"adversarial.warmup.epochs": 0},
    "BCE, then with NSS": {"content.nss": 0.05, **CONTROL},
    "BCE, sharpened targets": {"candidate": "sharpened targets", **CONTROL},
    "alpha 1000": {"adversarial.alpha": 1000},
    "generator AdaGrad 3e-4": ADAGRAD,
    "BCE, generator AdaGrad 3e-4": ADAGRAD | CONTROL,
    "generator 3e-4": {"adversarial.optimiser.lr": 3e-4},
    "BCE, generator 3e-4": {"adversarial.optimiser.lr": 3e-4} | CONTROL,
    "normalised maps": {"candidate": "normalised maps"},
    "discriminator 1e-3": _d(lr=1e-3),
    "discriminator 1e-4": _d(lr=1e-4),
    "discriminator at full size": {"adversarial.discriminator.downsample": 1},
    "discriminator at a quarter": {"adversarial.discriminator.downsample": 4},
    "least squares": {"candidate": "least squares"},
    "hinge": {"candidate": "hinge"},
    "feature matching": {"candidate": "feature matching"},
    "R1": {"candidate": "R1"},
    "spectral norm": {"candidate": "spectral norm"},
    "label smoothing .1": {"adversarial.smoothing": 0.1},
    "KLD + CC + NSS, control": {"content": MIXED, **CONTROL},
    "KLD + CC + NSS": {"content": MIXED},
}
"""What each run changes in half.yaml, in the order of their worth; all are compared with the first."""


def main() -> None:
    """Train and score what is missing."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, help="folder that holds osie, eyecrowd and sun500")
    parser.add_argument("out", type=Path, help="folder of the runs")
    parser.add_argument("--rows", nargs="+", choices=ROWS, metavar="NAME", help="only these runs")
    parser.add_argument("--final", type=Path, help="train this recipe and its control instead")
    parser.add_argument(
        "--seeds", type=int, nargs="+", default=[0], help="of the continuations, with --final"
    )
    parser.add_argument("--name", default="GAN", help="of the adversarial runs, with --final")
    parser.add_argument("--one", help=argparse.SUPPRESS)  # one run, in a process of its own
    parser.add_argument("settings", nargs="*", metavar="KEY=VALUE", help="settings that replace the recipes'")
    arguments = parser.parse_intermixed_args()
    if arguments.one is not None:
        _train(json.loads(arguments.one))
        return
    places = [f"data={arguments.data}", *arguments.settings]
    if arguments.final is not None:
        half = yaml.safe_load(arguments.final.read_text("utf-8"))["size"] == [96, 128]
        size = "half" if half else "full"
        boot = _bootstrap(arguments.final, arguments.out, size, places)
        for seed in arguments.seeds:
            for name, changes in (("BCE", CONTROL), (arguments.name, {})):
                run = f"{size}-seeds/{name} {seed}"
                _run(arguments.final, arguments.out, run, boot, changes | {"seed": 1 + seed}, places)
                table = HERE / f"seeds-{size}.csv"
                _report(arguments.out / f"{size}-seeds", table, arguments.data, arguments.settings)
        return
    boot = _bootstrap(HERE / "half.yaml", arguments.out, "half", places)
    for name in arguments.rows or ROWS:
        _run(HERE / "half.yaml", arguments.out, f"half/{name}", boot, ROWS[name] | {"seed": 1}, places)
        _report(arguments.out / "half", HERE / "sweep.csv", arguments.data, arguments.settings)


def _bootstrap(recipe: Path, out: Path, size: str, places: list[str]) -> Path:
    """The network that all continuations start from."""
    _run(recipe, out, f"{size}-bootstrap", None, {"adversarial.epochs": 0, "ema": None}, places)
    return out / f"{size}-bootstrap" / "last.safetensors"


def _run(
    recipe: Path, out: Path, name: str, boot: Path | None, changes: dict[str, Any], places: list[str]
) -> None:
    """Train one run to its end, in a process of its own, as candidates change classes; finished ones stay."""
    start = {} if boot is None else {"bootstrap.epochs": 0, "init": str(boot)}
    changes = start | changes
    folder = out / name.replace(",", "").replace(" ", "-").replace("'", "")
    phase = "bootstrap" if boot is None else "adversarial"
    if (
        folder / "networks" / f"{yaml.safe_load(recipe.read_text('utf-8'))[phase]['epochs']:03d}.safetensors"
    ).is_file():
        return
    candidate = changes.pop("candidate", None)
    shape = [changes.get(f"adversarial.{key}") for key in ("discriminator.downsample", "smoothing")]
    warm = out / "warm" / f"{'-'.join(map(str, [candidate, *shape])).replace(' ', '-')}.pt"
    share = (
        boot is not None
        and changes.get("adversarial.warmup.epochs") != 0
        and not name.partition("/")[0].endswith("-seeds")
    )
    if share and warm.is_file() and not (folder / "config.yaml").is_file():
        changes["adversarial.warmup.epochs"] = 0
    if (folder / "config.yaml").is_file():
        stored = yaml.safe_load((folder / "config.yaml").read_text("utf-8"))
        changes["adversarial.warmup.epochs"] = stored["adversarial"]["warmup"]["epochs"]
    changes["resume"] = (folder / "config.yaml").is_file()
    task = {
        "recipe": str(recipe),
        "overrides": [*as_overrides(changes), f"out={folder}", *places],
        "candidate": candidate,
        "warm": str(warm) if share else None,
    }
    command = [sys.executable, __file__, "-", "-", "--one", json.dumps(task)]
    print(name, flush=True)
    if subprocess.run(command, check=False).returncode:  # noqa: S603  # our own command line
        sys.exit(f"{name}: stopped; the same command goes on")


def _train(task: dict[str, Any]) -> None:
    from candidates import CANDIDATES, share_warmup

    from salgan.errors import SalganError
    from salgan.training import load_config, train

    if task["candidate"]:
        CANDIDATES[task["candidate"]]()
    if task["warm"]:
        share_warmup(Path(task["warm"]))
    try:
        config = load_config(task["recipe"], task["overrides"])
        if not train(config, say=partial(print, file=sys.stderr, flush=True)).finished:
            sys.exit(3)
    except SalganError as error:
        sys.exit(f"sweep: error: {error}")


def _report(runs: Path, table: Path, data: Path, settings: list[str]) -> None:
    """Score what is not scored yet and write the table anew."""
    from score import write_table

    cache = next((each.partition("=")[2] for each in settings if each.startswith("cache=")), None)
    write_table(table, runs, data, Path(cache) if cache else None)


if __name__ == "__main__":
    main()
