"""Runs side by side in the experiments' shell scripts."""

import shutil
import subprocess
from pathlib import Path

import pytest

BASH = shutil.which("bash")
pytestmark = pytest.mark.skipif(BASH is None, reason="there is no bash")
SHARED = Path(__file__).parents[2] / "experiments/side_by_side.sh"


def ran(lines):
    script = f'set -euo pipefail\nsource "{SHARED}"\n{lines}\necho after\n'
    return subprocess.run([BASH, "-c", script], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("seconds", [0, 0.3])
def test_a_run_that_fails_beside_others_ends_the_script_with_its_code_however_early(seconds):
    """`wait` for what `jobs` lists knows nothing of a job that has ended before it is asked."""
    done = ran(
        f"failing() {{ sleep {seconds}; return 3; }}\n"
        "steps() { failing; echo never; }\n"
        "beside steps\nbeside sleep 0.1\nsleep 0.1\nfinished"
    )
    assert (done.returncode, done.stdout) == (3, "")


def test_what_runs_beside_may_have_runs_of_its_own():
    done = ran("inner() { beside echo a; finished; beside echo b; finished; }\nbeside inner\nfinished")
    assert (done.returncode, done.stdout.split()) == (0, ["a", "b", "after"])


def test_a_run_that_fails_says_in_one_line_which_it_is_and_why(tmp_path):
    done = ran(
        f"out={tmp_path} common=() more=()\n"
        "failing() { echo first; echo 'no such folder'; return 3; }\n"
        "beside run failing small lite\nfinished"
    )
    log = tmp_path / "logs/small.log"
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == f"error: small failed, see {log}: no such folder\n"
    assert log.read_text() == "first\nno such folder\n"
