"""A chapter's kernel, in the process that has read what every chapter reads, and from which it is forked.

Only what some chapters import is left for each of them to read, so that one that forgets an import still fails.
"""

import os
import runpy
import signal
import sys
import threading
from collections.abc import Mapping
from multiprocessing import parent_process
from multiprocessing.synchronize import Event

READ = ("ipykernel.kernelapp", "matplotlib.pyplot", "torch")
READ += ("rnncourse.exercises", "rnncourse.ledger", "rnncourse.plots")
PATH = [folder for folder in sys.path if folder not in ("", os.getcwd())]  # before the tests add to it


def run(leads: Event, arguments: list[str], environment: Mapping[str, str], folder: str) -> None:
    """Become the kernel that ``python -m ipykernel_launcher`` with these arguments would be, in this folder."""
    os.setsid()
    leads.set()
    threading.Thread(target=end_with_parent, daemon=True).start()
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.path[:] = PATH
    if "matplotlib" in sys.modules:  # it has looked for the variable that a kernel sets
        sys.modules["matplotlib"].rcParams["backend"] = "module://matplotlib_inline.backend_inline"
    sys.argv = ["ipykernel_launcher", *arguments]
    runpy.run_module("ipykernel_launcher", run_name="__main__")


def end_with_parent() -> None:
    """No kernel outlives the tests."""
    parent_process().join()  # type: ignore[union-attr]
    os.killpg(os.getpid(), signal.SIGKILL)
