"""What a reader answers on a page: judged as in Jupyter, kept in the browser, taken along, deleted."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from _access import faults_of_focus, thin
from _server import TELEPHONE, WIDE
from _visit import through_axe
from bs4 import BeautifulSoup
from playwright.sync_api import Page, expect

from book._ext.answer_programs import IN_PAGE, stated
from book._ext.answers import disguise, problems
from rnncourse.exercises import Exercise, check, exercises

ROOT = Path(__file__).resolve().parents[2]
CHAPTER, QUIZ = "book/notebooks/12-lstm-and-gru.html", "book/quizzes/1-by-hand.html"
MODULE = (ROOT / "book" / "assets" / "answers.mjs").read_text(encoding="utf-8")
URL = f"data:text/javascript;charset=utf-8,{quote(MODULE)}"
DRAWN = 1000
JUDGE = """async ([address, text]) => {
  const page = await import(address);
  return [page.names, page.decode(text).map(([exercise, problem, typed]) => {
    const { value, hint } = page.read(typed, exercise);
    if (hint) return [false, `unread: ${hint}`];
    const { passed, message } = page.judge(exercise, problem, value);
    return [passed, message];
  })];
}"""


def typed(answer: Any) -> str:
    """An answer as a reader types it, exactly."""
    return (
        str(answer) if isinstance(answer, str) else json.dumps(answer).replace("Infinity", "inf").replace("NaN", "nan")
    )


def answers(exercise: Exercise, program: dict[str, Any], *, chapter: bool) -> Iterator[Any]:
    """Right ones, each known mistake, and for the chapter's numbers others."""
    if exercise.kind in ("choice", "word"):
        yield list(exercise.answer)
        yield from (mistake["example"] for mistake in exercise.mistakes)
        yield list(exercise.answer)[:-1] or ["nothing"]
        return
    if chapter:
        yield from exercise.examples
        yield from (one["example"] for one in exercise.mistakes if "example" in one)
    percent = 100 if "/ 100" in exercise.read else 1
    for value in (program["answer"], *(one.get("answer") for one in program["mistakes"])):
        number = value[1] if isinstance(value, list) and value[0] == "value" else value
        if isinstance(number, (int, float)) or (isinstance(number, list) and "@" not in json.dumps(number)):
            exact = np.asarray(number, dtype=np.float64) * percent
            yield exact.tolist()
            if chapter:
                yield (1.07 * exact + 0.01).tolist()
    if not chapter:
        return
    if exercise.kind == "vector":
        yield from ([1.0], [3.5, 0.25], [4.0, 2.0, 1.0], [1.0, [2.0]], [[1.0, 2.0], [3.0]])
    else:
        yield from (0.9, 12.0, 49.0, -1.0)


def cases() -> Iterator[tuple[str, dict[str, Any], dict[str, Any], str, tuple[bool, str]]]:
    """Exercise, problem and text, and what `check` says of it with the same numbers."""
    for name, exercise in exercises().items():
        for question, numbers, program in problems(name):
            for answer in answers(exercise, program, chapter=not question):
                said = check(name, answer, **numbers)
                words = isinstance(answer, list) and any(isinstance(word, str) for word in answer)
                text = ", ".join(map(str, answer)) if words else typed(answer)
                yield name, stated(exercise), program, text, (said.passed, said.message)


def test_the_page_says_what_jupyter_says_of_every_answer_and_knows_what_a_program_may_ask_for(tab: Page) -> None:
    asked = list(cases())
    assert len(asked) > DRAWN
    text = disguise(json.dumps([[stated, program, typed] for _, stated, program, typed, _ in asked]))
    known, said = tab.evaluate(JUDGE, [URL, text])
    assert set(known) >= IN_PAGE
    pairs = zip(asked, map(tuple, said), strict=True)
    wrong = [(case[0], case[3], case[4], page) for case, page in pairs if case[4] != page]
    assert not wrong, (len(wrong), len(asked), wrong[:8])


READ: dict[str, dict[str, Any]] = {
    "number": {
        **{"0.5": 0.5, "−1/3": -1 / 3, "۱٫۵": 1.5, "٢": 2, "1e-3": 0.001, "0,5": "point", "1,461": "point"},
        **{"12 °C": "no number", "1 2": "One number", "": "first", "1/0x": "no number"},
    },
    "vector": {
        **{"1 2": [1, 2], "1,2": [1, 2], "0.5، −2": [0.5, -2], "(1, 2)": [1, 2], "0,25 1,5": "point"},
        **{"1 0; 0 1": [[1, 0], [0, 1]], "1 0\n0 1\n": [[1, 0], [0, 1]], "[[1,0],[0,1]]": [[1, 0], [0, 1]]},
        **{"[[1], [2, 3]], [4]": [[[1], [2, 3]], [4]], "[1, 2": "bracket", "1 2]": [1, 2], "[[], []]": "first"},
    },
}


def test_numbers_and_vectors_are_read_as_people_write_them(tab: Page) -> None:
    asked = [(kind, text) for kind, texts in READ.items() for text in texts]
    read = """async ([address, asked]) => {
      const page = await import(address);
      return asked.map(([kind, text]) => page.read(text, { kind }));
    }"""
    for (kind, text), found in zip(asked, tab.evaluate(read, [URL, asked]), strict=True):
        value = READ[kind][text]
        assert value in found["hint"] if isinstance(value, str) else found["value"] == value, (text, found)


def test_an_answer_is_judged_kept_saved_and_deleted(page: Page, server: str) -> None:
    page.goto(f"{server}/{CHAPTER}")
    box = page.locator('[data-exercise="hold-100"]')
    field = box.get_by_label("Your answer", exact=True)
    field.focus()
    for text, said in (("−12 −10", "A negative forget bias"), ("-12 10", "The cell strays"), ("x", "no number")):
        field.fill(text)
        page.keyboard.press("Enter")
        expect(box.get_by_role("status")).to_contain_text(said)
    field.fill("-12, 10")
    page.keyboard.press("Enter")
    drawn = page.locator('[data-exercise="gru-step"]')
    drawn.get_by_role("button", name="Another one").press("Enter")
    expect(drawn.locator(".answer-question math").first).to_be_attached()
    assert page.evaluate("document.activeElement.className") == "answer-question"
    page.reload()
    expect(field).to_have_value("-12, 10")
    expect(box.get_by_role("status")).to_contain_text("Right. The cell strays")
    expect(drawn.locator(".answer-question")).to_contain_text("one unit")
    kept = page.locator(".answers-kept")
    expect(kept).to_contain_text("1 of")
    with page.expect_download() as saved:
        kept.get_by_role("button", name="Save a copy").click()
    assert json.loads(saved.value.path().read_text())["exercises"]["hold-100"]["right"] is True
    page.once("dialog", lambda dialog: dialog.accept())
    with page.expect_navigation():
        kept.get_by_role("button", name="Delete all").click()
    expect(field).to_have_value("")
    assert page.evaluate("localStorage.getItem('rnncourse.answers')") is None


def test_a_saved_copy_is_read_back_and_another_file_changes_nothing(page: Page, server: str, tmp_path: Path) -> None:
    page.goto(f"{server}/{CHAPTER}")
    box, drawn = (page.locator(f'[data-exercise="{name}"]') for name in ("hold-100", "gru-step"))
    field, other = (one.get_by_label("Your answer", exact=True) for one in (box, drawn))
    kept = page.locator(".answers-kept")
    said = kept.get_by_role("status")

    def read(path: Path) -> None:
        with page.expect_file_chooser() as chooser:
            kept.get_by_role("button", name="Read a copy").press("Enter")
        chooser.value.set_files(path)

    field.fill("-12 10")
    field.press("Enter")
    with page.expect_download() as saved:
        kept.get_by_role("button", name="Save a copy").click()
    saved.value.save_as(tmp_path / "answers.json")
    quiz = {"1-by-hand": {"a-question": {"chosen": 1, "right": True}}}
    copy = json.loads((tmp_path / "answers.json").read_text()) | {"quizzes": quiz}
    (tmp_path / "answers.json").write_text(json.dumps(copy))
    page.evaluate("localStorage.clear()")
    page.reload()
    field.fill("3 4")  # answered here, and wrong
    field.press("Enter")
    other.fill("1 2")  # typed, and not checked
    before = page.evaluate("localStorage.getItem('rnncourse.answers')")
    wrong = ["no JSON", "[]", "null", '{"exercises": {}}', '{"exercises": {"a": 1}, "quizzes": {}}']
    for number, text in enumerate([*wrong, '{"exercises": {}, "quizzes": {"a": {"b": {"chosen": "<b>"}}}}']):
        (tmp_path / f"{number}.json").write_text(text)
        read(tmp_path / f"{number}.json")
        expect(said).to_contain_text("This file holds no answers")
        said.evaluate("said => said.textContent = ''")
        assert page.evaluate("localStorage.getItem('rnncourse.answers')") == before
    read(tmp_path / "answers.json")
    expect(said).to_contain_text("The copy has been read")
    expect(kept).to_contain_text("This page: 1 of")  # it was right once
    assert (field.input_value(), other.input_value()) == ("3 4", "1 2")
    page.reload()
    assert page.evaluate("JSON.parse(localStorage.getItem('rnncourse.answers')).quizzes") == quiz
    page.evaluate("localStorage.clear()")
    page.reload()
    read(tmp_path / "answers.json")
    expect(field).to_have_value("-12 10")
    expect(box.get_by_role("status")).to_contain_text("Right. The cell strays")


def test_storage_that_is_refused_broken_or_shared_stops_nothing(page: Page, server: str) -> None:
    address, answered = f"{server}/{CHAPTER}", '[data-exercise="hold-100"] input'
    page.goto(address)
    broken = '{"exercises": {"gru-step": {"problem": -3}}, "quizzes": null}'
    page.evaluate("(text) => localStorage.setItem('rnncourse.answers', text)", broken)
    page.reload()
    other = page.context.new_page()
    other.goto(address)
    other.fill(answered, "-12 10")
    other.keyboard.press("Enter")
    expect(page.locator(".answers-kept")).to_contain_text("This page: 1 of")
    other.add_init_script("delete window.localStorage; Object.defineProperty(window, 'localStorage', { value: null })")
    other.reload()
    other.fill(answered, "-12 10")
    other.keyboard.press("Enter")
    expect(other.locator(".answers-kept")).to_contain_text("This page: 1 of")
    expect(other.locator(".answers-kept")).to_contain_text("This browser keeps nothing")


def test_fresh_numbers_go_round_and_the_focus_goes_to_their_question(tab: Page, server: str) -> None:
    tab.goto(f"{server}/book/notebooks/41-emotion.html")
    box = tab.locator('[data-exercise="recall"]')
    for _ in problems("recall"):
        box.get_by_role("button", name="Another one").click()
        assert tab.evaluate("document.activeElement.className") == "answer-question"


def test_a_quiz_is_chosen_by_keyboard_checked_counted_and_kept(page: Page, server: str) -> None:
    page.goto(f"{server}/{QUIZ}")
    question = page.locator(".quiz-question").first
    question.get_by_role("radio").first.focus()
    page.keyboard.press("Space")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(question.get_by_role("status")).to_contain_text("Not quite.")
    question.get_by_role("radio").nth(0).focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(question.get_by_role("status")).to_contain_text("Right.")
    expect(page.locator(".answers-kept")).to_contain_text("This quiz: 1 of 6 right")
    page.reload()
    expect(question.get_by_role("status")).to_contain_text("Right.")
    expect(page.locator(".answers-kept")).to_contain_text("1.2 · LSTM and GRU by hand: 0 of")


def test_axe_finds_nothing_in_boxes_that_have_said_something(page: Page, server: str) -> None:
    page.emulate_media(reduced_motion="reduce")
    for name in (CHAPTER, QUIZ):
        page.goto(f"{server}/{name}")
        expect(page.locator(".answers-kept").get_by_role("button").first).to_be_visible(timeout=15_000)  # the last
        for form in page.locator("article form:not(.row-filter)").all():
            for field in form.locator("input[type=text]").all():
                field.fill("7")
            for radio in form.get_by_role("radio").all()[:1]:
                radio.check()
            form.get_by_role("button", name="Check").click()
        focused = page.locator("article form").first.locator("input, button").first
        focused.focus()
        page.keyboard.press("Tab")
        page.keyboard.press("Shift+Tab")
        assert faults_of_focus(focused) == []
        small = "all => all.filter(box => box.getBoundingClientRect().height < 44).map(box => box.outerHTML)"
        shown = page.locator("article form :is(button, select, textarea, input[type=text], fieldset label):visible")
        page.set_viewport_size({"width": TELEPHONE, "height": 900})
        assert shown.evaluate_all(small) == [], name
        thin(page)
        assert list(through_axe(page, {})) == [], name
        page.set_viewport_size(WIDE)


def test_on_paper_a_box_is_empty_and_the_page_has_its_solutions_or_its_exercises_alone(page: Page, server: str) -> None:
    page.add_init_script("window.print = () => dispatchEvent(new Event('beforeprint'))")
    page.goto(f"{server}/{CHAPTER}")
    box = page.locator('[data-exercise="hold-100"]')
    parts = {
        "title": page.locator("h1"),
        "goals": page.locator(".goals"),
        "drawing": page.locator("details.above-input").first,
        "output to open": page.locator("details.below-input .cell_output").first,
        "exercise": page.locator(".exercise").first,
        "solution": page.locator(".solution").first,
    }

    def printed(what: str) -> set[str]:
        page.locator(f".dropdown-download-buttons [data-print='{what}']").evaluate("line => line.click()")
        page.emulate_media(media="print")
        assert box.bounding_box()["height"] > 50
        assert not box.locator("form").is_visible()
        shown = {name for name, part in parts.items() if part.is_visible()}
        page.emulate_media(media="screen")
        page.evaluate("dispatchEvent(new Event('afterprint'))")
        return shown

    assert printed("") == {"title", "goals", "exercise"}
    assert printed("worksheet") == {"title", "exercise"}
    assert printed("solutions") == parts.keys() - {"drawing"}
    assert printed("") == {"title", "goals", "exercise"}


def test_paper_waits_for_no_box(page: Page, server: str) -> None:
    page.add_init_script("""document.addEventListener("DOMContentLoaded", () => {
      dispatchEvent(new Event("beforeprint"));
      window.filled = [...document.querySelectorAll(".answer-box[data-exercise]")].map((box) => box.childElementCount);
    })""")
    page.goto(f"{server}/{CHAPTER}")
    filled = page.evaluate("filled")
    assert len(filled) > 4
    assert all(filled)


def test_beside_a_box_the_page_asks_to_answer_in_it(site: Path) -> None:
    for path in sorted((site / "book" / "notebooks").glob("[0-9][0-9]-*.html")):
        for asked in BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser").select("div.exercise"):
            words = " ".join(asked.get_text().split())
            is_code = "The answer is code." in words
            assert ("check(" in words, " in the box below" in words) in ((is_code, not is_code), (False, False)), words
    page = (site / CHAPTER).read_text(encoding="utf-8")
    assert "to four decimals. Answer in the box below with its two entries." in page
    assert re.search(r"Answer in the box below, in the order <code[^>]*>.*?b_i,.*?b_f.*?</code>\.", page)


def test_neither_the_search_nor_the_page_tells_an_answer(site: Path) -> None:
    found = (site / "_static" / "found.js").read_text(encoding="utf-8")
    assert "Keras counts the states as parameters" in found  # an option
    for secret in ("No framework counts it", "two valves must stand right", "The cell strays by at most", "9.21"):
        assert secret not in found
    for path in (site / "_static").glob("answers-*.js"):
        text = path.read_text(encoding="utf-8")
        assert "hint" not in text
        assert "mistakes" not in text
    page = (site / CHAPTER).read_text(encoding="utf-8")
    hints = [one["hint"] for one in exercises()["hold-100"].mistakes]
    assert not [hint for hint in hints if hint.partition("{")[0] in page]
