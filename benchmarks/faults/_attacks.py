"""Attacks on the service beside honest clients: it must answer those, stay small, and leave when told."""

import random
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import abuse
import attacks
from _commands import peaks
from _service import PICTURE, serving


def attack_service(folder: Path, times: int, rng: random.Random) -> Iterator[str | None]:
    """So many seconds of each attack of benchmarks/serve/attacks.py."""
    for attack in attacks.ATTACKS:
        with serving("lite", files=1024) as service:
            attacks.post(service, PICTURE.read_bytes())
            found = attacks.attacked(service, attack, float(times))
        statuses = set(found["honest clients"]["statuses"])  # type: ignore[index]
        most = float(found["most MB"])  # type: ignore[arg-type]
        peaks["serve, attacked"] = max(peaks.get("serve, attacked", 0.0), most)
        wrong = None if statuses <= {"200", "503"} else f"{attack.__name__}: honest clients got {statuses}"
        yield wrong or (f"{attack.__name__}: {most:.0f} MB" if most > attacks.BOUND else None)


def abuse_service(folder: Path, times: int, rng: random.Random) -> Iterator[str | None]:
    """So many requests of each kind of benchmarks/serve/abuse.py, and a good one after each kind."""
    with serving("lite") as service:
        for attack in abuse.ATTACKS:
            for status in abuse.several(attack, service, times, rng.randrange(1000)):
                bad = status.startswith("5") and status != "503"
                yield f"{attack.__name__}: {status}" if bad else None
            after = abuse.post(service, abuse.JPEG, "image/jpeg")
            yield None if after == "200" else f"after {attack.__name__} a good picture is answered {after}"


LEAVES = 40.0
"""Seconds in which the service leaves under attack: the time limit of a picture, and some for its rest."""


def leave_under_attack(folder: Path, times: int, rng: random.Random) -> Iterator[str | None]:
    """SIGTERM while the largest pictures come in: the service finishes what it took, and leaves."""
    import os

    for _ in range(times):
        with serving("lite") as service:
            sender = threading.Thread(target=attacks.large, args=(service, 3.0))
            sender.start()
            time.sleep(2)
            start = time.monotonic()
            os.kill(service.pid, signal.SIGTERM)
            while Path(f"/proc/{service.pid}/cmdline").exists() and time.monotonic() - start < LEAVES:
                if not Path(f"/proc/{service.pid}/cmdline").read_bytes():
                    break  # it has ended, and nobody has asked how yet
                time.sleep(0.05)
            seconds = time.monotonic() - start
            sender.join()
        yield f"it left after {seconds:.0f} s" if seconds >= LEAVES else None
