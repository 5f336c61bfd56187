"""``salgan reproduce``: one command trains the paper's experiment, the others draw its tables and figures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from salgan.cli._common import Trust, say
from salgan.cli.train import check_code

__all__ = ["reproduce"]

reproduce = typer.Typer(
    help="Reproduce the paper's tables and figures on your data.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)

_Run = Annotated[Path, typer.Argument(metavar="RUN", help="The folder that salgan reproduce run wrote.")]


@reproduce.command()
def run(
    out: Annotated[
        Path, typer.Option("--out", "-o", help="The experiment's folder: training runs and evaluations.")
    ],
    data: Annotated[
        Path | None,
        typer.Option(metavar="DATASETS", help="The folder that holds the folders of the recipe's datasets."),
    ] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Argument(metavar="[KEY=VALUE]...", help="Settings that replace the recipe's."),
    ] = None,
    recipe: Annotated[
        Path, typer.Option(help="The training recipe; its bootstrap and adversarial epochs are used.")
    ] = Path("paper"),
    test: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="The folder of the dataset to evaluate on; the recipe's validation pictures if not given.",
        ),
    ] = None,
    test_part: Annotated[
        str | None,
        typer.Option(help="The part of --test: train, val, test or another that it has."),
    ] = None,
    release: Annotated[
        str | None,
        typer.Option(help="The release of the ground truth, if its folder does not say: 2015 or 2017."),
    ] = None,
    sigma: Annotated[
        str | None,
        typer.Option(help="Sigma of the ground-truth density: pixels (24), or degrees (1deg)."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Random seed for the draws and intervals.")] = 0,
    processes: Annotated[
        int | None, typer.Option(min=1, help="Number of scoring processes; one per core if not given.")
    ] = None,
    seeds: Annotated[
        int, typer.Option(min=1, help="Train everything with this many seeds, counted from the recipe's.")
    ] = 1,
    folds: Annotated[
        int | None,
        typer.Option(min=2, help="Cross-validate: this many folds, each scored by networks of the others."),
    ] = None,
    preprint: Annotated[
        bool,
        typer.Option("--preprint", help="Also train the preprint's rows: MSE, and BCE at 1, 1/2, 1/4, 1/8."),
    ] = False,
    table2: Annotated[
        bool,
        typer.Option(
            "--table2", help="Also train what table2 compares: the network's own loss, and the paper's alpha."
        ),
    ] = False,
    trust: Trust = False,
) -> None:
    """Train and evaluate the paper's experiment: BCE alone against GAN, from one bootstrap.

    Both continue with the same seed for the same number of epochs, and the
    network of every epoch is evaluated. To resume a run that was killed, run the
    same command again. Afterwards, table1, figure3 and figure1 draw what is in
    the folder. With --seeds 3, everything is trained with three seeds, and table1
    adds the spread over them; more seeds can be added later. With --folds 5, the
    first dataset that has validation pictures is divided as a whole, every
    picture is scored by networks that never saw it, and table1 pools the scores.
    With --table2, the folders of several networks can be put side by side by table2.

    [bold]salgan reproduce run --data ~/datasets --out runs/paper[/bold]

    [bold]salgan reproduce run --recipe table1-light --data ~/datasets
    --test ~/datasets/osie --test-part test --out runs/light
    adversarial.epochs=20[/bold]
    """
    from dataclasses import replace

    from salgan.cli._common import messages, progress
    from salgan.cli.evaluate import make_protocol, processes_or_cores
    from salgan.errors import ConfigError, require
    from salgan.evaluation import open_data
    from salgan.reproduce.experiment import EXPERIMENT_METRICS, Experiment
    from salgan.reproduce.folds import run_folds
    from salgan.reproduce.seeds import run_seeds

    if folds is not None and (test is not None or preprint or table2):
        other = "--test" if test is not None else "--preprint" if preprint else "--table2"
        raise ConfigError(f"--folds scores BCE and GAN on the pictures of each fold; leave out {other}")
    for package in ("torch", "lightning", "pydantic", "yaml"):
        require(package, "train")
    with progress() as on_progress:
        experiment = Experiment(
            recipe,
            (*(overrides or []), *([f"data={data}"] if data is not None else [])),
            out,
            None if test is None else open_data(test, None, test_part, release),
            release,
            make_protocol(",".join(EXPERIMENT_METRICS), sigma, seed),
            processes_or_cores(processes),
            on_progress,
            lambda line: messages().print(line, markup=False),
        )
        trusted = check_code(experiment.config(), experiment.overrides, trust=trust)
        experiment = replace(experiment, trust=trusted)
        if folds is None:
            run_seeds(experiment, seeds, preprint=preprint, table2=table2)
        else:
            run_folds(experiment, folds, seeds)
    drawn = ("table1", "figure3", "figure1") if folds is None else ("table1",)
    for name in (*drawn, "table2") if table2 else drawn:
        more = " --trust" if trusted and name in ("figure1", "table2") else ""
        messages().print(f"next: salgan reproduce {name} {out}{more}", markup=False)


@reproduce.command()
def table1(folder: _Run) -> None:
    """Table 1: BCE alone against GAN, each at its best epoch and at the last.

    Paired differences are shown beside the paper's figures. The preprint's rows
    follow if the run has trained them, and so do means, spread and intervals over
    the seeds if there are several. For a run in folds, the scores are pooled over
    all pictures. This trains nothing.

    [bold]salgan reproduce table1 runs/paper[/bold]
    """
    from salgan.reproduce.folds import folds_table, has_folds, read_folds
    from salgan.reproduce.rows import read_preprint_rows
    from salgan.reproduce.seeds import read_seeds, seeds_table
    from salgan.reproduce.table1 import preprint_table
    from salgan.reproduce.table1 import table1 as write

    if has_folds(folder):
        _print(folds_table(read_folds(folder), folder), folder)
        return
    found = read_seeds(folder)
    text = write(found[0], folder)
    if len(found) > 1:
        text += "\n" + seeds_table(found, folder)
    if rows := read_preprint_rows(folder):
        text += "\n" + preprint_table(rows, folder)
    _print(text, folder)


@reproduce.command()
def figure3(folder: _Run) -> None:
    """Figure 3 of the preprint: the metrics against epochs, BCE and GAN, with 95% bands.

    [bold]salgan reproduce figure3 runs/paper[/bold]
    """
    from salgan.cli._common import messages
    from salgan.reproduce.experiment import read_branches
    from salgan.reproduce.table1 import figure3 as draw

    for path in draw(read_branches(folder), folder):
        messages().print(str(path), markup=False)


@reproduce.command()
def figure1(
    folder: _Run,
    pictures: Annotated[
        str,
        typer.Option(help="How many pictures to draw at random, or comma-separated names of pictures."),
    ] = "4",
    trust: Trust = False,
) -> None:
    """Figure 1: picture, truth, BCE and SalGAN, with level sets as in the preprint's Figure 5.

    The networks are those of the last epochs. The pictures are drawn at random
    with the run's seed; which model does better on them plays no part.

    [bold]salgan reproduce figure1 runs/paper[/bold]
    """
    from salgan.cli._common import messages, progress
    from salgan.evaluation.gallery import data_of
    from salgan.reproduce.experiment import read_branches
    from salgan.reproduce.figure1 import TITLES, Choice
    from salgan.reproduce.figure1 import figure1 as draw

    found = read_branches(folder)
    bce, gan = (found[name].evaluations[-1] for name in ("bce", "gan"))
    seed = bce.about["protocol"]["seed"]
    networks = [Path(results.about["model"]["spec"]) for results in (bce, gan)]
    names = tuple(name.strip() for name in pictures.split(",") if name.strip())
    drawn = int(pictures) if pictures.isascii() and pictures.isdigit() and len(pictures) < 3 else 0
    choice = Choice((), drawn, seed=seed) if drawn else Choice(names, seed=seed)
    with progress() as on_progress:
        files = draw(
            data_of(bce).dataset.select(bce.pictures),
            bce,
            gan,
            dict(zip(TITLES, networks, strict=True)),
            folder,
            choice,
            on_progress,
            trust=trust,
        )
    for path in files:
        messages().print(str(path), markup=False)


@reproduce.command()
def table2(
    folders: Annotated[
        list[Path],
        typer.Argument(
            metavar="FOLDER...", help="What salgan reproduce run wrote, a network each; or evaluations."
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", help="Folder for the table, CSV files and figure; if not given, only print."
        ),
    ] = None,
    trust: Trust = False,
) -> None:
    """Table 2: several networks with and without the adversarial phase, or scores beside published ones.

    Of the folders of several networks' experiments (salgan reproduce run
    --table2) it compares BCE, GAN, the paper's own GAN and the network's own loss
    picture by picture, and measures what each network costs. Folders are named
    like their networks.

    [bold]salgan reproduce table2 runs/mlnet runs/salnet --out table2[/bold]

    Of evaluations it makes a table beside the published scores, and never mixes
    datasets or releases: SALICON's of 2015 and 2017 have different ground truth.

    [bold]salgan evaluate lite --data salicon --part val --out results/lite[/bold]

    [bold]salgan reproduce table2 results/lite --out table2[/bold]
    """
    from salgan._files import replacing
    from salgan.cli._common import progress
    from salgan.errors import ConfigError, require
    from salgan.evaluation import Results
    from salgan.reproduce.published import table2 as write
    from salgan.reproduce.rivals import costs, is_experiment, read_trained, rivals_table

    experiments = [folder for folder in folders if is_experiment(folder)]
    if experiments and len(experiments) < len(folders):
        other = next(folder for folder in folders if folder not in experiments)
        raise ConfigError(
            f"{other}: is not an experiment's folder, as {experiments[0]} is; give one kind at a time"
        )
    if experiments:
        for package in ("torch", "onnx", "pydantic", "yaml"):
            require(package, "train")
        trained = read_trained(folders)
        with progress() as on_progress:
            measured = costs(trained, on_progress, trust=trust)
        text = rivals_table(trained, measured, out)
    else:
        text = write([Results.read(folder) for folder in folders])
        if out is not None:
            out.mkdir(parents=True, exist_ok=True)
            with replacing(out / "table2.md") as unfinished:
                unfinished.write_text(text, encoding="utf-8", errors="backslashreplace")
    if out is None:
        say(text)
    else:
        _print(text, out)


def _print(text: str, out: Path) -> None:
    from salgan.cli._common import messages

    # The table is printed as Markdown: it is wider than most terminals, and can go into a report as it is.
    say(text)
    messages().print(f"written to {out}", markup=False)
