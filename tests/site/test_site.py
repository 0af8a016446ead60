"""Every page of the built site, in a real browser, and what pages are to each other."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from _server import TELEPHONE, WIDE, Watch, content_pages, probe, serve
from _visit import Desk, Visit, desk
from playwright.sync_api import Browser, BrowserContext, Page

from rnncourse.ledger import load

ROOT = Path(__file__).resolve().parents[2]
ENTRIES = load(ROOT / "book" / "numbers.toml")
CHAPTERS = "book/notebooks/"
BLANK = '<!DOCTYPE html><html lang="en"><head><link rel="icon" href="data:,"><title>x</title>%s</head>%s</html>'


@pytest.fixture(scope="module")
def one_desk(browser: Browser, server: str, site: Path) -> Iterator[Desk]:
    with desk(browser, server, site, content_pages(site)) as found:
        yield found


def test_a_page_is_sound(one_desk: Desk, page_name: str) -> None:
    assert one_desk.visit(page_name).faults == []


# ---- What pages are to each other


@pytest.fixture(scope="module")
def visits(one_desk: Desk, site: Path) -> dict[str, Visit]:
    """Every page, visited by now."""
    return {name: one_desk.visit(name) for name in content_pages(site)}


def broken_links(site: Path, facts: dict[str, dict[str, Any]]) -> Iterator[str]:
    """Every internal link whose file or fragment does not exist."""
    places = {name: {*said["ids"], ""} for name, said in facts.items()}
    for name, said in facts.items():
        for address in said["links"]:
            link = urlsplit(address)
            if link.scheme or link.netloc or "=" in link.fragment:  # elsewhere, or a choice of rows
                continue
            target = ((site / name).parent / unquote(link.path) if link.path else site / name).resolve()
            place = places.get(target.relative_to(site).as_posix(), {unquote(link.fragment)})
            if not target.is_file() or unquote(link.fragment) not in place:
                yield f"{name}: {address}"


def test_every_internal_link_leads_somewhere(site: Path, visits: dict[str, Visit], tmp_path: Path) -> None:
    assert list(broken_links(site, {name: visit.facts for name, visit in visits.items()})) == []
    (tmp_path / "a.html").touch()
    facts = {"a.html": {"ids": ["here"], "links": ["#gone", "gone.html", "#here", "a.html", "https://elsewhere/#x"]}}
    assert list(broken_links(tmp_path.resolve(), facts)) == ["a.html: #gone", "a.html: gone.html"]


def test_every_page_has_a_title_of_its_own_and_says_what_it_is(visits: dict[str, Visit]) -> None:
    titles = Counter(visit.facts["title"] for visit in visits.values())
    assert [title for title, times in titles.items() if times > 1] == []
    for name, kind in (("book/index.html", "Course"), (f"{CHAPTERS}12-lstm-and-gru.html", "LearningResource")):
        assert visits[name].facts["kinds"] == [kind]
    indexed = [name for name, visit in visits.items() if any("searchindex" in link for link in visit.facts["links"])]
    assert indexed == ["search.html"]


def test_every_number_and_figure_has_a_place_and_says_where_it_comes_from(visits: dict[str, Visit]) -> None:
    reported = {name for name, entry in ENTRIES.items() if entry.reported is not None}
    assert {*ENTRIES, *(f"reported.{name}" for name in reported)} <= {*visits["book/numbers.html"].facts["ids"]}
    computed = set()
    for name, visit in visits.items():
        if not name.startswith(CHAPTERS):
            continue
        computed |= {id.removeprefix("computed.") for id in visit.facts["ids"] if id.startswith("computed.")}
        assert visit.facts["figures"], name
        for place, link, title, headerlinks in visit.facts["figures"]:
            assert (place[:4], link, headerlinks) == ("fig-", f"#{place}", 1), f"{name}: {place}"
            assert re.match(r"Figure \d+, in .* · drawn by cell \d+ · ", title), f"{name}: {title}"
        for target, title in visit.facts["ledger"]:
            entry = ENTRIES[target.removeprefix("reported.")]
            said = [entry.what, f"tolerance: {entry.tolerance}", " · computed in "]
            said += [f"reported {entry.reported_text}"] if entry.reported is not None else []
            assert [part for part in said if part not in title] == [], f"{name}: {target}"
    assert computed == set(ENTRIES)


def test_the_root_leads_to_the_book(tab: Page, server: str) -> None:
    tab.goto(f"{server}/index.html")
    tab.wait_for_url("**/book/index.html")
    assert tab.locator("article h1").count() == 1


# ---- The teeth: each fault is seen

FAULTS = {
    "external request": '<img src="http://192.0.2.1/pixel.png" alt="">',
    "failed request": '<script src="http://192.0.2.1/script.js"></script>',
    "console error": '<script>console.error("a fault")</script>',
    "console warning": '<script>console.warn("a fault")</script>',
    "page error": "<script>throw new Error('a fault')</script>",
    "status 404": '<img src="missing.png" alt="">',
    "policy violation": '<meta http-equiv="Content-Security-Policy" content="script-src \'self\'"><script>1</script>',
    "": "",
}


@pytest.fixture
def watched(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport=WIDE, color_scheme="light")
    yield context
    context.close()


def test_the_watch_sees_each_fault_and_none_in_a_clean_page(watched: BrowserContext, tmp_path: Path) -> None:
    watched.route("http://192.0.2.1/**", lambda route: route.abort())  # no packet leaves this machine
    with serve(tmp_path) as address:
        watch, page = Watch(address).attach(watched), watched.new_page()
        for fault, html in FAULTS.items():
            (tmp_path / "page.html").write_text(BLANK % (html, ""), encoding="utf-8")
            page.goto(f"{address}/page.html")
            page.wait_for_timeout(50)
            assert any(problem.startswith(fault) for problem in watch.take()) == bool(fault), fault
        page.close()


def test_a_formula_is_copied_as_its_source(tab: Page, server: str) -> None:
    tab.goto(f"{server}/{CHAPTERS}12-lstm-and-gru.html")
    copied = tab.evaluate("""() => {
      const [first, last] = document.querySelectorAll("article p:has(math) math");
      getSelection().setBaseAndExtent(first.querySelector("mi"), 0, last.parentElement.nextSibling, 9);
      const event = new ClipboardEvent("copy", { clipboardData: new DataTransfer() });
      document.dispatchEvent(event);
      return ["text/plain", "text/html"].map((type) => event.clipboardData.getData(type));
    }""")
    assert re.match(r"\$c\$ is what it remembers. The hidden state \$h\$ is what", copied[0])
    assert copied[1].count("<math") == 2


def test_code_that_breaks_on_a_telephone_is_copied_as_it_is(tab: Page, server: str) -> None:
    tab.set_viewport_size({"width": TELEPHONE, "height": WIDE["height"]})
    tab.goto(f"{server}/{CHAPTERS}21-learning.html")
    cells = tab.evaluate("""() => [...document.querySelectorAll(".cell_input pre")].map((cell) => {
      getSelection().selectAllChildren(cell);
      return [getSelection().toString(), cell.textContent];
    }).filter(([copied]) => copied)""")
    assert any(re.search(r"^ {8}\S", text, re.MULTILINE) for _, text in cells)
    for copied, text in cells:
        assert copied.rstrip() == text.rstrip()


def test_a_widget_that_cannot_start_keeps_its_picture(watched: BrowserContext, site: Path, tmp_path: Path) -> None:
    host = '<div class="rnn-widget-host" data-widget="unheard-of" data-state="{}"><p id="still">Still.</p></div>'
    script = (site / "_static" / "widgets-12-lstm-and-gru.js").read_text(encoding="utf-8")
    (tmp_path / "widgets.js").write_text(script, encoding="utf-8")
    body = f'<body>{host}<script src="widgets.js"></script></body>'
    (tmp_path / "page.html").write_text(BLANK % ("", body), encoding="utf-8")
    page = watched.new_page()
    page.goto((tmp_path / "page.html").as_uri())
    assert "unheard-of" in page.locator(".rnn-widget-message").inner_text()
    assert page.locator("#still").is_visible()


SOUND = """<!DOCTYPE html><html lang="en"><head>
<meta http-equiv="Content-Security-Policy" content="default-src 'self'; object-src 'none'; base-uri 'self';
 form-action 'self'; connect-src 'self'; script-src 'self'"><title>x</title>
<meta name="description" content="a"><meta property="og:title" content="b"><meta property="og:description" content="c">
<meta name="viewport" content="d"></head><body><h1>One</h1><article></article></body></html>"""
END = "</article>"
BREAKS = [
    ("policy", "object-src 'none'; ", ""),
    ("policy", "script-src 'self'", "script-src 'self' 'unsafe-inline'"),
    ("policy", "<meta http-equiv", "<script></script><script></script><meta http-equiv"),
    ("widgets", END, '<p class="rnn-widget-host"></p></article>'),
    ("widgets", "<title>", '<script defer src="widgets-x.js"></script><title>'),
    ("arrival", "<title>", '<link rel="stylesheet" href="a.css"><link rel="stylesheet" href="b.css"><title>'),
    ("arrival", "<title>", '<script src="a.js"></script><title>'),
    ("pictures", END, '<img src="a.png"></article>'),
    ("pictures", END, f'<figure><img alt="{"one two " * 9}"><p class="caption-text">One two</p></figure></article>'),
    ("ids", END, '<p id="a"></p><p id="a"></p></article>'),
    ("tabs", END, '<a target="_blank" href="b">c</a></article>'),
    ("outline", "<article>", "<article><h3>b</h3>"),
    ("outline", "<h1>One</h1>", "<h2>One</h2>"),
    ("language", 'lang="en"', ""),
    ("language", END, "<p>وزن</p></article>"),
    ("tables", END, "<table><td>a</td></table></article>"),
    ("head", 'content="a"', 'content=""'),
]


def test_each_fault_of_markup_is_seen(tab: Page) -> None:
    for rule, old, new in [("", "", ""), *BREAKS]:
        assert old in SOUND
        tab.set_content(SOUND.replace(old, new, 1))
        assert {fault.partition(":")[0] for fault in probe(tab, "markup")} == {rule} - {""}, new


# ---- The reference


def test_every_public_module_has_an_api_page_and_every_page_its_modules(site: Path) -> None:
    package, sources = ROOT / "rnncourse", [*(ROOT / "book" / "api").glob("*.md")]
    modules = {path.stem for path in package.glob("*.py")} | {one.parent.name for one in package.glob("*/__init__.py")}
    # The command line is called, not imported: its pages are what `--help` prints.
    wanted = {name for name in modules if not name.startswith("_")} - {"cli"}
    assert wanted <= {path.stem for path in (site / "book" / "api").glob("*.html")} == {one.stem for one in sources}
    linked = re.findall(r"\(api/(\w+)\.md\)", (ROOT / "book" / "api.md").read_text(encoding="utf-8"))
    assert sorted(linked) == sorted(one.stem for one in sources)
    for page in sources:
        named = re.findall(r"automodule:: ([\w.]+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
        assert named, page.name
        assert not [name for name in named if "._" in name], f"{page.name} is about something private"
