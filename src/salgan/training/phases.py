"""The two phases of a recipe: how the networks are moved, and what comes first and then.

Every default is the paper's (Pan et al. 2017), as in :mod:`salgan.training.config`, where a recipe begins.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, model_validator

__all__ = [
    "Adversarial",
    "AtLeastOne",
    "Bootstrap",
    "Count",
    "Fraction",
    "NonNegative",
    "Optimiser",
    "Positive",
    "Settings",
    "Warmup",
]

Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]
Fraction = Annotated[float, Field(ge=0, le=1)]
Decay = Annotated[float, Field(ge=0, lt=1)]
Count = Annotated[int, Field(ge=0)]
AtLeastOne = Annotated[int, Field(ge=1)]


def _kinds(annotation: Any) -> Iterator[Any]:
    """What a setting may be: the parts of a union, without what is said about them."""
    yield annotation
    for part in get_args(annotation):
        yield from _kinds(part)


class Settings(BaseModel):
    """A part of a recipe: unknown keys are refused, and names stay the text that was written."""

    model_config = ConfigDict(
        extra="forbid",
        use_attribute_docstrings=True,
        allow_inf_nan=False,
        coerce_numbers_to_str=True,  # a folder may be called 2017
    )

    @model_validator(mode="before")
    @classmethod
    def _names_are_text(cls, values: Any) -> Any:
        """Refuse a number with a point or an exponent as a name, whose text would not be what was written.

        Refuse ``none`` too where nothing may be meant: in YAML it is a word, and nothing is ``null``; and yes
        or no where a number is meant, which they would be read as.
        """
        for key, value in values.items() if isinstance(values, dict) else ():
            field = cls.model_fields.get(str(key))
            kinds = [] if field is None else list(_kinds(field.annotation))
            if isinstance(value, bool) and bool not in kinds and (int in kinds or float in kinds):
                raise ValueError(f"{key}: {str(value).lower()} is no number")
            if isinstance(value, float) and str in kinds:
                raise ValueError(
                    f"{key}: {value} is read as a number; if it is a name, quote it: {key}: '...'"
                )
            if isinstance(value, str) and value.casefold() == "none" and type(None) in kinds:
                raise ValueError(
                    f"{key}: {value} is a word in YAML; write null for nothing, or ./{value} for a file or "
                    "folder of that name"
                )
        return values


class Optimiser(Settings):
    """How weights move; the defaults are the paper's."""

    name: Literal["adagrad", "adamw", "sgd"] = "adagrad"
    """Update rule; ``sgd`` uses Nesterov momentum where ``momentum`` is above 0."""
    lr: Positive = 3e-4
    """Learning rate."""
    weight_decay: NonNegative = 1e-4
    """L2 on kernels and matrices, not on biases and norms; decoupled in adamw, in the gradient elsewhere."""
    momentum: Fraction = 0.0
    """Momentum of ``sgd``."""
    betas: Annotated[list[Decay], Field(min_length=2, max_length=2)] = [0.9, 0.999]
    """Decays of ``adamw``'s averages of the gradient and of its square; GANs often want .5 for the first."""
    encoder_lr: NonNegative = 1.0
    """Factor on the learning rate of the encoder's weights (the generator only)."""
    schedule: Literal["constant", "cosine", "halved"] = "constant"
    """Learning rate over the phase's steps; ``cosine`` ends at 0, ``halved`` halves it ``every`` so often."""
    every: AtLeastOne | None = None
    """Steps between two halvings, with ``schedule: halved``."""
    warmup: Count = 0
    """Steps in which the learning rate rises linearly from 0."""
    clip: Positive | None = None
    """Largest norm of the whole gradient; null means no clipping."""

    @model_validator(mode="after")
    def _names_what_it_uses(self) -> Optimiser:
        if self.name != "adamw" and self.betas != [0.9, 0.999]:
            raise ValueError(f"betas are adamw's, and the optimiser is {self.name}; add name: adamw")
        if self.name != "sgd" and self.momentum:
            raise ValueError(f"momentum is sgd's, and the optimiser is {self.name}; add name: sgd")
        if (self.schedule == "halved") != (self.every is not None):
            raise ValueError("schedule: halved and every: STEPS go together; set both or neither")
        return self


class Bootstrap(Settings):
    """The first phase: the content loss alone."""

    epochs: Count = 15
    """Epochs of this phase."""
    optimiser: Optimiser = Optimiser()
    """The generator's optimiser."""


class Discriminator(Settings):
    """The discriminator's shape; the defaults are the abstract's."""

    first_kernel: AtLeastOne = 3
    """Kernel of the first convolution: 3 in the abstract, 1 in the preprint's table and the released code."""
    first_pool: AtLeastOne = 2
    """First pooling: 2 in abstract and preprint, 4 in the released code."""
    weight_norm: bool = False
    """Weight-normalise the last two convolutions, with a fixed gain, as the released code does."""
    picture_scale: Positive = 1 / 255
    """Factor on the picture's 0..255 before it joins the map; 1 in the released code."""
    downsample: Literal[1, 2, 4, 8] = 1
    """Average pooling of picture and map before it. Not in the paper; 2 costs a quarter."""


class Warmup(Settings):
    """The discriminator learns alone, on the generator as it is, before the turns. Not in the paper."""

    epochs: Count = 0
    """Most epochs of warm-up; 0 means none. They do not count as epochs of the run: the generator rests."""
    accuracy: Fraction | None = 0.9
    """It ends after the epoch in which the discriminator is right about this share of the validation maps
    (training maps if nothing is validated), as the mean over true and generated ones; null takes all its
    epochs."""
    optimiser: Optimiser | None = None
    """The discriminator's optimiser in the warm-up; null takes the one it uses afterwards."""


Turn = Literal["generator", "discriminator", "both"]


class Adversarial(Settings):
    """The second phase: generator and discriminator take turns batch by batch."""

    epochs: Count = 105
    """Epochs of this phase; the paper trains for 120 in all."""
    alpha: NonNegative = 0.05
    """Weight of the content loss against the adversarial loss (equation 1)."""
    turns: Annotated[list[Turn], Field(min_length=1)] = ["generator", "discriminator"]
    """Who learns on each batch, in rotation; ``both``: generator, then discriminator on the same maps."""
    warmup: Warmup = Warmup()
    """What the discriminator learns before the first turn."""
    control: bool = False
    """The control experiment: the generator learns on its own batches from the content loss alone, and
    nothing is learnt on the discriminator's batches."""
    smoothing: Annotated[float, Field(ge=0, lt=0.5)] = 0.0
    """One-sided label smoothing: real pairs are taught as 1 - smoothing. Not in the paper."""
    optimiser: Optimiser | None = None
    """The generator's optimiser in this phase, from a fresh state; null keeps using bootstrap's."""
    discriminator_optimiser: Optimiser | None = None
    """The discriminator's optimiser; null takes the settings of the generator's in this phase."""
    discriminator: Discriminator = Discriminator()
    """The discriminator's shape."""

    @model_validator(mode="after")
    def _generator_learns(self) -> Adversarial:
        if set(self.turns) == {"discriminator"}:
            raise ValueError("turns: the generator has none; add generator or both")
        return self
