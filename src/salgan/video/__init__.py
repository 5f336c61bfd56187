"""Videos: saliency of every frame, as overlays with sound, stacks of maps and shares over time.

Nothing here holds more than a few frames, so the length of a video does not matter. Needs the extra
``video``: ``pip install 'salgan[video]'``.
"""

from salgan.errors import require

require("av", "video")

from salgan.video.predict import (  # noqa: E402
    DamagedVideoError,
    Step,
    VideoFiles,
    predict_frames,
    predict_video,
)
from salgan.video.reading import Frame, Video  # noqa: E402
from salgan.video.writing import partial_path  # noqa: E402

__all__ = [
    "DamagedVideoError",
    "Frame",
    "Step",
    "Video",
    "VideoFiles",
    "partial_path",
    "predict_frames",
    "predict_video",
]
