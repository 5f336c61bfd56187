"""Evaluation you can trust: any model on any dataset, with intervals, baselines and published numbers.

>>> from salgan.evaluation import evaluate, open_data
>>> results = evaluate("lite", open_data("data/osie", part="test"), "results/lite")  # doctest: +SKIP
>>> results.columns["nss"].mean()  # doctest: +SKIP
"""

from salgan.evaluation.compare import Comparison, compare
from salgan.evaluation.evaluate import evaluate, open_data
from salgan.evaluation.ground_truth import Data
from salgan.evaluation.intervals import Interval, bootstrap_mean, permutation_p
from salgan.evaluation.map_sources import open_map_source
from salgan.evaluation.results import Results
from salgan.evaluation.scoring import EvaluationProtocol
from salgan.evaluation.sources import MapSource

__all__ = [
    "Comparison",
    "Data",
    "EvaluationProtocol",
    "Interval",
    "MapSource",
    "Results",
    "bootstrap_mean",
    "compare",
    "evaluate",
    "open_data",
    "open_map_source",
    "permutation_p",
]
