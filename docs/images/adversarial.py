"""Draw what the discriminator thinks of true and of generated maps, and what validation says.

python docs/images/adversarial.py RUN/metrics.jsonl OUT.png
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt


def main(metrics: Path, out: Path) -> None:
    """Draw the adversarial phase of one run."""
    lines: list[dict[str, Any]] = [json.loads(line) for line in metrics.read_text("utf-8").splitlines()]
    steps = [line for line in lines if line["kind"] == "step" and "log_d_real" in line]
    scores = [line for line in lines if line["kind"] == "validation"]
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.4), layout="constrained")
    for key, label in (("log_d_real", "D on true maps"), ("log_d_generated", "D on generated maps")):
        left.plot([line["step"] for line in steps], [math.exp(line[key]) for line in steps], label=label)
    left.axhline(0.5, color="grey", linewidth=0.8, linestyle=":")
    left.set(xlabel="step", ylabel="geometric mean of D", title="Adversarial phase")
    left.legend(frameon=False)
    right.plot([line["epoch"] for line in scores], [line["cc"] for line in scores], marker=".", color="black")
    first = next((line["epoch"] for line in scores if line["phase"] == "adversarial"), None)
    if first is not None:
        right.axvline(first - 0.5, color="grey", linewidth=0.8, linestyle=":")
        right.text(first - 0.45, right.get_ylim()[0], " adversarial", va="bottom", color="grey")
    right.set(xlabel="epoch", ylabel="CC on validation", title="The whole run")
    figure.savefig(out, dpi=110)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
