"""SalGAN: predict where people look in a picture.

>>> import salgan
>>> saliency = salgan.predict("photo.jpg")  # doctest: +SKIP
>>> saliency.array.shape  # float32 in [0, 1], at the picture's own size  # doctest: +SKIP
(600, 800)

Importing the package imports nothing heavy: names below are loaded when they are first used.
"""

# Nothing at all, not even typing: during an import here, Ctrl-C would print a traceback.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from salgan._version import __version__
    from salgan.errors import SalganError
    from salgan.models import load_model, predict
    from salgan.models.predictor import Predictor
    from salgan.saliency_map import SaliencyMap

__all__ = ["Predictor", "SalganError", "SaliencyMap", "__version__", "load_model", "predict"]

_HOME = {
    "Predictor": "salgan.models.predictor",
    "SaliencyMap": "salgan.saliency_map",
    "SalganError": "salgan.errors",
    "__version__": "salgan._version",
    "load_model": "salgan.models",
    "predict": "salgan.models",
}


def __getattr__(name: str) -> "Any":
    if name not in _HOME:
        raise AttributeError(f"module 'salgan' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
