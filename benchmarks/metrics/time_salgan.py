"""Times salgan.metrics: each function alone, and the eight without EMD through ``score``."""

from functools import partial

from stopwatch import contest

from salgan.metrics import METRICS, VARIANTS, score


def calls(case):
    # Log-likelihoods take densities, and a contestant is given maps as networks make them.
    table = {
        name: each
        for name, each in (METRICS | VARIANTS).items()
        if name not in ("log_likelihood", "ig_density")
    }
    alone = {
        name: partial(metric.function, case["saliency"], *(case[need] for need in metric.needs))
        for name, metric in table.items()
    }
    return alone | {"eight": lambda: score(**case)}


contest(calls)
