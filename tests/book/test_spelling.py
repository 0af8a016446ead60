"""Words: spelled right, spelled one way, and none of those that help no reader."""

import ast
import io
import re
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools import pairs, prose

TEXTS = [*prose.pages(), pairs.ROOT / "README.md", pairs.ROOT / "CONTRIBUTING.md"]
CODE = [
    path
    for folder in ("rnncourse", "tools", "book/_ext", "benchmarks")
    for path in sorted((pairs.ROOT / folder).rglob("*.py"))
]
LONGEST = 50  # words; a sentence of the book has fewer than twenty on average
AMERICAN = re.compile(
    r"(?!.*siz(?:e|ing))(?!.*priz(?:e|ing))(?:.*(?:color|behavior|neighbor|analyz).*|(?:un)?(?:favor|honor|fiber|gray).*"
    r"|.+iz(?:e[ds]?|er|ers|ing|ation|ations)|.*(?:model|label|travel|cancel|signal|level)(?:ed|ing)"
    r"|center(?:ed|s)?|catalogs?|artifacts?|judgment)",
    re.IGNORECASE,
)
REFUSED = {
    r"\b(?:simply|obvious(?:ly)?|clearly|of course|trivial(?:ly)?|merely|just|note that)\b": "say it without",
    r"\b[GM]?FLOPS\b|\bFLOPs? per second\b": "FLOPs are a count, FLOP/s a rate",
    r"\bsolv\w+ (?:the )?(?:vanishing|exploding|gradient)|\bgradients? (?:is|are|was|were) solved": "mitigated",
    r"\b(?!zero\b)(\w+) \1\b": "a word twice",
    r"\b\w+n't\b|\b(?:it|that|there|what|here)'s\b|\b(?:you|we|they)'(?:re|ve|ll)\b": "write both words",
}


def words_of(page: Path) -> str:
    """The prose of a page with its line breaks: no code, no formula, no address, and a number for every ledger link."""
    text = re.sub(r"\A---\n.*?\n---\n", blank, page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for pattern in (prose.CODE_BLOCK, prose.MATH, prose.CODE_SPAN, prose.OPTION_LINE, prose.TARGET, prose.COMMENT):
        text = pattern.sub(blank, text)
    return prose.ADDRESS.sub("]", prose.ROLE.sub("it", text))


def blank(match: re.Match[str]) -> str:
    return ("·" if "\n\n" not in match[0] else "") + "\n" * match[0].count("\n")


def comments_of(path: Path) -> Iterator[tuple[int, str]]:
    """Docstrings and comments of a module, with their lines."""
    source = path.read_text(encoding="utf-8")
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            said = ast.get_docstring(node, clean=False)
            if said:
                yield node.body[0].lineno, re.sub(r"``.*?``|\".*?\"", "·", said, flags=re.DOTALL)


def american(text: str) -> list[str]:
    return [word for word in re.findall(r"[A-Za-z]+", text) if AMERICAN.fullmatch(word)]


def refused(text: str) -> list[str]:
    flat = " ".join(text.split(" "))
    return [
        f"line {text.count(chr(10), 0, match.start()) + 1}: {match[0]!r}: {advice}"
        for pattern, advice in REFUSED.items()
        for match in re.finditer(pattern, flat, re.IGNORECASE if "FLOPS" not in pattern else 0)
    ]


def sentences(text: str) -> Iterator[str]:
    """Sentences of a text; a blank line, a cell of a table, a heading and a point of a list end one."""
    for paragraph in re.split(r"\n\s*\n|^\s*(?:[-*] |\d+\. |:)|\||^#+ .*$", text, flags=re.MULTILINE):
        yield from re.split(r"(?<=[.!?:;])[*”\"')]*\s+", " ".join(paragraph.split()))


def test_no_word_is_a_known_misspelling() -> None:
    folders = ["book", "rnncourse", "tools", "benchmarks", "README.md", "CONTRIBUTING.md", "Makefile", "_config.yml"]
    command = [sys.executable, "-m", "codespell_lib", *folders]
    found = subprocess.run(command, cwd=pairs.ROOT, capture_output=True, encoding="utf-8", check=False)
    assert (found.returncode, found.stdout, found.stderr) == (0, "", "")


@pytest.mark.parametrize("page", TEXTS, ids=lambda page: page.stem)
def test_a_page_is_spelled_as_the_others_has_no_idle_word_and_no_breathless_sentence(page: Path) -> None:
    text = words_of(page)
    assert american(text) == []
    assert refused(text) == []
    assert [each for each in sentences(text) if len(each.split()) > LONGEST] == []


def test_docstrings_and_comments_keep_the_same_rules() -> None:
    found = [
        f"{path.relative_to(pairs.ROOT)}:{line}: {fault}"
        for path in CODE
        for line, text in comments_of(path)
        for fault in american(text) + refused(text)
    ]
    assert found == []


def test_what_is_refused_is_caught() -> None:
    assert american("The color and colour, Normalized, resized, neighboring.") == ["color", "Normalized", "neighboring"]
    assert [refused(text) != [] for text in ("It is simply a sum.", "It reads the the state.", "A sum.")] == [
        True,
        True,
        False,
    ]
