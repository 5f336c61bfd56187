"""Kills, full disks, races, damaged files and attacks: tried and failed for each area.

    python benchmarks/faults --quick

The run fails if anything failed.
"""

import argparse
import json
import random
import shutil
import sys
import tempfile
import time
import warnings
from datetime import date
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "serve"), str(HERE.parents[1] / "src"), str(HERE.parents[1])]

from _attacks import abuse_service, attack_service, leave_under_attack  # noqa: E402
from _commands import Area, peaks  # noqa: E402
from _inputs import bombs, damaged  # noqa: E402
from _processes import (  # noqa: E402
    full_disk,
    interrupt_start,
    kill_evaluate,
    kill_predict,
    kill_serve,
    kill_train,
    large_pictures,
    races,
)
from _service import RESULTS, machine  # noqa: E402

# Each area, and how often it is tried: in the quick form and in the long one. For attacks, seconds each.
AREAS: tuple[tuple[Area, int, int], ...] = (
    (kill_predict, 4, 50),
    (kill_train, 2, 30),
    (kill_evaluate, 2, 30),
    (kill_serve, 3, 30),
    (interrupt_start, 13, 200),
    (full_disk, 3, 30),
    (races, 3, 30),
    (large_pictures, 1, 3),
    (damaged, 110, 5000),
    (bombs, 1, 1),
    (abuse_service, 1, 20),
    (attack_service, 1, 10),
    (leave_under_attack, 1, 5),
)


def main() -> None:
    """Run the areas that are named, or all, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0], prog="benchmarks/faults")
    names = [area.__name__ for area, *_ in AREAS]
    parser.add_argument("areas", nargs="*", help=f"of {', '.join(names)}; all if none is named")
    parser.add_argument("--quick", action="store_true", help="minutes instead of an hour")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--save", action="store_true", help="write benchmarks/results/faults.json")
    options = parser.parse_args()
    if unknown := set(options.areas) - set(names):
        parser.error(f"no area {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    warnings.simplefilter("ignore")
    table, failures = [], []
    for area, few, many in AREAS:
        name = area.__name__
        if options.areas and name not in options.areas:
            continue
        folder, begun = Path(tempfile.mkdtemp(prefix="salgan-faults-")), time.monotonic()
        rng = random.Random(f"{options.seed} {name}")  # noqa: S311
        tried = failed = 0
        for wrong in area(folder, few if options.quick else many, rng):
            tried += 1
            if wrong is not None:
                failed += 1
                failures.append(f"{name}: {' '.join(wrong.split())}")
                print(failures[-1], file=sys.stderr, flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        table.append(
            {"area": name, "tried": tried, "failed": failed, "seconds": round(time.monotonic() - begun)}
        )
        print(table[-1], file=sys.stderr, flush=True)
    print("| area | tried | failed |\n|---|---|---|")
    for row in table:
        print(f"| {row['area'].replace('_', ' ')} | {row['tried']} | {row['failed']} |")
    print("\n| command | most memory, MB |\n|---|---|")
    for name, megabytes in sorted(peaks.items()):
        print(f"| {name} | {megabytes:.0f} |")
    if options.save:
        about = {"date": date.today().isoformat(), "machine": machine(), "quick": options.quick}
        document = {
            **about,
            "areas": table,
            "most MB": {k: round(v) for k, v in peaks.items()},
            "failed": failures,
        }
        (RESULTS / "faults.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    if failures:
        sys.exit(1)


if __name__ == "__main__":
    main()
