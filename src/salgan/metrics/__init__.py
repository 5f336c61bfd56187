"""The nine metrics of the MIT saliency benchmark, as pure NumPy functions.

Maps are (H, W) arrays; fixations are (H, W) binary arrays, 1 (or 255) where somebody looked; scores are
floats. Nothing is drawn at random: the sampled metrics return the exact mean that the toolbox's sampling
tends to.
"""

from salgan.metrics._table import METRICS, VARIANTS, Metric, find_metric, score
from salgan.metrics.auc_borji import auc_borji
from salgan.metrics.auc_judd import auc_judd
from salgan.metrics.cc import cc
from salgan.metrics.emd import emd
from salgan.metrics.ig import ig
from salgan.metrics.kld import kld
from salgan.metrics.nss import nss
from salgan.metrics.sauc import sauc
from salgan.metrics.sim import sim

__all__ = [
    "METRICS",
    "VARIANTS",
    "Metric",
    "auc_borji",
    "auc_judd",
    "cc",
    "emd",
    "find_metric",
    "ig",
    "kld",
    "nss",
    "sauc",
    "score",
    "sim",
]
