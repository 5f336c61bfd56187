"""What looks at the picture: the paper's VGG-16, or any encoder that timm can cut into feature levels.

Both kinds have the same shape: ``frozen_part`` turns normalised pictures into what never changes in training,
``trained_part`` turns that into feature levels, fine to coarse. For VGG-16 the frozen groups come first, so
their output can be computed once per picture. The order of a timm encoder's modules is not known, so its
frozen part is the picture itself.
"""

from __future__ import annotations

from typing import Any, cast

import timm
import torch
from torch import Tensor, nn

from salgan._words import did_you_mean
from salgan.errors import ModelError
from salgan.networks._stages import run_stages
from salgan.preprocessing import VGG16_CAFFE, Preprocessing

__all__ = ["TimmEncoder", "Vgg16Encoder", "default_preprocessing"]

_VGG16_GROUPS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))


def default_preprocessing(encoder: str, *, pretrained: bool = False) -> Preprocessing:
    """What the ImageNet weights of an encoder expect, at the paper's input size.

    Args:
        encoder: ``"vgg16"`` or a timm name.
        pretrained: the weights are timm's. It matters for ``"vgg16"`` alone: the paper's weights (Caffe, BGR)
            and timm's (torchvision, RGB) are fed differently.

    Returns:
        The record, 192 rows by 256 columns.

    Raises:
        ModelError: timm does not know the encoder.
    """
    if encoder == "vgg16" and not pretrained:
        return VGG16_CAFFE
    config = _timm_config(encoder)
    return Preprocessing(
        mean=cast(tuple[float, float, float], tuple(config.mean)),
        std=cast(tuple[float, float, float], tuple(config.std)),
    )


class Vgg16Encoder(nn.Module):
    """The 13 convolutions of VGG-16 with four max-poolings between their five groups, ReLU after each.

    Simonyan and Zisserman, 2015, without the last pooling and the dense layers. Weights have timm's (and
    torchvision's) key names, ``features.0.weight`` to ``features.28.bias``.

    Args:
        frozen: how many groups, counted from the first, are not trained (3 in the paper).

    Attributes:
        channels: channels of the one feature level, (512,).
        strides: its stride against the picture, (16,).
        divisor: height and width of a picture must be multiples of it.
        fixed_size: whether it takes pictures of one size only.
        frozen_stride: stride of ``frozen_part``'s output against the picture.
        again: whether the trained groups compute their activations a second time instead of keeping them.
    """

    channels = (512,)
    strides = (16,)
    divisor = 16
    fixed_size = False
    again = False

    def __init__(self, *, frozen: int = 3) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inputs = 3
        self._ends = [0]  # of the groups, among the layers
        for number, group in enumerate(_VGG16_GROUPS, start=1):
            for outputs in group:
                layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU(inplace=True)]
                inputs = outputs
            if number < len(_VGG16_GROUPS):
                layers.append(nn.MaxPool2d(2))
            self._ends.append(len(layers))
        self.features = nn.Sequential(*layers)
        self.freeze(frozen)

    def freeze(self, groups: int) -> None:
        """Stop training the first groups, and train the others."""
        if not 0 <= groups <= len(_VGG16_GROUPS):
            raise ModelError(f"VGG-16 has 5 groups; frozen={groups} must lie between 0 and 5")
        self._cut = self._ends[groups]
        self.frozen_stride = 2 ** min(groups, 4)
        self.features[: self._cut].requires_grad_(False)
        self.features[self._cut :].requires_grad_(True)

    def frozen_part(self, pictures: Tensor) -> Tensor:
        """Run the frozen groups, poolings included, without recording gradients.

        Args:
            pictures: normalised, (N, 3, H, W).

        Returns:
            (N, 256, H / 8, W / 8) with three frozen groups; the pictures themselves with none.
        """
        if self._cut == 0:
            return pictures
        with torch.no_grad():
            return cast(Tensor, self.features[: self._cut](pictures))

    def trained_part(self, features: Tensor) -> list[Tensor]:
        """Run the remaining groups.

        Args:
            features: what ``frozen_part`` returned.

        Returns:
            One feature level, (N, 512, H / 16, W / 16).
        """
        ends = [end for end in self._ends if end >= self._cut]
        return [run_stages(self.features, ends, features, again=self.again)]


class TimmEncoder(nn.Module):
    """Any timm model that supports ``features_only``.

    Args:
        name: the model's name in timm, such as ``"tf_efficientnet_lite0"``.
        frozen: how many feature levels, counted from the finest, are not trained: neither their weights nor
            the statistics of their batch normalisations change.
        pretrained: load timm's ImageNet weights (timm downloads them once and keeps them).
        size: (H, W) of the pictures; only encoders that are built for one size use it.
        drop_path: probability, in training, that a picture skips the deepest residual block; it falls
            linearly to 0 at the first (stochastic depth, Huang et al. 2016).

    Attributes:
        channels: channels of each feature level, fine to coarse.
        strides: stride of each level against the picture.
        divisor: 1.
        fixed_size: whether it takes pictures of ``size`` only.
        frozen_stride: 1, see the module's text.

    Raises:
        ModelError: timm does not know the name, cannot cut it into features, or cannot get its weights.
    """

    divisor = 1
    frozen_stride = 1

    def __init__(
        self,
        name: str,
        *,
        frozen: int = 0,
        pretrained: bool = False,
        size: tuple[int, int] = (192, 256),
        drop_path: float = 0.0,
    ) -> None:
        super().__init__()
        self.fixed_size = bool(_timm_config(name).fixed_input_size)
        options: dict[str, Any] = {"img_size": size} if self.fixed_size else {}
        if drop_path:  # not every encoder has residual blocks to drop, so the others must not be given it
            options["drop_path_rate"] = drop_path
        try:
            model = timm.create_model(name, features_only=True, pretrained=pretrained, **options)
        except (
            Exception
        ) as error:  # whatever goes wrong inside timm or its download, the next step is the same
            cause = (str(error) or type(error).__name__).splitlines()[0]
            step = "set drop_path to 0, or choose another encoder" if drop_path else "choose another encoder"
            if pretrained:
                step = "take a local file: network.weights=FILE.safetensors (recipe) or load_encoder (Python)"
            raise ModelError(f"timm cannot build {name!r} as an encoder ({cause}); {step}") from error
        self.model: nn.Module = model
        self._channels_last = getattr(model, "output_fmt", "NCHW") == "NHWC"  # as some transformers have it
        levels: Any = model.feature_info
        self.channels: tuple[int, ...] = tuple(levels.channels())
        self.strides: tuple[int, ...] = tuple(levels.reduction())
        if not 0 <= frozen <= len(self.channels):
            raise ModelError(
                f"{name} has {len(self.channels)} feature levels; frozen={frozen} must lie between 0 and that"
            )
        self._frozen_modules = _freeze(model, levels, frozen)

    def frozen_part(self, pictures: Tensor) -> Tensor:
        """Return the pictures: nothing can be computed ahead if the order of modules is not known."""
        return pictures

    def trained_part(self, features: Tensor) -> list[Tensor]:
        """Compute the feature levels, fine to coarse.

        Args:
            features: normalised pictures, (N, 3, H, W).

        Returns:
            A list of (N, channels, H / stride, W / stride).
        """
        levels: list[Tensor] = self.model(features)
        return [level.permute(0, 3, 1, 2) for level in levels] if self._channels_last else levels

    def train(self, mode: bool = True) -> TimmEncoder:
        """Set the training mode; frozen modules stay in evaluation mode, so their statistics stay too."""
        super().train(mode)
        for module in self._frozen_modules:
            module.eval()
        return self


def _timm_config(name: str) -> Any:
    # Names with a scheme ("hf-hub:", "local-dir:") would make timm fetch and run what a file tells it to.
    if ":" in name or not timm.is_model(name):
        hint = did_you_mean(name, timm.list_models(), "see timm.list_models()", most=2)
        raise ModelError(f"timm has no encoder named {name!r}; {hint}")
    config = timm.get_pretrained_cfg(name)
    return config if config is not None else timm.models.PretrainedCfg(mean=(0.5,) * 3, std=(0.5,) * 3)


def _freeze(model: nn.Module, levels: Any, count: int) -> list[nn.Module]:
    """Freeze what comes before the end of ``count`` feature levels; definition order is run order in timm.

    Returns:
        The modules whose own weights are frozen, to be kept in evaluation mode.
    """
    if count == 0:
        return []

    def plain(name: str) -> str:
        return name.removeprefix("model.").replace(".", "_") + "_"

    last = plain(levels.module_name()[count - 1])
    modules = list(model.named_modules())
    inside = [index for index, (name, _) in enumerate(modules) if plain(name).startswith(last)]
    if not inside:
        raise ModelError(f"cannot tell which modules make feature level {count}; use frozen=0")
    frozen = []
    for _, module in modules[: inside[-1] + 1]:
        own = list(module.parameters(recurse=False))
        if own:
            frozen.append(module)
        for parameter in own:
            parameter.requires_grad_(False)
    return frozen
