"""Generator and discriminator in training: the kinds of step, and everything a checkpoint must hold.

Fabric brings devices, precision and DDP; the steps are written out, because the order in which two networks
take turns is what the paper is about.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any, Literal, get_args

import torch
from lightning.fabric import Fabric
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  # its name everywhere

from salgan.errors import ModelError
from salgan.networks.discriminator import Discriminator
from salgan.training.batch_norm import WholeBatchStatistics
from salgan.training.data import Batch
from salgan.training.generator import Answers, Average, statistics_held
from salgan.training.losses import ContentLoss, adversarial_loss, discriminator_loss, mean_of_parts
from salgan.training.optimiser import (
    adopt,
    build_optimiser,
    clip,
    learning_rate,
    restore_gradients,
    schedule_factor,
    set_learning_rate,
)
from salgan.training.phases import Adversarial, Bootstrap, Optimiser
from salgan.training.resume import check_like, check_optimiser

__all__ = ["SalGAN"]

Losses = dict[str, Tensor]
Phase = Literal["bootstrap", "warmup", "adversarial"]


class SalGAN:
    """The two networks, their optimisers and the average, with one method per kind of step.

    Args:
        fabric: devices and precision.
        generator: from pictures to maps.
        discriminator: from pictures and maps to logits.
        bootstrap: the recipe's first phase.
        adversarial: its second.
        content: its content loss.
        steps_per_epoch: batches in an epoch, for the schedules.
        ema: decay of the generator's average; None keeps none.
        accumulate: parts that a batch is computed in.
        compile: compile both networks.
    """

    def __init__(
        self,
        fabric: Fabric,
        generator: nn.Module,
        discriminator: Discriminator,
        *,
        bootstrap: Bootstrap,
        adversarial: Adversarial,
        content: ContentLoss,
        steps_per_epoch: int,
        ema: float | None = None,
        accumulate: int = 1,
        compile: bool = False,  # the recipe's name for it
    ) -> None:
        self._fabric = fabric
        self._first, self._second, self._content_loss = bootstrap, adversarial, content
        self._accumulate = accumulate
        self.generator = generator.to(fabric.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.discriminator = discriminator.to(fabric.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        answers = Answers(self.generator)
        if compile:
            answers.compile()
            self.discriminator.compile()
        self._answers = fabric.setup_module(answers)
        self._judge = fabric.setup_module(self.discriminator)
        self.average = Average(self.generator, ema) if ema is not None else None
        self.generator_optimiser = build_optimiser(bootstrap.optimiser, self.generator)
        self.phase: Phase = "bootstrap"
        self.discriminator_optimiser = build_optimiser(self._discriminator_settings, self.discriminator)
        self._norms = [
            module
            for module in self.generator.modules()
            if isinstance(module, nn.modules.batchnorm._BatchNorm) and module.track_running_stats
        ]
        # torch.compile does not look into the mode, so compiled batch norms see their process's share alone.
        shared = fabric.world_size > 1 and self._norms and not compile
        self._statistics = WholeBatchStatistics() if shared else nullcontext()
        self._bootstrap_steps = bootstrap.epochs * steps_per_epoch
        self._warmup_steps = adversarial.warmup.epochs * steps_per_epoch
        self._adversarial_steps = adversarial.epochs * steps_per_epoch
        self._begun = 0  # the run's steps before the present phase

    @property
    def best_guess(self) -> nn.Module:
        """The network to validate and save: the average where there is one, else the generator."""
        return self.average.network if self.average is not None else self.generator

    def begin_warmup(self, step: int) -> None:
        """Let the discriminator learn alone, with an optimiser of its own where the recipe names one.

        Args:
            step: steps of the whole run so far.
        """
        self.phase, self._begun = "warmup", step
        self.discriminator_optimiser = build_optimiser(self._discriminator_settings, self.discriminator)

    def draw_discriminator(self, seed: int) -> None:
        """Give the discriminator other first weights and an optimiser that knows nothing of the old ones.

        Args:
            seed: what they are drawn from. Nothing else that is drawn in the run depends on it, and all
                processes draw the same.
        """
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.discriminator.load_state_dict(self.discriminator.anew().state_dict())
        self.discriminator_optimiser = build_optimiser(self._discriminator_settings, self.discriminator)

    def begin_adversarial(self, step: int | None = None) -> None:
        """Enter the second phase, with new optimisers where the recipe names them for it.

        Args:
            step: steps of the whole run so far; None stands for those of the bootstrap.
        """
        phase, warm = self._second, self.phase == "warmup"
        self.phase, self._begun = "adversarial", self._bootstrap_steps if step is None else step
        if phase.optimiser is not None:
            self.generator_optimiser = build_optimiser(phase.optimiser, self.generator)
        if warm and phase.warmup.optimiser is not None:
            self.discriminator_optimiser = build_optimiser(self._discriminator_settings, self.discriminator)

    def adopt_optimiser(self, state: dict[str, Any]) -> None:
        """Start the generator's optimiser from another run's state if both are of one kind (``init``)."""
        adopt(self.generator_optimiser, state)

    @property
    def turns(self) -> tuple[str, ...]:
        """The kinds of step of the present phase, in the order in which they take turns."""
        if self.phase != "adversarial":
            return ("content",) if self.phase == "bootstrap" else ("discriminator",)
        phase = self._second
        if not phase.control:
            return tuple(phase.turns)
        return tuple("rest" if turn == "discriminator" else "content" for turn in phase.turns)

    def turn(self, step: int) -> str:
        """Whose turn a step is; in the paper's adversarial phase it goes batch by batch, the generator first.

        Args:
            step: number of the step in the whole run.
        """
        return self.turns[(step - self._begun) % len(self.turns)]

    def step(self, turn: str, batch: Batch, step: int) -> Losses:
        """Take the step of one turn (see below). The control rests on the discriminator's batches."""
        if turn == "rest":
            return {}
        kinds = {
            "content": self.content_step,
            "generator": self.generator_step,
            "discriminator": self.discriminator_step,
            "both": self.joint_step,
        }
        with self._statistics:
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
        """Bootstrap and control: move the generator along the content loss.

        Args:
            batch: samples.
            step: number of the step in the whole run, for the schedule.

        Returns:
            ``content``, a detached scalar.
        """
        self._set_generator_rate(step)
        found: list[Losses] = []
        for part in self._parts(batch, self._answers):
            answer = self._answers(part.pictures, part.features)
            content = self._content_loss(answer, part.density, part.fixations)
            self._backward(content)
            found.append({"content": content.detach()})
        self._move_generator()
        return mean_of_parts(found)

    def generator_step(self, batch: Batch, step: int) -> Losses:
        """Adversarial phase, the generator's turn: ``alpha * content - log D(I, S_hat)``.

        Args:
            batch: samples.
            step: number of the step in the whole run, for the schedule.

        Returns:
            Detached scalars ``content``, ``generator`` (the loss) and ``log_d_generated``.
        """
        return self._convince(batch, step)[0]

    def joint_step(self, batch: Batch, step: int) -> Losses:
        """Adversarial phase, both turns on one batch: the discriminator learns on the maps just judged.

        Args:
            batch: samples.
            step: number of the step in the whole run, for the schedules.

        Returns:
            The scalars of both steps; ``log_d_generated`` is the generator's.
        """
        moved, generated = self._convince(batch, step)
        return self._teach(batch, generated, step) | moved

    def discriminator_step(self, batch: Batch, step: int) -> Losses:
        """The discriminator's turn; the generator stays as it is, batch norms included.

        Args:
            batch: samples.
            step: number of the step in the whole run, for the schedule.

        Returns:
            Detached scalars ``discriminator`` (the loss), ``log_d_real`` and ``log_d_generated``, and
            ``accuracy_real`` and ``accuracy_generated``, the shares of both kinds that it was right about.
        """
        with torch.no_grad(), statistics_held(self._norms):
            maps = [
                self._answers(part.pictures, part.features).logits.sigmoid()
                for part in batch.parts(self._accumulate)
            ]
        return self._teach(batch, torch.cat(maps), step)

    def _convince(self, batch: Batch, step: int) -> tuple[Losses, Tensor]:
        """Move the generator in the adversarial phase; its losses, and the maps that were judged."""
        self._set_generator_rate(step)
        self.discriminator.requires_grad_(False)
        found: list[Losses] = []
        maps: list[Tensor] = []
        for part in self._parts(batch, self._answers):
            answer = self._answers(part.pictures, part.features)
            content = self._content_loss(answer, part.density, part.fixations)
            generated = answer.logits.sigmoid()
            # Bare: under DDP the wrapper would wait for gradients that this step does not make.
            with self._fabric.autocast():
                judged = self.discriminator(part.pictures, generated)
            loss = adversarial_loss(content, judged, self._second.alpha)
            self._backward(loss)
            maps.append(generated.detach())
            found.append(
                {
                    "content": content.detach(),
                    "generator": loss.detach(),
                    "log_d_generated": F.logsigmoid(judged.detach().float()).mean(),
                }
            )
        self._move_generator()
        return mean_of_parts(found), torch.cat(maps)

    def _teach(self, batch: Batch, generated: Tensor, step: int) -> Losses:
        """Move the discriminator on true and generated maps of one batch."""
        settings = self._discriminator_settings
        steps = self._warmup_steps if self.phase == "warmup" else self._adversarial_steps
        factor = schedule_factor(settings, step - self._begun, steps)
        set_learning_rate(self.discriminator_optimiser, settings.lr * factor)
        restore_gradients(self.discriminator_optimiser)
        found: list[Losses] = []
        parts = zip(self._parts(batch, self._judge), generated.chunk(self._accumulate), strict=True)
        for part, made in parts:
            # One pass over both halves costs the same and keeps DDP's count of passes at one.
            both = self._judge(
                torch.cat([part.pictures, part.pictures]), torch.cat([part.density, made.float()])
            )
            real, fake = both.chunk(2)
            loss = discriminator_loss(real, fake, self._second.smoothing)
            self._backward(loss)
            real, fake = real.detach(), fake.detach()
            found.append(
                {
                    "discriminator": loss.detach(),
                    "log_d_real": F.logsigmoid(real.float()).mean(),
                    "log_d_generated": F.logsigmoid(fake.float()).mean(),
                    "accuracy_real": (real > 0).float().mean(),
                    "accuracy_generated": (fake < 0).float().mean(),
                }
            )
        clip(self.discriminator.parameters(), settings)
        self.discriminator_optimiser.step()
        self.discriminator_optimiser.zero_grad(set_to_none=True)
        return mean_of_parts(found)

    @torch.no_grad()
    def frozen_features(self, pictures: Tensor) -> Tensor:
        """The frozen groups' output, in the precision of a step; see ``Generator.frozen_features``."""
        with self._fabric.autocast():
            features: Tensor = self.generator.frozen_features(pictures)
            return features

    def learning_rates(self) -> dict[str, float]:
        """The learning rates of the latest steps."""
        rates = {"lr": learning_rate(self.generator_optimiser)}
        if {"discriminator", "both"} & set(self.turns):
            rates["lr_discriminator"] = learning_rate(self.discriminator_optimiser)
        return rates

    def state(self) -> dict[str, Any]:
        """Everything that training changes, as tensors and plain values."""
        return {
            "phase": self.phase,
            "begun": self._begun,
            "generator": self.generator.state_dict(),
            "generator_optimiser": self.generator_optimiser.state_dict(),
            "discriminator": self.discriminator.state_dict(),
            "discriminator_optimiser": self.discriminator_optimiser.state_dict(),
            "average": None if self.average is None else self.average.network.state_dict(),
            "average_updates": 0 if self.average is None else self.average.updates,
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Put back what :meth:`state` returned.

        Raises:
            ModelError: it is not the state of these networks and optimisers.
        """
        if state.keys() != self.state().keys() or state["phase"] not in get_args(Phase):
            raise ModelError("its networks lack parts, or have others")
        if state["phase"] != "bootstrap":
            begin = self.begin_warmup if state["phase"] == "warmup" else self.begin_adversarial
            begin(state["begun"])
        for name, own in self.state().items():
            if name.endswith("_optimiser"):
                check_optimiser(state[name], getattr(self, name), name)
            else:
                check_like(state[name], own, name)
        self.generator.load_state_dict(state["generator"])
        self.generator_optimiser.load_state_dict(state["generator_optimiser"])
        self.discriminator.load_state_dict(state["discriminator"])
        self.discriminator_optimiser.load_state_dict(state["discriminator_optimiser"])
        if self.average is not None:
            self.average.network.load_state_dict(state["average"])
            self.average.updates = state["average_updates"]

    @property
    def _generator_settings(self) -> Optimiser:
        own = self._second.optimiser if self.phase == "adversarial" else None
        return own or self._first.optimiser

    @property
    def _discriminator_settings(self) -> Optimiser:
        phase = self._second
        warm = phase.warmup.optimiser if self.phase == "warmup" else None
        return warm or phase.discriminator_optimiser or phase.optimiser or self._first.optimiser

    def _set_generator_rate(self, step: int) -> None:
        """Schedules run over a phase, or over the whole run where one optimiser serves both phases."""
        step, steps = step - self._begun, self._bootstrap_steps
        if self._second.optimiser is None:
            # The warm-up between the two does not count: the generator rests in it.
            step += self._bootstrap_steps if self.phase == "adversarial" else 0
            steps += self._adversarial_steps
        elif self.phase == "adversarial":
            steps = self._adversarial_steps
        settings = self._generator_settings
        set_learning_rate(self.generator_optimiser, settings.lr * schedule_factor(settings, step, steps))

    def _parts(self, batch: Batch, module: Any) -> Iterator[Batch]:
        """The parts of a batch; processes exchange the gradients of ``module`` in the last one alone."""
        *first, last = batch.parts(self._accumulate)
        for part in first:
            with self._fabric.no_backward_sync(module):
                yield part
        yield last

    def _backward(self, loss: Tensor) -> None:
        """Add a part's gradient to the batch's, which is the mean over its equal parts."""
        self._fabric.backward(loss / self._accumulate)

    def _move_generator(self) -> None:
        clip(self.generator.parameters(), self._generator_settings)
        self.generator_optimiser.step()
        self.generator_optimiser.zero_grad(set_to_none=True)
        if self.average is not None:
            self.average.update(self.generator)
