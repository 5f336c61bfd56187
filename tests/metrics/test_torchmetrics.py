"""The batched scores inside other people's loops."""

import numpy as np
import pytest

import salgan.metrics as exact
from salgan.errors import MetricError

torch = pytest.importorskip("torch")
torchmetrics = pytest.importorskip("torchmetrics")
SaliencyScore = pytest.importorskip("salgan.training.torchmetrics").SaliencyScore


def batches():
    """Two batches of three pictures; nobody looked at the second picture of the first."""
    rng = np.random.default_rng(0)
    for number in range(2):
        maps, density, baseline = rng.random((3, 3, 12, 16)).astype(np.float32)
        looked, others = rng.random((2, 3, 12, 16)) > 0.9
        looked[1] &= number > 0
        yield maps, {"fixations": looked, "density": density, "other_fixations": others, "baseline": baseline}


def test_a_collection_gives_the_means_of_the_numpy_functions():
    names = ["nss", "cc", "auc_judd", "sauc", "ig"]
    collection = torchmetrics.MetricCollection({name: SaliencyScore(name) for name in names})
    expected = {name: [] for name in names}
    for maps, truth in batches():
        collection.update(torch.from_numpy(maps), **{key: torch.from_numpy(v) for key, v in truth.items()})
        for row, saliency in enumerate(maps):
            single = {key: values[row] for key, values in truth.items()}
            wanted = names if single["fixations"].any() else ["cc"]
            for name, score in exact.score(
                saliency, metrics=wanted, **{k: v for k, v in single.items() if v.any()}
            ).items():
                expected[name].append(score)
    found = collection.compute()
    assert {name: len(scores) for name, scores in expected.items()} == {n: 5 + (n == "cc") for n in names}
    for name in names:
        assert float(found[name]) == pytest.approx(np.mean(expected[name]), rel=1e-4), name
    collection.reset()
    assert collection["nss"].count == 0


def test_it_says_which_way_is_better_and_what_it_needs():
    assert SaliencyScore("NSS").name == "nss" and SaliencyScore("nss").higher_is_better
    assert not SaliencyScore("kld").higher_is_better
    with pytest.raises(MetricError, match="nss needs fixations; pass fixations="):
        SaliencyScore("nss").update(torch.rand(1, 4, 4), density=torch.rand(1, 4, 4))
    with pytest.raises(MetricError, match="emd is not computed in batches"):
        SaliencyScore("emd")


def test_no_picture_with_a_score_is_nan():
    score = SaliencyScore("nss")
    score.update(torch.rand(2, 4, 4), fixations=torch.zeros(2, 4, 4))
    assert score.compute().isnan()
