"""Evaluation that can be believed: any model, any dataset, with intervals, baselines, published numbers.

>>> from salgan.benchmark import evaluate, open_data
>>> results = evaluate("lite", open_data("data/osie", part="test"), "results/lite")  # doctest: +SKIP
>>> results.columns["nss"].mean()  # doctest: +SKIP
"""

from salgan.benchmark.compare import Comparison, compare
from salgan.benchmark.evaluate import evaluate, open_data
from salgan.benchmark.ground_truth import Data
from salgan.benchmark.intervals import Interval, bootstrap_mean, permutation_p
from salgan.benchmark.models import Source, open_source
from salgan.benchmark.results import Results
from salgan.benchmark.scoring import Protocol

__all__ = [
    "Comparison",
    "Data",
    "Interval",
    "Protocol",
    "Results",
    "Source",
    "bootstrap_mean",
    "compare",
    "evaluate",
    "open_data",
    "open_source",
    "permutation_p",
]
