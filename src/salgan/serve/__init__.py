"""The HTTP service: one model in memory, a bounded queue, an API and a page.

>>> from salgan.serve import create_app  # doctest: +SKIP
>>> app = create_app(salgan.load_model())  # for any ASGI server  # doctest: +SKIP

Needs ``pip install 'salgan[serve]'``.
"""

from salgan.errors import require

for _module in ("fastapi", "python_multipart", "prometheus_client", "uvicorn"):
    require(_module, "serve")

from salgan.serve.access import Access  # noqa: E402
from salgan.serve.app import create_app  # noqa: E402
from salgan.serve.limits import Limits  # noqa: E402
from salgan.serve.server import run  # noqa: E402

__all__ = ["Access", "Limits", "create_app", "run"]
