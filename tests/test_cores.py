"""Threads are counted by what the process may use, not by what the machine has."""

import os
import subprocess
import sys

import pytest

from salgan import _cores
from salgan._cores import _shares, cores, memory_limits, runtime_threads
from salgan.errors import ConfigError


@pytest.fixture
def machine(tmp_path):
    """Write files of control groups below a folder that stands for the root; gives that folder."""

    def write(group: str, **files: str):
        (tmp_path / "proc/self").mkdir(parents=True, exist_ok=True)
        (tmp_path / "proc/self/cgroup").write_text(group)
        for name, content in files.items():
            path = tmp_path / "sys/fs/cgroup" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        return tmp_path

    return write


def test_half_a_core_of_a_container_is_half_a_core(machine):
    assert list(_shares(machine("0::/\n", **{"cpu.max": "50000 100000\n"}))) == [0.5, 0.5]


def test_a_limit_of_a_group_above_counts_too(machine):
    files = {"slice/cpu.max": "300000 100000\n", "slice/job/cpu.max": "max 100000\n"}
    assert min(_shares(machine("0::/slice/job\n", **files))) == 3


def test_version_1_of_control_groups(machine):
    files = {"cpu/cpu.cfs_quota_us": "250000\n", "cpu/cpu.cfs_period_us": "100000\n"}
    assert min(_shares(machine("7:memory:/x\n4:cpu,cpuacct:/docker/abc\n", **files))) == 2.5


@pytest.mark.parametrize(
    ("group", "files"),
    [
        ("", {}),
        ("0::/\n", {}),
        ("0::/\n", {"cpu.max": "max 100000\n"}),
        ("0::/\n", {"cpu.max": "50000 0\n"}),
        ("0::/\n", {"cpu.max": "5.5 none\n"}),
        ("4:cpu:/\n", {"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}),
        ("nonsense\n", {"cpu.max": ""}),
    ],
)
def test_no_limit_or_one_that_cannot_be_read_is_none(machine, group, files):
    assert list(_shares(machine(group, **files))) == []


def test_the_memory_of_a_container_is_known_in_both_versions(machine):
    assert min(memory_limits(machine("0::/\n", **{"memory.max": "8000000\n"}))) == 8_000_000
    assert memory_limits(machine("0::/\n", **{"memory.max": "max\n"})) == []
    old = machine("7:memory:/x\n", **{"memory/memory.limit_in_bytes": "5000\n"})
    assert min(memory_limits(old)) == 5000


def test_a_share_is_rounded_up_and_never_more_than_the_cores(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)), raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    for share, expected in ((0.5, 1), (1.0, 1), (1.2, 2), (100.0, 64)):
        monkeypatch.setattr(_cores, "_shares", lambda _, share=share: iter([share]))
        assert cores() == expected
        assert runtime_threads() == (0 if expected == 64 else expected)


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system binds no process to cores")
def test_a_process_that_is_bound_to_one_core_predicts_with_no_thread_beside_its_own(tmp_path):
    from tests._onnx import tiny_model

    (tmp_path / "tiny.onnx").write_bytes(tiny_model())
    code = (
        "import os, sys\nos.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
        "from pathlib import Path\nimport salgan\nfrom salgan._cores import cores\n"
        "threads = lambda: len(os.listdir('/proc/self/task'))\n"
        "from salgan._private import onnx_runtime\nonnx_runtime()\nbefore = threads()\n"
        "salgan.load_model('tiny.onnx')\n"
        "print(cores(), threads() - before)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    allowed, beside = done.stdout.split() or done.stderr
    assert allowed == "1"
    assert beside == "0"


def test_a_number_of_threads_in_the_environment_bounds_the_cores(monkeypatch):
    monkeypatch.setenv("SALGAN_THREADS", "1")
    assert cores() == 1


@pytest.mark.parametrize("value", ["0", "-1", "two", "1.5"])
def test_a_number_of_threads_that_is_none_is_one_line(monkeypatch, value):
    monkeypatch.setenv("SALGAN_THREADS", value)
    with pytest.raises(ConfigError, match="SALGAN_THREADS"):
        cores()
