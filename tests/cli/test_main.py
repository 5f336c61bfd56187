"""The command itself: version, help, errors in one line, and what it must not import."""

import os
import signal
import subprocess
import sys
import time

import pytest
import typer
import typer.main

import salgan.cli
from salgan import __version__
from salgan.errors import ImageError
from tests._fresh import modules_after


@pytest.mark.parametrize("option", ["--version", "--help"])
def test_version_and_help_import_neither_onnxruntime_nor_torch(option):
    modules = modules_after(f"from salgan.cli import main\nassert main([{option!r}]) == 0")
    assert "typer" in modules
    assert not modules & {"onnxruntime", "torch", "lightning", "scipy", "matplotlib", "timm", "h5py"}


def test_version_is_printed_on_stdout(salgan):
    said = salgan("--version")
    assert (said.code, said.out, said.err) == (0, f"salgan {__version__}\n", "")


def test_without_arguments_the_help_is_shown(salgan):
    said = salgan()
    assert said.code == 0
    assert "Usage: salgan" in said.out
    assert "--version" in said.out


def test_an_unknown_verb_is_a_usage_error_with_exit_code_2(salgan):
    said = salgan("predcit")
    assert said.code == 2
    assert "predcit" in said.err


def test_the_verb_that_is_asked_for_is_built_alone_under_the_name_that_help_shows(monkeypatch):
    built = []
    monkeypatch.setattr(typer.Typer, "__call__", lambda app, **_: built.append(typer.main.get_command(app)))
    every = list(typer.main.get_command(salgan.cli.app).commands)
    for verb in [*every, "predcit", "--help"]:
        salgan.cli.app(args=[verb, "--help"])
    assert [list(each.commands) for each in built] == [*([verb] for verb in every), every, every]


def _app_that_raises(monkeypatch, error):
    def app(**_):
        raise error

    monkeypatch.setattr(salgan.cli, "app", app)


def test_an_error_the_user_can_mend_is_one_line_on_stderr(monkeypatch, salgan):
    _app_that_raises(monkeypatch, ImageError("odd\nname.jpg: not a picture"))
    said = salgan("anything")
    assert (said.code, said.out) == (1, "")
    assert said.err == "salgan: error: odd name.jpg: not a picture\n"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(28, "No space left on device"), "No space left on device"),
        (PermissionError(13, "Permission denied", "out/x.npy"), "out/x.npy: Permission denied"),
        (MemoryError(), "there is not enough memory; try smaller input, or less of it at a time"),
        (
            RuntimeError(
                "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 4"
            ),
            "there is not enough memory; try smaller input, or less of it at a time",
        ),
    ],
)
def test_what_the_machine_refuses_is_one_line_too(monkeypatch, salgan, error, said):
    _app_that_raises(monkeypatch, error)
    answer = salgan("anything")
    assert (answer.code, answer.err) == (1, f"salgan: error: {said}\n")


def test_an_error_of_ours_is_not_taken_for_a_lack_of_memory(monkeypatch, salgan):
    _app_that_raises(monkeypatch, RuntimeError("a bug"))
    with pytest.raises(RuntimeError, match="a bug"):
        salgan("anything")


def test_an_interrupt_ends_with_130_and_no_traceback(monkeypatch, salgan):
    _app_that_raises(monkeypatch, KeyboardInterrupt())
    said = salgan("anything")
    assert said.code == 130
    assert "Traceback" not in said.err


def test_what_torchrun_would_do_several_times_over_is_refused_and_said_once(monkeypatch, salgan, tmp_path):
    monkeypatch.chdir(tmp_path)
    slept = []
    monkeypatch.setattr("salgan.cli.time.sleep", slept.append)
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "test")
    for rank, count in (("0", "2"), ("1", "2"), ("0", "1")):
        monkeypatch.setenv("LOCAL_RANK", rank)
        monkeypatch.setenv("WORLD_SIZE", count)
        said = salgan("predict", "none.jpg", "-o", "maps")
        assert (said.code, said.out) == (1, "")
        if (rank, count) == ("0", "2"):
            assert said.err == (
                "salgan: error: each process of torchrun would do all of salgan predict, since only salgan "
                "train shares its work; leave out torchrun (predict and evaluate take --engine ray)\n"
            )
        elif rank == "1":
            # It waits for the first one to speak, because torchrun ends them all when one has failed.
            assert said.err == "" and slept
        else:  # one process alone is as good as none
            assert "none.jpg" in said.err
    assert list(tmp_path.iterdir()) == []


def test_an_interrupt_while_python_makes_a_class_is_one_too(monkeypatch, salgan):
    class Name:
        def __set_name__(self, owner, name):
            raise KeyboardInterrupt

    monkeypatch.setattr("salgan.cli.app", lambda **_: type("Made", (), {"name": Name()}))
    said = salgan("models")
    assert (said.code, said.out, said.err) == (130, "", "")


def test_no_color_keeps_colours_out_of_a_terminal():
    code = (
        "from salgan.cli._common import messages; c = messages(); c.print('[red]x[/red]'); print(c.no_color)"
    )
    environment = os.environ | {"NO_COLOR": "1", "FORCE_COLOR": "1"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert done.stdout.strip() == "True"
    assert "\x1b[3" not in done.stderr


def test_a_file_name_gives_the_terminal_no_orders(tmp_path, salgan):
    said = salgan("predict", tmp_path / "\x1b]0;mine\x07\x1b[31m.jpg", "-o", tmp_path / "out")
    assert said.code == 1
    assert "\\x1b]0;mine\\x07\\x1b[31m.jpg: matches no pictures" in said.err
    assert "\x1b" not in said.err


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for another process")
@pytest.mark.parametrize("wait", [0.08, 0.15, 0.25])
def test_ctrl_c_while_the_command_starts_leaves_no_traceback(wait):
    code = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); print(1, flush=True); "
    command = [sys.executable, "-c", code + "from salgan.__main__ import main; main()", "models"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        process.stdout.readline()
        time.sleep(wait)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert "Traceback" not in said


def test_importing_the_package_imports_nothing_else_in_which_ctrl_c_could_leave_a_traceback():
    code = "import sys; before = set(sys.modules); import salgan; print(*sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "salgan\n"
