"""``salgan models``: which models there are."""

from __future__ import annotations


def models() -> None:
    """List the models: name, size, licence, scores and where each one is.

    Any of these names can be given to --model; so can the path of an ONNX file, or an address with its hash
    (https://host/model.onnx#sha256=...).
    """
    from rich.console import Console
    from rich.table import Table

    from salgan import zoo

    table = Table("model", "size", "licence", "scores", "where", "what it is for", box=None, pad_edge=False)
    for record in zoo.models():
        scores = "\n".join(
            f"{dataset}: " + ", ".join(f"{metric} {value:g}" for metric, value in by_metric.items())
            for dataset, by_metric in record.scores.items()
        )
        size = "?" if record.size is None else f"{record.size / 1e6:.1f} MB"
        where = str(zoo.find(record) or f"downloaded at first use from {record.url}")
        table.add_row(record.name, size, record.licence, scores, where, record.description)
    Console().print(table)
