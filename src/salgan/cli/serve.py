"""``salgan serve``: the HTTP service and its page."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from salgan.cli._common import Device, Model, Threads


def serve(
    host: Annotated[
        str, typer.Option(help="The address to listen on; 0.0.0.0 opens the service to the network.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; 0 takes any free one.")] = 8000,
    model: Model = "lite",
    device: Device = "auto",
    threads: Threads = None,
    workers: Annotated[
        int,
        typer.Option(
            min=1, max=64, help="Processes that share the port, each with a model and limits of its own."
        ),
    ] = 1,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A host name that a proxy passes on. Repeat for more."),
    ] = None,
    cors_origin: Annotated[
        list[str] | None,
        typer.Option(metavar="URL", help="A website whose pages may use the service. Repeat for more."),
    ] = None,
    max_megabytes: Annotated[int, typer.Option(min=1, help="Largest request, in megabytes (413).")] = 25,
    max_megapixels: Annotated[
        int, typer.Option(min=1, max=100, help="Largest picture, in megapixels (413).")
    ] = 25,
    max_waiting: Annotated[int, typer.Option(min=1, help="How many pictures may wait (503).")] = 32,
    max_batch: Annotated[
        int, typer.Option(min=1, help="How many pictures to work on at once; more take more memory.")
    ] = 4,
    max_per_minute: Annotated[
        int | None,
        typer.Option(min=1, help="How many pictures an address may send a minute (429)."),
    ] = None,
    timeout: Annotated[float, typer.Option(metavar="SECONDS", help="Time limit for one picture (504).")] = 30,
) -> None:
    """Serve predictions over HTTP, with a web page for trying them out.

    [bold]salgan serve[/bold]

    Open http://127.0.0.1:8000 in a browser, or send a picture from a terminal:

    [bold]curl -H "Content-Type: image/jpeg" --data-binary @photo.jpg
    "http://127.0.0.1:8000/v1/predict?output=overlay" -o overlay.png[/bold]

    http://127.0.0.1:8000/api describes the API; /healthz, /readyz and /metrics are for supervisors. The log
    goes to stderr, as one line of JSON per entry. After Ctrl-C or SIGTERM, the service finishes the pictures
    it has accepted and then stops.

    If the environment variable SALGAN_TOKEN is set, every request must carry it: Authorization: Bearer
    TOKEN. Set it whenever others can reach the address.
    """
    import sys

    from salgan.cli._common import load_predictor, messages
    from salgan.serve import Limits, run
    from salgan.serve.server import is_loopback, log_ready

    limits = Limits(
        max_bytes=max_megabytes * 1_000_000,
        max_pixels=max_megapixels * 1_000_000,
        max_waiting=max_waiting,
        max_batch=max_batch,
        max_per_minute=max_per_minute,
        timeout=timeout,
    )
    token = os.environ.get("SALGAN_TOKEN") or None
    predictor = load_predictor(model)
    warning = None
    if token is None and not is_loopback(host):
        warning = (
            f"anyone who reaches {host} can use this service; set SALGAN_TOKEN to ask for a token: "
            "export SALGAN_TOKEN=$(python3 -c 'import secrets; print(secrets.token_urlsafe())')"
        )

    def say(url: str) -> None:
        if not sys.stderr.isatty():
            log_ready(url, predictor.name, warning)
            return
        messages().print(f"salgan serves {predictor.name} at {url} (Ctrl-C to stop)")
        if warning:
            messages().print(f"warning: {warning}")

    run(
        predictor,
        host=host,
        port=port,
        limits=limits,
        workers=workers,
        allow_hosts=allow_host or [],
        cors_origins=cors_origin or [],
        token=token,
        on_ready=say,
    )
