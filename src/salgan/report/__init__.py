"""A report on many pictures: one page of HTML that needs no other file.

>>> from salgan.report import look_at, page
>>> entries = [look_at(model, path, regions.for_picture(path)) for path in paths]  # doctest: +SKIP
>>> Path("report.html").write_text(page(entries, model.name), encoding="utf-8")  # doctest: +SKIP
"""

from salgan.report.entries import CROPS, Cropped, Entry, look_at
from salgan.report.page import page
from salgan.report.pdf import pdf
from salgan.report.scores import FOLD, above_fold, first_regions, focus

__all__ = [
    "CROPS",
    "FOLD",
    "Cropped",
    "Entry",
    "above_fold",
    "first_regions",
    "focus",
    "look_at",
    "page",
    "pdf",
]
