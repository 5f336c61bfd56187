"""Readers of eye-tracking data: pictures, and where people looked at them, in one form for all layouts.

>>> from salgan.datasets import open_dataset
>>> dataset = open_dataset("data/osie", part="val")  # doctest: +SKIP
>>> dataset.stimuli[0].density().shape  # one degree of visual angle wide  # doctest: +SKIP
(600, 800)
"""

from salgan.datasets._synthetic import synthetic
from salgan.datasets.description import Description
from salgan.datasets.layouts import LAYOUTS, open_dataset
from salgan.datasets.split import load_split, make_split
from salgan.datasets.stimulus import Dataset, Fixations, Stimulus

__all__ = [
    "LAYOUTS",
    "Dataset",
    "Description",
    "Fixations",
    "Stimulus",
    "load_split",
    "make_split",
    "open_dataset",
    "synthetic",
]
