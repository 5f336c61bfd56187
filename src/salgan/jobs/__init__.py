"""Many pictures and videos in files: which there are, what their results are called, and predicting them."""

from salgan.jobs.find import Found, Job, find_jobs, still_to_do
from salgan.jobs.predict import JobResult, StoppedError, predict_all

__all__ = ["Found", "Job", "JobResult", "StoppedError", "find_jobs", "predict_all", "still_to_do"]
