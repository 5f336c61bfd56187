"""The losses against values worked out by hand, against finite differences, and where numbers get extreme."""

import math

import numpy as np
import pytest
import torch
from torch.autograd import gradcheck

from salgan.training.config import Content
from salgan.training.losses import (
    adversarial_loss,
    cc_loss,
    content_loss,
    discriminator_loss,
    kld_loss,
    log_pooled_probability,
    nss_loss,
    pooled_bce,
    pooled_mse,
    sim_loss,
)


def logit(p):
    return math.log(p / (1 - p))


def maps(*rows):
    """Nested lists as a (1, 1, H, W) tensor of doubles."""
    return torch.tensor([[rows]], dtype=torch.float64)


@pytest.fixture
def sample():
    """Random logits, density and fixations of two pictures of 8×8."""
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 1, 8, 8, generator=generator, dtype=torch.float64, requires_grad=True)
    density = torch.rand(2, 1, 8, 8, generator=generator, dtype=torch.float64)
    fixations = torch.rand(2, 1, 8, 8, generator=generator) > 0.8
    return logits, density, fixations


def test_bce_of_one_cell_is_that_of_the_mean_probability():
    # Probabilities .1 .2 .3 .6 have mean .3; truths 1 0 0 1 have mean .5.
    logits = maps([logit(0.1), logit(0.2)], [logit(0.3), logit(0.6)])
    truth = maps([1, 0], [0, 1])
    expected = -(0.5 * math.log(0.3) + 0.5 * math.log(0.7))
    assert pooled_bce(logits, truth, 2).item() == pytest.approx(expected, rel=1e-12)


def test_bce_without_pooling_is_averaged_over_pixels():
    logits, truth = maps([logit(0.1), logit(0.8)]), maps([0, 0.25])
    expected = (-math.log(0.9) - 0.25 * math.log(0.8) - 0.75 * math.log(0.2)) / 2
    assert pooled_bce(logits, truth, 1).item() == pytest.approx(expected, rel=1e-12)


def test_mse_of_one_cell_is_that_of_the_means():
    logits = maps([logit(0.1), logit(0.2)], [logit(0.3), logit(0.6)])
    assert pooled_mse(logits, maps([1, 0], [0, 1]), 2).item() == pytest.approx(0.04, rel=1e-12)


def test_kld_of_two_pixels():
    # True density (1/4, 3/4); predicted .2 and .6 are (1/4, 3/4) after division, .4 and .4 are (1/2, 1/2).
    truth = maps([1, 3])
    assert kld_loss(maps([logit(0.2), logit(0.6)]), truth).item() == pytest.approx(0, abs=1e-12)
    expected = 0.25 * math.log(0.5) + 0.75 * math.log(1.5)
    assert kld_loss(maps([logit(0.4), logit(0.4)]), truth).item() == pytest.approx(expected, rel=1e-12)


def test_cc_loss_of_a_scaled_and_of_an_inverted_map():
    truth = maps([0.2, 0.4], [0.6, 0.8])
    assert cc_loss(torch.logit(truth), truth / 3).item() == pytest.approx(0, abs=1e-9)
    assert cc_loss(torch.logit(1 - truth), truth).item() == pytest.approx(2, abs=1e-9)


def test_nss_loss_is_minus_the_z_score_at_the_fixation():
    probabilities = np.array([0.1, 0.2, 0.3, 0.6])
    z = (0.6 - probabilities.mean()) / probabilities.std(ddof=1)
    logits = torch.logit(torch.from_numpy(probabilities)).reshape(1, 1, 2, 2)
    fixations = torch.tensor([False, False, False, True]).reshape(1, 1, 2, 2)
    assert nss_loss(logits, fixations).item() == pytest.approx(-z, rel=1e-9)


def test_a_picture_without_fixations_does_not_count_in_nss(sample):
    logits, _, fixations = sample
    one = nss_loss(logits[:1], fixations[:1])
    fixations[1] = False
    assert nss_loss(logits, fixations).item() == pytest.approx(one.item(), rel=1e-12)
    nothing = nss_loss(logits, torch.zeros_like(fixations))
    assert nothing.item() == 0
    nothing.backward()
    assert torch.isfinite(logits.grad).all()


@pytest.mark.parametrize("factor", [1, 2, 4, 8])
def test_pooling_losses_agree_with_pooling_the_map_itself(sample, factor):
    logits, density, _ = sample
    pooled = torch.nn.functional.avg_pool2d(logits.sigmoid(), factor)
    target = torch.nn.functional.avg_pool2d(density, factor)
    bce = torch.nn.functional.binary_cross_entropy(pooled, target)
    assert torch.allclose(pooled_bce(logits, density, factor), bce, rtol=1e-12)
    assert torch.allclose(pooled_mse(logits, density, factor), (pooled - target).square().mean(), rtol=1e-12)


@pytest.mark.parametrize("factor", [1, 2, 4])
@pytest.mark.parametrize("loss", [pooled_bce, pooled_mse])
def test_gradients_of_pooled_losses_match_finite_differences(sample, loss, factor):
    logits, density, _ = sample
    assert gradcheck(lambda z: loss(z, density, factor), (logits,))


def test_gradients_of_the_other_terms_match_finite_differences(sample):
    logits, density, fixations = sample
    assert gradcheck(lambda z: kld_loss(z, density), (logits,))
    assert gradcheck(lambda z: cc_loss(z, density), (logits,))
    assert gradcheck(lambda z: nss_loss(z, fixations), (logits,))
    assert gradcheck(lambda z: sim_loss(z, density), (logits,))


def test_gradients_of_the_adversarial_losses_match_finite_differences():
    real, fake = (torch.randn(4, 1, dtype=torch.float64, requires_grad=True) for _ in range(2))
    content = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
    assert gradcheck(lambda r, f: discriminator_loss(r, f, 0.1), (real, fake))
    assert gradcheck(adversarial_loss, (content, fake))


@pytest.mark.parametrize("value", [200.0, -200.0, 1e4, -1e4])
@pytest.mark.parametrize("factor", [1, 4])
def test_extreme_logits_give_finite_losses_and_gradients(value, factor):
    logits = torch.full((1, 1, 8, 8), value, requires_grad=True)
    truth = torch.rand(1, 1, 8, 8)
    loss = pooled_bce(logits, truth, factor) + kld_loss(logits, truth) + cc_loss(logits, truth)
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(logits.grad).all()
    # A confident wrong answer still has a slope to come back on, where a rounded sigmoid would have none.
    assert pooled_bce(logits, truth, factor).item() > 50
    assert logits.grad.abs().sum() > 0


def test_the_pooled_probability_keeps_what_a_sigmoid_rounds_away():
    logits = torch.tensor([[[[-200.0, -300.0], [-300.0, -300.0]]]])
    assert log_pooled_probability(logits, 2).item() == pytest.approx(-200 - math.log(4), rel=1e-6)


def test_a_density_that_a_crop_emptied_gives_no_nan():
    logits = torch.zeros(1, 1, 4, 4, requires_grad=True)
    nothing = torch.zeros(1, 1, 4, 4)
    weights = Content(bce=1, mse=1, kld=1, cc=1, nss=1)
    loss = content_loss(logits, nothing, nothing, weights, 1)
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(logits.grad).all()


def test_content_loss_is_the_weighted_sum_of_its_terms(sample):
    logits, density, fixations = (tensor.float() for tensor in sample)
    weights = Content(bce=0.5, mse=2, kld=3, cc=0.25, nss=0.1)
    expected = (
        0.5 * pooled_bce(logits, density, 4)
        + 2 * pooled_mse(logits, density, 4)
        + 3 * kld_loss(logits, density)
        + 0.25 * cc_loss(logits, density)
        + 0.1 * nss_loss(logits, fixations)
    )
    assert torch.allclose(content_loss(logits, density, fixations, weights, 4), expected)


def test_content_loss_of_half_precision_logits_is_computed_in_float32(sample):
    logits, density, fixations = sample
    half = content_loss(logits.bfloat16(), density.bfloat16(), fixations, Content(), 4)
    assert half.dtype == torch.float32


def test_adversarial_loss_is_equation_1():
    content, judged = torch.tensor(0.7), torch.tensor([[logit(0.2)], [logit(0.5)]])
    expected = 0.05 * 0.7 - (math.log(0.2) + math.log(0.5)) / 2
    assert adversarial_loss(content, judged).item() == pytest.approx(expected, rel=1e-6)
    assert adversarial_loss(content, judged, 1.0).item() == pytest.approx(expected + 0.95 * 0.7, rel=1e-6)


def test_discriminator_loss_is_the_log_loss_of_real_and_generated():
    real, fake = torch.tensor([[logit(0.9)]]), torch.tensor([[logit(0.3)]])
    expected = -math.log(0.9) - math.log(0.7)
    assert discriminator_loss(real, fake).item() == pytest.approx(expected, rel=1e-6)


def test_label_smoothing_is_one_sided():
    real, fake = torch.tensor([[logit(0.9)]]), torch.tensor([[logit(0.3)]])
    expected = -0.9 * math.log(0.9) - 0.1 * math.log(0.1) - math.log(0.7)
    assert discriminator_loss(real, fake, 0.1).item() == pytest.approx(expected, rel=1e-6)
