"""What 8-bit arithmetic costs in every metric and gains in time, on the default model.

    python benchmarks/int8.py --data FOLDER [--model MODEL.onnx] [--threads 2] [--rounds 100] [--keep OUT]

FOLDER holds osie, eyecrowd and sun500. Ranges are calibrated on 34 training pictures of each, the metrics are
those of each test part, the times those of the two networks taking turns of ten calls on one picture. Needs
``train`` and ``eval``.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

from turns import in_session, seconds_in_turns

from salgan.datasets import open_dataset
from salgan.errors import SalganError
from salgan.evaluation import EvaluationProtocol, compare, evaluate, open_data
from salgan.export import quantize_int8
from salgan.models import find, list_models
from salgan.models.predictor import Predictor

SETS = ("osie", "eyecrowd", "sun500")
METRICS = ("nss", "cc", "sim", "kld", "ig", "auc_judd", "auc_borji", "sauc")
EACH = 34


def main() -> None:
    """Quantise, score, time, print."""
    parser = argparse.ArgumentParser(description="Loss and gain of 8-bit arithmetic.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", type=Path, default=find(list_models()[0]), help="ONNX file; default: lite")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--keep", type=Path, help="write the 8-bit file here, too")
    arguments = parser.parse_args()
    pictures = [
        stimulus.picture()
        for name in SETS
        for stimulus in open_dataset(arguments.data / name, part="train").stimuli[:EACH]
    ]
    with tempfile.TemporaryDirectory() as folder:
        small = Path(folder) / "int8.onnx"
        made = quantize_int8(arguments.model, small, pictures)
        print(f"{arguments.model.stat().st_size / 1e6:.1f} MB to {made.size / 1e6:.1f} MB")
        for name in SETS:
            data = open_data(arguments.data / name, part="test")
            protocol = EvaluationProtocol(metrics=METRICS)
            results = [
                evaluate(str(path), data, Path(folder) / name / path.stem, protocol=protocol)
                for path in (arguments.model, small)
            ]
            print(
                f"\n| {name}, {len(data.dataset)} pictures | float32 | int8 | difference |\n|---|---|---|---|"
            )
            for change in compare(*results).differences:
                paired = change.difference
                print(
                    f"| {change.metric} | {change.first:.3f} | {change.second:.3f} "
                    f"| {paired.mean:+.4f} [{paired.low:+.4f}, {paired.high:+.4f}] |"
                )
        record = Predictor(arguments.model).preprocessing
        times = seconds_in_turns(
            {
                name: in_session(path.read_bytes(), (record.height, record.width), arguments.threads)
                for name, path in (("float32", arguments.model), ("int8", small))
            },
            arguments.rounds,
        )
        slow, fast = times.values()
        ratio = statistics.median(slow) / statistics.median(fast)
        print(f"\nfloat32 / int8 in time: {ratio:.2f} ({arguments.threads} threads, medians)")
        if arguments.keep:
            shutil.copyfile(small, arguments.keep)


if __name__ == "__main__":
    try:
        main()
    except SalganError as error:
        sys.exit(f"error: {error}")
