"""Does the peak of a map lie where it should? On made-up dots, and on real gaze with the map moved.

python experiments/lite/peak.py --data FOLDER/osie
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

import salgan
from salgan import image
from salgan.datasets import open_dataset

_SIZE = (1024, 768)
_RADIUS = 20


def on_dots(model: salgan.Predictor, number: int = 40) -> None:
    """How far the peak lies from a dot's centre, in pixels of the network's input, also upside down."""
    rng = np.random.default_rng(1)
    width, height = _SIZE
    rows, columns = model.preprocessing.shape_for(height, width)
    away: dict[bool, list[tuple[float, float]]] = {False: [], True: []}
    for _ in range(number):
        x, y = rng.uniform(0.15, 0.85, 2) * _SIZE
        page = Image.new("RGB", _SIZE, (200, 200, 200))
        box = (x - _RADIUS, y - _RADIUS, x + _RADIUS, y + _RADIUS)
        ImageDraw.Draw(page).ellipse(box, fill=(200, 20, 20))
        for is_turned, found in away.items():
            picture = np.asarray(page)[::-1] if is_turned else np.asarray(page)
            array = model.predict(np.ascontiguousarray(picture)).array
            row, column = np.unravel_index(array.argmax(), array.shape)
            below = row + 0.5 - (height - y if is_turned else y)
            found.append((below * rows / height, (column + 0.5 - x) * columns / width))
    for is_turned, found in away.items():
        down, right = np.median(found, axis=0)
        print(f"dots{', upside down' if is_turned else '':14} peak {down:+.2f} down, {right:+.2f} right")


def on_gaze(model: salgan.Predictor, folder: Path, number: int = 30) -> None:
    """NSS of the map as it is, and moved up and down by some pixels."""
    stimuli = list(open_dataset(folder))
    stimuli = stimuli[:: max(1, len(stimuli) // number)][:number]
    scores: dict[int, list[float]] = {move: [] for move in range(-12, 13, 4)}
    for stimulus in stimuli:
        array = model.predict(image.read(stimulus.path)).array
        scaled = (array - array.mean()) / array.std()
        height, width = array.shape
        columns = np.clip(np.floor(np.asarray(stimulus.fixations.x)).astype(int), 0, width - 1)
        for move, found in scores.items():
            rows = np.floor(np.asarray(stimulus.fixations.y)).astype(int) - move
            found.append(float(scaled[np.clip(rows, 0, height - 1), columns].mean()))
    for move, found in scores.items():
        print(f"map moved {move:+3d} px down: NSS {np.mean(found):.3f} on {len(found)} pictures")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="a dataset with fixations, such as OSIE")
    arguments = parser.parse_args()
    network = salgan.load_model("lite")
    on_dots(network)
    if arguments.data is not None:
        on_gaze(network, arguments.data)
