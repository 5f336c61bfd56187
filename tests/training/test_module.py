"""The steps: who moves when, who stays, and what the schedules and the average do."""

import copy

import pytest
import torch
from lightning.fabric import Fabric
from torch import nn

from salgan.networks import Discriminator, Generator
from salgan.training.config import Content
from salgan.training.data import Batch
from salgan.training.generator import Answers, Average
from salgan.training.losses import ContentLoss, adversarial_loss, content_loss, discriminator_loss
from salgan.training.module import SalGAN
from salgan.training.optimiser import build_optimiser, schedule_factor
from salgan.training.phases import Optimiser
from tests.training.tiny import Ahead, Tiny


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(1)
    pictures = torch.rand(4, 3, 32, 48, generator=generator) * 255
    density = torch.rand(4, 1, 32, 48, generator=generator)
    return Batch(pictures.contiguous(memory_format=torch.channels_last), density, density > 0.95)


@pytest.fixture
def make(config):
    """A SalGAN in training around a small network; keywords are settings."""

    def build(network=Tiny, **settings):
        torch.manual_seed(0)
        chosen = config(**({"adversarial": {"epochs": 2}} | settings))
        fabric = Fabric(accelerator="cpu", devices=1)
        salgan = SalGAN(
            fabric,
            network(),
            Discriminator((32, 48)),
            bootstrap=chosen.bootstrap,
            adversarial=chosen.adversarial,
            content=ContentLoss(chosen.content, chosen.downsample),
            steps_per_epoch=3,
            ema=chosen.ema,
            accumulate=chosen.accumulate,
        )
        salgan.begin_epoch()
        return salgan

    return build


def snapshot(network):
    """All weights and buffers, batch-norm statistics included."""
    return copy.deepcopy(network.state_dict())


def same(before, network):
    after = network.state_dict()
    return all(torch.equal(before[name], after[name]) for name in before)


def test_a_content_step_moves_the_generator_and_not_the_discriminator(make, batch):
    salgan = make()
    generator, discriminator = snapshot(salgan.generator), snapshot(salgan.discriminator)
    losses = salgan.content_step(batch, 0)
    assert set(losses) == {"content"}
    assert not same(generator, salgan.generator)
    assert same(discriminator, salgan.discriminator)


def test_a_generator_step_leaves_the_discriminator_and_its_gradients_alone(make, batch):
    salgan = make()
    salgan.begin_adversarial()
    generator, discriminator = snapshot(salgan.generator), snapshot(salgan.discriminator)
    salgan.generator_step(batch, 6)
    assert not same(generator, salgan.generator)
    assert same(discriminator, salgan.discriminator)
    assert all(weight.grad is None for weight in salgan.discriminator.parameters())


def test_a_discriminator_step_leaves_the_generator_and_its_statistics_alone(make, batch):
    salgan = make()
    salgan.begin_adversarial()
    salgan.generator_step(batch, 6)  # leaves the discriminator without gradients, which must come back
    generator, discriminator = snapshot(salgan.generator), snapshot(salgan.discriminator)
    salgan.discriminator_step(batch, 7)
    assert same(generator, salgan.generator)
    assert not same(discriminator, salgan.discriminator)
    assert all(weight.grad is None for weight in salgan.generator.parameters())


def test_the_discriminator_is_shown_the_maps_that_the_generator_makes_in_training(make, batch, monkeypatch):
    salgan = make()
    salgan.begin_adversarial()
    seen = []
    judge = salgan.discriminator.forward
    monkeypatch.setattr(salgan.discriminator, "forward", lambda p, m: seen.append(m) or judge(p, m))
    salgan.generator_step(batch, 6)
    before = snapshot(salgan.generator)
    salgan.discriminator_step(batch, 7)
    twin = Tiny().to(memory_format=torch.channels_last)
    twin.load_state_dict(before)
    twin.train()
    twin.encoder[0].eval()
    assert torch.equal(seen[1][:4], batch.density)
    assert torch.allclose(seen[1][4:], twin(batch.pictures), atol=1e-5)


def test_generator_and_discriminator_take_turns_batch_by_batch(make):
    salgan = make()
    assert [salgan.turn(step) for step in range(6)] == ["content"] * 6
    salgan.begin_adversarial()
    # The turns go on over the end of an epoch of 3 batches, so that all batches serve both networks.
    turns = [salgan.turn(step) for step in range(6, 12)]
    assert turns == ["generator", "discriminator"] * 3


def test_the_losses_of_the_steps_are_those_of_the_paper(make, batch):
    salgan = make()
    salgan.begin_adversarial()
    with torch.no_grad():
        logits = torch.logit(salgan.generator(batch.pictures), eps=1e-6)
        judged = salgan.discriminator(batch.pictures, logits.sigmoid())
        content = content_loss(logits, batch.density, batch.fixations, Content(), 4)
        expected = adversarial_loss(content, judged, 0.05)
    losses = salgan.generator_step(batch, 6)
    assert losses["content"].item() == pytest.approx(content.item(), rel=1e-4)
    assert losses["generator"].item() == pytest.approx(expected.item(), rel=1e-4)
    assert losses["log_d_generated"].item() == pytest.approx(judged.sigmoid().log().mean().item(), rel=1e-3)
    with torch.no_grad():
        fake = salgan.generator(batch.pictures)
        real, fake = (salgan.discriminator(batch.pictures, maps) for maps in (batch.density, fake))
    losses = salgan.discriminator_step(batch, 7)
    assert losses["discriminator"].item() == pytest.approx(discriminator_loss(real, fake).item(), rel=1e-3)
    assert losses["log_d_real"].item() == pytest.approx(real.sigmoid().log().mean().item(), rel=1e-3)


def test_the_discriminator_learns_to_tell_true_from_generated(make, batch):
    salgan = make(adversarial={"epochs": 2, "discriminator_optimiser": {"name": "adamw", "lr": 5e-4}})
    salgan.begin_adversarial()
    losses = [salgan.discriminator_step(batch, 7 + 2 * step)["discriminator"].item() for step in range(60)]
    assert losses[-1] < 0.5 * losses[0]


def test_the_warmup_moves_the_discriminator_alone_and_with_its_own_rate(make, batch):
    phase = {
        "epochs": 2,
        "discriminator_optimiser": {"name": "adamw", "lr": 3e-4},
        "warmup": {"epochs": 2, "optimiser": {"name": "adamw", "lr": 1e-3, "betas": [0.5, 0.999]}},
    }
    salgan = make(adversarial=phase, ema=0.9)
    salgan.begin_warmup(6)
    generator, average = snapshot(salgan.generator), snapshot(salgan.average.network)
    discriminator = snapshot(salgan.discriminator)
    assert [salgan.turn(step) for step in range(6, 9)] == ["discriminator"] * 3
    for step in range(6, 9):
        salgan.step(salgan.turn(step), batch, step)
    assert salgan.learning_rates()["lr_discriminator"] == 1e-3
    assert salgan.discriminator_optimiser.param_groups[0]["betas"] == (0.5, 0.999)
    assert same(generator, salgan.generator) and same(average, salgan.average.network)
    assert not same(discriminator, salgan.discriminator)
    learnt = snapshot(salgan.discriminator)
    salgan.begin_adversarial(9)
    assert same(learnt, salgan.discriminator)
    salgan.discriminator_step(batch, 10)
    assert salgan.learning_rates()["lr_discriminator"] == 3e-4
    assert salgan.discriminator_optimiser.param_groups[0]["betas"] == (0.9, 0.999)


def test_a_discriminator_drawn_anew_has_forgotten_everything_and_disturbs_nothing_else(make, batch):
    salgan = make(ema=0.9)
    salgan.begin_warmup(0)
    for step in range(3):
        salgan.step("discriminator", batch, step)
    learnt, generator, drawn = (
        snapshot(salgan.discriminator),
        snapshot(salgan.generator),
        torch.get_rng_state(),
    )
    salgan.draw_discriminator(5)
    assert torch.equal(drawn, torch.get_rng_state())
    assert not same(learnt, salgan.discriminator) and same(generator, salgan.generator)
    assert salgan.discriminator_optimiser.state_dict()["state"] == {}
    first = snapshot(salgan.discriminator)
    salgan.draw_discriminator(5)
    assert same(first, salgan.discriminator)
    salgan.draw_discriminator(6)
    assert not same(first, salgan.discriminator)
    before = snapshot(salgan.discriminator)
    salgan.step("discriminator", batch, 3)
    assert not same(before, salgan.discriminator)


def test_the_turns_and_schedules_after_a_warmup_are_those_without_one(make, batch):
    optimiser = {"name": "sgd", "lr": 0.02, "schedule": "cosine"}
    plain = make(adversarial={"epochs": 2, "optimiser": optimiser})
    plain.begin_adversarial(6)
    plain.generator_step(batch, 8)
    warmed = make(adversarial={"epochs": 2, "optimiser": optimiser, "warmup": {"epochs": 1}})
    warmed.begin_warmup(6)
    warmed.begin_adversarial(9)
    warmed.generator_step(batch, 11)
    assert [warmed.turn(step) for step in (9, 10)] == [plain.turn(step) for step in (6, 7)]
    assert warmed.learning_rates()["lr"] == plain.learning_rates()["lr"] < 0.02


def test_one_schedule_over_both_phases_does_not_count_the_warmup(make, batch):
    optimiser = {"name": "adamw", "lr": 0.01, "schedule": "cosine"}
    salgan = make(
        bootstrap={"epochs": 2, "optimiser": optimiser}, adversarial={"epochs": 2, "warmup": {"epochs": 1}}
    )
    salgan.begin_warmup(6)
    salgan.begin_adversarial(9)
    salgan.generator_step(batch, 10)  # the generator's 8th step of 12
    assert salgan.learning_rates()["lr"] == pytest.approx(
        0.01 * schedule_factor(Optimiser(schedule="cosine"), 7, 12)
    )


def test_a_joint_step_is_the_generators_and_then_the_discriminators_on_the_maps_just_judged(
    make, batch, monkeypatch
):
    settings = {"adversarial": {"epochs": 2, "turns": ["both"]}}
    joint, apart = make(**settings), make(**settings)
    for salgan in (joint, apart):
        salgan.begin_adversarial()
    assert [joint.turn(step) for step in range(6, 9)] == ["both"] * 3
    seen = []
    judge = joint.discriminator.forward
    monkeypatch.setattr(joint.discriminator, "forward", lambda p, m: seen.append(m.detach()) or judge(p, m))
    before = snapshot(joint.discriminator)
    losses = joint.joint_step(batch, 6)
    expected = apart.generator_step(batch, 6)
    assert losses.keys() >= {"content", "generator", "discriminator", "accuracy_real", "accuracy_generated"}
    assert losses["generator"] == expected["generator"]
    assert same(snapshot(apart.generator), joint.generator)
    assert torch.equal(seen[1][:4], batch.density)
    assert torch.equal(seen[1][4:], seen[0])
    assert not same(before, joint.discriminator)


def test_the_control_moves_the_generator_on_its_batches_by_the_content_loss_alone(make, batch):
    optimiser = {"name": "adamw", "lr": 0.02}
    control = make(adversarial={"epochs": 2, "control": True, "optimiser": optimiser})
    control.begin_adversarial()
    turns = [control.turn(step) for step in range(6, 10)]
    assert turns == ["content", "rest", "content", "rest"]
    discriminator = snapshot(control.discriminator)
    alone = make(bootstrap={"epochs": 2, "optimiser": optimiser})
    losses = [control.step(turn, batch, step) for step, turn in enumerate(turns, 6)]
    for step in range(2):
        alone.content_step(batch, step)
    assert [set(each) for each in losses] == [{"content"}, set(), {"content"}, set()]
    assert same(snapshot(alone.generator), control.generator)
    assert same(discriminator, control.discriminator)
    assert "lr_discriminator" not in control.learning_rates()


@pytest.mark.parametrize("turn", ["content", "generator", "discriminator", "both"])
def test_a_batch_in_parts_moves_both_networks_and_the_average_as_the_whole_batch_does(make, batch, turn):
    optimiser = {"name": "sgd", "lr": 0.05, "momentum": 0.9, "schedule": "cosine", "clip": 0.1}
    settings = {
        "network": Ahead,
        "bootstrap": {"epochs": 2, "optimiser": optimiser},
        "adversarial": {"epochs": 2, "turns": ["both"]},
        "ema": 0.9,
    }
    whole, parts = make(**settings), make(**settings, accumulate=2)
    for salgan in (whole, parts):
        salgan.generator.trained[1].p = 0.0  # what dropout draws depends on how often it draws
        if turn != "content":
            salgan.begin_adversarial()
    for step in range(6, 9):
        losses = [salgan.step(turn, batch, step) for salgan in (whole, parts)]
        for name, value in losses[0].items():
            assert losses[1][name].item() == pytest.approx(value.item(), abs=1e-5), name
    assert parts.learning_rates() == whole.learning_rates()
    assert whole.average.updates == parts.average.updates == (0 if turn == "discriminator" else 3)
    for network in ("generator", "discriminator"):
        before = make(**settings)
        moved = snapshot(getattr(whole, network))
        for name, value in getattr(parts, network).state_dict().items():
            assert torch.allclose(value, moved[name], atol=1e-5), name
        moves = {"content": "generator", "both": network}.get(turn, turn) == network
        assert same(snapshot(getattr(before, network)), getattr(whole, network)) != moves
    for mine, theirs in zip(
        parts.average.network.parameters(), whole.average.network.parameters(), strict=True
    ):
        assert torch.allclose(mine, theirs, atol=1e-5)


def test_the_accuracies_count_what_the_discriminator_is_right_about(make, batch, monkeypatch):
    salgan = make()
    salgan.begin_adversarial()
    answers = torch.tensor([1.0, 2.0, -1.0, 3.0, -1.0, -2.0, 0.5, 4.0])[:, None].requires_grad_()
    monkeypatch.setattr(salgan, "_judge", lambda pictures, maps: answers * 1)
    losses = salgan.discriminator_step(batch, 7)
    assert losses["accuracy_real"] == 0.75
    assert losses["accuracy_generated"] == 0.5


def test_frozen_groups_and_their_batch_norms_never_change(make, batch):
    salgan = make()
    frozen = snapshot(salgan.generator.encoder[0])
    trained = snapshot(salgan.generator.encoder[1])
    for step in range(3):
        salgan.content_step(batch, step)
    assert same(frozen, salgan.generator.encoder[0])
    assert not torch.equal(trained["1.running_mean"], salgan.generator.encoder[1][1].running_mean)


def test_the_papers_generator_trains_groups_4_and_5_and_the_decoder_only(config):
    fabric = Fabric(accelerator="cpu", devices=1)
    network = Generator("vgg16")
    settings = config(size=[32, 32])
    salgan = SalGAN(
        fabric,
        network,
        Discriminator((32, 32)),
        bootstrap=settings.bootstrap,
        adversarial=settings.adversarial,
        content=ContentLoss(settings.content),
        steps_per_epoch=1,
    )
    moved = {id(weight) for group in salgan.generator_optimiser.param_groups for weight in group["params"]}
    layers = [name for name, weight in network.named_parameters() if id(weight) in moved]
    frozen = [name for name, weight in network.named_parameters() if id(weight) not in moved]
    assert len(frozen) == 2 * 7
    assert all(name.startswith("encoder.features.") for name in frozen)
    assert len(layers) == 2 * (6 + 14)


def test_a_step_from_kept_features_equals_one_from_pictures(make, batch):
    twins = []
    for kept in (False, True):
        salgan = make(Ahead)
        salgan.generator.trained[1].p = 0.0
        features = salgan.frozen_features(batch.pictures) if kept else None
        calls = salgan.generator.calls
        given = Batch(batch.pictures, batch.density, batch.fixations, features)
        salgan.content_step(given, 0)
        assert (salgan.generator.calls == calls) is kept
        twins.append(salgan.generator)
    for one, other in zip(*(network.parameters() for network in twins), strict=True):
        assert torch.allclose(one, other, atol=1e-6)


def test_a_state_put_back_continues_as_if_nothing_had_happened(make, batch):
    settings = {"ema": 0.9, "adversarial": {"epochs": 2, "optimiser": {"lr": 0.01}}}
    first = make(**settings)
    first.content_step(batch, 0)
    first.begin_adversarial()
    first.generator_step(batch, 6)
    state = copy.deepcopy(first.state())
    second = make(**settings)
    second.load_state(state)
    for salgan in (first, second):
        salgan.discriminator_step(batch, 7)
        salgan.generator_step(batch, 8)
    for part in ("generator", "discriminator"):
        assert same(snapshot(getattr(first, part)), getattr(second, part))
    assert same(snapshot(first.average.network), second.average.network)


def test_weight_decay_goes_to_kernels_and_the_factor_to_the_encoder():
    network = Tiny()
    optimiser = build_optimiser(Optimiser(name="adamw", lr=0.1, weight_decay=0.3, encoder_lr=0.5), network)
    found = {
        id(weight): (group["weight_decay"], group["factor"])
        for group in optimiser.param_groups
        for weight in group["params"]
    }
    convolution, norm = network.encoder[1][0], network.encoder[1][1]
    assert found[id(convolution.weight)] == (0.3, 0.5)
    assert found[id(convolution.bias)] == found[id(norm.weight)] == (0.0, 0.5)
    assert found[id(network.head[1].weight)] == (0.3, 1.0)
    assert id(network.encoder[0][0].weight) not in found


@pytest.mark.parametrize(("name", "kind"), [("adagrad", "Adagrad"), ("adamw", "AdamW"), ("sgd", "SGD")])
def test_optimisers_are_pytorchs(name, kind):
    momentum = {"momentum": 0.5} if name == "sgd" else {}
    optimiser = build_optimiser(Optimiser(name=name, **momentum), nn.Linear(2, 2))
    assert type(optimiser).__name__ == kind
    if name == "sgd":
        assert optimiser.param_groups[0]["nesterov"] and optimiser.param_groups[0]["momentum"] == 0.5


def test_betas_are_adamws():
    optimiser = build_optimiser(Optimiser(name="adamw", betas=[0.5, 0.99]), nn.Linear(2, 2))
    assert all(group["betas"] == (0.5, 0.99) for group in optimiser.param_groups)


def test_adagrad_adds_l2_to_the_gradient():
    layer = nn.Linear(1, 1, bias=False)
    nn.init.constant_(layer.weight, 2.0)
    optimiser = build_optimiser(Optimiser(lr=0.1, weight_decay=0.5), layer)
    optimiser.param_groups[0]["lr"] = 0.1
    layer.weight.grad = torch.tensor([[3.0]])
    optimiser.step()
    # Gradient 3 + .5 · 2 = 4; the first step is lr · g / sqrt(g² + 1e-6).
    assert layer.weight.item() == pytest.approx(2 - 0.1 * 4 / 4)


def test_adagrad_is_lasagnes_and_damps_tiny_gradients():
    layer = nn.Linear(1, 1, bias=False)
    nn.init.constant_(layer.weight, 2.0)
    optimiser = build_optimiser(Optimiser(lr=0.1, weight_decay=0), layer)
    expected, total = 2.0, 0.0
    for gradient in (1e-5, 2e-3, -1e-3):
        layer.weight.grad = torch.tensor([[gradient]])
        optimiser.step()
        total += gradient**2
        expected -= 0.1 * gradient / (total + 1e-6) ** 0.5
        assert layer.weight.item() == pytest.approx(expected, abs=1e-6)


def test_schedules():
    constant = Optimiser(warmup=4)
    assert [schedule_factor(constant, step, 10) for step in (0, 3, 4, 9)] == [0.2, 0.8, 1, 1]
    cosine = Optimiser(schedule="cosine", warmup=2)
    assert schedule_factor(cosine, 2, 12) == 1
    assert schedule_factor(cosine, 7, 12) == pytest.approx(0.5)
    assert schedule_factor(cosine, 12, 12) == pytest.approx(0)
    halved = Optimiser(schedule="halved", every=3)
    assert [schedule_factor(halved, step, 12) for step in (0, 2, 3, 5, 6)] == [1, 1, 0.5, 0.5, 0.25]
    with pytest.raises(ValueError, match="set both or neither"):
        Optimiser(schedule="halved")


def test_one_optimiser_for_both_phases_has_one_schedule_over_both(make, batch):
    optimiser = {"name": "adamw", "lr": 0.01, "schedule": "cosine"}
    salgan = make(bootstrap={"epochs": 2, "optimiser": optimiser})
    salgan.content_step(batch, 3)  # of 6 steps of content and 6 adversarial ones
    assert salgan.learning_rates()["lr"] == pytest.approx(
        0.01 * schedule_factor(Optimiser(schedule="cosine"), 3, 12)
    )
    first = salgan.generator_optimiser
    salgan.begin_adversarial()
    assert salgan.generator_optimiser is first


def test_an_optimiser_of_its_own_starts_the_second_phase_afresh(make, batch):
    optimiser = {"name": "sgd", "lr": 0.02, "schedule": "cosine"}
    salgan = make(adversarial={"epochs": 2, "optimiser": optimiser})
    salgan.begin_adversarial()
    salgan.generator_step(batch, 6)
    assert isinstance(salgan.generator_optimiser, torch.optim.SGD)
    assert salgan.learning_rates()["lr"] == pytest.approx(0.02)
    assert salgan.learning_rates()["lr_discriminator"] > 0


def test_gradients_are_clipped_to_their_largest_norm(make, batch):
    optimiser = {"name": "sgd", "lr": 1.0, "weight_decay": 0, "clip": 1e-3}
    salgan = make(bootstrap={"epochs": 2, "optimiser": optimiser})
    before = [weight.detach().clone() for weight in salgan.generator.parameters()]
    salgan.content_step(batch, 0)
    moved = torch.cat(
        [(weight - old).flatten() for weight, old in zip(salgan.generator.parameters(), before, strict=True)]
    )
    assert moved.norm().item() == pytest.approx(1e-3, rel=1e-2)


def test_the_average_follows_weights_and_statistics_alike():
    network = nn.Sequential(nn.Linear(1, 1, bias=False), nn.BatchNorm1d(1))
    nn.init.constant_(network[0].weight, 0.0)
    average = Average(network, decay=0.9)
    nn.init.constant_(network[0].weight, 1.0)
    network[1].running_mean.fill_(5.0)
    average.update(network)  # decay (1 + 0) / (10 + 0) at first
    assert average.network[0].weight.item() == pytest.approx(0.9)
    assert average.network[1].running_mean.item() == pytest.approx(4.5)
    average.updates = 1000
    nn.init.constant_(network[0].weight, 0.0)
    average.update(network)
    assert average.network[0].weight.item() == pytest.approx(0.81)
    assert average.network[1].running_mean.item() == pytest.approx(0.9 * 4.5 + 0.1 * 5)


def test_the_average_copies_counters():
    network = nn.BatchNorm1d(1)
    average = Average(network, decay=0.9)
    network.num_batches_tracked.fill_(7)
    average.update(network)
    assert average.network.num_batches_tracked.item() == 7


def test_logits_of_a_network_that_has_none_are_those_of_its_map():
    network = Tiny().eval()
    pictures = torch.rand(1, 3, 32, 48) * 255
    assert torch.allclose(Answers(network)(pictures).logits.sigmoid(), network(pictures), atol=1e-5)


def test_logits_of_a_saturated_map_are_finite():
    class Saturated(nn.Module):
        def forward(self, pictures):
            return torch.ones(1, 1, 4, 4)

    assert torch.isfinite(Answers(Saturated())(torch.zeros(1, 3, 4, 4)).logits).all()
