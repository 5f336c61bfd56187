"""The experiment's data are those of the benchmark's tests."""

from tests.benchmark.conftest import experiment_data

__all__ = ["experiment_data"]
