"""Formulas are set when the book is built, with signs that the book's own font has."""

import re
from pathlib import Path

import pytest
from _formulas import FORMULA
from fontTools.ttLib import TTFont

from book._ext.mathematics import mathml, parts
from rnncourse import cells, working

BOOK = Path(__file__).parents[2] / "book"
LETTER = re.compile(r"<mi>([A-Za-zα-ωΑ-Ω])</mi>")  # a browser slants a single letter: another sign of the font
SLANTED = {
    **{chr(97 + k): 0x1D44E + k for k in range(26)},
    **{chr(65 + k): 0x1D434 + k for k in range(26)},
    "h": 0x210E,
}


def formulas() -> dict[str, bool]:
    """Every formula of the pages, and whether it stands in a box of its own."""
    found = {}
    for path in BOOK.rglob("*.md"):
        text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        for one in FORMULA.finditer(text):
            environment = one["ams"] and rf"\begin{{{one['kind']}}}{one['ams']}\end{{{one['kind']}}}"
            found[one["display"] or environment or one["inline"]] = not one["inline"]
    step = cells.rnn_step([1.0], [0.5, -1], [[1.0], [2]], [[0.1, 0.2], [0.3, 0.4]], [0.0, 0])
    return {**found, working.rnn_working(step).latex: True}


def test_every_formula_is_set_in_signs_of_the_font() -> None:
    known = set(TTFont(BOOK / "assets" / "fonts" / "stix-two-math.woff2").getBestCmap())
    assert len(formulas()) > 300
    for tex, display in formulas().items():
        shown = mathml(tex, display=display)
        signs = {ord(sign) for sign in re.sub(r"<[^>]*>|&\w+;|\s", "", shown)}
        signs |= {SLANTED[letter] for letter in LETTER.findall(shown) if letter in SLANTED}
        assert not {chr(sign) for sign in signs - known}, tex
        assert shown.count("<math") == 1
        assert ("block" in shown.partition(">")[0]) == display


@pytest.mark.parametrize("tex", [r"\frac{1}", r"h_{t", r"\unknownmacro x", r"\begin{bmatrix} 1"])
def test_a_formula_that_cannot_be_set_is_named(tex: str) -> None:
    with pytest.raises(ValueError, match=re.escape(repr(tex))):
        mathml(tex, display=False)


def test_a_formula_is_parted_where_nothing_is_open() -> None:
    assert parts(r"a, \qquad b \quad\text{or \quad so}\quad c") == ["a,", "b", r"\text{or \quad so}", "c"]
    cases = r"u = \begin{cases} 1 & x \quad \\ 0 & \text{else} \end{cases}"
    assert parts(rf"{cases}, \qquad v = \left( w \quad z \right)") == [f"{cases},", r"v = \left( w \quad z \right)"]
    assert parts(r"a \\ b \quad c") == [r"a \\ b \quad c"]  # rows of its own
    for tex, display in formulas().items():
        assert all(mathml(part, display=display) for part in parts(tex))


def test_the_name_of_a_function_leaves_room_only_for_what_follows() -> None:
    followed = {r"\tanh": False, r"\phi = \tanh": False, r"\tanh x": True, r"\tanh' x": True}
    assert {tex: "mspace" in mathml(tex, display=False) for tex in followed} == followed


def test_a_browser_draws_no_sign_by_itself_but_roots_for_which_the_cut_font_keeps_one() -> None:
    tags = {tag for tex, display in formulas().items() for tag in re.findall(r"<(\w+)", mathml(tex, display=display))}
    rows = {"math", "mrow", "mstyle", "mspace", "mpadded", "mphantom", "mtable", "mtr", "mtd"}
    around = {"mfrac", "msub", "msup", "msubsup", "munder", "mover", "munderover"}
    assert tags - rows - around - {"mtext", "mi", "mn", "mo"} == {"msqrt"}
