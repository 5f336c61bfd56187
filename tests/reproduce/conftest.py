"""The experiment's data are those of the benchmark's tests."""

from tests.evaluation.conftest import brightness, experiment_data, made_up

__all__ = ["brightness", "experiment_data", "made_up"]
