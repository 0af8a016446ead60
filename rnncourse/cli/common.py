"""What all commands share: a parser that complains in one sentence, and a line of progress."""

import argparse
import inspect
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from rnncourse._misuse import Misuse

LOG_SECONDS = 30.0  # between two lines of progress where no terminal is
Commands = Any  # what `add_subparsers` returns, whose class argparse keeps to itself


class Parser(argparse.ArgumentParser):
    """A parser that raises a `Misuse` in place of printing usage, and takes no abbreviations."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter, **options)

    def error(self, message: str) -> NoReturn:
        """Raise the complaint."""
        raise Misuse(f"{message.removeprefix('argument ')}; see `{self.prog} --help`")


def add_command(commands: Commands, name: str, do: Callable[[argparse.Namespace], None]) -> Parser:
    """A command that calls ``do``, whose docstring is its help."""
    text = inspect.getdoc(do) or ""
    parser: Parser = commands.add_parser(name, help=text.partition("\n")[0], description=text)
    parser.set_defaults(do=do)
    return parser


def add_group(commands: Commands, name: str, text: str) -> Commands:
    """A command that has commands of its own."""
    parser = commands.add_parser(name, help=text, description=text)
    return parser.add_subparsers(title="commands", metavar="COMMAND", required=True)


@contextmanager
def progress_line(*, log: bool = False) -> Iterator[Callable[[str, bool], None]]:
    """A function that shows a text on one line of a terminal, and whether it is the last one.

    Where the error stream is no terminal it shows nothing, or with ``log`` a line now and then.
    """
    terminal, shown = sys.stderr.isatty(), [-LOG_SECONDS, 0.0]

    def show(text: str, last: bool) -> None:
        now = time.monotonic()
        if not (terminal or log) or (now - shown[0] < (0.1 if terminal else LOG_SECONDS) and not last):
            return
        width = int(shown[1])
        print(f"\r{text:{width}}" if terminal else text, end="" if terminal else "\n", file=sys.stderr, flush=True)
        shown[:] = now, len(text)

    try:
        yield show
    finally:
        if terminal and shown[1]:
            print(file=sys.stderr)
