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
from torch.nn import functional as F  # noqa: N812  # its name everywhere

from salgan.training.config import Config, Optimiser
from salgan.training.data import Batch
from salgan.training.losses import adversarial_loss, content_loss, discriminator_loss
from salgan.training.optimiser import build_optimiser, clip, schedule_factor, set_learning_rate

__all__ = ["Average", "Logits", "SalGAN"]

Losses = dict[str, Tensor]


class Logits(nn.Module):
    """A network that returns logits, around one that may only return maps.

    Args:
        network: from RGB pictures 0..255 (N, 3, H, W) to maps 0..1 (N, 1, H, W). Its ``logits`` method is
            used where it has one; otherwise the map is clamped to [1e-6, 1 - 1e-6] and its logit taken.
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
    random start is forgotten in a short run too. Batch-norm statistics are averaged as well: those of the
    latest batches belong to the latest weights, not to the average.

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
        pairs = list(zip(_tensors(self.network), _tensors(network), strict=True))
        averaged = [(mine, theirs) for mine, theirs in pairs if mine.is_floating_point()]
        torch._foreach_lerp_([mine for mine, _ in averaged], [theirs for _, theirs in averaged], 1 - decay)
        for mine, theirs in pairs:
            if not mine.is_floating_point():  # counters
                mine.copy_(theirs)


class SalGAN:
    """The two networks, their optimisers and the average, with one method per kind of step.

    Args:
        fabric: devices and precision.
        config: the recipe.
        generator: from pictures to maps.
        discriminator: from pictures and maps to logits.
        steps_per_epoch: batches in an epoch, for the schedules.
    """

    def __init__(
        self,
        fabric: Fabric,
        config: Config,
        generator: nn.Module,
        discriminator: nn.Module,
        steps_per_epoch: int,
    ) -> None:
        self._fabric = fabric
        self._config = config
        self.generator = generator.to(fabric.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.discriminator = discriminator.to(fabric.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        logits = Logits(self.generator)
        if config.compile:
            logits.compile()
            self.discriminator.compile()
        self._logits = fabric.setup_module(logits)
        self._judge = fabric.setup_module(self.discriminator)
        self.average = Average(self.generator, config.ema) if config.ema is not None else None
        self.generator_optimiser = build_optimiser(config.bootstrap.optimiser, self.generator)
        self.adversarial = False
        self.discriminator_optimiser = build_optimiser(self._discriminator_settings, self.discriminator)
        self._norms = [
            module
            for module in self.generator.modules()
            if isinstance(module, nn.modules.batchnorm._BatchNorm) and module.track_running_stats
        ]
        self._bootstrap_steps = config.bootstrap.epochs * steps_per_epoch
        self._adversarial_steps = config.adversarial.epochs * steps_per_epoch

    @property
    def best_guess(self) -> nn.Module:
        """The network to validate and save: the average where there is one, else the generator."""
        return self.average.network if self.average is not None else self.generator

    def begin_adversarial(self) -> None:
        """Enter the second phase, with a new optimiser for the generator where the recipe names one."""
        self.adversarial = True
        if self._config.adversarial.optimiser is not None:
            self.generator_optimiser = build_optimiser(self._config.adversarial.optimiser, self.generator)

    def adopt_optimiser(self, state: dict[str, Any]) -> None:
        """Start the generator's optimiser from another run's state, if it is of the same kind (``init``)."""
        mine = self.generator_optimiser.state_dict()["param_groups"]
        theirs = state["param_groups"]
        if [set(group) for group in mine] == [set(group) for group in theirs] and [
            len(group["params"]) for group in mine
        ] == [len(group["params"]) for group in theirs]:
            settings = [{key: value for key, value in group.items() if key != "params"} for group in mine]
            self.generator_optimiser.load_state_dict(state)
            for group, own in zip(self.generator_optimiser.param_groups, settings, strict=True):
                group.update(own)  # the accumulators come along, learning rate and decay are this recipe's

    @property
    def turns(self) -> tuple[str, ...]:
        """The kinds of step of the present phase, in the order in which they take turns."""
        return ("generator", "discriminator") if self.adversarial else ("content",)

    def turn(self, step: int) -> str:
        """Whose turn a step is: batch by batch in the adversarial phase, the generator first.

        Args:
            step: number of the step in the whole run.
        """
        return self.turns[(step - self._bootstrap_steps) % len(self.turns)]

    def step(self, turn: str, batch: Batch, step: int) -> Losses:
        """Take the step of one turn; see the three below."""
        kinds = {
            "content": self.content_step,
            "generator": self.generator_step,
            "discriminator": self.discriminator_step,
        }
        return kinds[turn](batch, step)

    def begin_epoch(self) -> None:
        """Set training mode, but leave batch norms in evaluation mode where all their weights are frozen."""
        self.generator.train()
        self.discriminator.train()
        for norm in self._norms:
            weights = list(norm.parameters())
            if weights and not any(weight.requires_grad for weight in weights):
                norm.eval()

    def content_step(self, batch: Batch, step: int) -> Losses:
        """Bootstrap: move the generator along the content loss.

        Args:
            batch: samples.
            step: number of the step in the whole run, for the schedule.

        Returns:
            ``content``, a detached scalar.
        """
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
        """Adversarial phase, the discriminator's turn; the generator stays as it is, batch norms included.

        Args:
            batch: samples.
            step: number of the step in the whole run, for the schedule.

        Returns:
            Detached scalars ``discriminator`` (the loss), ``log_d_real`` and ``log_d_generated``.
        """
        with torch.no_grad(), self._statistics_held():
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

    @torch.no_grad()
    def frozen_features(self, pictures: Tensor) -> Tensor:
        """The frozen groups' output, in the precision of a step; see ``Generator.frozen_features``."""
        with self._fabric.autocast():
            features: Tensor = self.generator.frozen_features(pictures)
            return features

    def learning_rates(self) -> dict[str, float]:
        """The learning rates of the latest steps."""
        rates = {"lr": _rate(self.generator_optimiser)}
        if self.adversarial:
            rates["lr_discriminator"] = _rate(self.discriminator_optimiser)
        return rates

    def state(self) -> dict[str, Any]:
        """Everything that training changes, as tensors and plain values."""
        return {
            "adversarial": self.adversarial,
            "generator": self.generator.state_dict(),
            "generator_optimiser": self.generator_optimiser.state_dict(),
            "discriminator": self.discriminator.state_dict(),
            "discriminator_optimiser": self.discriminator_optimiser.state_dict(),
            "average": None if self.average is None else self.average.network.state_dict(),
            "average_updates": 0 if self.average is None else self.average.updates,
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Put back what :meth:`state` returned."""
        if state["adversarial"]:
            self.begin_adversarial()
        self.generator.load_state_dict(state["generator"])
        self.generator_optimiser.load_state_dict(state["generator_optimiser"])
        self.discriminator.load_state_dict(state["discriminator"])
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
        phase = self._config.adversarial
        return phase.discriminator_optimiser or phase.optimiser or self._config.bootstrap.optimiser

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

    @contextmanager
    def _statistics_held(self) -> Iterator[None]:
        """Batch norms use the batch's statistics, as in training, but do not keep them."""
        held = [norm for norm in self._norms if norm.training]
        for norm in held:
            norm.track_running_stats = False
        try:
            yield
        finally:
            for norm in held:
                norm.track_running_stats = True

    def _move_generator(self, loss: Tensor, settings: Optimiser) -> None:
        self._fabric.backward(loss)
        clip(self.generator.parameters(), settings)
        self.generator_optimiser.step()
        self.generator_optimiser.zero_grad(set_to_none=True)
        if self.average is not None:
            self.average.update(self.generator)


def _tensors(network: nn.Module) -> list[Tensor]:
    """Weights and buffers, in the network's order."""
    return [*network.parameters(), *network.buffers()]


def _restore_gradients(optimiser: torch.optim.Optimizer) -> None:
    """Let exactly the weights that an optimiser moves have gradients again."""
    for group in optimiser.param_groups:
        for weight in group["params"]:
            weight.requires_grad_(True)


def _rate(optimiser: torch.optim.Optimizer) -> float:
    return float(max(group["lr"] for group in optimiser.param_groups))
