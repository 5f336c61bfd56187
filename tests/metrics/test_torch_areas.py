"""Areas under curves and information gain of a batch on the device against the NumPy functions."""

import numpy as np
import pytest

import salgan.metrics as exact
from salgan.errors import MetricError

torch = pytest.importorskip("torch")
auc_judd, sauc = (
    getattr(pytest.importorskip("salgan.training.areas"), name) for name in ("auc_judd", "sauc")
)
ig = pytest.importorskip("salgan.training.metrics").ig

SIZE = (24, 31)
DEVICES = [
    "cpu",
    pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")),
]


def marks(rng, count):
    marked = np.zeros(SIZE, bool)
    marked.ravel()[rng.choice(marked.size, count, replace=False)] = True
    return marked


def cases():
    """Maps of every kind with what is marked on them: name, map, fixations, fixations of others, baseline."""
    rng = np.random.default_rng(0)
    smooth = np.exp(-((np.indices(SIZE) - 11.0) ** 2).sum(0) / 90) + 0.01 * rng.random(SIZE)
    tied_at_the_lowest = np.round(smooth * 4)
    plateau = np.where(smooth > 0.5, smooth, 0.25)
    base = np.exp(-((np.indices(SIZE) - 13.0) ** 2).sum(0) / 200)
    maps = {
        "smooth": smooth,
        "negative": smooth - 5,
        "8 bit": np.round(smooth / smooth.max() * 255) / 255,
        "five values": tied_at_the_lowest,
        "plateau": plateau,
        "two values": (smooth > 0.3).astype(float),
        "flat": np.full(SIZE, 0.3),
        "one bright pixel": (np.arange(smooth.size).reshape(SIZE) == 5).astype(float),
    }
    for name, saliency in maps.items():
        for count in (1, 2, 60):
            yield f"{name}, {count}", saliency.astype(np.float32), marks(rng, count), marks(rng, 80), base


CASES = list(cases())


def batch(position, device="cpu", dtype=None):
    tensor = torch.from_numpy(np.stack([case[position] for case in CASES])).to(device)
    return tensor if dtype is None else tensor.to(dtype)


@pytest.mark.parametrize("device", DEVICES)
def test_auc_judd_is_numpys_with_ties_flat_maps_and_one_fixation(device):
    ours = auc_judd(batch(1, device), batch(2, device)).cpu()
    theirs = [exact.auc_judd(saliency, looked) for _, saliency, looked, _, _ in CASES]
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("step", [0.1, 0.01, "all"])
def test_sauc_is_numpys_at_every_step(step, device):
    ours = sauc(batch(1, device), batch(2, device), batch(3, device), step=step).cpu()
    theirs = [exact.sauc(saliency, looked, others, step=step) for _, saliency, looked, others, _ in CASES]
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 2e-5)])
def test_information_gain_is_numpys(dtype, tolerance, device):
    ours = ig(batch(1, device, dtype), batch(2, device), batch(4, device, dtype)).cpu()
    theirs = [exact.ig(saliency, looked, base) for _, saliency, looked, _, base in CASES]
    np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance)


def test_a_picture_without_fixations_scores_nan_and_the_others_are_as_they_were():
    saliency, looked, others, base = batch(1), batch(2), batch(3), batch(4)
    whole = [auc_judd(saliency, looked), sauc(saliency, looked, others), ig(saliency, looked, base)]
    looked = looked.clone()
    looked[1] = False
    left = [auc_judd(saliency, looked), sauc(saliency, looked, others), ig(saliency, looked, base)]
    for before, after in zip(whole, left, strict=True):
        assert after.isnan().nonzero().tolist() == [[1]]
        assert torch.equal(before[2:], after[2:])


def test_what_numpy_refuses_is_nan():
    saliency, looked = torch.rand(2, 4, 5), torch.zeros(2, 4, 5, dtype=torch.bool)
    looked[:, 1, 1] = True
    everywhere = torch.ones_like(looked)
    assert auc_judd(saliency, everywhere).isnan().all()  # no pixel is left to compare with
    assert sauc(saliency, looked, ~everywhere).isnan().all()  # nobody looked elsewhere
    saliency[0, 2, 2] = torch.nan
    for scores in (auc_judd(saliency, looked), sauc(saliency, looked, everywhere, step="all")):
        assert scores.isnan().tolist() == [True, False]


def test_a_channel_axis_and_half_precision_are_taken():
    saliency, looked = batch(1), batch(2)
    assert torch.equal(auc_judd(saliency[:, None], looked[:, None]), auc_judd(saliency, looked))
    coarse = saliency.to(torch.bfloat16)
    theirs = [exact.auc_judd(m, f) for m, f in zip(coarse.float().numpy(), looked.numpy(), strict=True)]
    np.testing.assert_allclose(auc_judd(coarse, looked), theirs, rtol=1e-12)


def test_gradients_of_information_gain_are_right():
    generator = torch.Generator().manual_seed(0)
    maps = torch.rand(2, 5, 4, dtype=torch.float64, generator=generator).requires_grad_()
    looked, base = torch.rand(2, 2, 5, 4, dtype=torch.float64, generator=generator)
    assert torch.autograd.gradcheck(lambda m: ig(m, looked > 0.6, base), maps)


def test_other_shapes_and_steps_are_errors_that_say_what_to_do():
    with pytest.raises(MetricError, match="resize or unsqueeze"):
        auc_judd(torch.rand(2, 4, 4), torch.rand(2, 4, 5))
    with pytest.raises(MetricError, match="step must be"):
        sauc(*torch.ones(3, 1, 4, 4), step=0)
