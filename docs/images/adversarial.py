"""Draw adversarial phases: what the discriminator thinks of true and generated maps, and validation.

python docs/images/adversarial.py OUT.png TITLE=RUN/metrics.jsonl ...
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt


def main(out: Path, runs: dict[str, Path]) -> None:
    """Draw one row of two panels per run, by its title."""
    figure, rows = plt.subplots(
        len(runs), 2, figsize=(9, 2.7 * len(runs)), layout="constrained", squeeze=False, sharex="row"
    )
    for (title, path), (left, right) in zip(runs.items(), rows, strict=True):
        lines: list[dict[str, Any]] = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        steps = [line for line in lines if line["kind"] == "step" and "log_d_real" in line]
        scores = [line for line in lines if line["kind"] == "validation" and line["phase"] == "adversarial"]
        for key, label in (("log_d_real", "true maps"), ("log_d_generated", "generated maps")):
            left.plot([line["step"] for line in steps], [math.exp(line[key]) for line in steps], label=label)
        left.axhline(0.5, color="grey", linewidth=0.8, linestyle=":")
        left.set(ylabel="geometric mean of D", ylim=(0, 1), title=title)
        left.legend(frameon=False, ncols=2)
        right.plot(
            [line["step"] for line in steps],
            [line["content"] for line in steps],
            label="content loss, training",
        )
        right.plot(
            [line["step"] for line in scores], [line["cc"] for line in scores], "k.-", label="CC, validation"
        )
        right.set(ylim=(0, 1))
        right.legend(frameon=False)
    for panel in rows[-1]:
        panel.set_xlabel("step")
    figure.savefig(out, dpi=110)


if __name__ == "__main__":
    titles = (argument.rpartition("=") for argument in sys.argv[2:])
    main(Path(sys.argv[1]), {title: Path(path) for title, _, path in titles})
