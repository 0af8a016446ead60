"""What pages say of themselves, and that they keep silent on addresses nobody has told."""

import json
import re
from types import SimpleNamespace

import pytest

from book._ext import metadata
from book._ext.course_plan import lessons
from book._ext.find import PageText

SITE = "https://host.example/book/"


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


def page_head(app, name: str, monkeypatch, site: str = "") -> tuple[str, str]:
    """Title and tags of a page."""
    monkeypatch.setenv("BOOK_SITE", site)
    context: dict[str, str] = {}
    metadata.add_metadata(app, name, "page.html", context, None)
    return context["book_title"], context["metatags"]


def data_of(tags: str) -> dict:
    found = re.search(r'<script type="application/ld\+json">(.*?)</script>', tags)
    return json.loads(found[1]) if found else {}


@pytest.mark.parametrize(
    "name", ["book/index", "book/notebooks/12-lstm-and-gru", "book/bibliography", "genindex", "search"]
)
def test_every_page_is_described(app, monkeypatch, name: str) -> None:
    title, tags = page_head(app, name, monkeypatch)
    assert title
    for key in ('name="description"', 'property="og:title"', 'property="og:description"', 'name="twitter:card"'):
        assert tags.count(key) == 1
    assert 'content=""' not in tags


def test_a_page_says_once_how_wide_it_is(app) -> None:
    viewport = '<meta content="width=device-width" name="viewport" />'
    context = {"metatags": f'{viewport}\n<meta name="author" content="a" />'}
    metadata.add_metadata(app, "book/index", "page.html", context, None)
    assert "viewport" not in context["metatags"]  # the template has it
    assert 'name="author"' in context["metatags"]


def test_no_address_is_told_that_nobody_knows(app, monkeypatch, tmp_path) -> None:
    _, tags = page_head(app, "book/notebooks/12-lstm-and-gru", monkeypatch)
    assert set(re.findall(r"https?://[\w.]+", tags)) == {"https://schema.org", "https://creativecommons.org"}
    assert "og:url" not in tags
    assert "og:image" not in tags
    metadata.write_site_map(app, None)
    assert not list(tmp_path.iterdir())


def test_a_known_address_makes_the_card_the_canonical_address_and_the_site_map(app, monkeypatch, tmp_path) -> None:
    _, tags = page_head(app, "book/notebooks/12-lstm-and-gru", monkeypatch, SITE)
    assert f'property="og:url" content="{SITE}book/notebooks/12-lstm-and-gru.html"' in tags
    assert f'property="og:image" content="{SITE}_static/card.png"' in tags
    assert data_of(tags)["url"] == f"{SITE}book/notebooks/12-lstm-and-gru.html"
    metadata.take_address(app, app.config)
    assert app.config.html_baseurl == SITE
    metadata.write_site_map(app, None)
    places = re.findall(r"<loc>(.*?)</loc>", (tmp_path / "sitemap.xml").read_text(encoding="utf-8"))
    assert sorted(places) == sorted(f"{SITE}{name}.html" for name in app.env.found_docs)
    assert f"Sitemap: {SITE}sitemap.xml" in (tmp_path / "robots.txt").read_text(encoding="utf-8")


def test_the_card_is_there_and_as_large_as_it_says() -> None:
    from PIL import Image

    from tools import pairs

    with Image.open(pairs.BOOK / "assets" / metadata.CARD) as picture:
        assert picture.size == tuple(map(int, metadata.CARD_SIZE))


def test_a_chapter_is_learning_material_and_the_book_a_course(app, monkeypatch) -> None:
    lesson = next(one for one in lessons() if one.number == "1.2")
    chapter = data_of(page_head(app, f"book/notebooks/{lesson.stem}", monkeypatch)[1])
    assert chapter["@type"] == "LearningResource"
    assert chapter["teaches"] == list(lesson.goals)
    assert chapter["timeRequired"] == f"PT{lesson.minutes}M"
    course = data_of(page_head(app, "book/index", monkeypatch)[1])
    assert course["@type"] == "Course"
    assert [part["position"] for part in course["hasPart"]] == [one.number for one in lessons()]
    assert data_of(page_head(app, "genindex", monkeypatch)[1]) == {}


def test_what_a_tag_or_linked_data_is_given_ends_neither() -> None:
    text = metadata.script({"name": "</script><script>alert(1)"})
    assert text.count("</script>") == 1
    assert data_of(text)["name"] == "</script><script>alert(1)"
    assert metadata.tag("og:title", 'a "b" <c>') == '<meta property="og:title" content="a &quot;b&quot; &lt;c&gt;" />'
