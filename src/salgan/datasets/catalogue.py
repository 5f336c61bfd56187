"""The published sets that are read: what each is, who looked at what, and where it is to be had.

Licences are given where the authors state one that was read; elsewhere their page has the terms.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["KNOWN", "KnownSet"]

_ASK = "see its page"
_FREE = "free viewing"


@dataclass(frozen=True)
class KnownSet:
    """A published dataset.

    Attributes:
        name: what it is called.
        layout: the layout that reads it, as :func:`salgan.datasets.open_dataset` calls it.
        pictures: how many, and of what.
        viewers: how many looked at each picture.
        task: what they were asked to do, and how it was recorded, if not with an eye tracker.
        licence: the terms of its gaze data.
        where: the page or paper by which it is found.
    """

    name: str
    layout: str
    pictures: str
    viewers: str
    task: str
    licence: str
    where: str


KNOWN = (
    KnownSet(
        "SALICON",
        "salicon",
        "20,000 of COCO",
        "many, at home",
        f"{_FREE}; mouse, not eyes",
        _ASK,
        "salicon.net",
    ),
    KnownSet(
        "OSIE",
        "fixations-mat, osie-mouse",
        "700 scenes",
        "15",
        f"{_FREE}, 3 s; also mouse traces",
        "MIT",
        "Xu et al., Journal of Vision 2014",
    ),
    KnownSet(
        "EyeCrowd",
        "fixations-mat",
        "500 of crowds",
        "16",
        _FREE,
        "MIT",
        "Jiang, Xu, Zhao, ECCV 2014",
    ),
    KnownSet(
        "SUN500",
        "sun500",
        "500 scenes of SUN",
        "10 to 12",
        _FREE,
        "MIT",
        "github.com/Yanakz/Scene (Liang 2015)",
    ),
    KnownSet(
        "MIT1003",
        "mit1003, fixations-mat",
        "1,003 photographs",
        "15",
        f"{_FREE}, 3 s",
        _ASK,
        "people.csail.mit.edu/tjudd/WherePeopleLook",
    ),
    KnownSet(
        "CAT2000",
        "cat2000",
        "4,000 in 20 categories",
        "24",
        f"{_FREE}, 5 s",
        _ASK,
        "saliency.mit.edu",
    ),
    KnownSet(
        "Toronto",
        "toronto",
        "120 photographs",
        "20",
        f"{_FREE}, 4 s",
        _ASK,
        "www-sop.inria.fr/members/Neil.Bruce",
    ),
    KnownSet(
        "PASCAL-S",
        "pascal-s",
        "850 of PASCAL VOC",
        "8 or 12",
        f"{_FREE}, 2 s",
        _ASK,
        "cbs.ic.gatech.edu/salobj",
    ),
    KnownSet(
        "DUT-OMRON",
        "dut-omron",
        "5,168 photographs",
        "5",
        f"{_FREE}, 2 s",
        _ASK,
        "saliencydetection.net/dut-omron",
    ),
    KnownSet(
        "FIGRIM",
        "figrim",
        "630 and over 2,000 scenes of SUN",
        "11 to 22",
        "notice repeated pictures",
        _ASK,
        "figrim.mit.edu",
    ),
    KnownSet(
        "COCO-FreeView",
        "coco-freeview",
        "about 5,300 of COCO",
        "10",
        f"{_FREE}, 5 s",
        _ASK,
        "vision.cs.stonybrook.edu (Chen et al., CVPR Workshops 2022)",
    ),
    KnownSet(
        "FiWI",
        "fiwi, packed",
        "149 web pages",
        "11",
        f"{_FREE}, 5 s",
        _ASK,
        "www-users.cse.umn.edu/~qzhao/webpage_saliency.html",
    ),
    KnownSet(
        "UEyes",
        "ueyes",
        "1,980 screenshots: web, desktop, mobile, poster",
        "about 10",
        f"{_FREE}, 7 s",
        _ASK,
        "zenodo.org/record/8010312",
    ),
    KnownSet(
        "yours",
        "folder",
        "pictures, with maps or fixations beside them",
        "",
        "",
        "",
        "salgan data init FOLDER",
    ),
    KnownSet(
        "pysaliency's",
        "pysaliency",
        "stimuli.hdf5 and fixations.hdf5",
        "",
        "",
        "",
        "github.com/matthias-k/pysaliency",
    ),
)
"""All sets that are read, the forms for anybody's set last."""
