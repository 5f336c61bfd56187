"""``salgan models``: list the available models, and the recipes that train others."""

from __future__ import annotations


def models() -> None:
    """List the models with their names, sizes, licences, scores and locations.

    Any of these names can be given to --model; so can the path of an ONNX file, or an address with its hash
    (https://host/model.onnx#sha256=...).

    Below them are the recipes of [bold]salgan train[/bold], which make a model of your own.
    """
    from rich.console import Console

    from salgan._recipes import recipe_files, title
    from salgan.models import find, list_models

    console = Console()
    for record in list_models():
        size = "size unknown" if record.size is None else f"{record.size / 1e6:.1f} MB"
        elsewhere = f"downloaded at first use from {record.url}" if record.url else f"not here: {record.file}"
        where = find(record) or elsewhere
        console.print(f"[bold]{record.name}[/bold]  {record.description}")
        console.print(f"  {size}, {record.licence}", highlight=False)
        console.print(f"  trained on {record.data}", highlight=False)
        for dataset, scores in record.scores.items():
            values = ", ".join(f"{metric} {value:.3f}" for metric, value in scores.items())
            console.print(f"  {dataset}: {values}", highlight=False)
        console.print(f"  {where}", highlight=False, soft_wrap=True)
    console.print("\nRecipes for [bold]salgan train[/bold]:")
    for name, file in recipe_files().items():
        console.print(f"  [bold]{name}[/bold]  {title(file)}", highlight=False)
