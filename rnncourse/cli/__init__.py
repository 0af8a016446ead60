"""The command line: ``rnncourse count``, ``data``, ``exercise`` and ``study``.

Every command ends with exit code 0 (done), 1 (failed) or 2 (misused), and says what is wrong in one sentence on the
error stream. Heavy libraries load inside the commands, so ``--help`` answers at once.
"""

import sys
from collections.abc import Sequence

from rnncourse import __version__
from rnncourse._misuse import Misuse
from rnncourse.cli import count, data, exercise, study
from rnncourse.cli.common import Parser


def _parser() -> Parser:
    parser = Parser(prog="rnncourse", description="Instruments of a course on recurrent networks.")
    parser.add_argument("--version", action="version", version=f"rnncourse {__version__}")
    parser.set_defaults(do=lambda _: parser.print_help())
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    for module in (count, data, exercise, study):
        module.add_to(commands)
    return parser


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command: its words after ``rnncourse`` in, exit code 0 (done), 1 (failed) or 2 (misused) out."""
    try:
        given = _parser().parse_args(arguments)
        given.do(given)
    except SystemExit as end:  # --help and --version
        return int(end.code or 0)
    except KeyboardInterrupt:
        return _complain("interrupted; what is finished is kept, call again to go on", 1)
    except (ValueError, OSError, RuntimeError) as error:
        return _complain(str(error), 2 if isinstance(error, Misuse) else 1)
    return 0


def _complain(message: str, code: int) -> int:
    print(f"rnncourse: {' '.join(message.split())}", file=sys.stderr)
    return code


def main() -> None:
    """Console entry point."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # a terminal may know no ±
    sys.exit(run())
