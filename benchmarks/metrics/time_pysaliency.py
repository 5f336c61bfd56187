"""Times pysaliency's functions for the same quantities; runs in an environment of pysaliency's own."""

import sys
from types import ModuleType

import numpy as np

# pysaliency's wrapper of DeepGaze imports torch at once; its metrics never touch it.
sys.modules["torch"] = ModuleType("torch")

from pysaliency.metrics import CC, NSS, SIM, MIT_KLDiv  # noqa: E402
from pysaliency.roc import general_roc  # noqa: E402
from stopwatch import contest  # noqa: E402


def calls(case):
    S, F, O, D = (case[k] for k in ("saliency", "fixations", "other_fixations", "density"))  # noqa: E741
    rows, columns = np.nonzero(F)
    draw = np.random.default_rng(0)

    def judd():  # what SaliencyMapModel.AUC_Judd does for one picture
        jittered = S + draw.random(S.shape) * 1e-7
        return general_roc(jittered[F], jittered[~F], judd=1)[0]

    return {
        "auc_judd": judd,
        "auc_borji_all": lambda: general_roc(S[F], S.ravel())[0],
        "sauc_all": lambda: general_roc(S[F], S[O])[0],
        "nss": lambda: NSS(S, columns, rows).mean(),
        "cc": lambda: CC(S, D),
        "sim": lambda: SIM(S, D),
        "kld": lambda: MIT_KLDiv(S, D),
    }


contest(calls)
