"""``salgan serve``: the HTTP service and its page."""

from __future__ import annotations

from typing import Annotated

import typer


def serve(
    host: Annotated[
        str, typer.Option(help="Address to listen on; 0.0.0.0 opens it to the network.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes any free one.")] = 8000,
    model: Annotated[
        str, typer.Option(metavar="NAME|FILE", help="A model of `salgan models`, or an ONNX file.")
    ] = "lite",
    max_megabytes: Annotated[int, typer.Option(min=1, help="Of a request's body (413).")] = 25,
    max_megapixels: Annotated[int, typer.Option(min=1, max=100, help="Of a picture (413).")] = 25,
    max_waiting: Annotated[int, typer.Option(min=1, help="Pictures that wait for their turn (503).")] = 32,
    max_batch: Annotated[
        int, typer.Option(min=1, help="Pictures worked on at a time; memory grows with it.")
    ] = 4,
    timeout: Annotated[float, typer.Option(metavar="SECONDS", help="For one picture (504).")] = 30,
) -> None:
    """Serve predictions over HTTP, with a page to try them.

    [bold]salgan serve[/bold]

    then open http://127.0.0.1:8000, or

    [bold]curl -H "Content-Type: image/jpeg" --data-binary @photo.jpg
    "http://127.0.0.1:8000/v1/predict?output=overlay" -o overlay.png[/bold]

    /openapi.json describes the API, /healthz and /metrics are for supervisors. Logs are JSON lines on stderr.
    Ctrl-C (or SIGTERM) finishes what was taken and leaves. There is no password: behind --host 0.0.0.0, put
    something that asks for one.
    """
    from salgan.cli._common import load_predictor, messages
    from salgan.serve import Limits, run

    limits = Limits(
        max_bytes=max_megabytes * 1_000_000,
        max_pixels=max_megapixels * 1_000_000,
        max_waiting=max_waiting,
        max_batch=max_batch,
        timeout=timeout,
    )
    predictor = load_predictor(model)

    def say(url: str) -> None:
        messages().print(f"salgan serves {predictor.name} at {url} (Ctrl-C to stop)")

    run(predictor, host=host, port=port, limits=limits, on_ready=say)
