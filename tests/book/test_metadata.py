"""What pages say of themselves where their address is known, and that they are silent on one that nobody has told."""

import json
import re
from types import SimpleNamespace

import pytest

from book._ext import metadata
from book._ext.course_plan import lessons
from book._ext.find import PageText

SITE = "https://host.example/book/"
CHAPTER = "book/notebooks/12-lstm-and-gru"


@pytest.fixture
def app(tmp_path):
    pages = {"book/index": PageText("Book", "Numbers."), "book/bibliography": PageText("Bibliography", "")}
    pages |= {f"book/notebooks/{one.stem}": PageText(one.title, one.question) for one in lessons()}
    return SimpleNamespace(
        config=SimpleNamespace(html_title="Book", root_doc="book/index", html_baseurl=""),
        env=SimpleNamespace(book_pages=pages, found_docs=set(pages)),
        rnncourse_titles={one.stem: f"{one.number} · {one.title}" for one in lessons()},
        builder=SimpleNamespace(name="html"),
        outdir=str(tmp_path),
    )


def tags_of(app, name: str) -> tuple[str, dict]:
    """A page's tags and its linked data. The template has a viewport already."""
    context = {"metatags": '<meta content="width=device-width" name="viewport" />\n<meta name="author" content="a" />'}
    metadata.add_metadata(app, name, "page.html", context, None)
    assert "viewport" not in context["metatags"]
    assert 'name="author"' in context["metatags"]
    found = re.search(r'<script type="application/ld\+json">(.*?)</script>', context["metatags"])
    return context["metatags"], json.loads(found[1]) if found else {}


def test_no_address_is_told_that_nobody_knows(app, monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("BOOK_SITE", "")
    tags, _ = tags_of(app, CHAPTER)
    assert set(re.findall(r"https?://[\w.]+", tags)) == {"https://schema.org", "https://creativecommons.org"}
    assert not re.search("og:url|og:image", tags)
    metadata.write_site_map(app, None)
    assert not list(tmp_path.iterdir())


def test_a_known_address_makes_the_card_the_canonical_address_and_the_site_map(app, monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("BOOK_SITE", SITE)
    tags, data = tags_of(app, CHAPTER)
    assert f'property="og:url" content="{SITE}{CHAPTER}.html"' in tags
    assert f'property="og:image" content="{SITE}_static/card.png"' in tags
    assert data["url"] == f"{SITE}{CHAPTER}.html"
    metadata.take_address(app, app.config)
    assert app.config.html_baseurl == SITE
    metadata.write_site_map(app, None)
    places = re.findall(r"<loc>(.*?)</loc>", (tmp_path / "sitemap.xml").read_text(encoding="utf-8"))
    assert sorted(places) == sorted(f"{SITE}{name}.html" for name in app.env.found_docs)
    assert f"Sitemap: {SITE}sitemap.xml" in (tmp_path / "robots.txt").read_text(encoding="utf-8")


def test_a_chapter_is_learning_material_and_the_book_a_course(app) -> None:
    lesson = next(one for one in lessons() if one.number == "1.2")
    _, chapter = tags_of(app, CHAPTER)
    wanted = {"@type": "LearningResource", "teaches": list(lesson.goals), "timeRequired": f"PT{lesson.minutes}M"}
    assert {key: chapter[key] for key in wanted} == wanted
    _, course = tags_of(app, "book/index")
    assert [part["position"] for part in course["hasPart"]] == [one.number for one in lessons()]
