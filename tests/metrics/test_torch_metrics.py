"""The batched metrics on the device against the NumPy ones."""

import numpy as np
import pytest

import salgan.metrics as exact
from salgan.errors import MetricError
from tests.metrics.cases import rebuild

torch = pytest.importorskip("torch")
batched = pytest.importorskip("salgan.training.metrics")

NAMES = ["nss", "cc", "sim", "kld"]
DEVICES = [
    "cpu",
    pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")),
]


def against(name: str) -> str:
    return "fixations" if name == "nss" else "density"


def pictures(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Three different pictures of one size: a smooth map, an 8-bit one, a flat one."""
    cases = [rebuild("00"), rebuild("06")]
    maps = [case["saliency"] for case in cases] + [np.full((48, 64), 0.1)]
    truths = [case[against(name)] for case in cases] + [cases[0][against(name)]]
    return np.stack(maps), np.stack(truths).astype(float)


def numpy_scores(name: str, maps: np.ndarray, truths: np.ndarray) -> list[float]:
    return [getattr(exact, name)(m, t) for m, t in zip(maps, truths, strict=True)]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 2e-5)])
def test_batched_scores_equal_the_numpy_ones(name, dtype, tolerance, device):
    maps, truths = pictures(name)
    ours = getattr(batched, name)(*(torch.tensor(a, dtype=dtype, device=device) for a in (maps, truths)))
    assert ours.shape == (3,) and ours.dtype == dtype and ours.device.type == device
    np.testing.assert_allclose(ours.cpu(), numpy_scores(name, maps, truths), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", NAMES)
def test_a_channel_axis_changes_nothing(name):
    maps, truths = (torch.tensor(a) for a in pictures(name))
    metric = getattr(batched, name)
    assert torch.equal(metric(maps, truths), metric(maps[:, None], truths[:, None]))


@pytest.mark.parametrize("name", NAMES)
def test_half_precision_maps_are_scored_in_float32(name):
    maps, truths = (torch.tensor(a) for a in pictures(name))
    maps = (maps / maps.amax((1, 2), keepdim=True)).to(torch.bfloat16)
    scores = getattr(batched, name)(maps, truths.float())
    assert scores.dtype == torch.float32
    expected = numpy_scores(name, maps.double().numpy(), truths.numpy())
    np.testing.assert_allclose(scores, expected, rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("name", NAMES)
def test_gradients_are_right_and_flat_maps_have_finite_ones(name):
    generator = torch.Generator().manual_seed(0)
    maps = torch.rand(2, 5, 4, dtype=torch.float64, generator=generator).requires_grad_()
    truths = torch.rand(2, 5, 4, dtype=torch.float64, generator=generator)
    if name == "nss":
        truths = (truths > 0.6).double()
    metric = getattr(batched, name)
    assert torch.autograd.gradcheck(lambda m: metric(m, truths), maps)

    flat = torch.full((2, 5, 4), 0.3, requires_grad=True)
    metric(flat, truths.float()).sum().backward()
    assert torch.isfinite(flat.grad).all()


def test_pictures_without_fixation_score_nan_and_leave_the_others_alone():
    maps, looked = (torch.tensor(a) for a in pictures("nss"))
    looked[1] = 0
    scores = batched.nss(maps, looked)
    assert scores.isnan().tolist() == [False, True, False]
    for name in ("cc", "sim", "kld"):
        maps, density = (torch.tensor(a) for a in pictures(name))
        density[1] = 0
        assert getattr(batched, name)(maps, density).isnan().tolist() == [False, True, False]


def test_negative_values_make_kld_nan():
    maps, density = (torch.tensor(a) for a in pictures("kld"))
    maps[0, 3, 3] = -0.1
    assert batched.kld(maps, density).isnan().tolist() == [True, False, False]
    assert not batched.sim(maps, density).isnan().any()


@pytest.mark.parametrize("name", NAMES)
def test_other_shapes_are_an_error_that_says_what_to_do(name):
    metric = getattr(batched, name)
    for first, second in (((2, 4, 4), (2, 4, 5)), ((4, 4), (4, 4)), ((2, 3, 4, 4), (2, 3, 4, 4))):
        with pytest.raises(MetricError, match="resize or unsqueeze"):
            metric(torch.rand(first), torch.rand(second))
