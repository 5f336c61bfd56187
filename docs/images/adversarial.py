"""Draw adversarial phases: how often the discriminator is right, and what becomes of the generator's maps.

python docs/images/adversarial.py OUT.png TITLE=RUN/metrics.jsonl ...
"""

from __future__ import annotations

import json
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
        steps = [line for line in lines if line["kind"] == "step" and "accuracy_real" in line]
        judged = [line for line in lines if line["kind"] == "validation" and "accuracy_real" in line]
        begin = max((line["step"] for line in lines if line["phase"] == "warmup"), default=None)
        for key, label, colour in (
            ("accuracy_real", "true maps", "C0"),
            ("accuracy_generated", "generated maps", "C1"),
        ):
            left.plot([line["step"] for line in steps], [line[key] for line in steps], colour, label=label)
            left.plot([line["step"] for line in judged], [line[key] for line in judged], f"{colour}o")
        left.axhline(0.5, color="grey", linewidth=0.8, linestyle=":")
        left.set(ylabel="discriminator is right", ylim=(0, 1.25))
        left.set_title(title, loc="left")
        left.legend(frameon=False, ncols=2, loc="upper center", bbox_to_anchor=(0.5, 1.0))
        moved = [line for line in lines if line["kind"] == "step" and "content" in line]
        scores = [line for line in lines if line["kind"] == "validation" and "cc" in line]
        right.plot(
            [line["step"] for line in moved],
            [line["content"] for line in moved],
            label="content loss, training",
        )
        right.plot(
            [line["step"] for line in scores], [line["cc"] for line in scores], "k.-", label="CC, validation"
        )
        right.set(ylim=(0, 1))
        right.legend(frameon=False, loc="upper right")
        for panel in (left, right):
            if begin is not None:
                panel.axvspan(0, begin, color="grey", alpha=0.12, linewidth=0)
    for panel in rows[-1]:
        panel.set_xlabel("step; grey: warm-up, points: validation maps")
    figure.savefig(out, dpi=110)


if __name__ == "__main__":
    titles = (argument.rpartition("=") for argument in sys.argv[2:])
    main(Path(sys.argv[1]), {title: Path(path) for title, _, path in titles})
