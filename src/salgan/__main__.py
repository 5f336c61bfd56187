"""The command, as its script and ``python -m salgan`` start it."""

# Python's own module around this one takes milliseconds to import, in which Ctrl-C would print a traceback.
import _signal as signal  # type: ignore[import-not-found,unused-ignore]

__all__ = ["main"]


def main() -> int:
    """Run the command line; a Ctrl-C before or after it, during imports for instance, leaves no traceback."""
    import sys

    code = _command()
    if code > 128 and "ray" in sys.modules:
        # If a signal comes when Ray is half way, its libraries crash while Python unloads them.
        import atexit
        import contextlib
        import os

        atexit._run_exitfuncs()
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        os._exit(code)
    return code


def _command() -> int:
    listens = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if listens:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from salgan.cli import main as command

    if not listens:
        return command()
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        return command()
    except KeyboardInterrupt:  # in the moment before the command could catch it
        return 130
    finally:
        # What is left is Python's own way out.
        signal.signal(signal.SIGINT, signal.SIG_DFL)


if __name__ == "__main__":
    import sys

    sys.exit(main())
