"""The one prediction path: picture, network input, ONNX Runtime, saliency map at the picture's own size."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from salgan import image
from salgan._arrays import Floats32, Picture
from salgan._cores import cores
from salgan._files import check_file
from salgan.errors import ImageError, ModelError, SalganError
from salgan.image import Source
from salgan.models.batches import BatchSize, TooManyTogetherError, pictures_at_once
from salgan.models.devices import check_device
from salgan.models.many import in_batches
from salgan.models.windows import join_windows, windows_of
from salgan.preprocessing import METADATA_KEY, Preprocessing
from salgan.saliency_map import SaliencyMap

__all__ = ["Predictor"]

_WINDOWS_AT_ONCE = 8
"""How many parts of long pages go through the network together, unless the caller's batch is larger."""


class Predictor:
    """A network in an ONNX file, ready to predict.

    One instance may be used by many threads. A copy is a model of its own, even if it was pickled into
    another process.

    >>> predictor = Predictor(Path("model.onnx"))  # doctest: +SKIP
    >>> predictor.predict("photo.jpg").array.shape  # doctest: +SKIP
    (600, 800)

    The file's only input is ``picture``, float32 RGB (N, 3, height, width) in 0..255; its output ``saliency``
    is float32 (N, 1, height, width) in [0, 1]; its metadata hold the preprocessing record, which names the
    input shapes.

    Args:
        model: path of the ONNX file, or its bytes.
        name: what to call the model; the file's name without its ending if None.
        threads: threads that one prediction may use; one per physical core
            that this process may use if None.
        device: where the network runs; see :func:`salgan.load_model`.

    Attributes:
        name: what the model is called.
        device: where the network runs: ``"cpu"``, ``"cuda"`` and so on.
        preprocessing: how it wants to be fed.

    Raises:
        ModelError: the file is missing, is not an ONNX file, or is not one that :mod:`salgan.export` wrote;
            or the device is unknown or cannot be used.
    """

    device: str

    def __init__(
        self,
        model: str | Path | bytes,
        *,
        name: str | None = None,
        threads: int | None = None,
        device: str = "auto",
    ) -> None:
        wanted = check_device(device)
        if isinstance(model, bytes):
            self.name = name or "model"
            content = model
        else:
            path = Path(model)
            self.name = name or path.stem
            if not path.exists():
                raise ModelError(f"{path}: no such file; `salgan models` lists the models by name")
            check_file(path, ModelError)
            try:
                # From bytes, a hostile model cannot make the runtime open other files beside it.
                content = path.read_bytes()
            except OSError as error:
                raise ModelError(f"{path}: cannot be read ({error.strerror})") from None
        self._content = content
        self._threads = threads
        self._wanted = wanted
        self._open()

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the model's file: two models of one fingerprint give the same maps."""
        return hashlib.sha256(self._content).hexdigest()

    @property
    def threads(self) -> int:
        """How many threads one prediction may use."""
        return self._threads or cores()

    def __getstate__(self) -> dict[str, Any]:
        # A session of the runtime cannot travel; the file's bytes can, and make a new one.
        kept = ("name", "_content", "_threads", "_wanted")
        return {name: self.__dict__[name] for name in kept}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._open()

    def _open(self) -> None:
        """Make the session and read the record; see the class for what is raised."""
        from salgan.models._session import BoundedSession

        try:
            self._session = BoundedSession(self._content, self._threads, self._wanted)
        except ModelError as error:
            raise ModelError(f"{self.name}: {error}") from None
        self.device = self._session.device
        self.preprocessing = self._read_record()
        self._check_signature()

    def predict(self, source: Source, *, order: str = "rgb") -> SaliencyMap:
        """Predict where people look in one picture.

        Args:
            source: a path, bytes, a file object, a Pillow image, a NumPy array or a PyTorch tensor, as
                :func:`salgan.image.read` takes them.
            order: ``"rgb"``, or ``"bgr"`` for arrays of OpenCV.

        Returns:
            The map, at the picture's own size.

        Raises:
            ImageError: the picture cannot be read.
            ModelError: the model cannot be run, or its output is not a saliency map.
        """
        return self.predict_batch([image.read(source, order=order)])[0]

    def predict_many(
        self, sources: Iterable[Source], *, order: str = "rgb"
    ) -> Iterator[SaliencyMap | SalganError]:
        """Predict any number of pictures in order, reading them in threads and predicting in batches.

        Only a few pictures are held at a time, so memory does not grow with their number, and ``sources``
        may be a generator without an end.

        >>> for path, found in zip(paths, model.predict_many(paths)):  # doctest: +SKIP
        ...     print(path, found if isinstance(found, salgan.SalganError) else found.array.max())

        Args:
            sources: pictures as :meth:`predict` takes them.
            order: ``"rgb"``, or ``"bgr"`` for arrays of OpenCV.

        Yields:
            For each picture its map, or the error that says why it cannot be read: one broken picture does
            not stop the others.

        Raises:
            ModelError: the model cannot be run, with this picture or any other.
            ConfigError: an unknown order.
        """
        image.check_order(order)
        return in_batches(self.predict_batch, sources, order, pictures_at_once(self.device))

    def predict_batch(self, pictures: Sequence[Source]) -> list[SaliencyMap]:
        """Predict several pictures; those with the same input shape share runs of the network.

        How many share one is what the first runs show to be fastest on this device, and one where that
        brings nothing. A batch that does not fit into memory is halved. Which pictures share a run changes
        their maps by less than 1e-5.

        For a network of several input shapes, a page that is longer than a screen is predicted in overlapping
        windows; see :mod:`salgan.models.windows`.

        Args:
            pictures: as :meth:`predict` takes them; they may differ in size.

        Returns:
            One map per picture, each at its picture's own size; its note says if it was made of windows.

        Raises:
            ImageError: a picture cannot be read.
            ModelError: the model cannot be run, or its output is not a saliency map.
        """
        if isinstance(pictures, str | bytes | Path | Image.Image):
            raise ImageError("predict_batch takes a list of pictures; for one picture there is predict")
        arrays = [image.read(picture) for picture in pictures]
        sizes = [(array.shape[0], array.shape[1]) for array in arrays]
        windows = [windows_of(height, width, self.preprocessing) for height, width in sizes]
        parts = [window.cut(array) for array, each in zip(arrays, windows, strict=True) for window in each]
        maps = iter(self._maps(parts, at_once=max(len(pictures), _WINDOWS_AT_ONCE)))
        return [
            join_windows([next(maps) for _ in each], each, height, width)
            for each, (height, width) in zip(windows, sizes, strict=True)
        ]

    def at_once(self, height: int, width: int) -> int:
        """How many pictures of this size to give :meth:`predict_batch` at a time, as far as is known yet.

        Args:
            height: of the pictures; others of the same input shape may be among them.
            width: likewise.

        Returns:
            1 at first, and for pictures that take several runs each.
        """
        if len(windows_of(height, width, self.preprocessing)) > 1:
            return 1
        return self._batch_size(self.preprocessing.shape_for(height, width)).size

    def _maps(self, pictures: Sequence[Picture], at_once: int) -> list[Floats32]:
        """The network's maps of pictures, each at its input shape: float32 (rows, columns) in [0, 1]."""
        numbers_of: dict[tuple[int, int], list[int]] = {}
        for number, picture in enumerate(pictures):
            numbers_of.setdefault(self.preprocessing.shape_for(*picture.shape[:2]), []).append(number)
        maps: dict[int, Floats32] = {}
        for shape, numbers in numbers_of.items():
            waiting = numbers
            while waiting:
                together = waiting[: min(at_once, self._batch_size(shape).size)]
                found = self._run_noting(shape, [pictures[number] for number in together])
                # Where not all of them fit into memory, as many are done as do.
                maps |= zip(together, found, strict=False)
                waiting = waiting[len(found) :]
        return [maps[number] for number in range(len(pictures))]

    def _batch_size(self, shape: tuple[int, int]) -> BatchSize:
        return self._batch_sizes.setdefault(shape, BatchSize(pictures_at_once(self.device)))

    def _run_noting(self, shape: tuple[int, int], pictures: Sequence[Picture]) -> Floats32:
        """The maps of pictures of one input shape, or of the first ones that fit into memory together."""
        start = time.perf_counter()
        try:
            maps = self._run(pictures)
        except TooManyTogetherError:
            if len(pictures) == 1:
                raise
            self._batch_size(shape).did_not_fit(len(pictures))
            return self._run_noting(shape, pictures[: len(pictures) // 2])
        self._batch_size(shape).note(len(pictures), time.perf_counter() - start)
        return maps

    @cached_property
    def _batch_sizes(self) -> dict[tuple[int, int], BatchSize]:
        return {}

    def _run(self, pictures: Sequence[Picture]) -> Floats32:
        """The network's maps of pictures of one input shape: (N, rows, columns)."""
        maps = self._infer(self.network_input(pictures))
        if maps.ndim != 4 or maps.shape[:2] != (len(pictures), 1) or not np.isfinite(maps).all():
            raise ModelError(
                f"{self.name}: the output is not a saliency map (shape {maps.shape}, or not finite)"
            )
        return maps[:, 0]

    def network_input(self, pictures: Sequence[Picture]) -> Floats32:
        """Make the network's input: pictures resized as the record says, to the first one's input shape.

        Args:
            pictures: uint8 RGB arrays (H, W, 3), at least one.

        Returns:
            float32 (N, 3, rows, columns), RGB in 0..255.
        """
        shape = self.preprocessing.shape_for(*pictures[0].shape[:2])
        batch = np.empty((len(pictures), 3, *shape), np.float32)
        for row, picture in zip(batch, pictures, strict=True):
            row[:] = self.preprocessing.resize(picture, shape).transpose(2, 0, 1)
        return batch

    def _infer(self, batch: Floats32) -> Floats32:
        """Run the network on (N, 3, rows, columns); what comes back is not to be trusted yet."""
        try:
            return self._session.run(batch)
        except ModelError as error:
            raise type(error)(f"{self.name}: {error}") from None

    def _read_record(self) -> Preprocessing:
        metadata = self._session.metadata
        if METADATA_KEY not in metadata:
            raise ModelError(
                f"{self.name}: holds no {METADATA_KEY} record; `salgan export CHECKPOINT -o FILE` writes it"
            )
        try:
            return Preprocessing.from_json(metadata[METADATA_KEY])
        except ModelError as error:
            raise ModelError(f"{self.name}: {error}") from None

    def _check_signature(self) -> None:
        inputs = [(name, kind, len(shape)) for name, kind, shape in self._session.inputs]
        outputs = {name: kind for name, kind, _ in self._session.outputs}
        if inputs != [("picture", "tensor(float)", 4)] or outputs.get("saliency") != "tensor(float)":
            found = ", ".join(f"{name} {kind}" for name, kind, _ in inputs)
            given = ", ".join(
                name if kind == "tensor(float)" else f"{name} {kind}" for name, kind in outputs.items()
            )
            raise ModelError(
                f"{self.name}: takes ({found}) and gives ({given}), but a saliency model "
                "takes float32 picture (N, 3, H, W) and gives saliency"
            )
        batch = self._session.inputs[0][2][0]
        if isinstance(batch, int):
            raise ModelError(
                f"{self.name}: takes batches of exactly {batch}, but pictures come in any number; "
                "export it with a free first dimension, as `salgan export` does"
            )
