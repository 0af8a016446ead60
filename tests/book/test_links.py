"""Chapters point at each other, both ways, by links that say what they lead to."""

import re

import pytest

from book._ext.ledger import chapter_number
from tools import pairs, prose

LINK = re.compile(r"\[(?P<text>[^\]]*)\]\((?:\.\./notebooks/|notebooks/)?(?P<target>\d\d-[\w-]+)\.ipynb(?:#[\w.-]+)?\)")
LOOSE = re.compile(
    r"\b[Cc]hapters? \d|\b(?:[Tt]he|[Aa]n?) (?:next|previous|last|following|preceding|earlier|later) chapters?\b"
)
PAGES = {page.stem: page for page in prose.pages()}
CHAPTERS = [page.stem for page in pairs.chapters()]


def text_of(name: str) -> str:
    return prose.CODE_BLOCK.sub("", prose.markdown_of(PAGES[name]))


def targets(text: str) -> set[str]:
    return {match["target"] for match in LINK.finditer(text)}


def unsound(text: str) -> list[str]:
    """Chapters that a text names without leading there, and links that name one chapter and lead to another."""
    numbered = ((match, re.search(r"\d+(?:\.\d)?", match["text"])) for match in LINK.finditer(text))
    misnamed = [match[0] for match, number in numbered if number and number[0] != chapter_number(match["target"])]
    return misnamed + LOOSE.findall(prose.CODE_SPAN.sub("", LINK.sub("", text)))


@pytest.fixture(scope="module")
def points() -> dict[str, set[str]]:
    """The other chapters that each one leads to."""
    return {name: targets(text_of(name)) - {name} for name in CHAPTERS}


@pytest.mark.parametrize("name", PAGES)
def test_a_chapter_that_is_named_is_linked(name: str) -> None:
    assert unsound(text_of(name)) == []
    assert targets(text_of(name)) <= set(CHAPTERS)


@pytest.mark.parametrize("name", CHAPTERS)
def test_chapters_point_at_each_other(name: str, points: dict[str, set[str]]) -> None:
    before = {other for other in CHAPTERS if other < name and name in points[other]}
    assert points[name]
    assert [other for other in CHAPTERS if name in points[other]], f"no chapter leads to {name}"
    assert name >= "90" or before <= points[name], f"announced by {before - points[name]}, and does not point back"
    needs = re.search(r"^Takes about .*$", text_of(name), re.MULTILINE)
    assert needs
    assert all(target < name for target in targets(needs[0])), "a chapter needs only earlier ones"


def test_an_unsound_link_is_caught() -> None:
    for text in ("See chapter 2.5.", "As the next chapter shows.", "[chapter 2.4](12-lstm-and-gru.ipynb)"):
        assert unsound(text), text
