"""Logs as one JSON object per line, on stderr."""

from __future__ import annotations

import datetime
import json
import logging
from typing import Any

__all__ = ["LOG_CONFIG", "JsonFormatter", "logger"]

logger = logging.getLogger("salgan.serve")
"""Fields beyond the message go into ``extra={"fields": {...}}``."""


class JsonFormatter(logging.Formatter):
    """One line of JSON per record: time (UTC), level, logger, message, fields, exception."""

    def format(self, record: logging.LogRecord) -> str:
        """Format a record; whatever its values hold, it stays one line."""
        entry: dict[str, Any] = {
            "time": datetime.datetime.fromtimestamp(record.created, datetime.UTC).isoformat(
                "T", "milliseconds"
            ),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry, default=str)


LOG_CONFIG: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": JsonFormatter}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
    "loggers": {
        name: {"handlers": ["stderr"], "level": "INFO", "propagate": False} for name in ("salgan", "uvicorn")
    },
}
"""For :func:`logging.config.dictConfig`; uvicorn's own words take the same form."""
