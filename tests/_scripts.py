"""Scripts of the repository, which are no part of the package, as modules."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest


def script_at(path: Path) -> ModuleType:
    """Import a script anew; where a source distribution leaves it out, the test is skipped."""
    if not path.is_file():
        pytest.skip(f"{path.parent.name}/{path.name} is not part of this source distribution")
    spec = importlib.util.spec_from_file_location(f"{path.parent.name}_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module
