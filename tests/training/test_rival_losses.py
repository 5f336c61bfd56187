"""The rivals' own losses, against values computed by hand and finite differences."""

import numpy as np
import pytest
import torch

from salgan import load_model
from salgan.training import train
from salgan.training.rival_losses import (
    mlnet_loss,
    mlnet_prior_penalty,
    salnet_loss,
    salnet_shallow_loss,
    salnet_target,
)


def maps(seed, *shape):
    return torch.rand(2, 1, *shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def test_salnets_target_runs_from_minus_0_243_to_1_757():
    assert salnet_target(torch.tensor([0.0, 31 / 255, 1.0])).tolist() == pytest.approx(
        [-62 / 255, 0.0, 448 / 255], abs=1e-6
    )


def test_salnets_loss_is_half_the_mean_square():
    truth = torch.tensor([[[[31 / 255, 1.0]]]])
    output = torch.tensor([[[[0.5, 448 / 255 - 1]]]])
    assert salnet_loss(output, truth).item() == pytest.approx(0.5 * (0.25 + 1) / 2, abs=1e-6)


def test_the_shallow_networks_target_runs_from_minus_one_to_one():
    truth = torch.tensor([[[[0.0, 0.5, 1.0]]]])
    assert salnet_shallow_loss(torch.tensor([[[[-1.0, 0.0, 1.0]]]]), truth).item() == 0
    assert salnet_shallow_loss(torch.zeros(1, 1, 1, 3), truth).item() == pytest.approx(2 / 3)


def test_mlnets_two_forms_by_hand():
    output = torch.tensor([[[[1.0, 4.0]]]])
    truth = torch.tensor([[[[0.1, 0.6]]]])
    errors = np.array([0.25 - 0.1, 1 - 0.6])
    weights = np.array([1.0, 0.5])
    assert mlnet_loss(output, truth).item() == pytest.approx((errors**2 / weights).mean(), rel=1e-6)
    assert mlnet_loss(output, truth, form="paper").item() == pytest.approx(
        ((errors / weights) ** 2).mean(), rel=1e-6
    )


def test_mlnets_loss_does_not_depend_on_the_outputs_scale():
    output, truth = maps(0, 4, 5), maps(1, 4, 5)
    assert mlnet_loss(7 * output, truth).item() == pytest.approx(mlnet_loss(output, truth).item())


def test_an_all_zero_map_has_a_finite_mlnet_loss_and_gradient():
    output = torch.zeros(1, 1, 4, 5, requires_grad=True)
    loss = mlnet_loss(output, torch.full((1, 1, 4, 5), 0.5))
    loss.backward()
    assert loss.item() == pytest.approx(0.25 / 0.6, rel=1e-6)
    assert torch.isfinite(output.grad).all()


def test_mlnets_prior_costs_its_mean_square():
    prior = torch.zeros(1, 1, 6, 8)
    assert mlnet_prior_penalty(prior) == 0
    prior[0, 0, 2, 3] = 2.0
    assert mlnet_prior_penalty(prior).item() == pytest.approx(4 / 48)


@pytest.mark.parametrize(
    "loss",
    [
        salnet_loss,
        salnet_shallow_loss,
        mlnet_loss,
        lambda output, truth: mlnet_loss(output, truth, form="paper"),
    ],
)
def test_gradients_agree_with_finite_differences(loss):
    truth = maps(1, 3, 4)
    output = (maps(0, 3, 4) + 0.1).requires_grad_()
    assert torch.autograd.gradcheck(lambda output: loss(output, truth), (output,))


def test_a_rival_goes_through_both_phases_and_opens_like_any_other_network(config):
    settings = config(
        network="salgan.networks.mlnet:MLNet",
        batch_size=7,
        bootstrap={"epochs": 1, "optimiser": {"name": "adamw", "lr": 1e-4}},
        adversarial={"epochs": 1, "discriminator_optimiser": {"lr": 1e-3}},
    )
    done = train(settings)
    assert done.finished
    model = load_model(done.folder)  # its code came with the package, so no trust is asked for
    saliency = model.predict(np.zeros((40, 60, 3), np.uint8))
    assert saliency.array.shape == (40, 60)
