"""Slides for the classroom: when the book is built, each chapter's page is cut into slides, a page of their own.

No word and no number is typed for them: their HTML is the page's. What can be looked at is shown: figures, displayed
formulas, visible code with what it prints, tables, verdicts and, last, the exercises without their solutions. Of the
prose `key` picks sentences by a rule, and the whole of it stands in the notes. A slide holds what fits on it at 16:9 by
an estimate; the browser tests measure it.
"""

import math
import posixpath
import re
import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import copy
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Any

from bs4 import BeautifulSoup
from bs4.element import NavigableString, PageElement, Tag
from sphinx import addnodes
from sphinx.application import Sphinx

from book._ext.answers import IN_THE_BOX
from book._ext.course_plan import lesson as read_lesson
from book._ext.ledger import APPENDICES, BOOK
from book._ext.metadata import LONGEST, tag, tags

FOLDER = "slides"
ROOM = 15.0  # lines of prose below a slide's heading; all heights are measured in them
WIDTH = 88  # characters of prose in a line
CODE = 0.68  # height of a line of code
TABLE = 120  # characters in a row of a table
HIGH = ["mfrac", "munder", "munderover"]  # what makes a row of a formula higher
FIGURE = 9.5  # the least that a figure gets; it takes what is left
CODE_WIDTH, FORMULA_WIDTH = 104, 44  # signs in a line of them
LARGER, LARGER_TABLE = 1.35, 1.15  # how much larger a slide is set that has room, and one with code or a table
RUN_IN = 5  # words: a bold beginning no longer than this is a title of the sentence after it
SHORT, LONG = 60, 180  # characters: an answer that is shorter needs its neighbours; a list's longer entry is shortened
ALONE = {"guess", "verdict", "exercise"}
TRY = "Try it on the chapter’s page"
ANSWER = re.compile(r"\banswers? (?:to )?(?:the|your) guess\b|\bOf the \w+ guesses\b|^So the guess:|^The answer:")
_END = re.compile(r"""[.?!][”’")\]]*(\s+)(?![a-z])""")
_ABBREVIATED = re.compile(r"\b(?:al|cf|vs|e\.g|i\.e)\.$")
_NOT_SHOWN = {"solution", "tag_hide-cell", "answers-kept", "answer-box", "off-slide"}


@dataclass
class Block:
    """What stays together: its elements, their height, what it is, and the prose that it stands for."""

    parts: list[Tag]
    lines: float
    kind: str = "text"
    notes: list[Tag] = field(default_factory=list)


@dataclass
class Slide:
    """A heading (HTML), what it is a part of, the id of its section on the page, and what stands below."""

    title: str
    above: str
    anchor: str
    blocks: list[Block] = field(default_factory=list)
    notes: list[Tag] = field(default_factory=list)
    later: int = 0  # number of the slide that answers what this one asks

    @property
    def kinds(self) -> str:
        """What is on it, as classes."""
        return " ".join(dict.fromkeys(block.kind for block in self.blocks))

    @property
    def fit(self) -> float:
        """By how much it is set larger, because there is room, or smaller, because it cannot be cut."""
        lines = max(1.0, sum(block.lines for block in self.blocks))
        if {"figure", "title"} & set(self.kinds.split()):
            return 1.0
        wide = min([LARGER, *(limit for block in self.blocks for part in block.parts for limit in limits(part))])
        return round(min(wide, math.sqrt(ROOM / lines) if lines < ROOM else ROOM / lines), 2)


def limits(part: Tag) -> Iterator[float]:
    """How much larger something may be set before it is wider than a slide; its words begin new lines."""
    for lines in part.find_all("pre"):
        yield CODE_WIDTH / max(1, *map(len, lines.get_text().split("\n")))
    for box in {id(one.parent): one.parent for one in part.find_all("math", display="block") if one.parent}.values():
        rows = [*box.select("mtable.tml-jot > mtr")] or [box]
        yield max(1.0, FORMULA_WIDTH / max(len(said([row])) for row in rows))
    if part.find(["pre", "table"]):
        yield LARGER_TABLE


# ---- Prose


def sentences(paragraph: Tag) -> list[list[PageElement]]:
    """The sentences of a paragraph, each with its markup."""
    found: list[list[PageElement]] = [[]]
    for child in paragraph.children:
        if not isinstance(child, NavigableString):
            found[-1].append(copy(child))
            continue
        before, text, start = said(found[-1]), str(child), 0
        if text[:1].isspace() and _END.search(before[-2:] + text[:2]):
            found.append([])  # what ended was inside the markup
        for end in _END.finditer(text):
            if not _ABBREVIATED.search(text[: end.start(1)]):
                found[-1].append(NavigableString(text[start : end.start(1)]))
                found.append([])
                start = end.end()
        found[-1].append(NavigableString(text[start:]))
    return [sentence for sentence in found if said(sentence)]


def classes(part: Tag) -> set[str]:
    """What an element is, in the page's words."""
    return set(part.get_attribute_list("class"))


def said(parts: Iterable[PageElement]) -> str:
    """The words of some elements."""
    return " ".join("".join(part.get_text() for part in parts).split())


def key(paragraph: Tag, *, first: bool) -> tuple[list[Tag], list[Tag]]:
    """What a slide shows of a paragraph, and the sentence that introduces what follows.

    Shown are the first sentence of a section, each sentence with something in bold, and the answer to the guess; after
    a short bold title also the sentence that it belongs to. A sentence that ends in a colon introduces what follows.
    """
    found = sentences(paragraph)
    texts = [said(sentence) for sentence in found]
    keep = {0} if first else set()
    titles = set()
    for place, sentence in enumerate(found):
        bold = said(part for part in sentence if isinstance(part, Tag) and part.name == "strong")
        if bold or ANSWER.search(texts[place]):
            keep.add(place)
        if bold == texts[place] and len(bold.split()) <= RUN_IN:
            titles.add(place)
        if ANSWER.search(texts[place]) and len(texts[place]) < SHORT:
            keep |= {place - 1, place + 1} - {-1}
    end = len(found) - 1
    ahead = {end, *({end - 1} & titles)} if texts and texts[-1].endswith(":") else set()
    keep |= {place + 1 for place in titles}
    shown = range(end + 1) if "on-slide" in classes(paragraph) else sorted(keep - ahead)
    return list(joined(found, shown)), list(joined(found, sorted(ahead)))


def joined(found: Sequence[list[PageElement]], places: Iterable[int]) -> Iterator[Tag]:
    """Some of the sentences as paragraphs; neighbours stay in one."""
    paragraph, last = None, -2
    for place in places:
        if place >= len(found):
            continue
        if paragraph is None or place != last + 1:
            if paragraph is not None:
                yield paragraph
            paragraph = Tag(name="p")
        else:
            paragraph.append(" ")
        paragraph.extend(found[place])
        last = place
    if paragraph is not None:
        yield paragraph


def shortened(entries: Tag) -> Tag:
    """A list; of a long entry what `key` picks."""
    one = copy(entries)
    for paragraph in one.select("li > p"):
        if len(said([paragraph])) > LONG:
            shown, _ = key(paragraph, first=True)
            paragraph.clear()
            paragraph.extend(part for sentence in shown for part in [*sentence.contents, NavigableString(" ")])
    return one


def height(part: Tag) -> float:
    """Lines that an element of prose takes; a list's entries, or a box's paragraphs, begin a line each."""
    inner = part.find_all(["p", "li", "pre", "tr"]) or [part]
    return sum(_rows(one) for one in inner if not one.find(["p", "li"]))


def _rows(part: Tag) -> float:
    if part.name == "pre":
        return CODE * (part.get_text().rstrip().count("\n") + 1) + 0.8
    return math.ceil(len(said([part])) / WIDTH) + 0.3


# ---- What is looked at


def cut(heights: Sequence[float], room: float, good: Callable[[int], bool]) -> Iterator[slice]:
    """Pieces of a row of things that are no higher than the room; they begin at a good place if that is near enough."""
    start = 0
    while start < len(heights):
        end, full = start, 0.0
        while end < len(heights) and (end == start or full + heights[end] <= room):
            full += heights[end]
            end += 1
        if end < len(heights):
            end = next((place for place in range(end, start + (end - start) // 3, -1) if good(place)), end)
        yield slice(start, end)
        start = end


def pieces(whole: Tag, rows: Sequence[Tag], heights: Sequence[float], good: Callable[[int], bool]) -> Iterator[Block]:
    """An element in as many copies as it needs slides, each with some of its rows."""
    shares = list(cut(heights, ROOM - 2, good)) if rows else [slice(0, 0)]
    places = [place for place, inner in enumerate(whole.find_all(True)) if any(inner is row for row in rows)]
    for share in shares:
        one = copy(whole)
        every = one.find_all(True)
        for place in [*places[: share.start], *places[share.stop :]]:
            every[place].extract()
        yield Block([one], sum(heights[share]) + 0.8)


def code(shown: Tag) -> Iterator[Block]:
    """A cell's code; a long one continues on the next slide, at a blank line or where a statement begins, if it can."""
    lines = shown.find_all("span", class_="line")
    texts = [line.get_text() for line in lines]

    def begins(place: int) -> bool:
        return not texts[place - 1].strip() or not texts[place][:1].isspace()

    yield from pieces(shown, lines, [CODE] * len(lines), begins)


def formula(shown: Tag) -> Iterator[Block]:
    """A displayed formula; one of many rows continues on the next slide, where a row of words begins."""
    lines = shown.find("mtable", class_="tml-jot")
    rows = lines.find_all("mtr", recursive=False) if lines else []
    if not rows:
        yield Block([shown], 1.5 + 1.2 * len(shown.find_all("mtr")) + 1.2 * bool(shown.find(HIGH)))
        return
    tall = [max([1, *(len(one.find_all("mtr")) for one in row.find_all("mtable"))]) for row in rows]
    heights = [0.5 + 1.1 * tall[place] + 0.9 * bool(row.find(HIGH)) for place, row in enumerate(rows)]
    yield from pieces(shown, rows, heights, lambda place: rows[place].find("mtext") is not None)


def table(shown: Tag) -> Iterator[Block]:
    """A table; the rows of a long one continue on the next slide, below the same heads."""
    rows = [[said([cell]) for cell in row.find_all(["td", "th"])] for row in shown.find_all("tr")]
    longest = [max(map(len, column)) for column in zip_longest(*rows, fillvalue="")]
    widths = [max(1.0, min(one, TABLE * one / sum(longest))) for one in longest]
    heights = [
        0.5 + 0.75 * max(math.ceil(len(text) / width) for text, width in zip(row, widths, strict=False)) for row in rows
    ]
    body = shown.select("tbody > tr")
    yield from pieces(shown, body, heights[-len(body) :], lambda place: True)


def cell(shown: Tag) -> Iterator[Block]:
    """A cell's visible code and what it prints."""
    source = shown.find("div", class_="cell_input", recursive=False)
    output = shown.find("div", class_="cell_output", recursive=False)
    if source:
        yield from code(source)
    for part in output.find_all(True, recursive=False) if output else []:
        if part.name == "figure" or part.name == "img":
            yield Block([part], FIGURE, "figure")
        elif "text_latex" in classes(part):
            yield from formula(part)
        elif part.find("table"):
            yield from table(part)
        else:
            yield Block([part], height(part))


def blocks(section: Tag) -> Iterator[Block]:
    """What a section shows, in its order, without its subsections."""
    first = True
    notes: list[Tag] = []
    lead: list[Tag] = []
    for part in section.find_all(True, recursive=False):
        kinds = classes(part)
        if kinds & _NOT_SHOWN or part.name in {"h1", "h2", "h3", "h4", "section"}:
            continue
        if part.name in {"p", "ul", "ol"}:
            notes.append(copy(part))
        if part.name == "p":
            guess = said([part]).startswith("Guess first")
            shown, ahead = ([part], []) if guess else key(part, first=first)
            lead = ahead
            found = [Block(shown, sum(map(height, shown)), "guess" if guess else "text")] if shown else []
        else:
            found = list(look(part, kinds))
            if found:
                found[0].parts, found[0].lines = [*lead, *found[0].parts], sum(map(height, lead)) + found[0].lines
            lead = []
        if found:
            found[0].notes, notes = notes, []
        first = False
        yield from found
    if notes:
        yield Block([], 0, notes=notes)


def enough(section: Tag) -> list[Block]:
    """What a section shows; one that would show a sentence or two alone shows its first paragraph."""
    found = list(blocks(section))
    first = section.find("p", recursive=False)
    if first is not None and all(block.kind == "text" for block in found) and sum(one.lines for one in found) < 3:
        first["class"] = "on-slide"
        found = list(blocks(section))
    return found


def look(part: Tag, kinds: set[str]) -> Iterator[Block]:
    """What is shown of something that is no paragraph."""
    if "cell" in kinds:
        yield from cell(part)
    elif "math" in kinds:
        yield from formula(part)
    elif "admonition" not in kinds and part.find("table"):
        yield from table(part)
    elif part.name in {"ul", "ol"}:
        one = shortened(part)
        yield Block([one], height(one))
    else:
        if len(part.find_all(True, recursive=False)) > (
            "admonition" in kinds
        ):  # an exercise of drawn numbers has no words
            yield Block([part], height(part), next(iter(kinds & {"verdict", "exercise", "figure"}), "text"))


# ---- Slides


def pack(title: str, above: str, anchor: str, shown: Iterable[Block]) -> Iterator[Slide]:
    """A section's slides: what it shows in its order, as much on each as there is room."""
    slide, room = Slide(title, above, anchor), ROOM
    for block in shown:
        lonely = room > ROOM - 2  # a sentence by itself: what follows is set a little smaller, and stays with it
        full = block.lines > room + 1.5 * lonely or (block.kind in ALONE and room < ROOM - 3)
        if full and slide.blocks:
            yield slide
            slide, room = Slide(title, above, anchor), ROOM
        slide.notes += block.notes
        if block.parts:
            slide.blocks.append(block)
            room = 0.0 if block.kind in {*ALONE, "figure"} else room - block.lines
    if slide.blocks:
        yield slide


def deck(article: Any) -> list[Slide]:
    """The slides of a chapter after its title, the exercises last."""
    whole = article.find("section")
    name = whole.h1.decode_contents()
    found = list(pack(name, "", whole["data-place"], blocks(whole)))
    sections = whole.find_all("section", attrs={"data-place": True})
    for section in sorted(sections, key=lambda one: one["data-place"] == "exercises"):
        heading = section.find(["h2", "h3", "h4"], recursive=False)
        if heading is not None and section["data-place"] != "further-reading":
            above = said([section.parent.find(["h1", "h2", "h3"], recursive=False)])
            found += pack(heading.decode_contents(), above, section["data-place"], enough(section))
    return found


# ---- The page


def title_slide(whole: Any, part: str) -> Slide:
    """The chapter's question, what you will be able to do, and what it takes, off the page."""
    shown = [whole.find("p", recursive=False), whole.select_one(".goals")]
    shown += [one for one in whole.find_all("p", recursive=False) if said([one]).startswith("Takes about")]
    return Slide(whole.h1.decode_contents(), part, "", [Block([one.extract() for one in shown], 0, "title")])


def moved(address: str, page: str) -> str:
    """An address that stands on a page, as it is written in the folder of the slides."""
    if address.startswith("#"):
        return f"../{page}.html{address}"
    if re.match(r"[a-z]+:", address):
        return address
    path, mark, anchor = address.partition("#")
    return posixpath.relpath(posixpath.join(posixpath.dirname(page), path), FOLDER) + mark + anchor


def part_of(app: Sphinx, page: str) -> str:
    """The part of the book that a chapter stands in."""
    parts = app.env.get_doctree(app.config.root_doc).findall(addnodes.toctree)
    return next((str(part["caption"]) for part in parts if page in part["includefiles"]), "")


def slides_of(body: str, page: str, part: str) -> list[Slide]:
    """All slides of a chapter, from the HTML of its page; addresses lead from the folder of the slides."""
    soup: Any = BeautifulSoup(body, "html.parser")
    for host in soup.find_all(class_="rnn-widget-host"):
        way = f'<p class="on-slide"><a href="#{host.find_parent("section")["id"]}">{TRY}</a></p>'
        host.find_parent(class_="cell").replace_with(BeautifulSoup(way, "html.parser"))
    for one in soup.find_all(id=True):  # a place has one name, and it is on the chapter's page
        if one.name == "section":
            one["data-place"] = one["id"]
        del one["id"]
    for name in ("href", "src"):
        for one in soup.find_all(attrs={name: True}):
            one[name] = moved(one[name], page)
    for mark in soup.select("a.headerlink, script, .answer-box"):
        mark.extract()
    for words in soup.find_all(string=re.compile(IN_THE_BOX)):
        words.replace_with(words.replace(IN_THE_BOX, "on the chapter’s page"))
    found = [title_slide(soup.section, part), *deck(soup)]
    answers = [k for k, one in enumerate(found, 1) if any(ANSWER.search(said(block.parts)) for block in one.blocks)]
    for slide in found:
        if "guess" in slide.kinds:
            slide.later = next(iter(answers), 0)
    return found


def write_slides(app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: object) -> None:
    """Write the slides of a chapter when its own page is written; both are sealed and their figures fitted later."""
    folder, _, stem = pagename.rpartition("/")
    source = BOOK / "chapters" / f"{stem}.md"
    if folder != "book/notebooks" or stem.startswith(APPENDICES) or app.builder.name != "html" or not source.exists():
        return
    lesson = read_lesson(source)
    book, title = str(app.config.html_title), f"Slides: {lesson.title}"
    summary = textwrap.shorten(f"Slides for the classroom. {lesson.question}", LONGEST, placeholder=" …")
    said_of_it = tags(title, summary, book, address="", card="")
    text = app.builder.templates.render(
        "slides.html",
        {
            "slides": slides_of(context["body"], pagename, f"{part_of(app, pagename)} · {lesson.number}"),
            "title": f"{title} — {book}",
            "chapter": f"../{pagename}.html",
            "name": f"{lesson.number} · {lesson.title}",
            "tags": [tag(name, content) for name, content in said_of_it.items()],
        },
    )
    target = Path(app.outdir, FOLDER, f"{lesson.stem}.html")
    target.parent.mkdir(exist_ok=True)
    target.write_text(text, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect to the build."""
    app.connect("html-page-context", write_slides, priority=850)  # after the links to where a figure comes from
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
