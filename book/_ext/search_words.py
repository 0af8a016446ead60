r"""The words that the site's search knows: symbols, grouped numbers, names of code and Persian, beside English.

Sphinx cuts a text at everything that is no letter, so that ``h_{t-1}``, ``⊙`` and ``47,818`` cannot be found, and a
Persian word is found only in the spelling of the keyboard that wrote it. Here a text is first spelled out: LaTeX as
Unicode, letters of Arabic keyboards as Persian ones. Then it is cut into tokens. Each has one form by which it is asked
for and further ones by which it can be found: ``f_t`` also as ``ft``. The page's script does both by the same tables,
which are written into it.
"""

import json
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.search.en import SearchEnglish

_GREEK = [
    *("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "mu", "nu", "xi", "pi"),
    *("rho", "sigma", "tau", "phi", "chi", "psi", "omega"),
]
_FUNCTIONS = ["tanh", "log", "ln", "exp", "max", "min", "sin", "cos", "arg"]

# What a LaTeX command reads as; any other leaves nothing but a gap.
COMMANDS = {
    **{name: unicodedata.lookup(f"GREEK SMALL LETTER {name}") for name in _GREEK},
    **{name.title(): unicodedata.lookup(f"GREEK CAPITAL LETTER {name}") for name in ("delta", "sigma")},
    **{name: name for name in _FUNCTIONS},
    **{"lambda": "λ", "varepsilon": "ε", "ell": "ℓ", "odot": "⊙", "sum": "∑", "prod": "∏", "int": "∫", "infty": "∞"},
    **{"le": "≤", "ge": "≥", "approx": "≈", "pm": "±", "times": "×", "cdot": "·", "in": "∈", "nabla": "∇"},
    **{"top": "⊤", "dots": "…", "cdots": "…", "leftarrow": "←", "mid": "|", "lVert": "‖", "rVert": "‖", "iff": "⇔"},
}
# From LaTeX to text, in this order. Both Python and JavaScript read these patterns.
_GROUP = r"\{([^{}]*)\}"
RULES = [
    (r"\\(?:begin|end)\{[a-z]+\*?\}", " "),
    (r"\\(?:mathcal|mathbb|mathrm|mathbf|operatorname|text|hat|bar|tilde) *" + _GROUP, "$1"),
    (r"\\(?:mathcal|mathbb|hat|bar|tilde) ([A-Za-z])", "$1"),
    (r"\\partial *", "∂"),
    (r"_\{ *([^{}]*[^{} ]) *\}", "_$1"),
    (r"\^" + _GROUP, "^$1"),
    (r"\\[dt]?frac *\{([^{} ]*)\} *\{([^{} ]*)\}", "$1/$2"),
    (r"\\[dt]?frac *" + _GROUP + " *" + _GROUP, "($1)/($2)"),
    (r"\\sqrt *" + _GROUP, "√($1)"),
]
COMMAND = r"\\([A-Za-z]+)"
LAST_RULES = [
    (r"\\([{}#%&])", "$1"),
    (r"\\.|[{}&]", " "),
    (r"∂ +", "∂"),
    (r" */ *∂", "/∂"),
    (r"R\^2", "R²"),
    (r"[ \t]+", " "),
]
# Letters of Arabic keyboards and of older texts, and digits of both scripts; an empty value drops a mark of vowels or
# of the ezafe.
LETTERS: dict[str, str] = {
    **dict(zip("كيىئأإآٱؤةۀ", "کیییااااوهه", strict=True)),
    **dict(zip("۰۱۲۳۴۵۶۷۸۹", "0123456789", strict=True)),
    **dict(zip("٠١٢٣٤٥٦٧٨٩", "0123456789", strict=True)),
    **{"٬": ",", "٫": ".", "−": "-"},
    **{chr(mark): "" for mark in range(0x064B, 0x0656)},
    "ـ": "",
}
_LETTERS = str.maketrans(LETTERS)
JOINER = "\u200c"  # zero-width non-joiner: parts of one Persian word
# Kinds of token, tried in this order; A stands for a letter or digit.
_NAME = r"(?:A+(?:_A+)+(?:-[0-9]+)?|A+)"
KINDS = {
    "derivative": rf"∂{_NAME}(?:/∂{_NAME})?",
    "number": r"[0-9]+(?:[.,][0-9]+)+|[0-9]{4,}(?!A)",
    "rate": r"A+/s(?!A)",
    "name": _NAME.replace("|A+", ""),
    "word": rf"A+(?:{JOINER}A+)*",
    "sign": r"[∂∇⊙∑∏√≤≥≈±∈∞]",
}
LETTER_OR_DIGIT = r"[^\W_]"
TOKEN = re.compile("|".join(f"(?P<{kind}>{rule})" for kind, rule in KINDS.items()).replace("A", LETTER_OR_DIGIT))


def spell(text: str) -> str:
    r"""LaTeX as it is read: ``W_{hh}`` becomes ``W_hh``, ``\sigma`` becomes ``σ``."""
    if text.isascii() and not set(text) & set("\\{}^&"):
        return text  # most of what there is to read
    for _ in range(2):  # what stands in the braces may have had braces of its own
        for pattern, by in RULES:
            text = re.sub(pattern, by.replace("$1", r"\1").replace("$2", r"\2"), text)
    text = re.sub(COMMAND, lambda match: COMMANDS.get(match[1], " "), text)
    for pattern, by in LAST_RULES:
        text = re.sub(pattern, by.replace("$1", r"\1"), text)
    return text


def fold(text: str) -> str:
    """One spelling of letters and digits that look alike: ``R²`` becomes ``r2``, Arabic ``ي`` Persian ``ی``."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFKC", text).translate(_LETTERS).lower()


def forms(kind: str, token: str) -> list[str]:
    """How a folded token can be found; first the form by which it is asked for."""
    if kind == "derivative":
        return [token, *token.split("/"), *token.replace("∂", "").split("/"), "∂"]
    if kind == "number":
        return [grouped(token)]
    if kind == "rate":
        return [token, token.removesuffix("/s")]
    if kind == "name":
        bare = token.split("-")[0]
        short = bare.replace("_", "")
        return [token, bare, short] if len(short) <= 4 else [token, bare]
    if JOINER in token:
        return [token.replace(JOINER, ""), *token.split(JOINER)]
    return [token]


def grouped(digits: str) -> str:
    """A number with its thousands grouped, however it was written."""
    whole, dot, rest = digits.partition(".")
    if re.fullmatch(r"[0-9]{4,}|[0-9]{1,3}(,[0-9]{3})+", whole) and "." not in rest:
        return f"{int(whole.replace(',', '')):,}{dot}{rest}"
    return digits


def tokens(text: str) -> Iterator[list[str]]:
    """The forms of each token of a text."""
    for match in TOKEN.finditer(fold(spell(text))):
        found = forms(match.lastgroup or "", match.group())
        yield found if len(found) == 1 else list(dict.fromkeys(found))


def asked(text: str) -> str:
    """A text as a question: the first form of each of its tokens."""
    return " ".join(first for first, *_ in tokens(text))


def _splitter() -> str:
    tables = {
        "COMMANDS": COMMANDS,
        "RULES": RULES,
        "COMMAND": COMMAND,
        "LAST_RULES": LAST_RULES,
        "LETTERS": LETTERS,
        "KINDS": {kind: rule.replace("A", r"[\p{L}\p{N}]") for kind, rule in KINDS.items()},
        "JOINER": JOINER,
    }
    source = Path(__file__).with_name("search_words.js").read_text(encoding="utf-8")
    return source.replace("/* the tables of search_words.py */", json.dumps(tables, ensure_ascii=False))


class BookWords(SearchEnglish):
    """English, and what a book on networks writes beside it."""

    js_splitter_code = _splitter()
    js_stemmer_code = (
        SearchEnglish.js_stemmer_code
        + """
// Words are stemmed; symbols, names and Persian stand as they are.
Stemmer = ((Porter) => function () {
  const porter = new Porter();
  this.stemWord = (word) => (/^[a-z]+$/.test(word) ? porter.stemWord(word) : word);
})(Stemmer);
"""
    )

    def split(self, input: str) -> list[str]:
        """All forms of all tokens."""
        return [form for found in tokens(input) for form in found]

    def stem(self, word: str) -> str:
        """The stem of an English word; anything else as it is."""
        stemmed: str = super().stem(word) if re.fullmatch("[a-z]+", word) else word
        return stemmed


def setup(app: Sphinx) -> dict[str, object]:
    """Take the place of Sphinx's English."""
    app.add_search_language(BookWords)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
