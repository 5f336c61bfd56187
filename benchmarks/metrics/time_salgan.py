"""Times salgan.metrics: each function alone, and the eight without EMD through ``score``."""

from functools import partial

from stopwatch import contest

from salgan.metrics import METRICS, VARIANTS, score


def calls(case):
    table = METRICS | VARIANTS
    alone = {
        name: partial(metric.function, case["saliency"], *(case[need] for need in metric.needs))
        for name, metric in table.items()
    }
    return alone | {"eight": lambda: score(**case)}


contest(calls)
