"""What the targets share: how many inputs they try, good inputs made bad, and what counts as an answer."""

import os
import zlib
from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from salgan.errors import SalganError

__all__ = ["JSON", "answers", "damaged", "deep", "fuzz", "slow_fuzz", "slowest_fuzz"]


def _settings(examples: int) -> settings:
    long = os.environ.get("SALGAN_FUZZ")
    return settings(
        max_examples=max(1, examples if long is None else int(long) * examples // 40),
        derandomize=long is None,
        suppress_health_check=list(HealthCheck),
    )


fuzz = _settings(40)
slow_fuzz = _settings(10)
"""For readers that take some hundredths of a second."""

slowest_fuzz = _settings(4)
"""For whole training runs."""

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)

deep = st.integers(1, 100_000).map(lambda depth: b"[" * depth) | st.integers(1, 50_000).map(
    lambda depth: b'{"a":' * depth + b"0" + b"}" * depth
)
"""JSON that is nested deeper than a parser's stack."""


def answers(read: Callable[..., Any], *given: Any) -> Any:
    """What a reader makes of an input; None if it refuses it as it should, in one line of its own words.

    Whatever else it raises fails the test.
    """
    try:
        return read(*given)
    except SalganError as error:
        said = str(error)
        assert said.strip()
        assert "\n" not in said
        return None


@st.composite
def damaged(draw: st.DrawFn, originals: Sequence[bytes]) -> bytes:
    """A good file with bytes changed, cut out, doubled or added; a PNG's checksums are made right again."""
    content = bytearray(draw(st.sampled_from(originals)))
    # Most of what a reader decides by stands at one of the ends.
    places = st.integers(0, 300) | st.integers(-300, -1) | st.integers(0, max(1, len(content)))
    for _ in range(draw(st.integers(1, 6))):
        at = draw(places) % max(1, len(content))
        what = draw(st.sampled_from(["change", "cut", "double", "add", "end"]))
        if what == "change" and content:
            content[at] = draw(st.integers(0, 255))
        elif what == "cut":
            del content[at : at + draw(st.integers(1, 64))]
        elif what == "double":
            content[at:at] = content[at : at + draw(st.integers(1, 64))]
        elif what == "add":
            content[at:at] = draw(st.binary(min_size=1, max_size=8))
        elif what == "end" and draw(st.booleans()):
            del content[at:]
    return _right_checksums(bytes(content))


def _right_checksums(content: bytes) -> bytes:
    """Without this nearly every damaged PNG ends at its first checksum."""
    if not content.startswith(b"\x89PNG\r\n\x1a\n"):
        return content
    out, at = [content[:8]], 8
    while at + 12 <= len(content):
        length = int.from_bytes(content[at : at + 4], "big")
        if at + 12 + length > len(content):
            break
        chunk = content[at + 4 : at + 8 + length]
        out += [content[at : at + 4], chunk, zlib.crc32(chunk).to_bytes(4, "big")]
        at += 12 + length
    return b"".join([*out, content[at:]])
