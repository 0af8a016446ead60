"""The sentence reader in a browser: its arithmetic is torch's, its words are the package's, and it reads what is typed.

Most tests run the module on an empty page. The last ones need the chapter that shows it.
"""

import sys
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from _server import settle
from _widgets import READY, ask, mount, press, read, state_of
from playwright.sync_api import Locator, Page, expect
from sentence_network import probabilities

from rnncourse.data import order_sentences
from rnncourse.studies import recorded
from rnncourse.text import tokenise
from rnncourse.widgets import SentenceReader

MODULE = "sentence_reader"
SENTENCES = 200
TOLERANCE = 1e-3
ODD = [
    "",
    " \n\t ...!?",
    "Don't DON’T 'quoted' rock'n'roll ''' O'",
    "I'm 2 happy 4 words, x2y; snake_case and-hyphen",
    "happy😀sad 👩‍👩‍👧 ☀️",
    "من خیلی خوشحالم، نه غمگین! ۱۲۳ می‌خواهم",
    "Straße ΣΊΣΥΦΟΣ ΑΣ Σ İstanbul ﬁne Ⅷ ½ ² 漢字かな",
    "cafe\u0301 naïve \0\x7f",
    "word’s " * 1_400 + "end",
]


@pytest.fixture(scope="session")
def state() -> dict[str, Any]:
    """The traits of the reader on record."""
    return state_of(SentenceReader(**recorded("sentence-reader").frame.iloc[0]["reader"]))


@pytest.fixture
def reader(tab: Page, state: dict[str, Any]) -> Locator:
    """The reader on an empty page."""
    return mount(tab, MODULE, state)


def sentences(state: dict[str, Any]) -> list[str]:
    """Held-out sentences, some of them shuffled, cut, or with words that nobody knows."""
    rng = np.random.default_rng(3)
    made = []
    for number, text in enumerate(order_sentences(SENTENCES, seed=8_001).texts):
        words = text.split()
        match number % 4:
            case 1:
                words = rng.permutation(words).tolist()
            case 2:
                words = words[: int(rng.integers(1, len(words) + 1))]
            case 3:
                words[int(rng.integers(len(words)))] = "blicket"
        made.append(" ".join(words))
    return [*made[:-2], "blicket wug", " ".join([*state["words"], *state["words"]][:64])]


def type_text(widget: Locator, text: str) -> None:
    widget.get_by_label("Your sentence").fill(text)


# --- the module by itself


def test_two_hundred_sentences_are_read_as_torch_reads_them(tab: Page, state: dict[str, Any]) -> None:
    texts = sentences(state)
    body = "given.texts.map(text => module.compute({...given.state, text}).beliefs.at(-1))"
    found = np.array(ask(tab, MODULE, {"state": state, "texts": texts}, body))
    wanted = probabilities(SentenceReader(**state), texts)
    assert found.shape == (SENTENCES, 6)
    assert np.abs(found - wanted).max() < TOLERANCE
    assert (wanted.argmax(axis=1) == found.argmax(axis=1)).all()


def test_every_step_of_a_reading_is_that_of_cells(tab: Page, state: dict[str, Any]) -> None:
    cases = [{**state, "text": text, "at": at} for text, at in zip(sentences(state)[:12], range(12), strict=True)]
    for case, found in zip(cases, ask(tab, MODULE, cases), strict=True):
        reading = SentenceReader(**case).reading
        assert found["count"] == len(reading.words)
        assert found["words"][: found["count"]] == list(reading.words)
        assert found["known"][: found["count"]] == list(reading.known)
        for name in ("forward", "backward", "beliefs"):
            assert np.array(found[name]) == pytest.approx(getattr(reading, name), rel=1e-9, abs=1e-10), name


def test_the_page_and_the_package_find_the_same_words(tab: Page) -> None:
    found = ask(tab, MODULE, ODD, "given.map(module.tokenise)")
    for text, words in zip(ODD, found, strict=True):
        assert words == tokenise(text), text


def test_every_character_is_a_letter_for_both_or_for_neither(tab: Page) -> None:
    # Characters that this Python does not know yet are left out: a newer browser may know them.
    known = [k for k in range(sys.maxunicode + 1) if unicodedata.category(chr(k)) not in ("Cn", "Cs")]
    # As one text each way: a million values would be carried one by one.
    body = "[...given].map(letter => module.tokenise(`a${letter}b`).join(' ')).join('\\n')"
    found = ask(tab, MODULE, "".join(map(chr, known)), body).split("\n")
    differ = [k for k, words in zip(known, found, strict=True) if words != " ".join(tokenise(f"a{chr(k)}b"))]
    assert [f"U+{k:04X}" for k in differ] == []


def test_twenty_words_take_less_than_a_frame(reader: Locator, tab: Page, state: dict[str, Any]) -> None:
    # Time of the page's own thread: what else runs on the machine does not count.
    session = tab.context.new_cdp_session(tab)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def spent() -> float:
        metrics = session.send("Performance.getMetrics")["metrics"]
        return 1000 * next(metric["value"] for metric in metrics if metric["name"] == "TaskDuration")

    type_twenty = """(widget, text) => {
      const field = widget.querySelector("textarea");
      for (let k = 0; k < 50; k += 1) {
        field.value = text.slice(0, text.length - (k % 10));
        field.dispatchEvent(new Event("input", {bubbles: true}));
        widget.getBoundingClientRect();
      }
    }"""
    text = " ".join(state["words"][:20])
    reader.evaluate(type_twenty, text)
    before = spent()
    reader.evaluate(type_twenty, text)
    taken = spent() - before
    session.detach()
    assert taken / 50 < 16


# --- what a person sees


def test_typing_moves_the_belief_and_a_negation_turns_it(reader: Locator) -> None:
    predicted = reader.locator("output[data-name='predicted']")
    type_text(reader, "I am happy")
    expect(predicted).to_have_attribute("data-class", "joy")
    type_text(reader, "I am not happy but sad")
    expect(predicted).to_have_attribute("data-class", "sadness")
    type_text(reader, "I am not sad but happy")
    expect(predicted).to_have_attribute("data-class", "joy")
    assert predicted.text_content() == f"joy, {100 * read(reader, 'predicted'):.1f} %"
    total = sum(read(reader, f"probability_{name}") for name in SentenceReader().classes)
    assert total == pytest.approx(1.0)


def test_the_answer_is_announced_politely_once_the_typing_pauses(reader: Locator) -> None:
    status = reader.locator("[aria-live='polite']")
    expect(status).to_have_count(1)
    type_text(reader, "I am not sad but happy")
    expect(status).to_contain_text("joy")
    type_text(reader, "")
    expect(status).to_have_text("Type a sentence.")


def test_no_words_and_only_unknown_words_are_explained(reader: Locator) -> None:
    for nothing in ("", "  ", "?!", "😀"):
        type_text(reader, nothing)
        expect(reader.get_by_text("Type a sentence.").first).to_be_visible()
        assert reader.locator("output[data-name='predicted']").text_content() == "–"
        for name in ("Shuffle the words", "Read word by word"):
            expect(reader.get_by_role("button", name=name)).to_be_disabled()
    type_text(reader, "wug سلام")
    expect(reader.get_by_text("it knows none of them").first).to_be_visible()
    expect(reader.get_by_text("“wug”, “سلام”")).to_be_visible()
    assert 0 < read(reader, "predicted") < 1
    assert reader.locator(".rnn-strange").count() == 2


def test_markup_and_long_texts_stay_text(reader: Locator, tab: Page) -> None:
    type_text(reader, "<img src=x onerror=alert(1)> I am happy")
    assert tab.locator("img").count() == 0
    type_text(reader, "happy " * 3_000)
    assert len(reader.get_by_label("Your sentence").input_value()) <= 10_000
    expect(reader.get_by_text("Only the first 64 words are read")).to_be_visible()
    assert reader.locator("tbody .rnn-word").count() == 64


def test_the_words_can_be_shuffled_and_put_back(reader: Locator) -> None:
    field = reader.get_by_label("Your sentence")
    type_text(reader, "I am not sad but happy")
    for _ in range(3):
        press(reader, "Shuffle the words")
        assert sorted(field.input_value().split()) == ["am", "but", "happy", "i", "not", "sad"]
        assert field.input_value() != "i am not sad but happy"
    press(reader, "Undo the shuffle")
    expect(field).to_have_value("I am not sad but happy")
    expect(reader.get_by_role("button", name="Undo the shuffle")).to_be_disabled()


def test_twins_are_one_press_apart(reader: Locator, state: dict[str, Any]) -> None:
    seen = []
    for text in state["examples"][1::-1]:  # the first is there at the start
        press(reader, text)
        expect(reader.get_by_label("Your sentence")).to_have_value(text)
        seen.append(reader.locator("output[data-name='predicted']").get_attribute("data-class"))
    assert seen == ["joy", "sadness"]


def test_an_example_that_is_there_is_read_once_more(reader: Locator, state: dict[str, Any]) -> None:
    slider = reader.get_by_role("slider", name="Words read")
    assert (state["text"], slider.input_value()) == (state["examples"][0], "11")
    press(reader, state["examples"][0])
    assert int(slider.input_value()) < 11
    expect(slider).to_have_value("11", timeout=20_000)
    expect(reader.get_by_role("button", name="Read word by word")).to_be_visible()


def test_the_reader_goes_word_by_word(reader: Locator, tab: Page) -> None:
    type_text(reader, "I am not sad")
    slider = reader.get_by_role("slider", name="Words read")
    whole = read(reader, "predicted")
    slider.press("ArrowLeft")
    assert slider.input_value() == "3"
    expect(reader.get_by_text("after 3 of 4 words").first).to_be_visible()
    assert reader.locator("tr.rnn-later").count() == 1
    tab.emulate_media(reduced_motion="reduce")
    play = reader.get_by_role("button", name="Read word by word")
    play.click()
    assert (slider.input_value(), read(reader, "predicted")) == ("4", whole)
    play.click()
    assert slider.input_value() == "1"


def test_the_reading_can_be_paused_and_ends_by_itself(reader: Locator) -> None:
    type_text(reader, "I am not sad " * 16)
    slider = reader.get_by_role("slider", name="Words read")
    play = reader.get_by_role("button", name="Read word by word")
    play.click()
    press(reader, "Pause")
    expect(play).to_be_visible()
    assert int(slider.input_value()) < 64
    type_text(reader, "I am")
    whole = read(reader, "predicted")
    play.click()
    expect(slider).to_have_value("2")
    expect(play).to_be_visible()
    assert read(reader, "predicted") == whole


def test_typing_goes_on_from_the_end_of_what_was_read_in_part(reader: Locator) -> None:
    type_text(reader, "I am not sad")
    reader.get_by_role("slider", name="Words read").press("Home")
    assert read(reader, "last_word") == 1
    type_text(reader, "I am not sad but")
    assert read(reader, "last_word") == 5
    press(reader, "Reset")
    expect(reader.get_by_label("Your sentence")).to_have_value("I pretend to feel happy but deep down I feel lonely")


@pytest.mark.parametrize("width", [390, 1300])
def test_it_fits(reader: Locator, tab: Page, width: int) -> None:
    tab.set_viewport_size({"width": width, "height": 844})
    type_text(reader, "antidisestablishmentarianism " * 12 + "https://example.org/a/very/long/address" * 3)
    assert reader.evaluate("w => w.scrollWidth <= w.clientWidth && w.getBoundingClientRect().right <= innerWidth")


# --- on the page of its chapter


def test_on_its_page_it_reads_as_torch_does(page: Page, site: Path, server: str, state: dict[str, Any]) -> None:
    pages = [path for path in site.rglob("*.html") if f'data-widget="{MODULE}"' in path.read_text(encoding="utf-8")]
    assert pages, "no page of the site holds the sentence reader"
    asked: list[str] = []
    page.goto(f"{server}/{pages[0].relative_to(site).as_posix()}")
    widget = page.locator(f"{READY}[data-module='{MODULE}']")
    expect(widget).to_be_visible()
    settle(page)  # formulas ask for their fonts after the page has loaded
    page.on("request", lambda request: asked.append(request.url))
    texts = sentences(state)
    found = widget.evaluate(
        """(widget, texts) => texts.map(text => {
          const field = widget.querySelector("textarea");
          field.value = text;
          field.dispatchEvent(new Event("input", {bubbles: true}));
          return [...widget.querySelectorAll("output[data-name^='probability_']")].map(o => Number(o.dataset.value));
        })""",
        texts,
    )
    assert np.abs(np.array(found) - probabilities(SentenceReader(**state), texts)).max() < TOLERANCE
    assert asked == [], "something left the page"
