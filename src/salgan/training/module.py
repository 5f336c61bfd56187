"""Generator and discriminator in training: the three kinds of step, and everything a checkpoint must hold.

Fabric brings devices, precision and DDP; the steps are written out, because the order in which two networks
take turns is what the paper is about.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from lightning.fabric import Fabric
from torch import Tensor, nn
from torch.nn import functional as F

from salgan.training.config import Config, Optimiser
from salgan.training.data import Batch
from salgan.training.losses import adversarial_loss, content_loss, discriminator_loss
from salgan.training.optimiser import build_optimiser, clip, schedule_factor, set_learning_rate

__all__ = ["Average", "Logits", "SalGAN"]

Losses = dict[str, Tensor]


class Logits(nn.Module):
    """A network that returns logits, around one that may only return maps.

    Args:
        network: from RGB pictures 0..255 (N, 3, H, W) to maps 0..1 (N, 1, H, W). Its ``logits`` method is used
            where it has one; otherwise the map is clamped to [1e-6, 1 - 1e-6] and its logit taken.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, pictures: Tensor, features: Tensor | None = None) -> Tensor:
        """Logits (N, 1, H, W), from kept frozen features instead of the pictures where those are given."""
        if features is not None:
            return self.network.from_frozen(features)  # type: ignore[operator,no-any-return]
        if hasattr(self.network, "logits"):
            return self.network.logits(pictures)  # type: ignore[operator,no-any-return]
        return torch.logit(self.network(pictures).float(), eps=1e-6)


class Average:
    """An exponential moving average of a network's weights, evaluated and saved in its place.

    The decay rises from 0.1 to the recipe's, ``min(decay, (1 + n) / (10 + n))`` after n updates, so that the
    random start is forgotten in a short run too. Buffers (batch-norm statistics) are copied.

    Args:
        network: the network to follow.
        decay: largest decay.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        self.decay = decay
        self.updates = 0

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Take in the network's present weights."""
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        self.updates += 1
        mine, theirs = list(self.network.parameters()), list(network.parameters())
        torch._foreach_lerp_(mine, theirs, 1 - decay)
        for mine_buffer, their_buffer in zip(self.network.buffers(), network.buffers(), strict=True):
            mine_buffer.copy_(their_buffer)


class SalGAN:
    """The two networks, their optimisers and the average, with one method per kind of step.

    Args:
        fabric: devices and precision.
        config: the recipe.
        generator: from pictures to maps.
        discriminator: from pictures and maps to logits; None where no adversarial phase is asked for.
        steps_per_epoch: batches in an epoch, for the schedules.
    """

    def __init__(
        self,
        fabric: Fabric,
        config: Config,
        generator: nn.Module,
        discriminator: nn.Module | None,
        steps_per_epoch: int,
    ) -> None:
        self._fabric = fabric
        self._config = config
        self.generator = generator.to(fabric.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.discriminator = discriminator
        logits: nn.Module = Logits(self.generator)
        self._logits = fabric.setup_module(torch.compile(logits) if config.compile else logits)
        self._judge: nn.Module | None = None
        if discriminator is not None:
            self.discriminator = discriminator.to(fabric.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
            self._judge = fabric.setup_module(
                torch.compile(discriminator) if config.compile else discriminator
            )
        self.average = Average(self.generator, config.ema) if config.ema is not None else None
        self.generator_optimiser = build_optimiser(config.bootstrap.optimiser, self.generator)
        self.discriminator_optimiser: torch.optim.Optimizer | None = None
        self.adversarial = False
        self._bootstrap_steps = config.bootstrap.epochs * steps_per_epoch
        self._adversarial_steps = config.adversarial.epochs * steps_per_epoch

    @property
    def best_guess(self) -> nn.Module:
        """The network to validate and save: the average where there is one, else the generator."""
        return self.average.network if self.average is not None else self.generator

    def begin_adversarial(self) -> None:
        """Enter the second phase: make the discriminator's optimiser and, where the recipe says so, the generator's."""
        assert self.discriminator is not None
        self.adversarial = True
        if self._config.adversarial.optimiser is not None:
            self.generator_optimiser = build_optimiser(self._config.adversarial.optimiser, self.generator)
        self.discriminator_optimiser = build_optimiser(self._discriminator_settings, self.discriminator)

    def adopt_optimiser(self, state: dict[str, Any]) -> None:
        """Start the generator's optimiser from another run's state, if it is of the same kind; see ``init``."""
        mine = self.generator_optimiser.state_dict()["param_groups"]
        theirs = state["param_groups"]
        if [set(group) for group in mine] == [set(group) for group in theirs] and [
            len(group["params"]) for group in mine
        ] == [len(group["params"]) for group in theirs]:
            settings = [{key: value for key, value in group.items() if key != "params"} for group in mine]
            self.generator_optimiser.load_state_dict(state)
            for group, own in zip(self.generator_optimiser.param_groups, settings, strict=True):
                group.update(own)  # the accumulators come along, learning rate and decay are this recipe's

    def content_step(self, batch: Batch, step: int) -> Losses:
        """Bootstrap: move the generator along the content loss.

        Args:
            batch: samples.
            step: number of the step in the whole run, for the schedule.

        Returns:
            ``content``, a detached scalar.
        """
        set_training(self.generator)
        self._set_generator_rate(step)
        content = self._content(self._logits(batch.pictures, batch.features), batch)
        self._move_generator(content, self._config.bootstrap.optimiser)
        return {"content": content.detach()}

    def generator_step(self, batch: Batch, step: int) -> Losses:
        """Adversarial phase, the generator's turn: ``alpha * content - log D(I, S_hat)``.

        Args:
            batch: samples.
            step: number of the step in the whole run, for the schedule.

        Returns:
            Detached scalars ``content``, ``generator`` (the loss) and ``log_d_generated``.
        """
        assert self.discriminator is not None
        set_training(self.generator)
        self._set_generator_rate(step)
        logits = self._logits(batch.pictures, batch.features)
        content = self._content(logits, batch)
        self.discriminator.requires_grad_(False)
        # The bare discriminator: under DDP its wrapper would wait for gradients that this step does not make.
        with self._fabric.autocast():
            judged = self.discriminator(batch.pictures, logits.sigmoid())
        loss = adversarial_loss(content, judged, self._config.adversarial.alpha)
        self._move_generator(loss, self._generator_settings)
        return {
            "content": content.detach(),
            "generator": loss.detach(),
            "log_d_generated": F.logsigmoid(judged.detach().float()).mean(),
        }

    def discriminator_step(self, batch: Batch, step: int) -> Losses:
        """Adversarial phase, the discriminator's turn; the generator, its batch norms included, stays as it is.

        Args:
            batch: samples.
            step: number of the step in the whole run, for the schedule.

        Returns:
            Detached scalars ``discriminator`` (the loss), ``log_d_real`` and ``log_d_generated``.
        """
        assert self.discriminator is not None
        assert self._judge is not None and self.discriminator_optimiser is not None
        set_training(self.generator)
        with torch.no_grad(), _statistics_held(self.generator):
            generated = self._logits(batch.pictures, batch.features).sigmoid()
        settings = self._discriminator_settings
        factor = schedule_factor(settings, step - self._bootstrap_steps, self._adversarial_steps)
        set_learning_rate(self.discriminator_optimiser, settings.lr * factor)
        _restore_gradients(self.discriminator_optimiser)
        # One pass over both halves costs the same and keeps DDP's count of passes at one.
        both = self._judge(
            torch.cat([batch.pictures, batch.pictures]), torch.cat([batch.density, generated.float()])
        )
        real, fake = both.chunk(2)
        loss = discriminator_loss(real, fake, self._config.adversarial.smoothing)
        self._fabric.backward(loss)
        clip(self.discriminator.parameters(), settings)
        self.discriminator_optimiser.step()
        self.discriminator_optimiser.zero_grad(set_to_none=True)
        return {
            "discriminator": loss.detach(),
            "log_d_real": F.logsigmoid(real.detach().float()).mean(),
            "log_d_generated": F.logsigmoid(fake.detach().float()).mean(),
        }

    def generators_turn(self, step: int) -> bool:
        """Whether a step of the adversarial phase is the generator's: the phase's first, third, fifth and so on."""
        return (step - self._bootstrap_steps) % 2 == 0

    @torch.no_grad()
    def frozen_features(self, pictures: Tensor) -> Tensor:
        """The frozen groups' output, in the precision of a step; see ``Generator.frozen_features``."""
        with self._fabric.autocast():
            return self.generator.frozen_features(pictures)  # type: ignore[operator,no-any-return]

    def learning_rates(self) -> dict[str, float]:
        """The learning rates of the latest steps."""
        rates = {"lr": _rate(self.generator_optimiser)}
        if self.discriminator_optimiser is not None:
            rates["lr_discriminator"] = _rate(self.discriminator_optimiser)
        return rates

    def state(self) -> dict[str, Any]:
        """Everything that training changes, as tensors and plain values."""
        return {
            "adversarial": self.adversarial,
            "generator": self.generator.state_dict(),
            "generator_optimiser": self.generator_optimiser.state_dict(),
            "discriminator": None if self.discriminator is None else self.discriminator.state_dict(),
            "discriminator_optimiser": (
                None if self.discriminator_optimiser is None else self.discriminator_optimiser.state_dict()
            ),
            "average": None if self.average is None else self.average.network.state_dict(),
            "average_updates": 0 if self.average is None else self.average.updates,
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Put back what :meth:`state` returned."""
        if state["adversarial"]:
            self.begin_adversarial()
        self.generator.load_state_dict(state["generator"])
        self.generator_optimiser.load_state_dict(state["generator_optimiser"])
        if self.discriminator is not None:
            self.discriminator.load_state_dict(state["discriminator"])
        if self.discriminator_optimiser is not None:
            self.discriminator_optimiser.load_state_dict(state["discriminator_optimiser"])
        if self.average is not None:
            self.average.network.load_state_dict(state["average"])
            self.average.updates = state["average_updates"]

    @property
    def _generator_settings(self) -> Optimiser:
        own = self._config.adversarial.optimiser if self.adversarial else None
        return own or self._config.bootstrap.optimiser

    @property
    def _discriminator_settings(self) -> Optimiser:
        return self._config.adversarial.discriminator_optimiser or self._generator_settings

    def _set_generator_rate(self, step: int) -> None:
        """Schedules run over a phase, or over the whole run where one optimiser serves both phases."""
        steps = self._bootstrap_steps
        if self._config.adversarial.optimiser is None:
            steps += self._adversarial_steps
        elif self.adversarial:
            step, steps = step - self._bootstrap_steps, self._adversarial_steps
        settings = self._generator_settings
        set_learning_rate(self.generator_optimiser, settings.lr * schedule_factor(settings, step, steps))

    def _content(self, logits: Tensor, batch: Batch) -> Tensor:
        return content_loss(
            logits, batch.density, batch.fixations, self._config.content, self._config.downsample
        )

    def _move_generator(self, loss: Tensor, settings: Optimiser) -> None:
        self._fabric.backward(loss)
        clip(self.generator.parameters(), settings)
        self.generator_optimiser.step()
        self.generator_optimiser.zero_grad(set_to_none=True)
        if self.average is not None:
            self.average.update(self.generator)


def set_training(network: nn.Module) -> None:
    """Set training mode, but leave batch norms in evaluation mode where all their weights are frozen."""
    network.train()
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            weights = list(module.parameters())
            if weights and not any(weight.requires_grad for weight in weights):
                module.eval()


@contextmanager
def _statistics_held(network: nn.Module) -> Iterator[None]:
    """Batch norms use the batch's statistics, as in training, without taking them into their running ones."""
    norms = [
        module
        for module in network.modules()
        if isinstance(module, nn.modules.batchnorm._BatchNorm)
        and module.track_running_stats
        and module.training
    ]
    for norm in norms:
        norm.track_running_stats = False
    try:
        yield
    finally:
        for norm in norms:
            norm.track_running_stats = True


def _restore_gradients(optimiser: torch.optim.Optimizer) -> None:
    """Let exactly the weights that an optimiser moves have gradients again."""
    for group in optimiser.param_groups:
        for weight in group["params"]:
            weight.requires_grad_(True)


def _rate(optimiser: torch.optim.Optimizer) -> float:
    return float(max(group["lr"] for group in optimiser.param_groups))
