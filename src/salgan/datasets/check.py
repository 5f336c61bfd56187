"""What is wrong or odd about a dataset, found by reading all of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

import numpy as np

from salgan._parallel import cores, in_order
from salgan._progress import Progress, silent
from salgan.datasets.stimulus import Dataset, Stimulus
from salgan.errors import DatasetError

__all__ = ["Finding", "Report", "check"]


@dataclass(frozen=True)
class Finding:
    """What reading one stimulus showed.

    Attributes:
        name: the stimulus.
        size: width and height, None if the picture cannot be read.
        fixations: how many there are, None if none were published or they cannot be read.
        outside: how many of them lie outside the picture (or are NaN).
        viewers: how many viewers have at least one, None if viewers are unknown.
        has_map: whether a fixation map was published.
        errors: what cannot be read or does not fit together, one line each.
    """

    name: str
    size: tuple[int, int] | None
    fixations: int | None
    outside: int
    viewers: int | None
    has_map: bool
    errors: tuple[str, ...]


@dataclass(frozen=True)
class Report:
    """All findings about a dataset.

    Attributes:
        dataset: what was read.
        findings: one per stimulus, in the dataset's order.
    """

    dataset: Dataset
    findings: tuple[Finding, ...]

    @property
    def errors(self) -> tuple[str, ...]:
        """What cannot be read or does not fit together."""
        errors = [error for finding in self.findings for error in finding.errors]
        bare = not any(stimulus.has_fixations or stimulus.map_path for stimulus in self.dataset)
        # The test parts of some sets are published without their ground truth.
        if bare and self.dataset.layout not in ("salicon", "cat2000", "coco-freeview"):
            errors.append(
                "no picture has ground truth; expected fixations/NAME.csv or maps/NAME.png, "
                "with the names of the pictures"
            )
        return tuple(errors)

    @property
    def without_fixations(self) -> tuple[str, ...]:
        """Stimuli without a fixation file though others have one, or without any ground truth."""
        expected = any(stimulus.has_fixations for stimulus in self.dataset)
        return tuple(
            stimulus.name
            for stimulus in self.dataset
            if not stimulus.has_fixations and (expected or stimulus.map_path is None)
        )

    @property
    def without_map(self) -> tuple[str, ...]:
        """Stimuli without a published map though others have one."""
        expected = any(finding.has_map for finding in self.findings)
        return tuple(finding.name for finding in self.findings if expected and not finding.has_map)

    @property
    def empty(self) -> tuple[str, ...]:
        """Stimuli with published fixations, none of which is inside the picture."""
        return tuple(f.name for f in self.findings if f.fixations is not None and f.fixations == f.outside)

    @property
    def outside(self) -> tuple[tuple[str, int], ...]:
        """Stimuli with fixations outside the picture, and how many."""
        return tuple((finding.name, finding.outside) for finding in self.findings if finding.outside)

    def lines(self, limit: int = 10) -> Iterator[str]:
        """The report as lines of text.

        Args:
            limit: how many names each kind of finding may list.
        """
        yield from self._counts()
        yield from _listing("cannot be used", self.errors, limit)
        yield from _listing("pictures without fixations", self.without_fixations, limit)
        yield from _listing("pictures without a map", self.without_map, limit)
        yield from _listing("belong to no picture", self.dataset.unmatched, limit)
        yield from _listing("pictures with no fixation inside", self.empty, limit)
        outside = [f"{name} ({count})" for name, count in self.outside]
        yield from _listing("pictures with fixations outside", outside, limit)

    def _counts(self) -> Iterator[str]:
        name = " ".join(filter(None, (self.dataset.name, self.dataset.release)))
        yield f"{name}, layout {self.dataset.layout}: {len(self.findings)} pictures"
        said = self.dataset.description
        if said is not None and said.licence is not None:
            yield f"licence: {said.licence}"
        if said is not None and said.parts:
            yield f"parts in {said.path.name}: {', '.join(said.parts)}"
        sizes = Counter(finding.size for finding in self.findings if finding.size is not None)
        if sizes:
            common = ", ".join(f"{w}×{h} ({count})" for (w, h), count in sizes.most_common(3))
            widths = [w for w, _ in sizes]
            heights = [h for _, h in sizes]
            yield f"sizes: {len(sizes)}, most often {common}" + (
                f"; {min(widths)} to {max(widths)} wide, {min(heights)} to {max(heights)} high"
                if len(sizes) > 1
                else ""
            )
        counted = sorted((f.fixations, f.name) for f in self.findings if f.fixations is not None)
        if counted:
            total = sum(count for count, _ in counted)
            middle = median(count for count, _ in counted)
            outside = sum(finding.outside for finding in self.findings)
            yield (
                f"fixations: {total} on {len(counted)} pictures, {counted[0][0]} to {counted[-1][0]} "
                f"(median {middle:g}) each; {outside} outside the picture"
            )
            yield "fewest: " + ", ".join(f"{name} ({count})" for count, name in counted[:5])
        viewers = [finding.viewers for finding in self.findings if finding.viewers is not None]
        if viewers:
            least, most = min(viewers), max(viewers)
            yield f"viewers: {least if least == most else f'{least} to {most}'} per picture"
        maps = sum(finding.has_map for finding in self.findings)
        if maps:
            yield f"maps: {maps}"


def check(dataset: Dataset, on_progress: Progress = silent) -> Report:
    """Read every picture, fixation file and map of a dataset and report what was found.

    Nothing stops at a broken file: it becomes a line of the report.

    Args:
        dataset: what to read.
        on_progress: is told how far it is after each stimulus.
    """
    findings = []
    for finding in in_order(_read, dataset, threads=cores()):
        findings.append(finding)
        on_progress("reading", len(findings), len(dataset))
    return Report(dataset, tuple(findings))


def _read(stimulus: Stimulus) -> Finding:
    errors: list[str] = []
    size: tuple[int, int] | None = None
    fixations, outside, viewers = None, 0, None
    try:
        height, width, _ = stimulus.picture().shape
        size = (width, height)
    except DatasetError as error:
        errors.append(str(error))
    if size is not None:
        try:
            points = stimulus.fixations
            if points is not None:
                fixations = len(points)
                outside = fixations - len(points.inside(*size))
                viewers = None if points.viewer is None else len(np.unique(points.viewer))
        except DatasetError as error:
            errors.append(str(error))
        if stimulus.map_path is not None:
            try:
                stimulus.published_density()
            except DatasetError as error:
                errors.append(str(error))
    has_map = stimulus.map_path is not None
    return Finding(stimulus.name, size, fixations, outside, viewers, has_map, tuple(errors))


def _listing(what: str, names: tuple[str, ...] | list[str], limit: int) -> Iterator[str]:
    if not names:
        return
    yield f"{what}: {len(names)}"
    yield from (f"  {name}" for name in names[:limit])
    if len(names) > limit:
        yield f"  and {len(names) - limit} more"
