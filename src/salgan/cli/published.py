"""``salgan published``: the field at hand, as its papers and servers print it."""

from __future__ import annotations

from typing import Annotated

import typer

__all__ = ["published"]


def published(
    benchmark: Annotated[
        str | None,
        typer.Option(help="Only this one, such as salicon-2017-test or mit300-tuebingen."),
    ] = None,
) -> None:
    """Print published numbers of saliency models, with the source of each.

    There is one table for each dataset, release and server, because numbers of
    different tables are not comparable: SALICON's releases of 2015 and 2017 have
    different ground truth, and so have the two servers of MIT300.

    [bold]salgan published --benchmark salicon-2017-test[/bold]

    To put your own model beside them: [bold]salgan reproduce table2 EVALUATION[/bold]
    """
    from salgan.reproduce.published import find_benchmark, published_table
    from salgan.reproduce.published import published as every

    chosen = every().values() if benchmark is None else [find_benchmark(benchmark)]
    for each in chosen:
        heading, *lines = published_table(each)
        typer.echo("\n".join([f"{heading} ({each.id})", *lines]))
