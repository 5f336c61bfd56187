"""JSON that somebody else wrote."""

from __future__ import annotations

import json
from typing import Any

__all__ = ["parse_json"]


def parse_json(text: str | bytes) -> Any:
    """Read a JSON document.

    Args:
        text: the document; bytes are UTF-8, -16 or -32.

    Raises:
        ValueError: it is not JSON, or nested deeper than the parser can follow; the message is one line.
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("nested too deep") from None
