"""The student notebooks, run together with their chapters, which hold the same cells up to the exercises.

A chapter's kernel starts in an empty folder, as a student's does, and goes through the cells that both have. Then, with
nothing filled in, it runs the rest of the student notebook and forgets what that brought; the chapter goes on with
its solutions. So each student notebook runs from top to bottom in a fresh kernel, at the price of its last cells.

To read PyTorch and Matplotlib takes a kernel longer than to run most chapters. So it is done once in each worker, in a
process that does nothing else, and each kernel is forked from that.
"""

import os
from collections.abc import Iterator, Mapping
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.provisioning import local_provisioner
from nbformat import NotebookNode
from nbval.plugin import IPyNbCell, IPyNbFile

from book._ext.downloads import bibliography
from book._ext.handouts import TODO, HandoutSettings, handout
from book._ext.screens import SVG
from tests import forked_kernel
from tests.pictures import differences
from tools import pairs

REMEMBER = "get_ipython().before_student = dict(get_ipython().user_ns)"
FORGET = "(lambda shell: (shell.user_ns.clear(), shell.user_ns.update(shell.before_student)))(get_ipython())"
FORKING = get_context("forkserver")
FORKING.set_forkserver_preload(["tests.forked_kernel", *forked_kernel.READ])


class ForkedKernel:
    """A kernel as its manager handles it, like a ``subprocess.Popen`` without pipes."""

    stdin = stdout = stderr = None

    def __init__(self, command: list[str], *, env: Mapping[str, str], cwd: str, **_: Any) -> None:
        leads, arguments = FORKING.Event(), command[command.index("ipykernel_launcher") + 1 :]
        self.process = FORKING.Process(target=forked_kernel.run, args=(leads, arguments, dict(env), cwd))
        self.process.start()
        self.pid = self.process.pid
        assert leads.wait(60), "no kernel was forked"  # by then it leads the group that signals are sent to

    def poll(self) -> int | None:
        return self.process.exitcode

    def wait(self) -> int | None:
        self.process.join()
        return self.poll()

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)


local_provisioner.launch_kernel = ForkedKernel
compare_text = IPyNbCell.compare_outputs


def compare_with_pictures(cell: IPyNbCell, test: Any, ref: Any, skip_compare: Any = None) -> bool:
    """What nbval compares, and the pictures, which it leaves out: pixels stand for the other drawings of a figure."""
    if not compare_text(cell, test, ref, skip_compare or (*cell.parent.skip_compare, SVG)):
        return False
    found = differences(ref, test, live="live-figure" in cell.cell.metadata.get("tags", []))
    cell.comparison_traceback += found
    return not found


IPyNbCell.compare_outputs = compare_with_pictures


class StudentCell(IPyNbCell):  # type: ignore[misc]
    """A cell of a student notebook, after those that it shares with the chapter."""

    before = after = ""

    def setup(self) -> None:
        super().setup()
        silently(self.parent, self.before)

    def teardown(self) -> None:
        silently(self.parent, self.after)
        super().teardown()

    def runtest(self) -> None:
        """Run the cell, which must not fail; if it is one to fill in, its check must say that nothing is."""
        super().runtest()
        said = [output["data"].get("text/plain", "") for output in self.test_outputs if "data" in output]
        if TODO in self.cell.source and not (said and said[-1].startswith("Not yet. ")):
            self.raise_cell_error("The check does not say that nothing is filled in", "\n".join(said))


def silently(file: IPyNbFile, code: str) -> None:
    """Run code in a chapter's kernel, if it lives; what it shows is no output of the chapter."""
    if code and file.kernel.is_alive():
        file.kernel.await_idle(file.kernel.execute_cell_input(code, allow_stdin=False), timeout=60)


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def student_cells(file: IPyNbFile, settings: HandoutSettings) -> tuple[int, list[StudentCell]]:
    """Where a student notebook leaves its chapter, counted in code cells, and its tests from there on."""
    theirs = code_cells(handout(file.nb, "student", settings))
    shared = 0
    for mine, other in zip(code_cells(file.nb), theirs, strict=False):
        if mine.source != other.source:
            break
        shared += 1
    options = {"skip": False, "check": False, "check_exception": False}
    tests = [
        StudentCell.from_parent(file, name=f"Student cell {number}", cell_num=number, cell=cell, options=options)
        for number, cell in enumerate(theirs[shared:], start=shared)
    ]
    if tests:
        tests[0].before, tests[-1].after = REMEMBER, FORGET
    return shared, tests


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the student's cells where they leave the chapter's."""
    settings = HandoutSettings(bibliography(pairs.BOOK / "references.bib"))
    files = {item.parent: None for item in items if isinstance(item, IPyNbCell)}
    added = {file: student_cells(file, settings) for file in files}

    def in_order() -> Iterator[pytest.Item]:
        for item in items:
            shared, tests = added.get(item.parent, (-1, []))
            if isinstance(item, IPyNbCell) and item.cell_num == shared:
                yield from tests
            yield item

    items[:] = list(in_order())


@pytest.hookimpl(trylast=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Start each chapter in an empty folder, and draw its figures once: its kernel is there by now."""
    if isinstance(item, IPyNbCell) and item.cell_num == 0:
        folder: Path = item.config._tmp_path_factory.mktemp("chapter")  # type: ignore[attr-defined]
        silently(item.parent, f"__import__('os').chdir({str(folder)!r})")
        silently(item.parent, "__import__('book._ext.screens')._ext.screens.register = lambda: None")
