"""Kills, full disks and races: what is left is whole, and the same command run again completes it."""

import os
import random
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from _commands import badly_failed, badly_stopped, ended, gaze, left_behind, peaks, pictures, start, stop
from attacks import blank

_SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_COMMANDS = (
    ("--help",), ("models",), ("predict", "x.png", "-o", "out"), ("serve", "--port", "0"), ("train", "paper"),
    ("evaluate", "lite", "--data", "none"), ("regions", "x.png", "--box", "a:0,0,1,1"), ("crop", "x.png"),
    ("ab", "x.png", "y.png"), ("compare", "x", "y"), ("export", "x"), ("submit", "x"), ("data", "check", "x"),
)  # fmt: skip


def kill_predict(folder: Path, times: int, rng: random.Random) -> Iterator[str | None]:
    """``salgan predict`` is ended at a random moment, and run again with --skip-existing."""
    photos = pictures(folder / "photos", 30)
    for number in range(times):
        out = folder / f"out{number}"
        sent = rng.choice(_SIGNALS)
        process = start("predict", photos, "-o", out)
        stop(process, rng.uniform(0, 4), sent)
        wrong = badly_stopped(*ended(process, "predict"), sent)
        if sent != signal.SIGKILL and out.is_dir():
            wrong = wrong or left_behind(out)
        code, said = ended(start("predict", photos, "-o", out, "--skip-existing"), "predict")
        if code or len(list(out.iterdir())) != 60:
            wrong = wrong or f"after {sent.name} and another run: exit code {code}: {said[-300:]}"
        yield wrong or left_behind(out)


def kill_train(folder: Path, times: int, rng: random.Random) -> Iterator[str | None]:
    """``salgan train`` is ended at a random moment, and resumed."""
    sets = gaze(folder / "sets")
    for number in range(times):
        run = ["train", sets / "tiny.yaml", "--trust", f"out={folder / f'run{number}'}"]
        sent = rng.choice(_SIGNALS)
        process = start(*run)
        stop(process, rng.uniform(0, 12), sent)
        wrong = badly_stopped(*ended(process, "train"), sent)
        code, said = ended(start(*run, "resume=true"), "train")
        lines = (
            (folder / f"run{number}" / "metrics.jsonl").read_text().count('"kind": "step"') if not code else 0
        )
        if code or lines != 9:
            wrong = (
                wrong or f"after {sent.name} and resume=true: exit code {code}, {lines} steps: {said[-300:]}"
            )
        yield wrong or left_behind(folder / f"run{number}")


def kill_evaluate(folder: Path, times: int, rng: random.Random) -> Iterator[str | None]:
    """``salgan evaluate`` is ended at a random moment, and run again."""
    sets = gaze(folder / "sets")
    for number in range(times):
        out = folder / f"out{number}"
        run = [
            "evaluate",
            "lite",
            "--data",
            sets / "train",
            "-o",
            out,
            "--processes",
            2,
            "--metrics",
            "nss,cc",
        ]
        sent = rng.choice(_SIGNALS)
        process = start(*run)
        stop(process, rng.uniform(0, 8), sent)
        wrong = badly_stopped(*ended(process, "evaluate"), sent)
        code, said = ended(start(*run), "evaluate")
        rows = (out / "per_picture.csv").read_text().count("\n") - 1 if not code else 0
        if code or rows != 14:
            wrong = (
                wrong or f"after {sent.name} and another run: exit code {code}, {rows} rows: {said[-300:]}"
            )
        yield wrong or left_behind(out)


def kill_serve(folder: Path, times: int, rng: random.Random) -> Iterator[str | None]:
    """``salgan serve`` is ended at a random moment; it and its decoders leave within seconds."""
    from _service import children

    for _ in range(times):
        sent = rng.choice(_SIGNALS[:3])
        process = start("serve", "--port", 0)
        end = time.monotonic() + rng.uniform(0, 6)
        family: list[int] = []
        while time.monotonic() < end and process.poll() is None:
            family = children(process.pid)
            time.sleep(0.05)
        process.send_signal(sent)
        code, said = ended(process, "serve", 30)
        # A decoder that was still importing when the service was killed notices it after that.
        end = time.monotonic() + 10
        while (
            orphans := [pid for pid in family if Path(f"/proc/{pid}").exists()]
        ) and time.monotonic() < end:
            time.sleep(0.1)
        wrong = badly_stopped(code, said, sent)
        yield wrong or (f"10 s after {sent.name} these still run: {orphans}" if orphans else None)


def interrupt_start(folder: Path, times: int, rng: random.Random) -> Iterator[str | None]:
    """Ctrl-C in the first moments of every command: no traceback."""
    for number in range(times):
        process = start(*_COMMANDS[number % len(_COMMANDS)], cwd=folder)
        stop(process, rng.uniform(0.05, 1.0), signal.SIGINT)
        code, said = ended(process, "start", 60)
        ours = "Traceback" in said and f"{os.sep}salgan{os.sep}" in said
        yield f"exit code {code}: {said[-400:]}" if ours or "Exception ignored" in said else None


def full_disk(folder: Path, times: int, rng: random.Random) -> Iterator[str | None]:
    """No file can grow beyond some size: one line, nothing half, and another run completes the work."""
    photos, sets = pictures(folder / "photos", 3), gaze(folder / "sets")
    for number in range(times):
        out = folder / f"out{number}"
        kind, run, again = (
            ("predict", ["predict", photos, "-o", out], ["--skip-existing"]),
            ("train", ["train", sets / "tiny.yaml", "--trust", f"out={out}"], ["resume=true"]),
            ("evaluate", ["evaluate", "lite", "--data", sets / "train", "-o", out, "--metrics", "nss"], []),
        )[number % 3]
        room = rng.choice([0, 300, 4096]) if kind == "evaluate" else rng.choice([0, 300, 4096, 20_000])
        code, said = ended(start(*run, file_bytes=room), kind)
        wrong = badly_failed(code, said) or (left_behind(out) if out.exists() else None)
        code, said = ended(start(*run, *again), kind)
        if code:
            wrong = wrong or f"{kind} after a full disk ({room} bytes): exit code {code}: {said[-300:]}"
        yield wrong or left_behind(out)
    with Path("/dev/full").open("w") as full:
        yield badly_failed(*ended(start("models", stdout=full), "models"))


MOST_ROOM = 1200.0
"""Megabytes that the largest pictures may take, one at a time or many."""


def large_pictures(folder: Path, times: int, rng: random.Random) -> Iterator[str | None]:
    """Pictures of 99 megapixels, one and five of them, with map and overlay: within a bound on memory."""
    photos = folder / "photos"
    photos.mkdir()
    (photos / "0.png").write_bytes(blank(11_000, 9_000))
    for _ in range(times):
        for count in (1, 5):
            for number in range(1, count):
                shutil.copy(photos / "0.png", photos / f"{number}.png")
            name = f"predict, {count} of 99 megapixels"
            code, said = ended(start("predict", photos, "-o", folder / "out", "--overwrite"), name, 600)
            if code:
                yield f"{name}: exit code {code}: {said[-300:]}"
            else:
                yield f"{name}: {peaks[name]:.0f} MB" if peaks[name] > MOST_ROOM else None


def races(folder: Path, times: int, rng: random.Random) -> Iterator[str | None]:
    """The same command twice at once into one folder: what is there is of one of them, and whole."""
    photos, sets = pictures(folder / "photos", 8), gaze(folder / "sets")
    for number in range(times):
        out = folder / f"out{number}"
        run = (
            ["predict", photos, "-o", out, "--overwrite"],
            ["train", sets / "tiny.yaml", "--trust", f"out={out}"],
            ["evaluate", "lite", "--data", sets / "train", "-o", out, "--metrics", "nss"],
        )[number % 3]
        first = start(*run)
        time.sleep(rng.uniform(0, 0.5))
        second = start(*run)
        outcomes = [ended(second, str(run[0])), ended(first, str(run[0]))]
        failed = [badly_failed(*each) for each in outcomes if each[0]]
        wrong = next((each for each in failed if each), None)
        if len(failed) == 2:
            wrong = wrong or f"both failed: {outcomes}"
        if run[0] == "train" and len(failed) != 1:
            wrong = wrong or f"{2 - len(failed)} trainings went into one folder"
        yield wrong or left_behind(out)
