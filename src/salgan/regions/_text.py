"""Lines of text, found by the detector of PP-OCRv6 (Baidu, Apache-2.0) through RapidOCR; nothing is read."""

from __future__ import annotations

import threading
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from salgan._arrays import Picture
from salgan._cores import runtime_threads
from salgan._private import onnx_runtime
from salgan.errors import require
from salgan.regions._found import Found, in_tiles

__all__ = ["detector", "find", "load"]

_SIDE = 1600
_MOST_PIXELS = 6_000_000

_LEAST_SIDE = 64
"""The network takes multiples of 32."""

_MOST_COVERED = 1 / 3
"""Of a tile. On photographs without text, the detector at times takes the whole picture for a line."""

_ONE_AT_A_TIME = threading.Lock()
"""The engine keeps what it was asked in itself; and a run takes some hundred megabytes."""


def detector() -> Path:
    """The detector's ONNX file, in RapidOCR's wheel.

    Raises:
        MissingExtraError: it is not installed.
    """
    onnx_runtime()  # before the package imports it, for then it would report its use
    rapidocr = require("rapidocr", "suggest")
    return Path(str(rapidocr.__file__)).parent / "models" / "PP-OCRv6_det_small.onnx"


@cache
def load() -> Any:
    """The engine, with the detector alone.

    Raises:
        MissingExtraError: it is not installed.
    """
    model = detector()  # by its path: an engine that is left to choose a model may fetch one
    rapidocr = require("rapidocr", "suggest")
    return rapidocr.RapidOCR(
        params={
            "Global.log_level": "critical",
            "Global.use_cls": False,
            "Global.use_rec": False,
            # The engine's own way is to enlarge until the shorter side has 736 pixels: a thin strip would
            # fill the memory.
            "Global.use_preprocess_img": False,
            "Global.use_vertical_padding": False,
            "Det.limit_type": "max",
            "Det.limit_side_len": _SIDE,
            "Det.model_path": str(model),
            "EngineConfig.onnxruntime.intra_op_num_threads": runtime_threads() or -1,
        }
    )


def find(picture: Picture) -> list[Found]:
    """The lines of text in a picture, uint8 RGB (H, W, 3), each as the upright box around it."""
    with _ONE_AT_A_TIME:
        return in_tiles(picture, _SIDE, _MOST_PIXELS, _find_in_tile, _LEAST_SIDE)


def _find_in_tile(tile: Picture) -> list[Found]:
    most = _MOST_COVERED * tile.shape[0] * tile.shape[1]
    below, beside = (max(0, _LEAST_SIDE - side) for side in tile.shape[:2])
    tile = np.pad(tile, ((0, below), (0, beside), (0, 0)), mode="edge")
    # The engine takes arrays as OpenCV has them: blue first.
    answer = load()(tile[:, :, ::-1].copy(), use_det=True, use_cls=False, use_rec=False)
    if answer.boxes is None:
        return []
    found = [
        Found(left, top, right, bottom, float(score))
        for corners, score in zip(answer.boxes, answer.scores, strict=True)
        for (left, top), (right, bottom) in [(corners.min(axis=0).tolist(), corners.max(axis=0).tolist())]
    ]
    return [line for line in found if line.area <= most]
