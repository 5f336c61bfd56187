"""The rivals' own losses, against values computed by hand and finite differences; the rivals in recipes."""

import json

import numpy as np
import pytest
import torch

from salgan import load_model
from salgan.errors import SalganError
from salgan.networks import Discriminator
from salgan.networks.mlnet import MLNet
from salgan.networks.rivals import RIVALS, build_rival
from salgan.training import train
from salgan.training.build import build_generator
from salgan.training.config import Content
from salgan.training.generator import Answer, Answers
from salgan.training.losses import ContentLoss, adversarial_loss, sim_loss
from salgan.training.rival_losses import (
    mlnet_loss,
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
    network = MLNet()
    assert network.penalty() == 0
    with torch.no_grad():
        network.prior[0, 0, 2, 3] = 2.0
    assert network.penalty().item() == pytest.approx(4 / 48)


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


SMALL = {"mlnet": [32, 48], "salicon-net": [32, 48], "salnet": [16, 24], "salnet-shallow": [96, 96]}
OWN = {
    "mlnet": {"bce": 0, "mlnet": 1},
    "salicon-net": {"bce": 0, "kld": 1, "cc": 1, "nss": 0.1, "sim": 1},
    "salnet": {"bce": 0, "salnet": 1},
    "salnet-shallow": {"bce": 0, "salnet_shallow": 1},
}


def test_a_rival_learns_its_own_loss_and_then_goes_through_the_adversarial_phase(config):
    settings = config(
        network={"encoder": "mlnet"},
        downsample=2,
        content=OWN["mlnet"],
        batch_size=7,
        bootstrap={"epochs": 1, "optimiser": {"name": "adamw", "lr": 1e-4}},
        adversarial={"epochs": 1, "turns": ["both"], "discriminator_optimiser": {"lr": 1e-3}},
    )
    done = train(settings)
    assert done.finished
    lines = [json.loads(line) for line in (done.folder / "metrics.jsonl").read_text("utf-8").splitlines()]
    steps = [line for line in lines if line["kind"] == "step"]
    assert {line["phase"] for line in steps} == {"bootstrap", "adversarial"}
    assert all(np.isfinite(line["content"]) for line in steps)
    model = load_model(done.folder)  # its code came with the package, so no trust is asked for
    saliency = model.predict(np.zeros((40, 60, 3), np.uint8))
    assert saliency.array.shape == (40, 60)


@pytest.mark.parametrize("name", RIVALS)
def test_every_rival_gets_gradients_from_its_own_loss_and_from_a_discriminator(name):
    torch.manual_seed(0)
    network, (height, width) = build_rival(name), SMALL[name]
    generator = torch.Generator().manual_seed(1)
    truth = torch.rand(2, 1, height, width, generator=generator)
    given = torch.rand(2, 3, height, width, generator=generator) * 255
    answer = answered(network, given)
    content = ContentLoss(Content(**OWN[name]), 2)(answer, truth, truth > 0.9)
    judged = Discriminator((height, width), first_pool=1)(given, answer.logits.sigmoid())
    adversarial_loss(content, judged, alpha=1.0).backward()
    last = [weight.grad for weight in network.parameters()][-1]
    assert torch.isfinite(last).all() and last.abs().max() > 0


def answered(network, pictures):
    return Answers(network)(pictures)


def test_a_content_loss_takes_a_rivals_own_output_and_its_priors_penalty():
    torch.manual_seed(0)
    network = MLNet().eval()
    with torch.no_grad():
        network.prior.fill_(0.5)
        network.head[2].bias.fill_(0.5)
        answer = answered(network, torch.rand(2, 3, 16, 24) * 255)
    truth = maps(0, 16, 24).float()
    cells = truth.reshape(2, 1, 2, 8, 3, 8).mean((3, 5))
    cells *= truth.amax((2, 3), keepdim=True) / cells.amax((2, 3), keepdim=True)
    assert answer.output.shape == cells.shape
    loss = ContentLoss(Content(bce=0, mlnet=2.0))(answer, truth, torch.zeros_like(truth))
    assert loss.item() == pytest.approx(2 * (mlnet_loss(answer.output, cells) + 0.25).item(), rel=1e-5)


def test_a_black_map_is_worse_for_mlnet_than_a_blurred_one_however_small_the_peaks_are():
    truth = torch.zeros(1, 1, 16, 24)
    truth[0, 0, 5, 5] = 1.0  # of an eighth by an eighth of a cell: averaged down, its height would be 1/64
    blurred = torch.tensor([[[[1.0, 0.5, 0.0], [0.5, 0.2, 0.0]]]])
    fixations = torch.zeros_like(truth)
    for term in ("mlnet", "mlnet_paper"):
        loss = ContentLoss(Content(bce=0, **{term: 1}))
        answers = [Answer(torch.zeros_like(truth), output) for output in (blurred, torch.zeros_like(blurred))]
        good, black = (loss(answer, truth, fixations) for answer in answers)
        assert good < black / 5


def test_a_true_map_that_a_crop_emptied_has_a_finite_mlnet_loss():
    empty = torch.zeros(1, 1, 16, 24)
    answer = Answer(empty, torch.rand(1, 1, 2, 3))
    assert torch.isfinite(ContentLoss(Content(bce=0, mlnet=1))(answer, empty, empty))


def test_the_two_forms_of_mlnets_loss_are_two_terms_of_a_recipe():
    answer = Answer(torch.zeros(1, 1, 1, 2), torch.tensor([[[[0.5, 1.0]]]]))
    truth = torch.tensor([[[[0.1, 1.0]]]])
    fixations = torch.zeros(1, 1, 1, 2)
    code = ContentLoss(Content(bce=0, mlnet=1))(answer, truth, fixations)
    paper = ContentLoss(Content(bce=0, mlnet_paper=1))(answer, truth, fixations)
    assert code.item() == pytest.approx(0.16 / 1.0 / 2)
    assert paper.item() == pytest.approx((0.4 / 1.0) ** 2 / 2)


def test_similarity_is_a_loss_of_one_minus_sim():
    truth = torch.tensor([[[[0.0, 1.0, 0.0]]]])
    perfect = torch.tensor([[[[-20.0, 20.0, -20.0]]]])
    assert sim_loss(perfect, truth).item() == pytest.approx(0, abs=1e-6)
    half = torch.tensor([[[[20.0, 20.0, -20.0]]]])
    assert sim_loss(half, truth).item() == pytest.approx(0.5, abs=1e-6)


@pytest.mark.parametrize(
    ("encoder", "content", "said"),
    [
        ("vgg16", {"mlnet": 1}, "content.mlnet is the loss of mlnet; set network.encoder=mlnet"),
        ("salnet", {"salnet_shallow": 1}, "content.salnet_shallow is the loss of salnet-shallow"),
        ("salicon-net", {"mlnet_paper": 1}, "content.mlnet_paper is the loss of mlnet"),
    ],
)
def test_a_rivals_own_loss_with_another_network_is_refused(encoder, content, said, config):
    with pytest.raises(ValueError, match=said):
        config(network={"encoder": encoder}, content=content)


@pytest.mark.parametrize(
    ("network", "size", "said"),
    [
        ({"encoder": "salnet-shallow"}, [192, 256], r"192×256 pixels: salnet-shallow takes 96×96 only"),
        ({"encoder": "mlnet"}, [100, 128], r"multiples of 8; resize them, to 96×128 for instance"),
        ({"encoder": "salicon-net"}, [16, 64], r"takes 32×32 or more"),
        ({"encoder": "salnet", "frozen": 3}, [48, 64], r"no VGG-16 trunk that could be frozen"),
        ({"encoder": "mlnet", "frozen": 6}, [48, 64], r"VGG-16 has 5 groups; frozen=6"),
        ({"encoder": "mlnet", "decoder": {"width": 8}}, [48, 64], r"network.decoder: mlnet has none"),
        ({"encoder": "salnet-shallow", "weights": "x.safetensors"}, [96, 96], r"no layer of VGG-16's shape"),
    ],
)
def test_what_a_rival_cannot_take_is_said_in_one_line_before_any_data_is_read(network, size, said, config):
    settings = config(network=network, size=size, downsample=1)
    with pytest.raises(SalganError, match=said) as caught:
        build_generator(settings.network, tuple(size))
    assert "\n" not in str(caught.value)
