"""The command, as its script and ``python -m salgan`` start it."""

import signal
import sys

__all__ = ["main"]


def main() -> int:
    """Run the command line; a Ctrl-C while it is still being imported ends it without a traceback."""
    listens = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if listens:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from salgan.cli import main as command

    if listens:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    return command()


if __name__ == "__main__":
    sys.exit(main())
