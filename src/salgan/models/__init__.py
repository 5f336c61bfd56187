"""The models: one record per weights file, and one door from what a model is called to its predictions."""

from salgan.models.load import DEFAULT, load_model, predict
from salgan.models.records import ModelRecord, list_models, record_for
from salgan.models.spec import ModelFile, find_model
from salgan.models.store import find

__all__ = [
    "DEFAULT",
    "ModelFile",
    "ModelRecord",
    "find",
    "find_model",
    "list_models",
    "load_model",
    "predict",
    "record_for",
]
