"""The detector of text as a second encoder of the light network: tried, not shipped.

    cd experiments/lite
    salgan train lite data=FOLDER out=OUT/with network=second_encoder:with_text RECIPE
    salgan train lite data=FOLDER out=OUT/without network=second_encoder:without RECIPE

docs/models/lite.md says what RECIPE is and what came of it. The input is 640×512: the detector sees all of
it, and `lite-320` sees it at half the size, as it was trained. The features of the detector, which stay as
they are, are added to those from which the pyramid reads the map, by way of two convolutions of which the
last begins at zero. So training begins at `lite-320`; ``without`` leaves the detector out, for comparison.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, cast

import onnx
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  # its name everywhere

from salgan._private import onnx_runtime
from salgan.networks import Generator, load_network
from salgan.networks.pyramid import PyramidDecoder, at_size
from salgan.regions import _text

LIGHT = Path(__file__).parents[2] / "release" / "lite-320.safetensors"
DROP_PATH = 0.3


@cache
def detector() -> Any:
    """The detector of PP-OCRv6 (Baidu, Apache-2.0) up to the features that it reads text from."""
    model = onnx.load(_text.detector())
    joined = [node.output[0] for node in model.graph.node if node.op_type == "Concat"][-1]
    del model.graph.output[:]
    model.graph.output.append(onnx.helper.make_tensor_value_info(joined, onnx.TensorProto.FLOAT, None))
    options = onnx_runtime().SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    return onnx_runtime().InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def text_features(pictures: Tensor) -> Tensor:
    """The detector's features at a sixteenth of RGB pictures in 0..255 (N, 3, H, W)."""
    seen = (pictures.flip(1).float() / 127.5 - 1).contiguous().numpy()
    name = detector().get_inputs()[0].name
    found = [torch.from_numpy(detector().run(None, {name: each[None]})[0]) for each in seen]
    return F.avg_pool2d(torch.cat(found), 4)


class TwoEncoders(nn.Module):
    """The light network, with or without the detector's features.

    Args:
        detects: whether the detector's features are added.
    """

    def __init__(self, *, detects: bool) -> None:
        super().__init__()
        trained = load_network(LIGHT)
        assert isinstance(trained, Generator)  # noqa: S101  # for the type checker
        self.light = Generator(
            **trained.architecture, preprocessing=trained.preprocessing, drop_path=DROP_PATH
        )
        self.light.load_state_dict(trained.state_dict())
        self.join: nn.Module | None = None
        if detects:
            channels = text_features(torch.zeros(1, 3, 64, 64)).shape[1]
            width = cast(PyramidDecoder, self.light.decoder).width
            self.join = nn.Sequential(
                nn.Conv2d(channels, width, 1, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(),
                nn.Conv2d(width, width, 3, padding=1),
            )
            nn.init.zeros_(self.join[3].weight)
            nn.init.zeros_(self.join[3].bias)

    @property
    def encoder(self) -> nn.Module:
        """What has a learning rate of its own."""
        return self.light.encoder

    def logits(self, pictures: Tensor) -> Tensor:
        """Logits (N, 1, H, W) of RGB pictures in 0..255 (N, 3, H, W)."""
        return self._logits(pictures, F.avg_pool2d(pictures.float(), 2))[0]

    def _logits(self, pictures: Tensor, small: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        fine, merged = self.light.text_features(small)
        if self.join is not None:
            merged = merged + self.join(text_features(pictures))
        height, width = pictures.shape[-2:]
        logits = cast(PyramidDecoder, self.light.decoder).read(merged, (height, width))
        return logits, fine, merged

    def forward(self, pictures: Tensor) -> Tensor:
        """Maps in [0, 1], (N, 1, H, W), with the layer for screens."""
        small = F.avg_pool2d(pictures.float(), 2)
        logits, fine, merged = self._logits(pictures, small)
        maps = torch.sigmoid(at_size(logits, small.shape[-2:]))
        assert self.light.text is not None  # noqa: S101  # for the type checker
        assert self.light.screens is not None  # noqa: S101  # for the type checker
        maps = self.light.screens(small, maps, self.light.text(fine, merged))
        return at_size(maps, pictures.shape[-2:])


def with_text() -> nn.Module:
    """Both encoders."""
    return TwoEncoders(detects=True)


def without() -> nn.Module:
    """The light network alone, at the same sizes."""
    return TwoEncoders(detects=False)
