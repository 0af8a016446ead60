"""One symbol for one thing: the notation page knows every letter of every formula."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from _formulas import Use, formulas, symbols

from tools import pairs, prose

PAGE = pairs.BOOK / "notation.md"
LOCAL = "## Letters of one chapter"
PAGES = [page for page in prose.pages() if page != PAGE]
# What other books write, and what this one writes for it.
OTHER_SHAPES = {
    r"\\circ\b|\\otimes\b|\\ast\b|\\bullet\b": r"\odot, a product element by element",
    r"\^\{?\([a-z]": "h_t, the step below",
    r"_\{?(?:hx|yh|hi)\b": "W_{xh}, W_{hy} and W_{ih}, from what is read to what is made",
    r"\\ln\b": r"\log",
    r"\\vec\b|\\mathbf\{[a-zA-Z]|\\boldsymbol": "plain letters, also for vectors and matrices",
    r"[A-Z](?:_\{?\w+\}?)?\^\{?T\b|\\intercal": r"\top, a transposed matrix",
    r"\\epsilon\b": r"\varepsilon",
    r"\\varphi\b": r"\phi",
    r"\\\||(?<!\\)\|\|": r"\lVert and \rVert",
    r"\\(?:text|mathrm|operatorname)\{(?:tanh|log|max|min|sigmoid)\}": r"\tanh, \log, \max, \min and \sigma",
}


def declared(text: str) -> list[Use]:
    return [use for formula in formulas(text, "notation") for use in symbols(formula.tex)]


def tables(text: str) -> tuple[set[str], dict[str, str]]:
    """The names that hold in the whole book, and the letters of each chapter."""
    everywhere, _, rest = text.partition(LOCAL)
    local, heading, after = rest.partition("\n## ")
    cells = re.findall(r"^\| (.+?) \|", everywhere + heading + after, re.MULTILINE)
    names = {use.names[0] for cell in cells for use in declared(cell)}
    return names, dict(re.findall(r"^- \[.+?\]\(notebooks/(.+?)\.ipynb\): (.+)\.$", local, re.MULTILINE))


BOOK, CHAPTERS = tables(PAGE.read_text(encoding="utf-8"))


def is_known(use: Use, names: set[str]) -> bool:
    """Whether a name covers a symbol: its own, or a mark on a letter that has one."""
    if names.intersection(use.names):
        return True
    mark, bare = use.unmarked
    marks = {name[: name.index("{")] for name in names if "{" in name}
    return mark in marks and is_known(bare, names) if mark else False


def unknown(text: str, names: set[str]) -> Iterator[str]:
    for formula in formulas(text, "page"):
        for use in symbols(formula.tex):
            if not is_known(use, names):
                yield f"line {formula.line}: {use.names[-1]}"


def names_of(page: str) -> set[str]:
    return BOOK | {use.names[0] for use in declared(CHAPTERS.get(page, ""))}


def other_shapes(text: str) -> Iterator[str]:
    for formula in formulas(text, "page"):
        for shape, ours in OTHER_SHAPES.items():
            if found := re.search(shape, formula.tex):
                yield f"line {formula.line}: {found[0]}; this book writes {ours}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_notation_page_knows_every_symbol_and_none_has_a_second_shape(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    missing = sorted(set(unknown(text, names_of(page.stem))))
    assert not missing, f"{page.name} uses symbols that book/notation.md does not list: {missing}"
    assert list(other_shapes(text)) == []


def test_the_notation_page_keeps_its_own_rules() -> None:
    everywhere, heading, _ = PAGE.read_text(encoding="utf-8").partition(LOCAL)
    assert heading
    assert set(CHAPTERS) <= {source.stem for source in pairs.chapters()}
    assert list(unknown(everywhere, BOOK)) == []
    assert list(other_shapes(PAGE.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize("name", CHAPTERS)
def test_a_letter_of_one_chapter_is_used_in_it_and_says_here_where_it_has_a_second_meaning(name: str) -> None:
    used = {each for use in declared((pairs.CHAPTERS / f"{name}.md").read_text(encoding="utf-8")) for each in use.names}
    for item in CHAPTERS[name].split("; "):
        listed = declared(item)
        dead = [use.names[0] for use in listed if not used.intersection(use.names)]
        assert not dead, f"book/notation.md lists letters that {name} does not use: {dead}"
        second = [use.names[0] for use in listed if use.names[0] in BOOK]
        assert not second or re.search(r"\bhere\b", item), f"{name}: {second} has a meaning in the book: {item}"


MADE_UP = (r"$\xi_t$", r"$W_{zz}$", r"$2^{\kappa}$", r"$\hat\kappa$", r"$L_{\text{made up}}$", "$h_t\n+ \\mu$")
SOUND = (r"$\sum_{k=1}^{T} x_k + k$", r"$j = 1, \dots, T$", r"$e^{-x}$ and `$\xi$`", "```python\nprice = '$\\xi$'\n```")
SECOND_SHAPES = (r"$f \circ c$", "$h^{(t)}$", "$W_{hx}$", r"$\mathbf{x}$", "$W_{hh}^T$")


def test_made_up_symbols_and_second_shapes_are_caught_and_sound_formulas_pass() -> None:
    assert [formula for formula in MADE_UP if not list(unknown(formula, BOOK))] == []
    assert [formula for formula in SOUND if list(unknown(formula, BOOK))] == []
    assert [formula for formula in SECOND_SHAPES if not list(other_shapes(formula))] == []
