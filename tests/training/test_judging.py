"""How often the discriminator is right, and what a run says when it guesses."""

import pytest
import torch
from lightning.fabric import Fabric
from torch import nn

from salgan.training.data import Batch
from salgan.training.judging import Accuracy, advice, judge_validation, to_be_drawn_anew, warmup_ends
from salgan.training.phases import Adversarial, Warmup


class Pictures:
    """Six validation pictures whose true maps are 1 everywhere, in batches."""

    def __len__(self):
        return 6

    def batches(self, chunks):
        for rows in chunks:
            shape = (len(rows), 1, 8, 8)
            yield Batch(torch.zeros(len(rows), 3, 8, 8), torch.ones(shape), torch.ones(shape) > 0)


class Map(nn.Module):
    """Answers one value everywhere."""

    def __init__(self, value):
        super().__init__()
        self.value = value

    def forward(self, pictures):
        return torch.full((len(pictures), 1, 8, 8), self.value)


class Threshold(nn.Module):
    """Takes a map for a true one where its mean is above a value."""

    def __init__(self, value):
        super().__init__()
        self.value = value

    def forward(self, pictures, maps):
        return maps.mean((1, 2, 3), keepdim=False)[:, None] - self.value


@pytest.mark.parametrize(
    ("threshold", "real", "generated"), [(0.5, 1.0, 1.0), (0.1, 1.0, 0.0), (1.5, 0.0, 1.0)]
)
def test_validation_maps_of_both_kinds_are_judged(threshold, real, generated):
    fabric = Fabric(accelerator="cpu", devices=1)
    found = judge_validation(Threshold(threshold), Map(0.2), Pictures(), 4, fabric)
    assert found == Accuracy(real, generated)


def test_the_same_answer_to_every_map_is_half_right():
    assert Accuracy(1.0, 0.0).mean == Accuracy(0.0, 1.0).mean == 0.5


def test_a_discriminator_that_guesses_is_told_what_to_change():
    line = advice(Accuracy(1.0, 0.02), Adversarial())
    assert line.startswith("the discriminator is right about 51% of the maps, which is guessing")
    assert "adversarial.warmup.epochs=3" in line
    assert "adversarial.discriminator_optimiser={name: adamw, lr: 3e-4, betas: [0.5, 0.999]}" in line
    assert "\n" not in line


def test_the_advice_names_only_what_the_run_does_not_have_already():
    settings = Adversarial.model_validate(
        {"warmup": {"epochs": 2}, "discriminator_optimiser": {"name": "adamw", "betas": [0.5, 0.999]}}
    )
    line = advice(Accuracy(0.5, 0.5), settings)
    assert "warmup" not in line
    assert "another adversarial.discriminator_optimiser.lr" in line


def test_a_discriminator_that_can_tell_is_left_in_peace():
    assert advice(Accuracy(0.7, 0.6), Adversarial()) is None


@pytest.mark.parametrize(
    ("settings", "epochs", "accuracy", "ends", "says"),
    [
        ({"epochs": 3}, 1, 0.89, False, False),
        ({"epochs": 3}, 1, 0.9, True, False),
        ({"epochs": 3}, 3, 0.6, True, True),
        ({"epochs": 3, "accuracy": None}, 2, 1.0, False, False),
        ({"epochs": 3, "accuracy": None}, 3, 0.5, True, False),
    ],
)
def test_the_warmup_ends_when_the_discriminator_can_tell_and_at_the_latest_after_its_epochs(
    settings, epochs, accuracy, ends, says
):
    said = []
    assert warmup_ends(Warmup(**settings), epochs, Accuracy(accuracy, accuracy), said.append) is ends
    assert bool(said) is says
    if says:
        assert "right about 60% of the maps, below 90%" in said[0]


@pytest.mark.parametrize(
    ("epochs", "accuracy", "anew"),
    [(1, 0.5, False), (2, 0.5, True), (2, 0.8, False), (3, 0.5, False), (4, 0.5, True)],
)
def test_a_discriminator_that_guesses_for_two_epochs_of_warmup_is_drawn_anew(epochs, accuracy, anew):
    assert to_be_drawn_anew(epochs, Accuracy(accuracy, accuracy)) is anew
