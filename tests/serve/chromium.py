"""Debian's Chromium, driven by Playwright; nothing is downloaded and nothing leaves this machine."""

import contextlib
import shutil
from collections.abc import Iterator
from typing import Any

ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def why_not() -> str | None:
    """Why there is no browser here, or None if there is one."""
    if shutil.which("chromium") is None:
        return "there is no chromium here; on Debian: apt-get install chromium"
    try:
        import playwright.sync_api  # noqa: F401
    except ImportError:
        return "playwright is not installed"
    return None


@contextlib.contextmanager
def browser() -> Iterator[Any]:
    """A headless Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
        try:
            yield chromium
        finally:
            chromium.close()
