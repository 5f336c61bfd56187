"""A training run's settings: one YAML file, typed, with overrides from the command line.

A recipe names only what differs from the defaults below, which are the paper's (Pan et al. 2017). A key that
is not a field here is an error that names the nearest one: a misspelt learning rate must not train for a day.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from salgan.errors import MetricError
from salgan.metrics import find_metric
from salgan.training._yaml import as_yaml
from salgan.training.phases import (
    Adversarial,
    AtLeastOne,
    Bootstrap,
    Count,
    Fraction,
    NonNegative,
    Positive,
    Settings,
)

__all__ = ["OWN_LOSSES", "Augmentation", "Config", "Content", "DataSource", "Network"]

OWN_LOSSES = {
    "salnet": "salnet",
    "salnet_shallow": "salnet-shallow",
    "mlnet": "mlnet",
    "mlnet_paper": "mlnet",
}
"""Terms of the content loss that only one network has an output for, with that network's name."""

Shape = Annotated[list[AtLeastOne], Field(min_length=2, max_length=2)]


def _metric_name(text: Any) -> Any:
    """A metric's own name for the one that tables print: ``CC`` is ``cc``; of a source: ``osie/CC``."""
    if not isinstance(text, str):
        return text
    source, slash, metric = text.rpartition("/")
    try:
        return f"{source}{slash}{find_metric(metric).name}"
    except MetricError:
        return text


Score = Annotated[
    Literal["nss", "cc", "sim", "kld", "auc_judd", "sauc", "sauc_all", "ig"], BeforeValidator(_metric_name)
]


class DataSource(Settings):
    """One dataset and the parts of it to train and validate on."""

    path: str
    """Folder of the dataset, relative to ``data``."""
    name: str | None = None
    """What it is called in names and metrics; null: its path."""
    layout: str | None = None
    """Layout of the folder (see ``salgan data check --help``); null recognises it."""
    split: str | None = None
    """Committed split (osie, eyecrowd, sun500), .json file {part: [names]} or .toml file with [parts];
    null: the parts that the set's salgan.toml names, or its own."""
    fold: str | None = None
    """``2/5``: validate on the second of five folds, train on the others; instead of split, train and val."""
    train: str | list[str] | None = "train"
    """Part or parts to train on; ``all`` is the whole dataset, null uses none of it."""
    val: str | list[str] | None = "val"
    """Part or parts to validate on, likewise."""
    degrees: Positive | None = None
    """Standard deviation of the density's Gaussian in degrees of visual angle; with ``sigma`` null too: 1."""
    sigma: Positive | None = None
    """The same in pixels of the original picture, instead of ``degrees``."""

    @model_validator(mode="after")
    def _one_blur(self) -> DataSource:
        if self.degrees is not None and self.sigma is not None:
            raise ValueError("give degrees or sigma, not both")
        if self.fold is not None and (self.split, self.train, self.val) != (None, "train", "val"):
            raise ValueError("fold takes the place of split, train and val; leave these out")
        if not self.train and not self.val:
            raise ValueError("train and val are both empty, so this source is not used")
        return self

    @property
    def label(self) -> str:
        """What the source is called."""
        return self.name or self.path


class Network(Settings):
    """A generator of ``salgan.networks``; ``network: package.module:factory`` names any other network."""

    encoder: str = "vgg16"
    """``vgg16`` is the paper's network; ``salnet``, ``salnet-shallow``, ``mlnet`` and ``salicon-net`` are its
    rivals; any other timm name is that encoder with the light decoder."""
    weights: str | None = None
    """Encoder weights: a local .safetensors file, ``timm`` to download timm's own, null for random ones. The
    rivals take those of VGG-16 where they have its layers."""
    frozen: Count | None = None
    """Groups (VGG-16) or feature levels (timm) of the encoder that stay as they are; null: 3 and 0, and 0 for
    the rivals."""
    decoder: dict[str, Any] = {}
    """Options of the decoder (light networks: width, finest_stride, prior, separable)."""
    drop_path: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Stochastic depth of a timm encoder: probability that a picture skips the deepest residual block."""
    screens: bool = False
    """Finish the maps of screens, posters and charts by their contrast (light networks); not trained."""
    text: bool = False
    """Tell that layer where text is, by a head that ``experiments/lite/text.py`` trains afterwards."""


class Content(Settings):
    """Weights of the content loss's terms; the paper's is BCE alone (MSE is its baseline)."""

    bce: NonNegative = 1.0
    """Binary cross entropy on maps pooled by ``downsample``."""
    mse: NonNegative = 0.0
    """Mean squared error on maps pooled by ``downsample``."""
    kld: NonNegative = 0.0
    """Kullback-Leibler divergence of the predicted from the true density, at full size."""
    cc: NonNegative = 0.0
    """One minus the correlation coefficient, at full size."""
    nss: NonNegative = 0.0
    """Minus the normalised scanpath saliency at the fixations, at full size."""
    sim: NonNegative = 0.0
    """One minus the similarity of the min-max scaled maps, at full size."""
    salnet: NonNegative = 0.0
    """SalNet's Euclidean loss: half the mean squared error of its output against the shifted true map."""
    salnet_shallow: NonNegative = 0.0
    """The shallow SalNet's: the mean squared error against the true map scaled to [-1, 1]."""
    mlnet: NonNegative = 0.0
    """ML-Net's weighted squared error (alpha 1.1), with its prior's penalty, as in its authors' code."""
    mlnet_paper: NonNegative = 0.0
    """The same with the weight inside the square, as its paper has it."""


class Augmentation(Settings):
    """Changes to training pictures that keep gaze meaningful, drawn from (seed, epoch, picture) alone."""

    hflip: Fraction = 0.0
    """Probability of a left-right flip of picture, density and fixations."""
    crop: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Smallest side of a random crop, as a share of the picture's; crops are enlarged. 1 means no crops."""
    warp: Annotated[float, Field(ge=0, le=0.5)] = 0.0
    """Largest zoom in or out (0.1: by e^±0.1), and twice the largest change of aspect, turn and shift."""
    colour: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Largest relative change of brightness, contrast and saturation; a tenth of the pictures turn grey."""

    @property
    def moves(self) -> bool:
        """Whether a picture can change in any way other than by colour and by a flip."""
        return self.crop < 1 or self.warp > 0

    @property
    def active(self) -> bool:
        """Whether any picture can change."""
        return self.hflip > 0 or self.moves or self.colour > 0


class Config(Settings):
    """Everything that decides a training run."""

    out: str
    """Run folder to make."""
    data: str
    """Folder that holds the folders of the sources."""
    sources: Annotated[list[DataSource], Field(min_length=1)] = [DataSource(path="salicon", layout="salicon")]
    """Datasets to train and validate on."""
    limit: AtLeastOne | None = None
    """At most this many pictures of every source to train on, and to validate on, taken evenly from all over
    it: for a smoke run; null: all."""
    cache: str | None = None
    """Folder for the prepared tensors; null is this user's cache folder."""
    resume: bool = False
    """Continue the run in ``out`` exactly where its last checkpoint left it."""
    init: str | None = None
    """Start from a network.safetensors, vgg16.onnx, or a checkpoint (.pt: with its optimiser's state). It
    brings all weights, so that ``network.weights`` is not read, and says how pictures are normalised."""
    seed: Count = 0
    """Seed of initial weights, order of pictures and augmentation."""
    time_limit: Positive | None = None
    """Minutes after which the run saves a checkpoint and stops, to be resumed."""

    size: Shape = [192, 256]
    """Height and width of the network's input, in pixels."""
    shapes: list[Shape] | None = None
    """Inputs [height, width] of about equal area, ``size`` among them: each picture is predicted at the one
    nearest to its own shape, and each training batch has one at random; null: ``size`` for all pictures."""
    shape_shares: list[NonNegative] | None = None
    """How often a batch has each of ``shapes``, in their order; only the ratios matter; null: evenly."""
    network: Network | Annotated[str, Field(pattern=r"^[\w.]+:\w+$")] = Network()
    """The generator, or ``package.module:factory`` of any module from RGB pictures 0..255 to maps 0..1."""
    content: Content = Content()
    """Content loss."""
    downsample: Literal[1, 2, 4, 8] = 4
    """Average pooling of both maps before BCE and MSE; the paper compares 1, 2, 4, 8 and keeps 4."""
    bootstrap: Bootstrap = Bootstrap()
    """First phase."""
    adversarial: Adversarial = Adversarial()
    """Second phase; ``epochs: 0`` leaves it out."""
    augmentation: Augmentation = Augmentation()
    """Changes to training pictures."""
    batch_size: AtLeastOne = 32
    """Pictures in a step, over all devices. An epoch leaves out its last, incomplete batch."""
    accumulate: AtLeastOne = 1
    """Parts that each device computes its share of a batch in, one after the other, before the weights move:
    the same step in less memory (batch norms see a part at a time)."""
    ema: Annotated[float, Field(ge=0, lt=1)] | None = None
    """Decay of an average of the generator's weights, which is then validated and saved; null: none."""
    validation_scores: list[Score] = ["nss", "cc", "sim", "kld"]
    """Scores of the validation pictures after each epoch; also auc_judd, sauc, sauc_all, ig (over the center
    bias of the training pictures). The content loss is always among them."""
    keep_best: Annotated[str | None, BeforeValidator(_metric_name)] = "cc"
    """What chooses network.safetensors: one of validation_scores, content, or a source's (osie/cc); null:
    last."""

    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """Where to train; auto is what ``SALGAN_DEVICE`` says, and otherwise a GPU where there is one."""
    devices: AtLeastOne = 1
    """Number of devices, each with a process that takes its share of every batch (DDP). Under ``torchrun``,
    which starts the processes itself, leave it out."""
    precision: Literal["auto", "32-true", "bf16-mixed"] = "auto"
    """Arithmetic; auto is bf16-mixed on a GPU and 32-true elsewhere."""
    activation_checkpointing: bool = False
    """Compute activations of VGG-16 and its decoder a second time instead of keeping them: the same gradients
    in less memory, and more time."""
    compile: bool = False
    """Compile the networks with torch.compile."""
    cache_features: bool = True
    """Keep the frozen groups' output per picture in memory, where it fits and no picture is augmented."""

    logger: Literal["tensorboard", "csv", "wandb", "mlflow"] | None = "tensorboard"
    """Where curves and pictures go besides metrics.jsonl: into the run folder (tensorboard; csv: curves.csv),
    or to a server (wandb, mlflow; install that package too); null: nowhere."""
    log_every: AtLeastOne = 10
    """Steps between lines of metrics.jsonl."""
    checkpoint_every: AtLeastOne | None = None
    """Steps between checkpoints inside an epoch; there is one after every epoch in any case."""
    keep_networks: bool = False
    """Also keep the network of every epoch, as ``networks/EPOCH.safetensors`` in the run folder."""
    image_rows: Count = 6
    """Validation pictures that the logger shows after every epoch, as picture | truth | prediction."""

    @model_validator(mode="after")
    def _makes_sense(self) -> Config:
        if self.bootstrap.epochs + self.adversarial.epochs == 0:
            raise ValueError("bootstrap.epochs and adversarial.epochs are both 0; nothing would be trained")
        if not any(getattr(self.content, term) for term in Content.model_fields):
            raise ValueError("content: every weight is 0; the content loss needs at least one term")
        if self.batch_size % (self.devices * self.accumulate):
            parts = f" times accumulate {self.accumulate}" if self.accumulate > 1 else ""
            raise ValueError(f"batch_size {self.batch_size} must divide by devices {self.devices}{parts}")
        if not any(source.train for source in self.sources):
            raise ValueError("sources: none has a train part")
        for shape in [self.size, *(self.shapes or [])]:
            if any(side % self.downsample for side in shape):
                raise ValueError(f"size {shape} must divide by downsample {self.downsample}")
        self._check_own_losses()
        self._check_shapes()
        labels = [source.label for source in self.sources]
        if len(set(labels)) < len(labels):
            raise ValueError("sources: two have the same name; give each its own name")
        return self

    def _check_own_losses(self) -> None:
        """A rival's own loss compares that rival's output, which no other network has."""
        encoder = None if isinstance(self.network, str) else self.network.encoder
        for term, owner in OWN_LOSSES.items():
            if getattr(self.content, term) and encoder != owner:
                raise ValueError(
                    f"content.{term} is the loss of {owner}; set network.encoder={owner} or content.{term}=0"
                )

    def _check_shapes(self) -> None:
        if self.shapes is None:
            if self.shape_shares is not None:
                raise ValueError("shape_shares: shapes is not set, so there is nothing to choose from")
            return
        if self.size not in self.shapes:
            raise ValueError(f"shapes: size {self.size} must be one of them")
        if self.adversarial.epochs:
            raise ValueError(
                "shapes: a discriminator takes one size; set adversarial.epochs=0 or shapes=null"
            )
        shares = self.shape_shares
        if shares is not None and (len(shares) != len(self.shapes) or not sum(shares)):
            raise ValueError(f"shape_shares: give {len(self.shapes)} numbers, one per shape, not all 0")

    def to_yaml(self) -> str:
        """The whole configuration as YAML that :func:`salgan.training.load_config` reads back."""
        return as_yaml(self.model_dump())
