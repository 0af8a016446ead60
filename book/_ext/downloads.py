"""Each chapter's handouts, written beside the site, and the buttons that lead to them.

``notebooks/student/NN-name.ipynb`` and ``notebooks/solutions/NN-name.ipynb`` lie in the site's folder, so they travel
with it, and so does the package that they import, as a wheel. Where the publisher tells the address of the repository,
a second button runs the student notebook on Colab or Binder: the publisher pushes the folder ``notebooks`` as a branch
of its own, and Binder's files lie in it.
"""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args
from urllib.parse import quote

import nbformat
from pybtex.database import Entry, Person, parse_file
from pybtex.richtext import Text
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

from book._ext.handouts import Handout, HandoutSettings, Work, handout
from book._ext.ledger import APPENDICES
from book._ext.release import wheel_name

CHAPTER = re.compile(r"book/notebooks/\d\d-[\w-]+")
TORCH = "https://download.pytorch.org/whl/cpu"  # PyTorch's CPU build: a tenth of the size
INSTALL = """\
# The package of this book, where it is not installed yet: from a file beside this notebook, or from the book's site.
from importlib.util import find_spec
from pathlib import Path

wheel = "{wheel}"
if not find_spec("rnncourse"):
    beside = [path for path in (Path(wheel), Path("..", wheel)) if path.exists()]
    package = beside[0].resolve().as_uri() if beside else "{away}"
    if package:
        %pip install --quiet --extra-index-url {torch} "rnncourse[book] @ {{package}}"
if not find_spec("rnncourse"):
    raise ModuleNotFoundError(
        f"This notebook needs the package of its book, and pip could not get it: put the file {{wheel}} beside the"
        " notebook{place}, then run this cell again. Without a connection, what the package needs (torch, pandas,"
        " matplotlib) must be installed already."
    )"""
BRANCH = "handouts"  # the publisher pushes the folder there, because Colab and Binder open what a repository holds


@dataclass(frozen=True)
class Publisher:
    """Addresses that only the publisher knows; without them nothing of the site points to another host."""

    repository: str = ""  # of the sources, such as ``https://github.com/owner/name``
    site: str = ""  # of the published site, with a slash at its end
    solutions: bool = True  # whether the site shows them

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> "Publisher":
        """From the variables ``BOOK_REPOSITORY`` and ``BOOK_SITE``, and ``BOOK_SOLUTIONS``, which may be ``withheld``.

        Raises:
            ExtensionError: one is set to something else than an https address, or that word.
        """
        repository, site = environment.get("BOOK_REPOSITORY", ""), environment.get("BOOK_SITE", "")
        for name, address in (("BOOK_REPOSITORY", repository), ("BOOK_SITE", site)):
            if address and not re.fullmatch(r"https://[\w.-]+(/[\w./~-]*)?", address):
                raise ExtensionError(f"{name} is {address!r}; expected an address such as https://host/owner/name")
        withheld = environment.get("BOOK_SOLUTIONS", "")
        if withheld not in ("", "withheld"):
            raise ExtensionError(f"BOOK_SOLUTIONS is {withheld!r}; expected the word withheld, or nothing")
        return cls(repository.rstrip("/").removesuffix(".git"), f"{site.rstrip('/')}/" if site else "", not withheld)

    @property
    def on_github(self) -> str:
        """``owner/name`` of a repository on GitHub, which is where Colab and Binder look; else empty."""
        found = re.fullmatch(r"https://github\.com/([\w.-]+/[\w.-]+)", self.repository)
        return found[1] if found else ""

    @property
    def install(self) -> str:
        """First cell of a handout: where the package is missing, as on Colab, it installs it or says how to."""
        site = f"{self.site}notebooks/" if self.site else ""
        away = f"{site}{wheel_name()}" if site else f"git+{self.repository}" if self.repository else ""
        return INSTALL.format(wheel=wheel_name(), away=away, torch=TORCH, place=f" (it is on {site})" if site else "")

    def launchers(self, stem: str) -> dict[str, str]:
        """Where a chapter's student notebook runs: name of the service and address."""
        if not self.on_github:
            return {}
        path = f"student/{stem}.ipynb"
        return {
            "Colab": f"https://colab.research.google.com/github/{self.on_github}/blob/{BRANCH}/{path}",
            "Binder": f"https://mybinder.org/v2/gh/{self.on_github}/{BRANCH}?labpath={quote(path, safe='')}",
        }

    def binder(self, folder: Path, constraints: Path) -> dict[str, str]:
        """Binder's files by name, none without an address; the handouts' branch holds the package as a wheel."""
        if not self.on_github:
            return {}
        needs = (folder / "requirements.txt").read_text(encoding="utf-8").splitlines()
        moved = {
            ".[book]": f"./{wheel_name()}[book]",
            "--constraint ../constraints.txt": "--constraint constraints.txt",
        }
        if missing := moved.keys() - set(needs):
            raise ExtensionError(
                f"binder/requirements.txt has no line {min(missing)!r}, which the handouts need to change"
            )
        return {
            "requirements.txt": "".join(f"{moved.get(need, need)}\n" for need in needs),
            "constraints.txt": constraints.read_text(encoding="utf-8"),
            "runtime.txt": (folder / "runtime.txt").read_text(encoding="utf-8"),
        }


def bibliography(path: Path) -> dict[str, Work]:
    """The works of a BibTeX file, as Markdown."""
    return {key: _work(entry) for key, entry in parse_file(str(path)).entries.items()}


def _work(entry: Entry) -> Work:
    fields = {name: _plain(text) for name, text in entry.fields.items()}
    people = entry.persons.get("author") or entry.persons.get("editor") or []
    year = fields.get("year", "n.d.")
    where = fields.get("journal") or fields.get("booktitle") or fields.get("publisher") or fields.get("school", "")
    address = f"https://doi.org/{fields['doi']}" if "doi" in fields else fields.get("url", "")
    title = fields.get("title", "")
    parts = [f"{_listed([_name(person) for person in people])} ({year}). {title}{'' if title.endswith('?') else '.'}"]
    parts += [f"*{where}*."] if where else []
    parts += [f"<{address}>"] if address else []
    return Work(_short(people), year, " ".join(parts))


def _plain(text: str) -> str:
    return str(Text.from_latex(text))


def _name(person: Person) -> str:
    return _plain(" ".join([*person.first_names, *person.middle_names, *person.prelast_names, *person.last_names]))


def _short(people: list[Person]) -> str:
    last = [_plain(" ".join([*person.prelast_names, *person.last_names])) for person in people]
    return f"{last[0]} et al." if len(last) > 2 else _listed(last)


def _listed(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else "".join(names)


def add_buttons(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: object) -> None:
    """Put a chapter's handouts on its download button; add a button that runs it elsewhere, if that is possible."""
    if not CHAPTER.fullmatch(pagename):
        return
    stem, publisher = Path(pagename).name, Publisher.of(os.environ)
    up = context["pathto"]("notebooks", 1)
    offered = [
        button("Student notebook", f"{up}/student/{stem}.ipynb", "fas fa-pencil", "Exercises to fill in"),
        button("Its package", f"{up}/{wheel_name()}", "fas fa-download", "The notebook fetches it where it can"),
        _print_button("Print the worksheet", "worksheet", "The exercises alone, with space for the answers"),
    ]
    if publisher.solutions:
        offered += [
            button(
                "With solutions", f"{up}/solutions/{stem}.ipynb", "fas fa-check", "The notebook with every solution"
            ),
            _print_button("Print with solutions", "solutions", "The chapter with every solution"),
        ]
    if not stem.startswith(APPENDICES):
        address = f"{context['pathto']('slides', 1)}/{stem}.html"
        offered.append(button("Slides", address, "fas fa-display", "The chapter for the classroom, with notes"))
    for group in context["header_buttons"]:
        if group.get("label") == "download-buttons":
            group["buttons"] = offered + [one for one in group["buttons"] if one["label"] != "download-source-button"]
    launchers = publisher.launchers(stem)
    if launchers:
        buttons = [button(name, address, "fas fa-play", f"Run on {name}") for name, address in launchers.items()]
        group = {"type": "group", "tooltip": "Run this chapter", "icon": "fas fa-rocket", "buttons": buttons}
        context["header_buttons"].insert(0, {**group, "label": "launch-buttons"})


def button(text: str, url: str, icon: str, tooltip: str) -> dict[str, str]:
    """A line of the download button."""
    label = f"{text.lower().replace(' ', '-')}-button"
    return {"type": "link", "url": url, "text": text, "icon": icon, "tooltip": tooltip, "label": label}


def _print_button(text: str, what: str, tooltip: str) -> dict[str, str]:
    """A line that prints, by the word that `seal` and page.js know."""
    line = button(text, "", "fas fa-print", tooltip)
    del line["url"]
    return line | {"type": "javascript", "javascript": f"window.print({what})"}


def write_handouts(app: Sphinx, exception: Exception | None) -> None:
    """Write both handouts of every chapter that the site shows, and what Binder needs to run them."""
    if exception is not None or app.builder.name != "html":
        return
    publisher = Publisher.of(os.environ)
    works = bibliography(Path(app.confdir, "book", "references.bib"))
    settings = HandoutSettings(works, install=publisher.install, site=publisher.site)
    for page in sorted(app.env.found_docs):
        if CHAPTER.fullmatch(page):
            chapter = nbformat.read(Path(app.confdir, f"{page}.ipynb"), as_version=4)  # type: ignore[no-untyped-call]
            Path(app.outdir, "_sources", f"{page}.ipynb").unlink(missing_ok=True)  # the handouts are in its place
            for kind in get_args(Handout) if publisher.solutions else ("student",):
                target = Path(app.outdir, "notebooks", kind, f"{Path(page).name}.ipynb")
                target.parent.mkdir(parents=True, exist_ok=True)
                text = nbformat.writes(handout(chapter, kind, settings))  # type: ignore[no-untyped-call]
                target.write_text(text + "\n", encoding="utf-8")
    for name, text in publisher.binder(Path(app.confdir, "binder"), Path(app.confdir, "constraints.txt")).items():
        target = Path(app.outdir, "notebooks", "binder", name)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")


def write_wheel(app: Sphinx, exception: Exception | None) -> None:
    """Build the package into the folder of the handouts.

    Raises:
        ExtensionError: it could not be built.
    """
    if exception is not None or app.builder.name != "html":
        return
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel"]
    done = subprocess.run(
        [*build, "--directory", Path(app.outdir, "notebooks")], cwd=app.confdir, capture_output=True, encoding="utf-8"
    )
    if done.returncode:
        raise ExtensionError(f"the package could not be built: {done.stderr}")


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect to the build."""
    app.connect("html-page-context", add_buttons, priority=800)  # after the theme has made its buttons
    app.connect("build-finished", write_handouts)
    app.connect("build-finished", write_wheel)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
