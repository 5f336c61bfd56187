"""``salgan reproduce``: the paper's tables and figures, by one command each."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from salgan._progress import Progress
    from salgan.reproduce.experiment import Branch, Experiment

__all__ = ["reproduce"]

reproduce = typer.Typer(
    help="Make the paper's tables and figures again, on your data.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)

_Out = Annotated[
    Path, typer.Option("--out", "-o", help="Folder of the experiment: runs, evaluations, results.")
]
_Data = Annotated[
    Path | None,
    typer.Option(help="Folder that the recipe's sources are in (its data=); not needed once trained."),
]
_Recipe = Annotated[
    Path, typer.Option(help="Training recipe: its bootstrap and adversarial epochs are the experiment's.")
]
_Overrides = Annotated[
    list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="Settings that replace the recipe's.")
]
_Test = Annotated[
    Path | None, typer.Option(help="Dataset to evaluate on; the recipe's validation pictures if not given.")
]
_Layout = Annotated[str | None, typer.Option("--test-layout", help="Its layout; recognised if not given.")]
_Part = Annotated[str | None, typer.Option("--test-part", help="Its part: train, val or test.")]
_Release = Annotated[
    str | None,
    typer.Option(
        help="Release of the ground truth evaluated on, where its folder does not tell: SALICON's 2015 "
        "or 2017."
    ),
]
_Sigma = Annotated[float | None, typer.Option(help="Sigma of the density in pixels, for the evaluation.")]
_Degrees = Annotated[float | None, typer.Option(help="The same in degrees of visual angle.")]
_Seed = Annotated[int, typer.Option(min=0, help="Of the evaluation's draws and intervals.")]
_Processes = Annotated[
    int | None, typer.Option(min=1, help="Processes that score; one per core if not given.")
]

_PAPER = Path("paper")


@reproduce.command()
def table1(
    out: _Out,
    overrides: _Overrides = None,
    data: _Data = None,
    recipe: _Recipe = _PAPER,
    test: _Test = None,
    test_layout: _Layout = None,
    test_part: _Part = None,
    release: _Release = None,
    sigma: _Sigma = None,
    degrees: _Degrees = None,
    seed: _Seed = 0,
    processes: _Processes = None,
    preprint: Annotated[
        bool,
        typer.Option("--preprint", help="Train the preprint's rows too: MSE, and BCE at 1, 1/2, 1/4, 1/8."),
    ] = False,
) -> None:
    """Table 1: BCE alone against GAN, from one bootstrap, for the same number of further epochs.

    Both go on with the same seed and batches; the network of every epoch is
    evaluated. Best through epochs and the last epoch, with paired differences,
    stand beside the paper's figures. Killed? The same command goes on.

    [bold]salgan reproduce table1 --data ~/datasets --out table1[/bold]

    [bold]salgan reproduce table1 --recipe table1-light --data ~/datasets
    --test ~/datasets/osie --test-part test --out table1
    adversarial.epochs=20[/bold]
    """
    from salgan.cli._common import progress
    from salgan.reproduce.experiment import preprint_rows
    from salgan.reproduce.table1 import preprint_table
    from salgan.reproduce.table1 import table1 as write

    with progress() as on_progress:
        experiment = _experiment(
            (out, recipe, data, overrides, processes),
            (test, test_layout, test_part, release),
            (sigma, degrees, seed),
            on_progress,
        )
        text = write(_train(experiment), out)
        if preprint:
            text += "\n" + preprint_table(preprint_rows(experiment), out)
    _print(text, out)


@reproduce.command()
def figure3(
    out: _Out,
    overrides: _Overrides = None,
    data: _Data = None,
    recipe: _Recipe = _PAPER,
    test: _Test = None,
    test_layout: _Layout = None,
    test_part: _Part = None,
    release: _Release = None,
    sigma: _Sigma = None,
    degrees: _Degrees = None,
    seed: _Seed = 0,
    processes: _Processes = None,
) -> None:
    """Figure 3 of the preprint: five metrics against epochs, BCE and GAN, with 95% bands.

    Draws what table1 left in --out; without it, everything is trained and
    evaluated first, as table1 would.

    [bold]salgan reproduce figure3 --out table1[/bold]
    """
    from salgan.cli._common import messages, progress
    from salgan.reproduce.table1 import figure3 as draw

    with progress() as on_progress:
        found = _found(out) or _train(
            _experiment(
                (out, recipe, data, overrides, processes),
                (test, test_layout, test_part, release),
                (sigma, degrees, seed),
                on_progress,
            )
        )
    for path in draw(found, out):
        messages().print(str(path), markup=False)


@reproduce.command()
def figure1(
    out: _Out,
    overrides: _Overrides = None,
    data: _Data = None,
    recipe: _Recipe = _PAPER,
    test: _Test = None,
    test_layout: _Layout = None,
    test_part: _Part = None,
    release: _Release = None,
    sigma: _Sigma = None,
    degrees: _Degrees = None,
    seed: _Seed = 0,
    processes: _Processes = None,
    names: Annotated[
        str | None, typer.Option("--pictures", help="Comma-separated names to draw; at random if not given.")
    ] = None,
    rows: Annotated[int, typer.Option(min=1, max=12, help="Pictures to draw at random.")] = 4,
    measured: Annotated[int, typer.Option(min=1, help="Most pictures to measure level sets on.")] = 200,
) -> None:
    """Figure 1: picture, truth, BCE and SalGAN; and level sets as in the preprint's Figure 5.

    Takes the last epochs of what table1 left in --out; without it, everything
    is trained first. Pictures are drawn at random with the seed, not picked by
    who wins.

    [bold]salgan reproduce figure1 --out table1 --data ~/datasets[/bold]
    """
    from salgan.cli._common import messages, progress
    from salgan.evaluation.gallery import data_of
    from salgan.reproduce.figure1 import TITLES, Choice
    from salgan.reproduce.figure1 import figure1 as draw

    with progress() as on_progress:
        found = _found(out) or _train(
            _experiment(
                (out, recipe, data, overrides, processes),
                (test, test_layout, test_part, release),
                (sigma, degrees, seed),
                on_progress,
            )
        )
        bce, gan = (found[name].evaluations[-1] for name in ("bce", "gan"))
        networks = [Path(results.about["model"]["spec"]) for results in (bce, gan)]
        chosen = tuple(name.strip() for name in names.split(",") if name.strip()) if names else ()
        files = draw(
            data_of(bce).dataset.select(bce.pictures),
            bce,
            gan,
            dict(zip(TITLES, networks, strict=True)),
            out,
            Choice(chosen, rows, measured, seed),
            on_progress,
        )
    for path in files:
        messages().print(str(path), markup=False)


@reproduce.command()
def table2(
    models: Annotated[
        list[str], typer.Argument(metavar="MODEL...", help="Evaluations' folders, or with --data models.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the table and new evaluations.")],
    data: Annotated[Path | None, typer.Option(help="Dataset to evaluate models on.")] = None,
    layout: Annotated[str | None, typer.Option(help="The dataset's layout; recognised if not given.")] = None,
    part: Annotated[str | None, typer.Option(help="train, val or test.")] = None,
    release: _Release = None,
    metrics: Annotated[str | None, typer.Option(help="Comma-separated names; all nine if not given.")] = None,
    sigma: _Sigma = None,
    degrees: _Degrees = None,
    seed: _Seed = 0,
    processes: _Processes = None,
) -> None:
    """Table 2: a model's own scores beside the published ones, never mixing datasets or releases.

    SALICON's releases of 2015 and 2017 have different ground truth, so they
    have tables of their own.

    [bold]salgan reproduce table2 lite --data salicon --part val --out table2[/bold]
    """
    from salgan._files import replacing
    from salgan.cli.compare import evaluation
    from salgan.cli.evaluate import make_protocol
    from salgan.evaluation import open_data
    from salgan.reproduce.published import table2 as write

    protocol = make_protocol(metrics, sigma, degrees, seed=seed)
    opened = None if data is None else open_data(data, layout, part, release)
    evaluations = [
        evaluation(model, out / f"{number:02d}", opened, protocol, processes)
        for number, model in enumerate(models, 1)
    ]
    text = write(evaluations)
    out.mkdir(parents=True, exist_ok=True)
    with replacing(out / "table2.md") as unfinished:
        unfinished.write_text(text, encoding="utf-8")
    _print(text, out)


def _experiment(
    run: tuple[Path, Path, Path | None, list[str] | None, int | None],
    test: tuple[Path | None, str | None, str | None, str | None],
    rules: tuple[float | None, float | None, int],
    on_progress: Progress,
) -> Experiment:
    """The experiment that the three commands' common options describe."""
    from salgan.cli._common import messages
    from salgan.cli.evaluate import make_protocol, processes_or_cores
    from salgan.errors import require
    from salgan.evaluation import open_data
    from salgan.reproduce.experiment import PAPER_METRICS, Experiment

    for package in ("torch", "lightning", "pydantic", "yaml"):
        require(package, "train")
    out, recipe, data, overrides, processes = run
    folder, layout, part, release = test
    sigma, degrees, seed = rules
    return Experiment(
        recipe,
        (*(overrides or []), *([f"data={data}"] if data is not None else [])),
        out,
        None if folder is None else open_data(folder, layout, part, release),
        release,
        make_protocol(",".join(PAPER_METRICS), sigma, degrees, seed=seed),
        processes_or_cores(processes),
        on_progress,
        lambda line: messages().print(line, markup=False),
    )


def _train(experiment: Experiment) -> dict[str, Branch]:
    from salgan.reproduce.experiment import branches

    return branches(experiment)


def _found(out: Path) -> dict[str, Branch] | None:
    from salgan.reproduce.experiment import read_branches

    return read_branches(out)


def _print(text: str, out: Path) -> None:
    from salgan.cli._common import messages

    # As Markdown: the table is wider than most terminals, and goes into a report as it is.
    typer.echo(text)
    messages().print(f"written to {out}", markup=False)
