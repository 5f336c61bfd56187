"""Looks at a fresh Python process: what an import or a command drags in, and what it says."""

import json
import os
import subprocess
import sys


def modules_after(code: str) -> set[str]:
    """Top-level modules that a fresh process holds after running the code; warnings are errors there."""
    ending = "json.dump(sorted({m.split('.')[0] for m in sys.modules}), sys.stderr)"
    script = f"import json, sys\n{code}\n{ending}"
    # What the environment says of warnings counts more: old packages warn of newer ones. Python would put it
    # before the options.
    environment = dict(os.environ)
    said = [f"-W{each}" for each in environment.pop("PYTHONWARNINGS", "").split(",") if each]
    command = [sys.executable, "-W", "error", *said, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stderr.splitlines()[-1]))
