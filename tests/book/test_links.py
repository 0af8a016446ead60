"""Chapters point at each other, both ways, by links that say what they lead to."""

import re
from collections import defaultdict
from pathlib import Path

import pytest

from tools import pairs, prose

LINK = re.compile(r"\[(?P<text>[^\]]*)\]\((?:\.\./notebooks/|notebooks/)?(?P<target>\d\d-[\w-]+)\.ipynb(?:#[\w.-]+)?\)")
LOOSE = re.compile(
    r"\b[Cc]hapters? \d+|\b(?:[Tt]he|[Aa]n?) (?:next|previous|last|following|preceding|earlier|later) chapters?\b"
)
CHAPTERS = [page.stem for page in pairs.chapters()]
LESSONS = [name for name in CHAPTERS if name < "90"]


def text_of(page: Path) -> str:
    return prose.CODE_BLOCK.sub("", prose.markdown_of(page))


def targets(text: str) -> set[str]:
    return {match["target"] for match in LINK.finditer(text)}


def loose(text: str) -> list[str]:
    """Chapters that a text names without leading there."""
    return LOOSE.findall(prose.CODE_SPAN.sub("", LINK.sub("", text)))


def misnamed(text: str) -> list[str]:
    """Links that name one chapter and lead to another."""
    return [
        match[0]
        for match in LINK.finditer(text)
        if (number := re.search(r"\d+", match["text"])) and int(number[0]) != int(match["target"][:2])
    ]


POINTS = {page.stem: targets(text_of(page)) - {page.stem} for page in pairs.chapters()}


@pytest.mark.parametrize("page", prose.pages(), ids=lambda page: page.stem)
def test_a_chapter_that_is_named_is_linked(page: Path) -> None:
    assert loose(text_of(page)) == []
    assert misnamed(text_of(page)) == []
    assert targets(text_of(page)) <= set(CHAPTERS)


@pytest.mark.parametrize("name", CHAPTERS)
def test_a_chapter_points_at_others_and_is_pointed_at(name: str) -> None:
    assert POINTS[name]
    assert [other for other in CHAPTERS if name in POINTS[other]], f"no chapter leads to {name}"


def test_a_promise_is_remembered_where_it_is_kept() -> None:
    forgotten = defaultdict(list)
    for earlier in LESSONS:
        for later in POINTS[earlier] & set(LESSONS):
            if later > earlier and earlier not in POINTS[later]:
                forgotten[later].append(earlier)
    assert dict(forgotten) == {}, "each of these chapters is announced by others and does not point back"


def test_a_chapter_needs_only_earlier_ones() -> None:
    for page in pairs.chapters():
        needs = re.search(r"^Takes about .*$", text_of(page), re.MULTILINE)
        assert needs, page.stem
        assert all(target < page.stem for target in targets(needs[0])), page.stem


@pytest.mark.parametrize("text", ["See chapter 7.", "As the next chapter shows.", "In Chapters 2 and 3 you met it."])
def test_a_loose_chapter_is_caught(text: str) -> None:
    assert loose(text)


def test_a_misnamed_link_is_caught() -> None:
    assert misnamed("[chapter 5](06-lstm-gates.ipynb)")
    assert (
        misnamed("[chapter 6](06-lstm-gates.ipynb), [6](06-lstm-gates.ipynb), [the gates](06-lstm-gates.ipynb)") == []
    )


def test_the_map_of_the_package_names_every_page() -> None:
    named = set(re.findall(r"\]\(api/(\w+)\.md\)", (pairs.BOOK / "api.md").read_text(encoding="utf-8")))
    assert named == {page.stem for page in (pairs.BOOK / "api").glob("*.md")}
