"""Many pictures and videos in files: which there are, what their results are called, and predicting them."""

from salgan.jobs.find import Found, Job, find_jobs, still_to_do
from salgan.jobs.pictures import Pictures, find_pictures
from salgan.jobs.predict import JobResult, StoppedError, predict_all, threads_each

__all__ = [
    "Found",
    "Job",
    "JobResult",
    "Pictures",
    "StoppedError",
    "find_jobs",
    "find_pictures",
    "predict_all",
    "still_to_do",
    "threads_each",
]
