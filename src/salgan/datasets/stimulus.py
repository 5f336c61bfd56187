"""What a dataset is made of: fixations, stimuli (a picture and where people looked at it), a set of them."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from salgan._arrays import Floats, Integers, Mask, Picture
from salgan.datasets import density as _density
from salgan.datasets._files import picture_size, read_map, read_picture
from salgan.datasets.description import Description
from salgan.datasets.split import SEED, folds_of, parse_fold
from salgan.errors import DatasetError

__all__ = ["Dataset", "Fixations", "Stimulus"]


@dataclass(frozen=True, eq=False)
class Fixations:
    """Where people looked at one picture.

    Coordinates are in pixels of the picture as it is stored, 0-based: (0, 0) is the centre of the top-left
    pixel, (width - 1, height - 1) that of the bottom-right one. They may be fractional, and they may lie
    outside the picture (or be NaN where a tracker lost the eye); :meth:`inside` drops those.

    Attributes:
        x: float64 (N,), to the right.
        y: float64 (N,), downwards.
        viewer: int64 (N,), who looked (the numbers only mean something within one picture), or None.
        duration: float64 (N,), milliseconds, or None.

    Raises:
        DatasetError: arrays of different lengths.
    """

    x: Floats
    y: Floats
    viewer: Integers | None = None
    duration: Floats | None = None

    def __post_init__(self) -> None:
        for name, kind in (
            ("x", np.float64),
            ("y", np.float64),
            ("viewer", np.int64),
            ("duration", np.float64),
        ):
            value = getattr(self, name)
            if value is None:
                continue
            array = np.asarray(value, dtype=kind)
            if array.ndim != 1 or array.shape != np.shape(self.x):
                raise DatasetError(
                    f"fixations: {name} has shape {array.shape}, x has {np.shape(self.x)}; "
                    "give one value per fixation"
                )
            object.__setattr__(self, name, array)

    def __len__(self) -> int:
        return len(self.x)

    @classmethod
    def none(cls) -> Fixations:
        """An empty set: no viewer's data of this picture survived."""
        return cls(np.empty(0), np.empty(0))

    def inside(self, width: int, height: int) -> Fixations:
        """Only the fixations whose nearest pixel lies in a picture of ``width`` × ``height`` pixels."""
        _, _, keep = _density.pixels(self.x, self.y, width, height)
        return Fixations(
            self.x[keep],
            self.y[keep],
            None if self.viewer is None else self.viewer[keep],
            None if self.duration is None else self.duration[keep],
        )


class Stimulus:
    """One picture of a dataset, and what is known about where people looked at it.

    It is light and can be sent to another process: files are read when something is asked for, and what
    they hold is not kept, so ten thousand stimuli open in a moment.

    Args:
        name: unique in its dataset: the path below the dataset's pictures, without suffix.
        path: the picture's file.
        fixations: the fixations, or a picklable function that reads them, or None if none were published.
        map_path: the published fixation density (8 or 16 bit picture, float TIFF or npy), if there is one.
        pixels_per_degree: pixels that one degree of visual angle covered, if known; or a picklable function
            that gives it for a picture's width and height.
        degree_of_longer_side: the same as a fraction of the picture's longer side, for sets whose
            pictures were scaled to one size on the screen.
        exif: whether the picture's EXIF orientation counts. False for published sets, whose fixations are
            positions in the pixels as stored.
    """

    __slots__ = (
        "_degree_of_longer_side",
        "_exif",
        "_fixations",
        "_pixels_per_degree",
        "_size",
        "map_path",
        "name",
        "path",
    )

    def __init__(
        self,
        name: str,
        path: Path,
        *,
        fixations: Fixations | Callable[[], Fixations] | None = None,
        map_path: Path | None = None,
        pixels_per_degree: float | Callable[[int, int], float] | None = None,
        degree_of_longer_side: float | None = None,
        exif: bool = False,
    ) -> None:
        self.name = name
        self.path = path
        self.map_path = map_path
        self._fixations = fixations
        self._pixels_per_degree = pixels_per_degree
        self._degree_of_longer_side = degree_of_longer_side
        self._exif = exif
        self._size: tuple[int, int] | None = None

    def __repr__(self) -> str:
        return f"Stimulus({self.name!r}, {str(self.path)!r})"

    def _measure(self) -> tuple[int, int]:
        if self._size is None:
            self._size = picture_size(self.path, exif=self._exif)
        return self._size

    @property
    def width(self) -> int:
        """Columns of the picture, from its header.

        Raises:
            DatasetError: the file is missing or no picture.
        """
        return self._measure()[0]

    @property
    def height(self) -> int:
        """Rows of the picture, from its header.

        Raises:
            DatasetError: the file is missing or no picture.
        """
        return self._measure()[1]

    @property
    def pixels_per_degree(self) -> float | None:
        """Pixels of this picture that one degree of visual angle covered, or None if the set does not say."""
        if self._degree_of_longer_side is not None:
            return self._degree_of_longer_side * max(self.width, self.height)
        if callable(self._pixels_per_degree):
            return self._pixels_per_degree(self.width, self.height)
        return self._pixels_per_degree

    @property
    def fixations(self) -> Fixations | None:
        """The fixations; of length 0 if the file holds none, None if no fixations were published.

        Sets with one file per picture read that file at each access: keep the value if you need it twice.

        Raises:
            DatasetError: the file cannot be read.
        """
        return self._fixations() if callable(self._fixations) else self._fixations

    @property
    def has_fixations(self) -> bool:
        """Whether fixations were published for this picture (perhaps none), without reading them."""
        return self._fixations is not None

    def with_fixations(self, fixations: Fixations | None, map_path: Path | None = None) -> Stimulus:
        """The same picture with different fixations, held in memory, and a different map (or none)."""
        changed = copy.copy(self)
        changed._fixations = fixations
        changed.map_path = map_path
        return changed

    def with_pixels_per_degree(self, pixels_per_degree: float) -> Stimulus:
        """The same stimulus with another size of one degree of visual angle, in pixels."""
        changed = copy.copy(self)
        changed._pixels_per_degree = pixels_per_degree
        changed._degree_of_longer_side = None
        return changed

    def picture(self) -> Picture:
        """The picture as uint8 RGB (H, W, 3), in the orientation that the fixations refer to.

        Raises:
            DatasetError: the file cannot be read.
        """
        return read_picture(self.path, exif=self._exif)

    def fixation_map(self) -> Mask:
        """Which pixels were fixated: bool (H, W); to the nearest pixel, those outside dropped.

        Raises:
            DatasetError: no fixations were published for this picture.
        """
        fixations = self.fixations
        if fixations is None:
            raise DatasetError(f"{self.name}: has no fixations; its published map is all there is")
        fixated = np.zeros((self.height, self.width), dtype=bool)
        column, row, _ = _density.pixels(fixations.x, fixations.y, self.width, self.height)
        fixated[row, column] = True
        return fixated

    def density(self, sigma: float | None = None, *, degrees: float | None = None) -> Floats:
        """How likely a pixel is to be fixated: float64 (H, W), not negative, sums to 1.

        Without arguments: a Gaussian of one degree of visual angle over the fixations where the set says
        how many pixels that is, and otherwise the published map.

        Args:
            sigma: standard deviation of the Gaussian in pixels.
            degrees: the same in degrees of visual angle; give one of the two.

        Raises:
            DatasetError: neither fixations inside the picture nor a published map; a width in degrees for
                a set that does not say how many pixels a degree is; a sigma that is not above 0.
        """
        if sigma is not None and degrees is not None:
            raise DatasetError("give sigma in pixels or degrees of visual angle, not both")
        per_degree = self.pixels_per_degree if sigma is None else None
        by_default = sigma is None and degrees is None and self.map_path is not None
        if by_default and per_degree is None:  # before any fixation file is read
            return self.published_density()
        fixations = self.fixations
        if by_default and (fixations is None or not len(fixations.inside(self.width, self.height))):
            return self.published_density()
        if fixations is None:
            if self.map_path is not None:
                raise DatasetError(
                    f"{self.name}: has a published map and no fixations that could be blurred; leave out "
                    "--sigma and --degrees"
                )
            raise DatasetError(
                f"{self.name}: has no fixations and no map; add one for {self.path.name}, or leave it out"
            )
        if sigma is None:
            if per_degree is None:
                raise DatasetError(
                    f"this set does not say how many pixels one degree of visual angle is ({self.name}); "
                    "give sigma in pixels (--sigma), or write pixels_per_degree into its salgan.toml "
                    "(salgan data init)"
                )
            sigma = (1.0 if degrees is None else degrees) * per_degree
        try:
            return _density.density(fixations.x, fixations.y, self.width, self.height, sigma)
        except DatasetError as error:
            raise DatasetError(f"{self.name}: {error}") from None

    def published_density(self) -> Floats:
        """The published fixation map at the picture's size, divided by its sum: float64 (H, W).

        Raises:
            DatasetError: there is none, it cannot be read, is empty, or of another shape than the picture.
        """
        if self.map_path is None:
            raise DatasetError(f"{self.name}: no fixation map was published with this picture")
        values = read_map(self.map_path)
        if wrong := _density.misfit(values.shape, self.height, self.width):
            raise DatasetError(f"{self.map_path}: {wrong}")
        peak = values.max(initial=0)
        if not peak > 0:
            raise DatasetError(f"{self.map_path}: the map is 0 everywhere, which is not a density")
        # Their sum may be more than float64 holds, and even one of them more than float32 does.
        values = _density.resized(values / peak, self.height, self.width).astype(np.float64)
        return np.asarray(values / values.sum())


@dataclass(frozen=True)
class Dataset:
    """Stimuli that belong together.

    Attributes:
        name: ``osie``, ``salicon`` and so on; the folder's name where the set is not a published one.
        release: which release of the ground truth (``"2015"`` or ``"2017"`` of SALICON), if known.
        stimuli: the stimuli, sorted by name.
        layout: the layout they were read from.
        unmatched: what belongs to no picture: files, or names within a file.
        description: what the ``salgan.toml`` beside the pictures says, if there is one.
    """

    name: str
    release: str | None
    stimuli: tuple[Stimulus, ...]
    layout: str = ""
    unmatched: tuple[str, ...] = ()
    description: Description | None = None

    def __len__(self) -> int:
        return len(self.stimuli)

    def __iter__(self) -> Iterator[Stimulus]:
        return iter(self.stimuli)

    def select(self, names: Iterable[str]) -> Dataset:
        """The same dataset with these stimuli only, in the order given.

        Raises:
            DatasetError: a name that the dataset does not have.
        """
        known = {stimulus.name: stimulus for stimulus in self.stimuli}
        names = tuple(names)
        missing = [name for name in names if name not in known]
        if missing:
            raise DatasetError(
                f"dataset {self.name}: {len(missing)} of {len(names)} names are not in it, the first is "
                f"{missing[0]!r}; is this the set they were made for?"
            )
        return replace(self, stimuli=tuple(known[name] for name in names), unmatched=())

    def fold(self, fold: str) -> tuple[Dataset, Dataset]:
        """Divide the dataset into the pictures outside a fold and those in it.

        Args:
            fold: ``"2/5"`` is the second of five. Folds are drawn with the seed that ``salgan.toml`` says,
                and otherwise with the one of the committed splits.

        Returns:
            The pictures to train on, and the pictures of the fold.

        Raises:
            DatasetError: no such fold, fewer pictures than folds, or ``salgan.toml`` says another number.
        """
        number, count = parse_fold(fold)
        said = self.description
        if said is not None and said.folds not in (None, count):
            raise DatasetError(f"{said.path}: this set has {said.folds} folds; write 1/{said.folds}")
        names = [stimulus.name for stimulus in self.stimuli]
        held_out = set(folds_of(names, count, SEED if said is None else said.seed)[number - 1])
        others = self.select(name for name in names if name not in held_out)
        return others, self.select(name for name in names if name in held_out)
