"""The ``salgan`` command: one file per verb, each thin (parse, call the library, print).

A verb's module must be light to import, so that ``--help`` and ``--version`` answer at once. Whatever a verb
needs from ONNX Runtime, PyTorch and the like is imported inside its function.
"""

from __future__ import annotations

import codecs
import copy
import io
import os
import re
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from salgan._memory import is_out_of_memory
from salgan._version import __version__
from salgan.cli._common import say_error, say_warnings
from salgan.cli._signals import Ended, ending_cleanly
from salgan.cli.ab import ab
from salgan.cli.compare import compare
from salgan.cli.crop import crop
from salgan.cli.data import data
from salgan.cli.evaluate import evaluate
from salgan.cli.export import export, import_lasagne
from salgan.cli.models import models
from salgan.cli.predict import predict
from salgan.cli.published import published
from salgan.cli.regions import regions
from salgan.cli.report import report
from salgan.cli.reproduce import reproduce
from salgan.cli.serve import serve
from salgan.cli.submit import submit
from salgan.cli.train import train
from salgan.errors import ConfigError, SalganError

if TYPE_CHECKING:
    from typer.models import CommandInfo

__all__ = ["POT_BACKENDS", "app", "main"]


class _Verbs(typer.Typer):
    """The command; of its verbs only the one that is asked for is built, since all of them take long."""

    def __call__(self, *given: Any, **options: Any) -> Any:
        """Run the verb that the arguments begin with, or whatever else they ask for."""
        first = options.get("args", sys.argv[1:])[:1]
        asked = copy.copy(self)
        asked.registered_commands = [each for each in self.registered_commands if _name(each) in first]
        asked.registered_groups = [each for each in self.registered_groups if each.name in first]
        known = asked.registered_commands or asked.registered_groups or first == ["--version"]
        return typer.Typer.__call__(asked if known else self, *given, **options)


def _name(verb: CommandInfo) -> str:
    """What a verb is called in a command line."""
    return verb.name or getattr(verb.callback, "__name__", "").replace("_", "-")


app = _Verbs(
    name="salgan",
    help="Predict where people look in a picture.",
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


POT_BACKENDS = tuple(f"POT_BACKEND_DISABLE_{name}" for name in ("PYTORCH", "JAX", "CUPY", "TENSORFLOW"))
"""With these set POT imports none of them: that took three times as long, and only NumPy arrays are used."""

_SPOKEN = 20
"""Seconds after which the first of several processes has said what is wrong, on a busy machine too."""

_AS_IT_CAN = "salgan.as_it_can"
"""How stdout and stderr write what their encoding lacks."""


def _as_it_can(error: UnicodeError) -> tuple[str | bytes, int]:
    """A byte of a file's name that is not UTF-8 comes out as it is, any other sign as a question mark."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    signs = map(ord, error.object[error.start : error.end])
    return bytes(sign - 0xDC00 if 0xDC80 <= sign <= 0xDCFF else ord("?") for sign in signs), error.end


codecs.register_error(_AS_IT_CAN, _as_it_can)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"salgan {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _salgan(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit."),
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
    else:
        _refuse_torchrun(context.invoked_subcommand)


def _refuse_torchrun(command: str) -> None:
    """Keep several processes of ``torchrun`` from doing the same work, and writing the same files, each.

    Raises:
        ConfigError: this is the first of several, and only training shares its work among them.
    """
    several = "TORCHELASTIC_RUN_ID" in os.environ and os.environ.get("WORLD_SIZE", "1") != "1"
    if command == "train" or not several:
        return
    if os.environ.get("LOCAL_RANK") != "0":
        time.sleep(_SPOKEN)  # torchrun ends all processes once one has failed
        raise typer.Exit(1)
    raise ConfigError(
        f"each process of torchrun would do all of salgan {command}, since only salgan train shares its "
        "work; leave out torchrun (predict and evaluate take --engine ray)"
    )


# One line per verb, in the order in which --help shows them.
app.command()(predict)
app.command()(serve)
app.command()(regions)
app.command()(ab)
app.command()(report)
app.command()(crop)
app.command()(train)
app.command()(evaluate)
app.command()(compare)
app.add_typer(reproduce, name="reproduce")
app.command()(published)
app.command()(submit)
app.add_typer(data, name="data")
app.command()(models)
app.command()(export)
app.command()(import_lasagne)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and say how it went.

    Args:
        arguments: what follows ``salgan``; those of the process if None.

    Returns:
        The exit code: 0 for success, 1 for an error the user can fix (one line on stderr), 2 for a wrong
        command line, 3 if a check of ``regions --fail-under`` failed, and 128 plus the signal's number if
        a signal ended the command (130 for Ctrl-C).
    """
    for stream in (sys.stdout, sys.stderr):
        # Finished work must not end in a traceback because a code page lacks a character.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_AS_IT_CAN)
    say_warnings()
    for name in POT_BACKENDS:
        os.environ.setdefault(name, "1")
    try:
        with ending_cleanly():
            app(args=_as_meant(sys.argv[1:] if arguments is None else arguments), prog_name="salgan")
    except SalganError as error:
        say_error(error)
        return 1
    except (MemoryError, RuntimeError) as error:  # PyTorch says it by a RuntimeError
        if isinstance(error.__cause__, KeyboardInterrupt):  # as Python 3.11 does while it makes a class
            return 128 + (Ended.latest or signal.SIGINT)
        if not is_out_of_memory(error):
            raise
        say_error(SalganError("there is not enough memory; try smaller input, or less of it at a time"))
        return 1
    except OSError as error:  # what the machine refuses, such as a full disk behind stdout, is not a bug
        place = "" if error.filename is None else f"{error.filename}: "
        say_error(SalganError(f"{place}{error.strerror or error}"))
        return 1
    except KeyboardInterrupt:
        return 128 + (Ended.latest or signal.SIGINT)
    except SystemExit as leaving:
        if Ended.latest is not None:
            return 128 + Ended.latest
        return leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    return 0


def _as_meant(arguments: list[str]) -> list[str]:
    """The arguments, with home folders, and an option's current name where examples call it by another."""
    # Shells expand a ~ at the beginning of a word, but not behind --out=.
    arguments = [
        re.sub(r"^(--[a-z-]+=)(~[/\\].*)$", lambda match: match[1] + str(Path(match[2]).expanduser()), each)
        for each in arguments
    ]
    if arguments[:1] != ["predict"] or "--output" not in arguments:
        return arguments
    print("salgan: --output is called --save", file=sys.stderr)
    return ["--save" if each == "--output" else each for each in arguments]
