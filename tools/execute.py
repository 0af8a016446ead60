"""Run chapters and write their pairs: ``python -m tools.execute [--jobs N] [NAME …]``."""

import argparse
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import nbclient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

from tools import pairs

CELL_SECONDS = 600  # a busy machine is no reason to stop
FAILURES = (CellExecutionError, CellTimeoutError, DeadKernelError)
VIEW = "application/vnd.jupyter.widget-view+json"


def execute(source: Path, **environment: str) -> NotebookNode:
    """Run a chapter from a fresh kernel, as nbval does, and keep only what is the same on every run.

    Args:
        source: the chapter.
        environment: variables that its kernel has besides this process's.

    Raises:
        CellExecutionError: a cell failed; a number outside its tolerance is such a failure.
    """
    notebook = pairs.read_source(source)
    nbclient.NotebookClient(
        notebook,
        timeout=CELL_SECONDS,
        kernel_name="python3",
        record_timing=False,
        store_widget_state=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(pairs.NOTEBOOKS)}},
    ).execute(env={**os.environ, **environment})
    notebook.metadata = pairs.METADATA
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            # A live view carries a random model id and shows nothing without a kernel; its HTML stays.
            output.get("data", {}).pop(VIEW, None)
    return notebook


def run(source: Path) -> str | None:
    """Execute one chapter and write its pair; return what went wrong, or None."""
    try:
        changed = pairs.write_pair(execute(source), pairs.pair_of(source))
    except (*FAILURES, ValueError) as error:
        return f"{source.name}: its pair was left as it was.\n{error}"
    print(f"{source.name}: {'written' if changed else 'unchanged'}", flush=True)
    return None


def main() -> int:
    """Command line; returns 0 when every chapter ran, else 1."""
    parser = argparse.ArgumentParser(description="Run chapters and write their executed pairs.")
    parser.add_argument("names", nargs="*", help="chapters to run, by the start of their names; all by default")
    parser.add_argument("--jobs", type=int, default=2, help="chapters run at once")
    options = parser.parse_args()
    pairs.NOTEBOOKS.mkdir(exist_ok=True)
    chosen = pairs.chosen(options.names or [""], parser)
    with ThreadPoolExecutor(options.jobs) as pool:
        failures = [failure for failure in pool.map(run, chosen) if failure]
    print("\n\n".join(failures), file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
