"""A chapter's page is cut into slides: what is shown of its prose, where long things are cut, what is left out."""

import pytest
from bs4 import BeautifulSoup

from book._ext.slides import ROOM, Slide, cut, key, moved, said, slides_of

PAGE = "book/notebooks/11-one-step"
HEAD = """<section id="one"><h1>One step<a class="headerlink" href="#one">#</a></h1>
<p><em>What is kept?</em></p><p><strong>Guess first.</strong> All or nothing?</p>
<div class="goals admonition"><ul><li><p>keep it</p></li></ul></div>
<p>Takes about 5 minutes. Needs nothing.</p>%s</section>"""


def deck(*sections: str) -> list[Slide]:
    return slides_of(HEAD % "".join(sections), PAGE, "Part I · 1.1")


def section(name: str, inside: str) -> str:
    return f'<section id="{name}"><h2>{name}</h2>{inside}</section>'


def shown(slide: Slide) -> str:
    return " | ".join(said([part]) for block in slide.blocks for part in block.parts)


@pytest.mark.parametrize(
    ("prose", "first", "wanted"),
    [
        ("One is here. Two, et al. (2015), follows. Three.", True, "One is here."),
        ("One. Two has <strong>a bold word</strong>. Three.", False, "Two has a bold word."),
        ("<strong>Baseline.</strong> The mean. More.", False, "Baseline. The mean."),
        (
            "<strong>This is a whole sentence, not a title.</strong> More.",
            False,
            "This is a whole sentence, not a title.",
        ),
        (
            "It is <math>h</math>. The answer to the guess is <em>none</em>, as far as these few were trained. More.",
            False,
            "The answer to the guess is none, as far as these few were trained.",
        ),
        (
            "Six are 3.5 long. Of the three guesses the last is right.",
            False,
            "Six are 3.5 long. Of the three guesses the last is right.",
        ),
        ("One. Two. Then a formula:", False, " + Then a formula:"),
        ("<strong>Add.</strong> Then a formula:", False, " + Add. Then a formula:"),
    ],
)
def test_of_a_paragraph_a_slide_shows_its_key_sentences(prose: str, first: bool, wanted: str) -> None:
    sentences, ahead = key(BeautifulSoup(f"<p>{prose}</p>", "html.parser").p, first=first)
    assert " + ".join(filter(None, [said(sentences), said(ahead)])) == wanted.removeprefix(" + ")
    assert bool(said(sentences)) != wanted.startswith(" + ")


def test_a_deck_begins_with_the_goals_asks_before_it_answers_and_ends_with_exercises_without_solutions() -> None:
    exercise = '<div class="exercise admonition"><p>E</p><p>Answer in the box below.</p></div>'
    solution = '<div class="solution admonition"><p>It is 42.</p></div>'
    answer = '<p>Of the two guesses the <a href="../numbers.html#a.b">1.5</a> is right.</p><p>Rest, as prose.</p>'
    found = deck(section("exercises", exercise + solution), section("answer", answer))
    assert [slide.title for slide in found] == ["One step", "One step", "answer", "exercises"]
    assert "keep it" in shown(found[0])
    assert shown(found[1]) == "Guess first. All or nothing?"
    assert found[1].later == 3
    assert found[2].blocks[0].parts[0].a["href"] == "../book/numbers.html#a.b"
    assert said(found[2].notes).endswith("Rest, as prose.")
    assert shown(found[3]) == "EAnswer on the chapter’s page."
    assert "42" not in "".join(shown(slide) + said(slide.notes) for slide in found)


def test_long_code_goes_on_where_a_statement_begins_and_what_introduces_it_stays_with_it() -> None:
    lines = "".join(f'<span class="line">{"    " * (k % 9 > 0)}line {k}\n</span>' for k in range(36))
    cell = f'<div class="cell"><div class="cell_input"><pre>{lines}</pre></div></div>'
    *_, first, second = deck(section("code", f"<p>First. More. The loop:</p>{cell}"))
    assert shown(first).startswith("First. | The loop: | line 0")
    assert shown(second).startswith("line 18 ")
    texts = [part.get_text() for slide in (first, second) for block in slide.blocks for part in block.parts]
    assert sum(text.count("line ") for text in texts) == 36


def test_cells_that_only_compare_with_the_ledger_and_what_an_author_marks_are_left_out() -> None:
    hidden = '<div class="cell tag_hide-cell"><div class="cell_input"><pre>number()</pre></div></div>'
    figure = '<div class="cell_output"><figure><img/></figure></div>'
    folded = f'<div class="cell tag_hide-input"><details>plot()</details>{figure}</div>'
    marked = '<p class="on-slide">Whole. It is shown.</p><p class="off-slide"><strong>Not this.</strong></p>'
    *_, one = deck(section("a", f"<p>First.</p>{hidden}{marked}{folded}"))
    assert shown(one) == "First. | Whole. It is shown. | "
    assert one.kinds == "text figure"


def test_pieces_are_no_higher_than_the_room_and_lose_nothing() -> None:
    heights = [1.0, 2.0, 5.0, 9.0, 1.0, 20.0, 1.0]
    found = list(cut(heights, ROOM, lambda place: place == 3))
    assert [height for piece in found for height in heights[piece]] == heights
    assert all(sum(heights[piece]) <= ROOM or len(heights[piece]) == 1 for piece in found)
    assert found[0] == slice(0, 3)


@pytest.mark.parametrize(
    ("address", "wanted"),
    [
        ("#fig-11", f"../{PAGE}.html#fig-11"),
        ("../glossary.html#term-x", "../book/glossary.html#term-x"),
        ("../../_images/a.svg", "../_images/a.svg"),
        ("https://doi.org/1", "https://doi.org/1"),
    ],
)
def test_an_address_leads_from_the_slides_to_where_it_led_from_the_page(address: str, wanted: str) -> None:
    assert moved(address, PAGE) == wanted
