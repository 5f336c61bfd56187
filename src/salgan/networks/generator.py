"""The generator: a picture in, a saliency map out."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn

from salgan.errors import ModelError
from salgan.networks._inputs import check_pictures
from salgan.networks._stages import run_stages
from salgan.networks.encoders import TimmEncoder, Vgg16Encoder, default_preprocessing
from salgan.networks.pyramid import PyramidDecoder
from salgan.networks.screens import ScreenPrior
from salgan.networks.text import TextHead
from salgan.preprocessing import Preprocessing

__all__ = ["Generator", "MirroredDecoder"]

# Convolutions at 1/16, 1/8, 1/4, 1/2 and full size; pixels are repeated between the stages.
_MIRRORED_STAGES = ((512, 512, 512), (512, 512, 512), (256, 256, 256), (128, 128), (64, 64))


class Generator(nn.Module):
    """An encoder-decoder from pictures to saliency maps, of the pictures' own size.

    With ``encoder="vgg16"`` it is SalGAN's network (Pan et al. 2017, section 3.1): 31,787,009 parameters, the
    first three groups frozen. Any other name is a timm encoder with a :class:`PyramidDecoder`.

    Pictures are RGB in 0..255 and are normalised inside, as the preprocessing record says.

    Args:
        encoder: ``"vgg16"`` or the name of a timm model that supports ``features_only``.
        decoder: keywords for :class:`PyramidDecoder`; none for VGG-16.
        frozen: groups (VGG-16) or feature levels (timm) of the encoder that are not trained; by default 3
            and 0.
        preprocessing: the record of what the encoder's weights expect; by default the encoder's own, see
            :func:`default_preprocessing`.
        pretrained: start from timm's ImageNet weights. For the paper's own VGG-16 weights see
            :func:`salgan.networks.load_encoder`.
        drop_path: stochastic depth of a timm encoder in training, see :class:`TimmEncoder`; not part of the
            architecture, since it changes nothing in a trained network.
        screens: finish the maps of drawn pictures with a :class:`ScreenPrior`; not for VGG-16.
        text: tell that layer where text is, by a :class:`TextHead`.

    Attributes:
        preprocessing: the record.
        architecture: what rebuilds the same network: ``Generator(**architecture, preprocessing=...)``.

    Raises:
        ModelError: an encoder, a decoder keyword or a number of frozen groups that does not exist.

    Example:
        >>> network = Generator("tf_efficientnet_lite0")
        >>> network(torch.zeros(2, 3, 96, 128)).shape
        torch.Size([2, 1, 96, 128])
    """

    def __init__(
        self,
        encoder: str = "vgg16",
        *,
        decoder: dict[str, Any] | None = None,
        frozen: int | None = None,
        preprocessing: Preprocessing | None = None,
        pretrained: bool = False,
        drop_path: float = 0.0,
        screens: bool = False,
        text: bool = False,
    ) -> None:
        super().__init__()
        self.preprocessing = preprocessing or default_preprocessing(encoder, pretrained=pretrained)
        vgg = encoder == "vgg16"
        self.architecture: dict[str, Any] = {
            "encoder": encoder,
            "decoder": dict(decoder or {}),
            "frozen": (3 if vgg else 0) if frozen is None else frozen,
        }
        if screens:
            self.architecture["screens"] = True
        if text:
            if not screens:
                raise ModelError("text is found for the layer for screens; add screens, or leave text out")
            self.architecture["text"] = True
        self.screens = ScreenPrior() if screens else None
        self.normalise = _Normalise(self.preprocessing)
        self.encoder: Vgg16Encoder | TimmEncoder
        self.decoder: MirroredDecoder | PyramidDecoder
        if vgg:
            if drop_path:
                raise ModelError("vgg16 has no residual blocks to drop; leave drop_path at 0")
            if screens:
                raise ModelError(
                    "vgg16 is the paper's network and has no layer for screens; leave screens out"
                )
            if decoder:
                raise ModelError(
                    f"the decoder of vgg16 mirrors it and takes no {next(iter(decoder))!r}; leave it out"
                )
            self.encoder = Vgg16Encoder(frozen=self.architecture["frozen"])
            self.decoder = MirroredDecoder()
            if pretrained:
                self._load_timm_vgg16()
        else:
            self.encoder = TimmEncoder(
                encoder,
                frozen=self.architecture["frozen"],
                pretrained=pretrained,
                size=(self.preprocessing.height, self.preprocessing.width),
                drop_path=drop_path,
            )
            try:
                self.decoder = PyramidDecoder(self.encoder.channels, self.encoder.strides, **(decoder or {}))
            except (TypeError, ValueError) as error:
                raise ModelError(
                    f"decoder of {encoder}: {str(error).removeprefix('PyramidDecoder.__init__() ')}"
                ) from None
        self.text = self._text_head() if text else None

    def _text_head(self) -> TextHead:
        assert isinstance(self.decoder, PyramidDecoder)  # noqa: S101  # VGG-16 has no layer for screens
        finest, strides = self.decoder.levels[0], self.encoder.strides
        if finest == 0 or 2 * strides[finest - 1] != strides[finest]:
            raise ModelError(
                f"text needs features at half the pyramid's finest stride, {strides[finest]}; "
                "choose a coarser decoder.finest_stride, or leave text out"
            )
        return TextHead(self.encoder.channels[finest - 1], self.decoder.width)

    def forward(self, pictures: Tensor) -> Tensor:
        """Predict saliency maps.

        Args:
            pictures: RGB in 0..255, (N, 3, H, W), float or uint8.

        Returns:
            Saliency maps in [0, 1], (N, 1, H, W).

        Raises:
            ModelError: a size the network cannot take; the message names one it can.
        """
        text = None
        if self.text is None:
            logits = self.logits(pictures)
        else:
            fine, merged = self.text_features(pictures)
            height, width = pictures.shape[-2:]
            logits = cast(PyramidDecoder, self.decoder).read(merged, (height, width))
            text = self.text(fine, merged)
        maps = torch.sigmoid(logits)
        return maps if self.screens is None else cast(Tensor, self.screens(pictures, maps, text))

    def text_features(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """What the text head looks at: the encoder's level below the pyramid, and the pyramid's finest.

        Args:
            pictures: RGB in 0..255, (N, 3, H, W).

        Returns:
            (N, C, 2h, 2w) and (N, width, h, w).
        """
        decoder = cast(PyramidDecoder, self.decoder)
        levels = self.encoder.trained_part(self.frozen_features(pictures))
        return levels[decoder.levels[0] - 1], decoder.merge(levels)

    def logits(self, pictures: Tensor) -> Tensor:
        """Predict maps before their sigmoid, for numerically safe losses; shapes as in ``forward``.

        The layer for screens has no weights, so training compares the maps before it.
        """
        return self.from_frozen(self.frozen_features(pictures))

    def frozen_features(self, pictures: Tensor) -> Tensor:
        """Compute the part of the network that training never changes, to be kept per picture.

        Args:
            pictures: RGB in 0..255, (N, 3, H, W).

        Returns:
            For VGG-16 the output of the frozen groups, (N, 256, H / 8, W / 8); for other encoders the
            normalised pictures, which are not worth keeping (``frozen_stride`` is 1).
        """
        check_pictures(pictures, self.architecture["encoder"], self.encoder.divisor)
        return self.encoder.frozen_part(self.normalise(pictures))

    def from_frozen(self, features: Tensor) -> Tensor:
        """Compute logits (N, 1, H, W) from what ``frozen_features`` returned."""
        height, width = features.shape[-2:]
        stride = self.frozen_stride
        levels = self.encoder.trained_part(features)
        return cast(Tensor, self.decoder(levels, (height * stride, width * stride)))

    @property
    def frozen_stride(self) -> int:
        """Stride of ``frozen_features`` against the picture; 1 if nothing is computed ahead."""
        return self.encoder.frozen_stride

    def checkpoint_activations(self, on: bool = True) -> None:
        """Compute activations a second time in the backward pass instead of keeping them (VGG-16 alone).

        Gradients are the same, in less memory and more time.

        Raises:
            ModelError: another encoder.
        """
        if not isinstance(self.encoder, Vgg16Encoder) or not isinstance(self.decoder, MirroredDecoder):
            raise ModelError(
                f"{self.architecture['encoder']} keeps its activations: activation checkpointing is for vgg16"
            )
        self.encoder.again = self.decoder.again = on

    def _load_timm_vgg16(self) -> None:
        weights = TimmEncoder("vgg16", pretrained=True).model.state_dict()
        self.encoder.load_state_dict({key.replace("_", ".", 1): value for key, value in weights.items()})


class MirroredDecoder(nn.Module):
    """VGG-16 in reverse: 13 convolutions 3×3 with ReLU, pixels repeated ×2 between stages, then one 1×1.

    Weights start Glorot-uniform and biases at zero: with 13 rectified layers to go through, this brings the
    first logits close to zero, where He's larger weights would start the map saturated.

    Attributes:
        again: whether the stages compute their activations a second time instead of keeping them.
    """

    again = False

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        inputs = 512
        self._ends = [0]  # of the stages, among the layers
        for number, stage in enumerate(_MIRRORED_STAGES):
            if number > 0:
                layers.append(nn.Upsample(scale_factor=2, mode="nearest"))
            for outputs in stage:
                layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU(inplace=True)]
                inputs = outputs
            self._ends.append(len(layers))
        layers.append(nn.Conv2d(inputs, 1, 1))
        self.layers = nn.Sequential(*layers)
        for layer in layers:
            if isinstance(layer, nn.Conv2d):
                nn.init.xavier_uniform_(layer.weight)
                nn.init.zeros_(cast(Tensor, layer.bias))

    def forward(self, features: list[Tensor], size: tuple[int, int]) -> Tensor:
        """Compute logits.

        Args:
            features: the encoder's levels; the last one, (N, 512, H / 16, W / 16), is used.
            size: (H, W) of the picture; it follows from the features here.

        Returns:
            Logits (N, 1, H, W).
        """
        last = run_stages(self.layers, self._ends, features[-1], again=self.again)
        return cast(Tensor, self.layers[-1](last))


class _Normalise(nn.Module):
    """``(x * scale - mean) / std`` on channels in the record's order.

    The numbers are buffers (they move with the network) but not weights: the record is their one source.
    """

    factor: Tensor
    offset: Tensor

    def __init__(self, record: Preprocessing) -> None:
        super().__init__()
        self.reverse = record.order == "BGR"
        std = torch.tensor(record.std, dtype=torch.float64).reshape(1, 3, 1, 1)
        mean = torch.tensor(record.mean, dtype=torch.float64).reshape(1, 3, 1, 1)
        self.register_buffer("factor", (record.scale / std).float(), persistent=False)
        self.register_buffer("offset", (mean / std).float(), persistent=False)

    def forward(self, pictures: Tensor) -> Tensor:
        if self.reverse:
            pictures = pictures.flip(1)
        return pictures * self.factor - self.offset
