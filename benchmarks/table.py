"""One table of how fast this machine is at everything, beside named peers, and its plot.

    python benchmarks/table.py [--rounds 60] [--pictures 600] [--plot docs/images/performance.png]

Runs the other scripts of this folder one after the other: a picture in the network with one thread and with
two (predict.py), many files and the start of a command (files.py). Ratios of the metrics are those that
metrics/compare.py wrote last. Prints a Markdown table, and writes benchmarks/results/table.json. Nothing else
should run meanwhile.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from files import file_to_file, start_up
from predict import UNISAL_ROW, network_times

from salgan._files import replacing
from salgan._parallel import cores

RESULTS = Path(__file__).parent / "results"
PACKAGES = ("salgan", "numpy", "pillow", "onnxruntime", "torch", "hotgaze", "typer")
ORANGE, GREY = "#d2601a", "#9a9a9a"


def machine() -> dict[str, Any]:
    """What ran: processor, cores, Python and the packages that matter."""
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        models = [line for line in cpuinfo.read_text().splitlines() if line.startswith("model name")]
        name = models[0].partition(":")[2].strip() if models else name
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = "not installed"
    return {"processor": name, "cores": cores(), "python": platform.python_version(), "packages": versions}


def main() -> None:
    parser = argparse.ArgumentParser(description="One table of speeds beside named peers.")
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--pictures", type=int, default=600)
    parser.add_argument("--plot", type=Path, help="draw how the networks compare here, as PNG or SVG")
    arguments = parser.parse_args()

    networks = {}
    for threads in range(1, min(2, cores()) + 1):
        times = network_times("lite", threads, arguments.rounds)
        networks[threads] = {name: statistics.median(values) * 1e3 for name, values in times.items()}
    record = {
        "date": date.today().isoformat(),
        "machine": machine(),
        "network, ms a picture, median": networks,
        "files": file_to_file(arguments.pictures),
        "start, s, median": start_up(),
    }
    metrics = json.loads((RESULTS / "metrics.json").read_text("utf-8"))
    record["metrics, times as long as salgan"] = metrics["times longer than salgan"] | {
        "machine": f"{metrics['machine']}, {metrics['date']}"
    }
    with replacing(RESULTS / "table.json") as draft:
        draft.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print("\n".join(rows(record)))
    if arguments.plot is not None:
        draw(networks, arguments.plot)


def rows(record: dict[str, Any]) -> list[str]:
    """The table, in Markdown."""
    of = record["machine"]
    packages = ", ".join(f"{name} {number}" for name, number in of["packages"].items())
    lines = [
        f"{of['processor']}, {of['cores']} cores, Python {of['python']}, {packages}; {record['date']}",
        "",
    ]
    networks = record["network, ms a picture, median"]
    lines += ["| one picture | " + " | ".join(f"{each} thread{'s'[: each - 1]}" for each in networks) + " |"]
    lines += ["|---" * (len(networks) + 1) + "|"]
    for name in networks[1]:
        times_lite = [column[name] / next(iter(column.values())) for column in networks.values()]
        lines.append(f"| {name} | " + " | ".join(f"{ratio:.2f}" for ratio in times_lite) + " |")
    for title, part in (
        ("files", record["files"]),
        ("start", record["start, s, median"]),
        ("metrics, times as long as salgan", record["metrics, times as long as salgan"]),
    ):
        lines += ["", f"| {title} | |", "|---|---|"]
        lines += [
            f"| {name} | {value if isinstance(value, str) else format(value, '.3g')} |"
            for name, value in part.items()
        ]
    return lines


def draw(networks: dict[int, dict[str, float]], path: Path) -> None:
    """A bar for each network: how many times as fast as UNISAL's it is, one thread each."""
    from matplotlib.figure import Figure

    times = networks[1]
    yardstick = times.get(UNISAL_ROW, next(iter(times.values())))
    bars = sorted(((yardstick / value, name) for name, value in times.items()))
    figure = Figure(figsize=(7.5, 0.42 * len(bars) + 0.9), layout="constrained")
    axes = figure.subplots()
    colours = [ORANGE if name.startswith("lite") else GREY for _, name in bars]
    drawn = axes.barh([name for _, name in bars], [speed for speed, _ in bars], color=colours)
    axes.bar_label(drawn, [f"{speed:.2g}" for speed, _ in bars], padding=3)
    axes.set_xlabel(f"pictures in the same time, {UNISAL_ROW.partition(' at ')[0]} = 1 (one thread)")
    axes.spines[["top", "right"]].set_visible(False)
    axes.margins(x=0.12)
    with replacing(path) as draft:
        figure.savefig(draft, format=path.suffix.removeprefix("."), dpi=120)


if __name__ == "__main__":
    main()
