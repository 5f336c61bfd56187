"""The page in headless Chromium, opened on a service with a tiny network."""

import pytest

from salgan.models.predictor import Predictor
from salgan.preprocessing import Preprocessing
from tests._onnx import tiny_model
from tests.serve import chromium
from tests.serve.conftest import serving


@pytest.fixture(scope="package")
def model():
    return Predictor(tiny_model(Preprocessing(height=48, width=64)), name="tiny", threads=1)


@pytest.fixture(scope="package")
def url(model):
    with serving(model) as client:
        yield str(client.base_url)


@pytest.fixture(scope="package")
def browser():
    with chromium.browser() as started:
        yield started


@pytest.fixture
def new_page(browser, url):
    """An empty tab; at the end nothing may have gone wrong in it that was not meant to."""
    contexts, troubles = [], []

    def opened(**options):
        contexts.append(browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options}))
        page = contexts[-1].new_page()
        page.set_default_timeout(60_000)
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on(
            "request", lambda request: troubles.append(request.url) if _is_foreign(request.url, url) else None
        )
        return page

    yield opened
    for context in contexts:
        context.close()
    assert troubles == []


@pytest.fixture
def open_page(new_page, url):
    """Open the page in a new tab."""

    def opened(**options):
        page = new_page(**options)
        page.goto(url)
        return page

    return opened


def _is_foreign(address, url):
    return not address.startswith((url, "blob:", "data:"))


@pytest.fixture
def page(open_page):
    return open_page()
