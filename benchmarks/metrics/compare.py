"""Times salgan's metrics beside other Python tools, all in one run on one core.

    python benchmarks/metrics/compare.py

Builds one picture of 480×640 pixels with 98 fixations from a seed and gives it to each contestant in a
process of its own, restricted to one thread. pysaliency gets an environment of its own (--env), made at the
first run by pip; where that fails, it is left out and the reason is printed. Writes
benchmarks/results/metrics.json.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import venv
from datetime import date
from pathlib import Path

import numpy as np
from platformdirs import user_cache_path
from scipy.ndimage import gaussian_filter

HERE = Path(__file__).parent
PYSALIENCY = ("pysaliency==0.2.22", "numpy<2")
OCTAVE_MS = (
    180  # the MIT toolbox's eight metrics under GNU Octave on such a picture, as measured for the project
)
ONE_THREAD = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL", "NUMBA")}


def build_case(
    seed: int = 0, size: tuple[int, int] = (480, 640), fixations: int = 98
) -> dict[str, np.ndarray]:
    """Smooth maps and fixations drawn from a smooth density."""
    draw = np.random.default_rng(seed)
    pixels = size[0] * size[1]

    def smooth(sigma: float) -> np.ndarray:
        values = gaussian_filter(draw.random(size), sigma)
        return (values - values.min()) / np.ptp(values)

    def points(count: int, weights: np.ndarray) -> np.ndarray:
        chosen = draw.choice(pixels, count, replace=False, p=weights.ravel() / weights.sum())
        return np.isin(np.arange(pixels), chosen).reshape(size)

    looked = smooth(40) ** 4
    here = points(fixations, looked)
    return {
        "saliency": (looked + 0.2 * smooth(10)).astype(np.float64),
        "fixations": here,
        "other_fixations": points(10 * fixations, smooth(60) ** 2),
        "density": gaussian_filter(here.astype(float), 19),
        "baseline": smooth(80) + 0.01,
    }


def pysaliency_python(folder: Path) -> Path:
    """The interpreter of pysaliency's own environment, made if it is not there.

    Raises:
        RuntimeError: it cannot be made; the message is pip's last line.
    """
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not (folder / "ready").exists():
        print(f"making an environment for pysaliency in {folder} ...", file=sys.stderr)
        venv.create(folder, with_pip=True, clear=True)
        done = subprocess.run(
            [python, "-m", "pip", "install", "--quiet", *PYSALIENCY], capture_output=True, text=True
        )
        if done.returncode:
            raise RuntimeError((done.stderr.strip().splitlines() or ["pip failed"])[-1])
        (folder / "ready").touch()
    return python


def run(python: Path | str, script: str, case: Path, runs: int) -> dict:
    """One contestant's report.

    Raises:
        RuntimeError: it fails; the message is the last line it wrote.
    """
    done = subprocess.run(
        [python, HERE / script, case, str(runs)], capture_output=True, text=True, env=os.environ | ONE_THREAD
    )
    if done.returncode:
        raise RuntimeError((done.stderr.strip().splitlines() or [f"{script} failed"])[-1])
    return json.loads(done.stdout)


def cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def table(reports: dict[str, dict]) -> str:
    """Milliseconds and scores side by side, as Markdown."""
    names = list(reports)
    lines = [
        "| metric | " + " | ".join(f"{name}, ms (score)" for name in names) + " |",
        "|---|" + "---:|" * len(names),
    ]
    metrics = dict.fromkeys(metric for report in reports.values() for metric in report["metrics"])
    for metric in metrics:
        cells = []
        for name in names:
            found = reports[name]["metrics"].get(metric)
            score = "" if not found or found["score"] is None else f" ({found['score']:.4f})"
            cells.append(f"{found['ms']:.2f}{score}" if found else "–")
        lines.append(f"| {metric} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def ratios(reports: dict[str, dict]) -> dict[str, float]:
    """How many times longer the others take, on what both compute."""
    ours = reports["salgan"]["metrics"]
    found = {"MIT toolbox under Octave, eight metrics": OCTAVE_MS / ours["eight"]["ms"]}
    for name, report in reports.items():
        theirs = report["metrics"]
        if name == "salgan":
            continue
        if "eight" in theirs:
            found[f"{name}, eight metrics in one go"] = theirs["eight"]["ms"] / ours["eight"]["ms"]
        alone = [metric for metric in theirs if metric in ours and metric != "eight"]
        found[f"{name}, {len(alone)} metrics one by one"] = sum(
            theirs[metric]["ms"] for metric in alone
        ) / sum(ours[metric]["ms"] for metric in alone)
    return {name: round(ratio, 2) for name, ratio in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description="Time salgan's metrics beside other Python tools.")
    parser.add_argument(
        "--runs", type=int, default=30, help="calls per metric; the median counts (default 30)"
    )
    parser.add_argument(
        "--env",
        type=Path,
        default=user_cache_path("salgan") / "benchmark-pysaliency",
        help="folder of pysaliency's environment (default: in the user's cache)",
    )
    parser.add_argument(
        "--out", type=Path, default=HERE.parent / "results" / "metrics.json", help="where to write"
    )
    arguments = parser.parse_args()

    reports: dict[str, dict] = {}
    skipped: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder:
        case = Path(folder) / "case.npz"
        np.savez(case, **build_case())
        reports["salgan"] = run(sys.executable, "time_salgan.py", case, arguments.runs)
        reports["toolbox port (NumPy)"] = run(sys.executable, "time_toolbox_port.py", case, arguments.runs)
        try:
            python = pysaliency_python(arguments.env)
            reports["pysaliency 0.2.22"] = run(python, "time_pysaliency.py", case, arguments.runs)
        except RuntimeError as error:
            skipped["pysaliency"] = str(error)

    result = {
        "date": date.today().isoformat(),
        "machine": f"{cpu_name()}, {os.cpu_count()} cores, one used",
        "picture": "480×640, 98 fixations, seed 0",
        "times longer than salgan": ratios(reports),
        "reports": reports,
        "skipped": skipped,
    }
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    temporary = arguments.out.with_suffix(".part")
    temporary.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    temporary.replace(arguments.out)
    print(table(reports))
    for name, ratio in result["times longer than salgan"].items():
        print(f"{name}: {ratio:.2f} times as long as salgan")
    for name, reason in skipped.items():
        print(f"left out: {name}: {reason}")


if __name__ == "__main__":
    main()
