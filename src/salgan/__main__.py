"""The command, as its script and ``python -m salgan`` start it."""

# Python's own module around this one takes milliseconds to import, in which Ctrl-C would print a traceback.
import _signal as signal  # type: ignore[import-not-found,unused-ignore]

__all__ = ["main"]


def main() -> int:
    """Run the command line; a Ctrl-C before or after it, during imports for instance, leaves no traceback."""
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
