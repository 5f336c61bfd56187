"""How many cores and how much memory this process may use, given the machine and a container's limits."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path

from salgan.errors import ConfigError

__all__ = ["THREADS_VARIABLE", "cores", "memory_limits", "runtime_threads"]

THREADS_VARIABLE = "SALGAN_THREADS"
"""Names the most threads that a process may use; ``--threads`` sets it for itself and what it starts."""


def cores() -> int:
    """How many cores this process may use, at least one.

    That is the smallest of the machine's cores, of those that the process is bound to, and of the share of
    processor time that its control group has, rounded up: half a core of a container gets one thread, not 64.
    ``SALGAN_THREADS`` may name fewer.

    Raises:
        ConfigError: ``SALGAN_THREADS`` is not a number above zero.
    """
    affinity = getattr(os, "sched_getaffinity", None)  # macOS and Windows lack it
    bound = len(affinity(0)) if affinity else os.cpu_count() or 1
    return max(1, min([bound, *_wanted(), *(math.ceil(share) for share in _shares(Path("/")))]))


def runtime_threads() -> int:
    """How many threads to ask a network's runtime for; 0 leaves the choice to it, unless cores are limited.

    Left alone, ONNX Runtime takes a thread per physical core, which is best if all the cores are ours.
    """
    allowed = cores()
    return 0 if allowed == os.cpu_count() else allowed


def _wanted() -> list[int]:
    """What ``SALGAN_THREADS`` says, if it says anything."""
    text = os.environ.get(THREADS_VARIABLE, "").strip()
    if not text:
        return []
    if not text.isdecimal() or int(text) < 1:
        raise ConfigError(f"{THREADS_VARIABLE} {text!r}: name the threads to use, 1 or more")
    return [int(text)]


def memory_limits(root: Path = Path("/")) -> list[int]:
    """The bytes that each control group above this process may take, where they are limited.

    Args:
        root: folder that holds ``proc`` and ``sys``.
    """
    found = []
    for folder, is_one_tree in _groups(root, "memory"):
        limit = _read(folder / ("memory.max" if is_one_tree else "memory.limit_in_bytes")).strip()
        if limit.isdecimal() and int(limit) > 0:
            found.append(int(limit))
    return found


def _shares(root: Path) -> Iterator[float]:
    """The processor time, in cores, that each control group above this process may use, where it is limited.

    Args:
        root: folder that holds ``proc`` and ``sys``.
    """
    for folder, is_one_tree in _groups(root, "cpu"):
        quota, period = (
            _read(folder / "cpu.max").split() or ["max", ""]
            if is_one_tree
            else [_read(folder / "cpu.cfs_quota_us"), _read(folder / "cpu.cfs_period_us")]
        )
        if quota.strip().isdecimal() and period.strip().isdecimal() and int(period) > 0:
            yield int(quota) / int(period)


def _groups(root: Path, controller: str) -> Iterator[tuple[Path, bool]]:
    """The folders of the control groups above this process, and whether all controllers have one tree."""
    mount = root / "sys" / "fs" / "cgroup"
    for line in _read(root / "proc" / "self" / "cgroup").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, group = rest.partition(":")
        if controllers and controller not in controllers.split(","):
            continue
        # Version 2 has one tree of groups, version 1 one for each controller.
        tree = mount if not controllers else mount / controller
        inside = Path(group.lstrip("/"))
        # A container may see its own group as the root of the tree, whatever the name of the group is.
        for folder in (tree / inside, *(tree / above for above in inside.parents), tree):
            yield folder, not controllers


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
