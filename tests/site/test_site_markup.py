"""The markup of every built page, read without a browser: policy, links, heads, and what is read aloud."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from bs4 import BeautifulSoup

from rnncourse.ledger import load

ROOT = Path(__file__).resolve().parents[2]
ENTRIES = load(ROOT / "book" / "numbers.toml")
CHAPTERS = "book/notebooks/"
IMAGE_NAME = re.compile(r"\.(png|svg|jpe?g|gif|webp)$", re.IGNORECASE)
PERSIAN = re.compile(r"[\u0600-\u06ff]")
EXACT = {"default-src": "'self'", "object-src": "'none'", "base-uri": "'self'", "form-action": "'self'"}
DESCRIBED = ('meta[name="description"]', 'meta[property="og:title"]', 'meta[property="og:description"]')
Faults = Iterator[object]


# ---- What is wrong with a page


def policy(soup: BeautifulSoup) -> Faults:
    """The policy is strict, and comes before anything it governs."""
    metas = soup.select('meta[http-equiv="Content-Security-Policy"]')
    if len(metas) != 1:
        yield f"{len(metas)} policies"
        return
    if metas[0] not in soup.head.find_all(True, recursive=False)[:2]:
        yield "something before the policy"
    found = {name: sources for name, *sources in (part.split() for part in str(metas[0]["content"]).split(";"))}
    for name, source in {**EXACT, "connect-src": "'self'"}.items():
        if found.get(name) != [source]:
            yield f"{name} {found.get(name)}"
    own, *hashes = found.get("script-src", [""])
    if own != "'self'" or not all(re.fullmatch(r"'sha256-[\w+/]{43}='", source) for source in hashes):
        yield f"script-src {own} {hashes}"
    everywhere = " ".join(value for values in found.values() for value in values if "sha256-" not in value)
    yield from re.findall(r"unsafe-eval|https?:|\*|//", everywhere)


def widgets(soup: BeautifulSoup) -> Faults:
    """Only pages with widgets load them."""
    if len(soup.select('script[src*="widgets.js"]')) != bool(soup.select(".rnn-widget-host")):
        yield "widgets.js"


def pictures(soup: BeautifulSoup) -> Faults:
    """Every picture says what it shows, and in a figure more than its caption."""
    for image in soup.select("article img"):
        alt = str(image.get("alt", "")).strip()
        if not alt or IMAGE_NAME.search(alt) or "/" in alt.split(" ")[0]:
            yield image.get("src")
    for figure in soup.select("article figure"):
        image, caption = figure.select_one("img"), figure.select_one(".caption-text")
        if image is not None and caption is not None:
            alt = set(str(image["alt"]).lower().split())
            if len(str(image["alt"])) < 40 or len(alt & set(caption.get_text().lower().split())) >= 0.8 * len(alt):
                yield f"too short, or the caption once more: {image['alt']}"


def ids(soup: BeautifulSoup) -> Faults:
    """No two places have one name."""
    yield from (name for name, times in Counter(str(tag["id"]) for tag in soup.find_all(id=True)).items() if times > 1)


def tabs(soup: BeautifulSoup) -> Faults:
    """A link to a new tab hands over no window."""
    yield from (link for link in soup.select("a[target=_blank]") if "noopener" not in link.get("rel", []))


def hosts(soup: BeautifulSoup) -> Faults:
    """No other host is named for what a page loads."""
    for tag in soup.select("script[src], link[href], img[src], iframe[src], source[src], object[data]"):
        address = str(tag.get("src") or tag.get("href") or tag.get("data"))
        if re.match(r"(https?:)?//", address):
            yield address


def outline(soup: BeautifulSoup) -> Faults:
    """Headings leave out no level, and a page has one title."""
    headings = soup.select("h1, h2, h3, h4, h5, h6")
    levels = [int(heading.name[1]) for heading in headings]
    if soup.select_one('meta[http-equiv="refresh"]') is None and levels.count(1) != 1:
        yield f"{levels.count(1)} titles"
    steps = zip(headings, [0, *levels], levels, strict=False)
    yield from (str(heading) for heading, above, level in steps if level > above + 1)
    yield from soup.select("[role=heading]")


def language(soup: BeautifulSoup) -> Faults:
    """A page says its language, and every Persian word its own."""
    if soup.html is None or soup.html.get("lang") != "en":
        yield "not in English"
    for text in soup.find_all(string=PERSIAN):
        holder = text.find_parent(lang="fa")
        if holder is None or holder.get("dir") != "rtl":
            yield text


def tables(soup: BeautifulSoup) -> Faults:
    """A table of data has heads, and none of them is empty."""
    for table in soup.select("article table:not([role=presentation])"):
        heads = table.select("th")
        if not heads or not all(head.get_text(strip=True) or head.select("img, .math") for head in heads):
            yield table.get_text(" ", strip=True)[:60]


def head(soup: BeautifulSoup) -> Faults:
    """A page says what it is, and how wide."""
    if soup.select_one('meta[http-equiv="refresh"]') is not None:
        return  # the root, which leads on at once
    for rule in DESCRIBED:
        if [bool(str(tag["content"]).strip()) for tag in soup.select(rule)] != [True]:
            yield rule
    if len(str(getattr(soup.select_one(DESCRIBED[0]), "attrs", {}).get("content", ""))) > 200:
        yield "a description too long"
    if len(soup.select('meta[name="viewport"]')) != 1:
        yield "viewport"


SOUND = """<!DOCTYPE html><html lang="en"><head>
<meta http-equiv="Content-Security-Policy" content="default-src 'self'; object-src 'none'; base-uri 'self';
 form-action 'self'; connect-src 'self'; script-src 'self'"><title>x</title>
<meta name="description" content="a"><meta property="og:title" content="b"><meta property="og:description" content="c">
<meta name="viewport" content="d"></head><body><h1>One</h1><article></article></body></html>"""
BREAKS: dict[Callable[[BeautifulSoup], Faults], list[tuple[str, str]]] = {
    policy: [
        ("object-src 'none'; ", ""),
        ("script-src 'self'", "script-src 'self' 'unsafe-inline'"),
        ("script-src 'self'", "script-src 'self'; img-src https://host"),
        ("<meta http-equiv", "<script></script><script></script><meta http-equiv"),
        ("Content-Security-Policy", "Other"),
    ],
    widgets: [
        ("</article>", '<p class="rnn-widget-host"></p></article>'),
        ("<title>", '<script src="widgets.js"></script>'),
    ],
    pictures: [
        ("</article>", '<img src="a.png">'),
        ("</article>", '<img src="a.png" alt="a.png">'),
        ("</article>", f'<figure><img alt="{"one two " * 9}"><p class="caption-text">One two</p></figure>'),
    ],
    ids: [("</article>", '<p id="a"></p><p id="a"></p>')],
    tabs: [("</article>", '<a target="_blank" href="b">c</a>')],
    hosts: [("</article>", '<img src="//host/a.png">'), ("</article>", '<object data="http://host/"></object>')],
    outline: [
        ("<article>", "<h3>b</h3>"),
        ("<article>", "<h1>b</h1>"),
        ("<h1>", "<h2>"),
        ("<h1>", '<p role="heading">'),
    ],
    language: [('lang="en"', ""), ("</article>", "<p>وزن</p>"), ("</article>", '<p lang="fa">وزن</p>')],
    tables: [("</article>", "<table><td>a</td></table>"), ("</article>", "<table><th>a</th><th></th></table>")],
    head: [('content="a"', 'content=""'), ('content="a"', f'content="{"a" * 201}"'), ('name="viewport"', "")],
}


@pytest.mark.parametrize("faults", BREAKS, ids=lambda faults: faults.__name__)
def test_no_page_is_at_fault_and_each_fault_is_seen(
    soups: dict[str, BeautifulSoup], faults: Callable[[BeautifulSoup], Faults]
) -> None:
    assert [f"{name}: {fault}" for name, soup in soups.items() for fault in faults(soup)] == []
    assert list(faults(BeautifulSoup(SOUND, "html.parser"))) == []
    for old, new in BREAKS[faults]:
        assert old in SOUND
        assert list(faults(BeautifulSoup(SOUND.replace(old, new), "html.parser"))), new


# ---- What pages are to each other


def broken_links(site: Path, soups: dict[str, BeautifulSoup]) -> Faults:
    """Every internal link whose file or fragment does not exist."""
    places = {name: {str(tag["id"]) for tag in soup.find_all(id=True)} for name, soup in soups.items()}
    for name, soup in soups.items():
        for tag in soup.select("a[href], link[href], img[src], script[src]"):
            link = urlsplit(str(tag.get("href") or tag.get("src")))
            if link.scheme or link.netloc:
                continue
            target = ((site / name).parent / unquote(link.path) if link.path else site / name).resolve()
            if not target.is_file():
                yield f"{name}: {link.geturl()}"
                continue
            page = target.relative_to(site).as_posix()
            if link.fragment and page in places and unquote(link.fragment) not in places[page]:
                yield f"{name}: {link.geturl()} has no such place"


def test_every_internal_link_leads_somewhere(site: Path, soups: dict[str, BeautifulSoup], tmp_path: Path) -> None:
    assert list(broken_links(site, soups)) == []
    soup = BeautifulSoup('<a href="#gone">a</a><a href="gone.html">b</a><a href="#here" id="here">c</a>', "html.parser")
    (tmp_path / "page.html").write_text(str(soup), encoding="utf-8")
    assert len(list(broken_links(tmp_path.resolve(), {"page.html": soup}))) == 2
    assert not list(site.glob("_static/**/*thebe*"))


def test_every_page_has_a_title_of_its_own(soups: dict[str, BeautifulSoup]) -> None:
    titles = Counter(soup.title.get_text() for name, soup in soups.items() if name != "index.html")
    assert {title for title, times in titles.items() if times > 1} == set()


def test_the_book_is_a_course_and_a_chapter_its_part(soups: dict[str, BeautifulSoup]) -> None:
    for name, kind in (("book/index.html", "Course"), (f"{CHAPTERS}12-lstm-and-gru.html", "LearningResource")):
        (script,) = soups[name].select('script[type="application/ld+json"]')
        assert json.loads(script.get_text())["@type"] == kind
    with_index = [name for name, soup in soups.items() if soup.select('script[src*="searchindex"]')]
    assert with_index == ["search.html"]


def test_every_number_and_figure_has_a_place_and_says_where_it_comes_from(soups: dict[str, BeautifulSoup]) -> None:
    numbers = {str(tag["id"]) for tag in soups["book/numbers.html"].find_all(id=True)}
    assert {*ENTRIES, *(f"reported.{name}" for name, entry in ENTRIES.items() if entry.reported is not None)} <= numbers
    computed = set()
    for name, soup in soups.items():
        if not name.startswith(CHAPTERS):
            continue
        computed |= {str(tag["id"])[9:] for tag in soup.select('[id^="computed."]')}
        assert soup.select("article figure"), name
        for figure in soup.select("article figure"):
            (link,) = figure.select("figcaption a.provenance")
            assert str(figure.get("id", "")).startswith("fig-"), f"{name}: a figure without a place of its own"
            assert link["href"] == f"#{figure['id']}"
            assert re.match(r"Figure \d+, in .* · drawn by cell \d+ · ", str(link["title"])), f"{name}: {link}"
            assert figure.select_one("figcaption a.headerlink") is not None, f"{name}: #{figure['id']} has no link"
        for link in soup.select("a.ledger"):
            entry = ENTRIES[str(link["href"]).partition("#")[2].removeprefix("reported.")]
            said = [entry.what, f"tolerance: {entry.tolerance}", " · computed in "]
            said += [f"reported {entry.reported_text}"] if entry.reported is not None else []
            assert [part for part in said if part not in str(link.get("title", ""))] == [], f"{name}: {link}"
    assert computed == set(ENTRIES)


# ---- The reference


def test_every_public_module_has_an_api_page_and_every_page_its_modules(site: Path) -> None:
    package = ROOT / "rnncourse"
    modules = {path.stem for path in package.glob("*.py")} | {
        path.parent.name for path in package.glob("*/__init__.py")
    }
    built = {path.stem for path in (site / "book" / "api").glob("*.html")}
    # The command line is called, not imported: its pages are what `--help` prints.
    assert {name for name in modules if not name.startswith("_")} - {"cli"} <= built
    linked = re.findall(r"\(api/(\w+)\.md\)", (ROOT / "book" / "api.md").read_text(encoding="utf-8"))
    assert sorted(linked) == sorted(path.stem for path in (ROOT / "book" / "api").glob("*.md"))
    # A package may have more than one page, where its parts are large enough for pages of their own.
    for page in (ROOT / "book" / "api").glob("*.md"):
        named = re.findall(r"automodule:: ([\w.]+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
        assert named, page.name
        for name in named:
            assert "._" not in name, f"{page.name} is about {name}, which is private"
            path = ROOT / name.replace(".", "/")
            assert path.with_suffix(".py").is_file() or (path / "__init__.py").is_file(), f"{page.name}: {name}"
