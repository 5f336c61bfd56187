"""What training itself measured on the validation pictures after each epoch of several runs, as one table.

    python experiments/claim/epochs.py TABLE.csv RUN...

A RUN is a folder of ``salgan train``, which holds ``metrics.jsonl``.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SCORES = ("nss", "cc", "sim", "kld", "content", "accuracy_real", "accuracy_generated")


def epochs(run: Path) -> Iterator[dict[str, Any]]:
    """One row per epoch and per epoch of warm-up, in their order."""
    for line in (run / "metrics.jsonl").read_text("utf-8").splitlines():
        record = json.loads(line)
        if record["kind"] == "validation":
            scores = {name: f"{record[name]:.4f}" for name in SCORES if name in record}
            yield {"run": run.name, "phase": record["phase"], "epoch": record["epoch"]} | scores


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("table", type=Path)
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN")
    arguments = parser.parse_args()
    try:
        rows = [row for run in arguments.runs for row in epochs(run)]
    except OSError as error:
        sys.exit(f"epochs: error: {error}")
    except (ValueError, KeyError, TypeError) as error:
        sys.exit(f"epochs: error: a metrics.jsonl is not one of salgan train ({error})")
    with arguments.table.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["run", "phase", "epoch", *SCORES], lineterminator="\n", restval="")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
