"""Ways to train the discriminator that are tried here and are not in the product.

Each of them changes the classes and functions of ``salgan.training`` in the present process, and nothing
else; see :data:`CANDIDATES`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  # its name everywhere
from torch.nn.utils import parametrizations

from salgan.networks import Discriminator
from salgan.training import losses, module, run
from salgan.training.data import Batch
from salgan.training.module import Losses, SalGAN

__all__ = ["CANDIDATES", "share_warmup"]


class NormalisedMaps(Discriminator):
    """Sees maps divided by their largest value: the height of a peak no longer gives a map away."""

    def forward(self, pictures: Tensor, maps: Tensor) -> Tensor:
        """Judge pairs."""
        return super().forward(pictures, maps / maps.amax((1, 2, 3), keepdim=True).clamp_min(1e-6))


class SpectralNorm(Discriminator):
    """Every layer divided by its largest singular value (Miyato et al. 2018)."""

    def __init__(self, *arguments: object, **keywords: object) -> None:
        super().__init__(*arguments, **keywords)  # type: ignore[arg-type]
        for layer in [*self.convolutions, *self.dense]:
            if isinstance(layer, (nn.Conv2d, nn.Linear)):
                parametrizations.spectral_norm(layer)


class FeatureMatching(SalGAN):
    """The generator also brings the discriminator's mean features of its maps to those of true ones."""

    def generator_step(self, batch: Batch, step: int) -> Losses:
        """Not used: the sweep's turns are joint."""
        raise NotImplementedError

    def _convince(self, batch: Batch, step: int) -> tuple[Losses, Tensor]:
        features: list[Tensor] = []
        hook = self.discriminator.convolutions.register_forward_hook(
            lambda layer, inputs, output: features.append(output)
        )
        plain = module.adversarial_loss
        with torch.no_grad():
            self.discriminator(batch.pictures, batch.density)

        def matched(content: Tensor, judged: Tensor, alpha: float) -> Tensor:
            true, generated = features[0], features[1]
            return plain(content, judged, alpha) + 10 * F.l1_loss(generated.mean(0), true.mean(0))

        module.adversarial_loss = matched
        try:
            return super()._convince(batch, step)
        finally:
            module.adversarial_loss = plain
            hook.remove()


class R1(SalGAN):
    """A penalty on the discriminator's slope at true maps (Mescheder et al. 2018), gamma 1."""

    def _teach(self, batch: Batch, generated: Tensor, step: int) -> Losses:
        plain = module.discriminator_loss

        def penalised(real: Tensor, fake: Tensor, smoothing: float = 0.0) -> Tensor:
            density = batch.density.clone().requires_grad_(True)
            judged = self.discriminator(batch.pictures, density).sum()
            (slope,) = torch.autograd.grad(judged, density, create_graph=True)
            return plain(real, fake, smoothing) + 0.5 * slope.square().sum((1, 2, 3)).mean()

        module.discriminator_loss = penalised
        try:
            return super()._teach(batch, generated, step)
        finally:
            module.discriminator_loss = plain


def least_squares() -> None:
    """Mao et al. 2017, with true maps at 1 and generated ones at -1."""
    module.adversarial_loss = lambda content, judged, alpha: (
        alpha * content + (judged - 1).square().mean() / 2
    )
    module.discriminator_loss = lambda real, fake, smoothing=0.0: (
        ((real - 1).square().mean() + (fake + 1).square().mean()) / 2
    )


def hinge() -> None:
    """Lim and Ye 2017."""
    module.adversarial_loss = lambda content, judged, alpha: alpha * content - judged.mean()
    module.discriminator_loss = lambda real, fake, smoothing=0.0: (
        F.relu(1 - real).mean() + F.relu(1 + fake).mean()
    )


def sharpened_targets() -> None:
    """No discriminator, but true maps to the power of 1.5: is GAN more than a sharper loss?"""
    plain = losses.pooled_bce
    losses.pooled_bce = lambda logits, truth, factor=4: plain(logits, truth**1.5, factor)


def _use(name: str, kind: type) -> Callable[[], None]:
    return lambda: setattr(run, name, kind)


CANDIDATES: dict[str, Callable[[], None]] = {
    "normalised maps": _use("Discriminator", NormalisedMaps),
    "spectral norm": _use("Discriminator", SpectralNorm),
    "feature matching": _use("SalGAN", FeatureMatching),
    "R1": _use("SalGAN", R1),
    "least squares": least_squares,
    "hinge": hinge,
    "sharpened targets": sharpened_targets,
}
"""What puts each of them in place, to be called before training."""


def share_warmup(file: Path) -> None:
    """Save the discriminator to a file as its warm-up ends, or start from that file if it is there."""
    kind: type[SalGAN] = run.SalGAN

    class Shared(kind):  # type: ignore[misc,valid-type]
        def begin_adversarial(self, step: int | None = None) -> None:
            if self.phase == "warmup":
                file.parent.mkdir(parents=True, exist_ok=True)
                torch.save(self.discriminator.state_dict(), file)
            elif self.phase == "bootstrap" and file.is_file():
                self.discriminator.load_state_dict(torch.load(file, weights_only=True))
            super().begin_adversarial(step)

    run.SalGAN = Shared
