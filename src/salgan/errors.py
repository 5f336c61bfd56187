"""What can go wrong, reported in one line that names the next step.

Every error a user can cause is a :class:`SalganError`; the command line prints its message and exits,
without a traceback. A bug raises anything else.
"""

from __future__ import annotations

import importlib
from types import ModuleType

__all__ = [
    "OF_ONE_PICTURE",
    "ConfigError",
    "DatasetError",
    "DiskFullError",
    "ImageError",
    "ImageTooLargeError",
    "MetricError",
    "MissingExtraError",
    "ModelError",
    "NotEnoughMemoryError",
    "SalganError",
    "TrainingError",
    "VideoError",
    "require",
]


class SalganError(Exception):
    """Base of all errors that a user can cause and fix."""


class ImageError(SalganError):
    """A picture that cannot be read, or is too large to be read safely."""


class VideoError(SalganError):
    """A video that cannot be read, or can be read only in part."""


class ImageTooLargeError(ImageError):
    """A picture with more pixels than are allowed; none of them was decoded."""


class NotEnoughMemoryError(SalganError, MemoryError):
    """The machine has less free memory than the work needs; the input may be sound."""


class DiskFullError(SalganError):
    """There is no room for a file; what was there before is untouched."""


class DatasetError(SalganError):
    """A dataset whose files are missing, malformed or do not match each other."""


class ModelError(SalganError):
    """Weights that cannot be found, verified, read or run."""


class MetricError(SalganError, ValueError):
    """Maps or fixations for which a metric is not defined."""


class ConfigError(SalganError):
    """A training recipe or an option that does not make sense."""


class TrainingError(SalganError):
    """A training run that cannot continue; its last checkpoint is intact."""


class MissingExtraError(SalganError, ImportError):
    """A feature whose optional packages are not installed."""


OF_ONE_PICTURE = (ImageError, MissingExtraError, NotEnoughMemoryError)
"""What keeps one picture from being read or predicted, and says nothing about the next one."""


def require(module: str, extra: str) -> ModuleType:
    """Import an optional package, or say which extra brings it.

    Args:
        module: dotted name of the module, such as ``"scipy.ndimage"``.
        extra: the extra of this package that installs it, such as ``"eval"``.

    Returns:
        The imported module.

    Raises:
        MissingExtraError: the module is not installed; the message holds the ``pip install`` to type.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        # A module that is there but lacks a dependency of its own is a broken install, not a missing extra.
        if error.name is None or error.name.split(".")[0] != module.split(".")[0]:
            raise
        raise MissingExtraError(
            f"this needs {module.split('.')[0]}, which is not installed; run: pip install 'salgan[{extra}]'"
        ) from None
