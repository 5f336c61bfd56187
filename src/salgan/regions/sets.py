"""Regions that are named once for many pictures, and what is different in some of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from salgan._json import parse_json
from salgan.errors import ConfigError
from salgan.regions.files import boxes_of_csv, check_count, from_entry, read_text
from salgan.regions.region import Region, check_names

__all__ = ["RegionSet", "read_region_set"]


@dataclass(frozen=True)
class RegionSet:
    """The regions of any number of pictures.

    Attributes:
        common: the regions that every picture has.
        of_pictures: what differs, by the end of a picture's path (``"b.png"``, or ``"new/page.png"``): for
            each name its region there, or None if that picture does not have it.
    """

    common: tuple[Region, ...] = ()
    of_pictures: Mapping[str, Mapping[str, Region | None]] = field(default_factory=dict)

    def for_picture(self, path: str | Path) -> list[Region]:
        """The regions of one picture: the common ones, each replaced by its own of that name, then others.

        Of several entries that fit, the longest counts.

        Args:
            path: the picture's.
        """
        own = self.of_pictures.get(self._entry_for(path) or "", {})
        found = [own.get(region.name, region) for region in self.common]
        names = {region.name for region in self.common}
        found += [region for name, region in own.items() if name not in names]
        return [region for region in found if region is not None]

    def with_common(self, regions: Iterable[Region]) -> RegionSet:
        """The same with more regions that every picture has.

        Raises:
            ConfigError: there is one of that name already.
        """
        common = (*self.common, *regions)
        check_names(common)
        return RegionSet(common, self.of_pictures)

    def unused(self, paths: Iterable[str | Path]) -> list[str]:
        """The entries that belong to none of these pictures, as a misspelt file name does."""
        used = {self._entry_for(path) for path in paths}
        return [entry for entry in self.of_pictures if entry not in used]

    def absent_nowhere_else(self) -> list[tuple[str, str]]:
        """The entry and name of each region that is said to be absent and that no picture has."""
        known = set(self.names)
        return [
            (entry, name)
            for entry, own in self.of_pictures.items()
            for name, region in own.items()
            if region is None and name not in known
        ]

    def has_entry_for(self, path: str | Path) -> bool:
        """Whether the file names this picture itself."""
        return self._entry_for(path) is not None

    @property
    def names(self) -> list[str]:
        """The name of every region, each once."""
        of_pictures = [
            name for own in self.of_pictures.values() for name, it in own.items() if it is not None
        ]
        return list(dict.fromkeys([*(region.name for region in self.common), *of_pictures]))

    def _entry_for(self, path: str | Path) -> str | None:
        parts = Path(path).absolute().parts
        fitting = [
            (len(ending), entry)
            for entry in self.of_pictures
            if (ending := _parts(entry)) and parts[-len(ending) :] == ending
        ]
        return max(fitting)[1] if fitting else None


def read_region_set(path: str | Path) -> RegionSet:
    """Read a file of regions for any number of pictures.

    Beside what :func:`salgan.regions.read_regions` reads, JSON may say what is different in some pictures::

        {
          "regions": [
            {"name": "cta", "box": [0.6, 0.8, 0.3, 0.1]},
            {"name": "logo", "box": [0, 0, 0.2, 0.1]}
          ],
          "pictures": {
            "b.png": [{"name": "cta", "box": [0.5, 0.7, 0.4, 0.2]}, {"name": "logo", "absent": true}]
          }
        }

    A picture's name fits every path that ends with it. ``"pictures"`` may also be a list of reports, each
    with ``"picture": {"path": ...}`` and ``"regions"``, as ``salgan regions --json`` writes it for several
    pictures. In CSV, a column ``picture`` does the same; rows in which it is empty are for all pictures.

    Args:
        path: a file whose name ends in .json or .csv.

    Raises:
        ConfigError: the file cannot be read, is not of that form, or holds no regions.
    """
    path = Path(path)
    text = read_text(path)
    try:
        found = _from_csv(text) if path.suffix.lower() == ".csv" else _from_json(parse_json(text))
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None
    except ValueError as error:
        raise ConfigError(f"{path}: is not JSON ({error})") from None
    if not found.names:
        raise ConfigError(f"{path}: holds no regions")
    check_count(path, max(map(len, (found.common, *found.of_pictures.values()))))
    return found


def _from_csv(text: str) -> RegionSet:
    boxes = boxes_of_csv(text)
    common = tuple(boxes.pop("", ()))
    return RegionSet(
        common,
        {name: {each.name: each for each in own} for name, own in boxes.items() if _checked(name)},
    )


def _from_json(document: Any) -> RegionSet:
    if isinstance(document, list):
        return RegionSet(tuple(_regions(document, "")))
    if not isinstance(document, Mapping) or not ("regions" in document or "pictures" in document):
        raise ConfigError('expected a list of regions, or an object with such a list under "regions"')
    common = _regions(document.get("regions", []), "")
    pictures = document.get("pictures", {})
    if isinstance(pictures, list):
        pictures = dict(map(_report, pictures))
    if not isinstance(pictures, Mapping):
        raise ConfigError('"pictures" is an object: a file name, and the regions that differ in that file')
    return RegionSet(
        tuple(common), {name: _own(name, entries) for name, entries in pictures.items() if _checked(name)}
    )


def _own(picture: str, entries: Any) -> dict[str, Region | None]:
    if isinstance(entries, Mapping):
        entries = entries.get("regions")
    if not isinstance(entries, list):
        raise ConfigError(f'"pictures", {picture!r}: expected a list of regions')
    absent = [entry for entry in entries if isinstance(entry, Mapping) and "absent" in entry]
    own: dict[str, Region | None] = {
        region.name: region
        for region in _regions([entry for entry in entries if entry not in absent], picture)
    }
    for entry in absent:
        name = entry.get("name")
        if set(entry) != {"name", "absent"} or entry["absent"] is not True or not isinstance(name, str):
            raise ConfigError(
                f'"pictures", {picture!r}: a region that is not there is a "name" and "absent": true'
            )
        if name in own:
            raise ConfigError(f'"pictures", {picture!r}: region {name!r} is both there and absent')
        own[name] = None
    return own


def _regions(entries: Any, picture: str) -> Sequence[Region]:
    where = f'"pictures", {picture!r}: ' if picture else ""
    if not isinstance(entries, list):
        raise ConfigError(f'{where}expected a list of regions, or an object with such a list under "regions"')
    try:
        regions = [from_entry(entry, number) for number, entry in enumerate(entries, start=1)]
        check_names(regions)
    except ConfigError as error:
        raise ConfigError(f"{where}{error}") from None
    return regions


def _report(entry: Any) -> tuple[str, Any]:
    """The picture and the regions of one report of several."""
    about = entry.get("picture") if isinstance(entry, Mapping) else None
    path = about.get("path") if isinstance(about, Mapping) else None
    if not isinstance(path, str):
        raise ConfigError('an entry of "pictures" lacks its picture\'s "path"')
    return path, entry.get("regions")


def _checked(name: str) -> bool:
    if not _parts(name):
        raise ConfigError(f'"pictures": {name!r} is not the name of a file')
    return True


def _parts(entry: str) -> tuple[str, ...]:
    """The end of a path that an entry names, in either system's way of writing."""
    path = PurePosixPath(entry.replace("\\", "/"))
    return tuple(part for part in path.parts if part != "/")
