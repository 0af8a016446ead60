"""The formulas of a page, and the symbols they use.

A symbol is a letter with whatever makes it another letter: an accent, an alphabet, a subscript or superscript that is a
name. An index makes no new symbol: ``h_{t-1}`` and ``h_0`` are both ``h``.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tools import pairs, prose

FORMULA = re.compile(
    r"\$\$(?P<display>.+?)\$\$"
    r"|\\begin\{(?P<kind>(?:align|equation|gather)\*?)\}(?P<ams>.+?)\\end\{(?P=kind)\}"
    r"|(?<![\\$])\$(?!\$)(?P<inline>[^$\n]+(?:\n[^$\n]+)*)\$(?!\$)",
    re.DOTALL,
)
TOKEN = re.compile(r"\\[A-Za-z]+|\\.|[A-Za-z]|\d+|\S")
BREAK = re.compile(r"\\\\\[[^\]]*\]|\\(?:begin|end)\{[^}]*\}")
GREEK = re.compile(
    r"\\(?:(?:var)?(?:epsilon|theta|phi|rho)|alpha|beta|gamma|delta|zeta|eta|iota|kappa|lambda|mu|nu|xi|pi|sigma|tau"
    r"|upsilon|chi|psi|omega|Gamma|Delta|Theta|Lambda|Xi|Pi|Sigma|Upsilon|Phi|Psi|Omega|ell|odot|circ|star|ast|otimes)"
)
ACCENTS = {f"\\{name}" for name in ("hat", "bar", "tilde", "vec", "mathcal", "mathbf", "mathbb", "boldsymbol")}
MARKS = ("\\hat", "\\bar", "\\tilde")
WORDS = {f"\\{name}" for name in ("text", "operatorname", "mathrm")}
OVER_INDEX = {f"\\{name}" for name in ("sum", "prod", "max", "min", "int", "rVert", "log")}
WEIGHTS = {"W", "b"}
# Letters that count steps, units, layers, classes or runs when they stand below another.
INDEX = re.compile(r"|(?!h$)(?:[tsjklmnwbdhTNL\d]|\\tau|[-+,:()])+")
WEIGHT_INDEX = re.compile(r"|[jt\d+-]+")
BOUND = re.compile(r"\\(?:sum|prod|max|min)_\{?([a-z])\b|([a-z]) = -?\d, *\\dots")


@dataclass(frozen=True)
class Use:
    """A symbol in a formula: its letter, with its accent, and what is written above and below it."""

    letter: str
    above: str = ""
    below: str = ""

    @property
    def counts(self) -> bool:
        """Whether what stands below is an index, or nothing. Below a weight, ``h`` and ``n`` are names."""
        index = WEIGHT_INDEX if self.letter in WEIGHTS else INDEX
        return bool(index.fullmatch(self.below))

    @property
    def names(self) -> list[str]:
        """What the notation page may call this symbol, the most exact first; what is above may be a power."""
        if "\\text" in self.below:
            return [f"{self.letter}_\\dots"]
        plain = self.letter if self.counts else f"{self.letter}_{self.below}"
        named = f"{self.letter}^{self.above}" + ("" if self.counts else f"_{self.below}")
        return [named, plain] if self.above else [plain]

    @property
    def unmarked(self) -> tuple[str, "Use"]:
        """The hat, bar or tilde of a symbol, and the symbol without it."""
        if self.letter.startswith(MARKS):
            mark, letter = self.letter[:-1].split("{", 1)
            return mark, Use(letter, self.above, self.below)
        return "", self


@dataclass(frozen=True)
class Formula:
    """A formula, and where it begins."""

    page: str
    line: int
    tex: str


def formulas(text: str, page: str) -> Iterator[Formula]:
    """The formulas of a Markdown text, code left out."""

    def blank(match: re.Match[str]) -> str:
        return re.sub(r"[^\n]", " ", match[0])

    text = prose.CODE_SPAN.sub(blank, prose.CODE_BLOCK.sub(blank, text))
    for match in FORMULA.finditer(text):
        tex = match["display"] or match["ams"] or match["inline"]
        yield Formula(page, text.count("\n", 0, match.start()) + 1, tex)


def of_page(path: Path) -> list[Formula]:
    """The formulas of a page of the book."""
    return list(formulas(path.read_text(encoding="utf-8"), str(path.relative_to(pairs.ROOT))))


class Reader:
    """Reads the symbols of one formula, from left to right."""

    def __init__(self, tex: str) -> None:
        self.tokens = TOKEN.findall(BREAK.sub(" ", tex))
        self.place = 0

    def peek(self) -> str:
        return self.tokens[self.place] if self.place < len(self.tokens) else ""

    def take(self) -> str:
        self.place += 1
        return self.tokens[self.place - 1]

    def argument(self) -> list[str]:
        """The next token, or the tokens of the next group."""
        if self.peek() != "{":
            return [self.take()] if self.peek() not in ACCENTS | WORDS else [self.take(), *self.argument()]
        self.take()
        depth, found = 1, []
        while depth:
            token = self.take()
            depth += (token == "{") - (token == "}")
            found.append(token)
        return found[:-1]

    def scripts(self) -> tuple[str, str]:
        """What stands above and below the symbol just read."""
        above = below = ""
        while self.peek() in ("_", "^", "'"):
            mark = self.take()
            if mark == "_":
                below = "".join(self.argument())
            elif mark == "^":
                above = "".join(self.argument())
        return above, below

    def symbols(self) -> Iterator[Use]:
        """Every symbol, in the order of the formula."""
        last = ""
        while self.peek():
            token = self.take()
            if token in WORDS:
                self.argument()
            elif token == "_" and last in OVER_INDEX:
                self.argument()
                continue
            elif token in ACCENTS:
                yield Use(f"{token}{{{''.join(self.argument())}}}", *self.scripts())
            elif GREEK.fullmatch(token) or token.isalpha():
                yield Use(token, *self.scripts())
            last = token


def symbols(tex: str) -> Iterator[Use]:
    """The symbols of a formula, those in a power too; letters that its own sums and ranges count with are left out."""
    bound = {letter for match in BOUND.findall(tex) for letter in match}

    def read(part: str) -> Iterator[Use]:
        for use in Reader(part).symbols():
            if use.letter not in bound and use != Use("e", use.above):
                yield use
            yield from read(use.above)

    return read(tex)
