"""A network that has not been exported yet, as a predictor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from salgan.models._sizes import at_picture_size
from salgan.networks import load_network
from salgan.saliency_map import SaliencyMap

__all__ = ["TorchPredictor"]


class TorchPredictor:
    """A network that was trained here, run by PyTorch, with the same steps around it as ``salgan.Predictor``.

    Args:
        path: its ``network.safetensors``, or a checkpoint of its run (``.pt``).

    Raises:
        ModelError: it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.name = path.stem
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._network = load_network(path).eval().to(self._device)
        self.preprocessing = self._network.preprocessing

    @torch.inference_mode()
    def predict(self, picture: np.ndarray[Any, Any]) -> SaliencyMap:
        """Predict one picture.

        Args:
            picture: uint8 RGB (H, W, 3).

        Returns:
            The map, at the picture's size.
        """
        resized = torch.from_numpy(self.preprocessing.resize(picture).copy())
        batch = resized.permute(2, 0, 1)[None].float().to(self._device)
        small = self._network(batch)[0, 0].float().cpu().numpy()
        return SaliencyMap(at_picture_size(small, *picture.shape[:2]))
