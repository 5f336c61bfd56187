"""Times the eight metrics computed the toolbox's way in NumPy: random splits, and a loop over thresholds."""

from functools import partial

import numpy as np
from stopwatch import contest

EPS = np.finfo(float).eps


def min_max(values):
    return (values - values.min()) / (values.max() - values.min())


def trapezoid(x, y):
    return float(np.sum(np.diff(x) * (np.array(y[1:]) + np.array(y[:-1]))) / 2)


def auc_judd(saliency, fixations, draw):
    scaled = min_max(saliency + draw.random(saliency.shape) * 1e-7)
    thresholds = np.sort(scaled[fixations])[::-1]
    n, pixels = len(thresholds), scaled.size
    tp, fp = [0.0], [0.0]
    for rank, threshold in enumerate(thresholds, 1):
        tp.append(rank / n)
        fp.append((np.count_nonzero(scaled >= threshold) - rank) / (pixels - n))
    return trapezoid([*fp, 1.0], [*tp, 1.0])


def split_area(positives, negatives):
    top = max(positives.max(), negatives.max())
    tp, fp = [0.0], [0.0]
    for threshold in np.arange(int(top / 0.1), -1, -1) * 0.1:
        tp.append(np.count_nonzero(positives >= threshold) / len(positives))
        fp.append(np.count_nonzero(negatives >= threshold) / len(negatives))
    return trapezoid([*fp, 1.0], [*tp, 1.0])


def auc_borji(saliency, fixations, draw, splits=100):
    scaled = min_max(saliency)
    positives = scaled[fixations]
    n = len(positives)
    areas = [split_area(positives, scaled.flat[draw.integers(scaled.size, size=n)]) for _ in range(splits)]
    return np.mean(areas)


def sauc(saliency, fixations, others, draw, splits=100):
    scaled = min_max(saliency)
    positives, elsewhere = scaled[fixations], np.flatnonzero(others)
    n = min(len(positives), len(elsewhere))
    areas = [split_area(positives, scaled.flat[draw.permutation(elsewhere)[:n]]) for _ in range(splits)]
    return np.mean(areas)


def nss(saliency, fixations):
    return ((saliency - saliency.mean()) / saliency.std(ddof=1))[fixations].mean()


def cc(saliency, density):
    a, b = ((x - x.mean()) / x.std(ddof=1) for x in (saliency, density))
    return np.corrcoef(a.ravel(), b.ravel())[0, 1]


def sim(saliency, density):
    a, b = (min_max(x) / min_max(x).sum() for x in (saliency, density))
    return np.minimum(a, b).sum()


def kld(saliency, density):
    a, b = saliency / saliency.sum(), density / density.sum()
    return np.sum(b * np.log(EPS + b / (a + EPS)))


def ig(saliency, fixations, baseline):
    a, b = (min_max(x) / min_max(x).sum() for x in (saliency, baseline))
    return np.mean(np.log2(EPS + a[fixations]) - np.log2(EPS + b[fixations]))


def calls(case):
    S, F, O, D, B = (case[k] for k in ("saliency", "fixations", "other_fixations", "density", "baseline"))  # noqa: E741
    draw = np.random.default_rng(0)
    each = {
        "auc_judd": partial(auc_judd, S, F, draw),
        "auc_borji": partial(auc_borji, S, F, draw),
        "sauc": partial(sauc, S, F, O, draw),
        "nss": partial(nss, S, F),
        "ig": partial(ig, S, F, B),
        "cc": partial(cc, S, D),
        "sim": partial(sim, S, D),
        "kld": partial(kld, S, D),
    }
    return each | {"eight": lambda: {name: call() for name, call in each.items()}}


contest(calls)
