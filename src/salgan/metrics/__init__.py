"""The nine metrics of the MIT saliency benchmark, as pure NumPy functions.

Maps are (H, W) arrays; fixations are (H, W) binary arrays, 1 (or 255) where somebody looked; scores are
floats. Nothing is drawn at random: the sampled metrics return the exact mean that the toolbox's sampling
tends to.
"""

from salgan.metrics._table import DEFAULT_METRICS, METRICS, STEPPED, VARIANTS, Metric, find_metric, score
from salgan.metrics.auc_borji import auc_borji
from salgan.metrics.auc_judd import auc_judd
from salgan.metrics.cc import cc
from salgan.metrics.emd import emd
from salgan.metrics.ig import ig
from salgan.metrics.kld import kld
from salgan.metrics.log_likelihood import ig_density, log_likelihood
from salgan.metrics.nss import nss
from salgan.metrics.sauc import sauc
from salgan.metrics.sim import sim

__all__ = [
    "DEFAULT_METRICS",
    "METRICS",
    "STEPPED",
    "VARIANTS",
    "Metric",
    "auc_borji",
    "auc_judd",
    "cc",
    "emd",
    "find_metric",
    "ig",
    "ig_density",
    "kld",
    "log_likelihood",
    "nss",
    "sauc",
    "score",
    "sim",
]
