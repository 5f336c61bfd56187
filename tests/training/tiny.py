"""Networks small enough to train in a second, in the shapes that users bring."""

import time

import torch
from torch import nn

from salgan.errors import TrainingError


class Tiny(nn.Module):
    """A frozen group with batch norm, a trained one with batch norm, and a head; no ``logits`` method."""

    def __init__(self):
        super().__init__()
        frozen = nn.Sequential(nn.Conv2d(3, 6, 3, 2, 1), nn.BatchNorm2d(6), nn.ReLU())
        frozen.requires_grad_(False)
        trained = nn.Sequential(nn.Conv2d(6, 8, 3, 1, 1), nn.BatchNorm2d(8), nn.ReLU())
        self.encoder = nn.Sequential(frozen, trained)
        self.head = nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(8, 1, 3, padding=1))

    def forward(self, pictures):
        return torch.sigmoid(self.head(self.encoder(pictures / 255 - 0.5)))


class Squeezed(Tiny):
    """Leaves out the dimension of one channel."""

    def forward(self, pictures):
        """Maps as (N, H, W)."""
        return super().forward(pictures)[:, 0]


class Halved(Tiny):
    """Answers at half the pictures' size."""

    def forward(self, pictures):
        """Maps as (N, 1, H / 2, W / 2)."""
        return super().forward(pictures)[:, :, ::2, ::2]


class Several(Tiny):
    """Answers with more than its maps."""

    def forward(self, pictures):
        """Maps, and the features that they are made from."""
        return super().forward(pictures), self.encoder(pictures)


class Shared(Tiny):
    """Refuses more than its process's share of a batch of four."""

    def forward(self, pictures):
        """Count the pictures first."""
        several = torch.distributed.is_initialized()
        share = 4 // torch.distributed.get_world_size() if several else 4
        if self.training and len(pictures) > share:
            raise TrainingError(f"{len(pictures)} pictures, but a share is {share}")
        return super().forward(pictures)


class Ahead(nn.Module):
    """A network whose frozen part can be computed ahead; its dropout draws random numbers."""

    frozen_stride = 2

    def __init__(self):
        super().__init__()
        self.frozen = nn.Conv2d(3, 6, 3, 2, 1).requires_grad_(False)
        self.trained = nn.Sequential(
            nn.Conv2d(6, 8, 3, 1, 1),
            nn.Dropout(0.1),
            nn.ReLU(),
            nn.Upsample(scale_factor=2),
            nn.Conv2d(8, 1, 1),
        )
        self.calls = 0

    def frozen_features(self, pictures):
        self.calls += 1
        return self.frozen(pictures / 255 - 0.5)

    def from_frozen(self, features):
        return self.trained(features)

    def logits(self, pictures):
        return self.from_frozen(self.frozen_features(pictures))

    def forward(self, pictures):
        return torch.sigmoid(self.logits(pictures))


class Prior(nn.Module):
    """A center bias alone: one logit per pixel, and a factor."""

    def __init__(self):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(1, 1, 32, 48))
        self.factor = nn.Parameter(torch.ones(1))

    def logits(self, pictures):
        return self.factor * self.bias.expand(len(pictures), -1, -1, -1)

    def forward(self, pictures):
        return torch.sigmoid(self.logits(pictures))


class Poisoned(Prior):
    """Answers NaN from its third batch in training on."""

    def __init__(self):
        super().__init__()
        self.batches = 0

    def logits(self, pictures):
        self.batches += self.training
        return super().logits(pictures) * (float("nan") if self.training and self.batches > 2 else 1)


def not_a_network():
    """A factory that makes no module."""
    return "a string"


class Slow(Ahead):
    """Takes its time, so that a test can kill a run in the middle of an epoch."""

    def from_frozen(self, features):
        """Wait a little in every step."""
        time.sleep(0.02)
        return super().from_frozen(features)


class FailsInOne(Prior):
    """Fails in the second of several processes, in its third batch."""

    def __init__(self):
        super().__init__()
        self.batches = 0

    def logits(self, pictures):
        self.batches += self.training
        if self.batches > 2 and torch.distributed.get_rank() == 1:
            raise TrainingError("the second process cannot go on")
        return super().logits(pictures)
