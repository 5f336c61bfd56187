"""Small trees in the layouts in which the datasets are published."""

from pathlib import Path

import numpy as np
from PIL import Image
from scipy.io import savemat


def picture(path: Path, width: int = 40, height: int = 30, seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def grey(path: Path, values: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values.astype(np.uint8)).save(path)
    return path


def points(path: Path, xy: list[tuple[int, int]], width: int = 40, height: int = 30) -> Path:
    values = np.zeros((height, width))
    for x, y in xy:
        values[y, x] = 255
    return grey(path, values)


def blob(path: Path, width: int = 40, height: int = 30) -> Path:
    y, x = np.mgrid[:height, :width]
    return grey(path, 255 * np.exp(-((x - 10) ** 2 + (y - 20) ** 2) / 50))


def mat(path: Path, **variables: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    savemat(path, variables)
    return path


def cell(items: list[object]) -> np.ndarray:
    """A MATLAB cell array, 1 × N."""
    array = np.empty((1, len(items)), dtype=object)
    for index, item in enumerate(items):
        array[0, index] = item
    return array


def viewer(x: list[float], y: list[float], ms: list[float]) -> dict[str, np.ndarray]:
    return {"fix_x": np.array([x]), "fix_y": np.array([y]), "fix_duration": np.array([ms])}


def fixations_mat(path: Path, entries: list[tuple[str, list[dict[str, np.ndarray]]]]) -> Path:
    return mat(path, fixations=cell([{"img": img, "subjects": cell(list(who))} for img, who in entries]))


def gaze(*viewers: list[list[float]]) -> np.ndarray:
    """SALICON's struct array: one element per viewer."""
    array = np.empty((len(viewers), 1), dtype=[("location", "O"), ("timestamp", "O"), ("fixations", "O")])
    for index, fixations in enumerate(viewers):
        array[index, 0] = (np.ones((3, 2)), np.zeros((3, 1)), np.array(fixations, dtype=np.uint16))
    return array


def mat73(path: Path, name: str, cells: list[np.ndarray]) -> Path:
    """A cell array of matrices as MATLAB 7.3 stores it: HDF5, dimensions reversed, cells as references."""
    import h5py

    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w", userblock_size=512) as file:
        references = np.empty((1, len(cells)), dtype=h5py.ref_dtype)
        for place, values in enumerate(cells):
            stored = values.T if values.size else np.array(values.shape, np.uint64)
            references[0, place] = file.create_dataset(f"#refs#/{place}", data=stored).ref
        file.create_dataset(name, data=references, dtype=h5py.ref_dtype)
    with path.open("r+b") as stream:
        stream.write(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM")
    return path
