"""The report card leaves nothing out: the coursework's list, the claims and the ledger cover each other."""

import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from book._ext import ledger as numbers_page
from book._ext import report_card
from rnncourse.ledger import Entry, load
from tools import coursework, pairs

ENTRIES = load(pairs.BOOK / "numbers.toml").entries
CHAPTERS = [path.stem for path in pairs.chapters()]
ITEMS = coursework.items()
CLAIMS = coursework.claims()
REPORTED = {name for name, entry in ENTRIES.items() if entry.reported is not None}
# The questions of the two reports: one without an item would be one forgotten.
QUESTIONS = {
    *(
        "HW5 Q1",
        "HW5 Q1(c)",
        "HW5 Q2",
        "HW5 Q3(a)",
        "HW5 Q3(b)",
        "HW5 Q4",
        "HW5 Q6-A",
        "HW5 Q6-B",
        "HW5 Q6-C",
        "HW5 Q7",
    ),
    *("HW5 Q7(a)", "HW5 Q7(b)", "HW5 Q7(c)", "HW5 Q7(d)", "HW5 Q7(e)"),
    *("HW6 Q1", "HW6 Q1(b)", "HW6 Q2", "HW6 Q3", "HW6 Q4"),
}


@pytest.fixture(scope="module")
def rows() -> list[report_card.Row]:
    places = numbers_page.checked_in()
    listed = coursework.present(ITEMS, CHAPTERS)
    return [row for item in listed for row in report_card.rows_of(item, CLAIMS, ENTRIES, places)]


def test_the_list_the_claims_and_the_ledger_cover_each_other() -> None:
    assert list(coursework.faults(ITEMS, CLAIMS, ENTRIES, CHAPTERS)) == []


def test_every_question_of_the_reports_has_an_item() -> None:
    assert {item.question for item in ITEMS} == QUESTIONS


def test_the_questions_stand_together_and_in_their_order() -> None:
    assert [item.question for item in ITEMS] == sorted(item.question for item in ITEMS)


def test_the_card_shows_every_claim_and_every_reported_number_once(rows: list[report_card.Row]) -> None:
    shown = Counter((row.kind, row.id) for row in rows if row.kind != "question")
    wanted = [("claim", name) for name in CLAIMS] + [("number", name) for name in REPORTED]
    assert shown == Counter(wanted)


def test_every_item_of_the_book_so_far_has_a_row(rows: list[report_card.Row]) -> None:
    assert {row.item.id for row in rows} == {item.id for item in coursework.present(ITEMS, CHAPTERS)}


def test_a_row_has_the_verdict_of_its_claim_or_entry_and_a_chapter_of_the_book(rows: list[report_card.Row]) -> None:
    for row in rows:
        if row.kind == "question":
            assert row.verdict == ""
        else:
            assert row.verdict == (CLAIMS[row.id]["verdict"] if row.kind == "claim" else ENTRIES[row.id].verdict)
        assert row.chapter in CHAPTERS


def test_every_box_says_what_was_measured() -> None:
    measured = coursework.measured()
    assert set(measured) == set(CLAIMS)
    assert [name for name, text in measured.items() if not text] == []


def test_a_claim_stands_under_its_own_question() -> None:
    for item in ITEMS:
        for name in item.claims:
            if name in CLAIMS:
                question = re.sub(r"\([a-e]\)|-[A-C]", "", item.question)
                assert CLAIMS[name]["source"].startswith(question), name


def test_a_number_stands_under_its_own_question() -> None:
    for item in ITEMS:
        for name in item.numbers:
            if name in ENTRIES:
                assert ENTRIES[name].source == item.question, name


def test_links_of_a_box_are_rewritten_for_this_page() -> None:
    text = "[a](06-lstm-gates.ipynb) [b](../notation.md) [c](#gates.gru.z_1) [d](https://example.org/06-a.ipynb)"
    wanted = (
        "[a](notebooks/06-lstm-gates.ipynb) [b](notation.md) [c](#gates.gru.z_1) [d](https://example.org/06-a.ipynb)"
    )
    assert report_card.from_here(text) == wanted


@pytest.mark.parametrize(
    ("question", "word"), [("HW5 Q7(a)", "hw5-q7a"), ("HW5 Q6-B", "hw5-q6b"), ("HW6 Q2", "hw6-q2")]
)
def test_a_question_in_an_address(question: str, word: str) -> None:
    assert report_card.slug(question) == word


def test_the_hover_text_of_a_number_says_where_it_is_computed_and_what_was_reported() -> None:
    text = numbers_page.provenance(ENTRIES["power.lstm.parameters"], "2 · Counting parameters")
    for part in (
        "50,497 parameters",
        "tolerance: exact",
        "computed in 2 · Counting parameters",
        "HW5 Q7 reported 50,497",
    ):
        assert part in text
    assert "computed" not in numbers_page.provenance(ENTRIES["power.lstm.parameters"], "")


# ---- The teeth: each gap is seen

WORDS = {"claim-a": {"says": "It is 4 to −6 and 0.50.", "source": "HW5 Q1", "verdict": "holds", "chapter": "01-a"}}
ITEM = coursework.Item("x", "HW5 Q1", "what", "01-a", claims=("claim-a",), numbers={"a.b": "1024"})


def entry(reported: str | None = "1,024") -> Entry:
    model = ENTRIES["hw5.rnn1.w_hh"]
    if reported is None:
        return replace(model, reported=None, source="")
    return replace(model, reported=reported)


def gaps(
    item: coursework.Item, *, words: coursework.Claims = WORDS, entries: dict[str, Entry] | None = None
) -> list[str]:
    return list(coursework.faults([item], words, {"a.b": entry()} if entries is None else entries, ["01-a", "02-b"]))


def test_a_list_that_covers_everything_has_no_gap() -> None:
    assert gaps(ITEM) == []


@pytest.mark.parametrize(
    ("item", "complaint"),
    [
        (replace(ITEM, claims=()), "claim-a belongs to 0 items"),
        (replace(ITEM, claims=("claim-a", "claim-a")), "claim-a belongs to 2 items"),
        (replace(ITEM, claims=("claim-a", "claim-b")), "claim-b, which does not exist"),
        (replace(ITEM, numbers={}), "a.b belongs to 0 items"),
        (replace(ITEM, numbers={"a.b": "1025"}), "the report prints 1025"),
        (replace(ITEM, numbers={"a.b": "1024", "a.c": "1"}), "a.c, which does not exist"),
        (replace(ITEM, measured=("a.c",)), "a.c, which does not exist"),
        (replace(ITEM, numbers={"a.b": "1024", "claim-a": "7"}), "claim-a does not say 7"),
        (replace(ITEM, numbers={"a.b": "1024", "claim-a": "0.5"}), "claim-a does not say 0.5"),
        (replace(ITEM, chapter="02-c"), "x waits for 02-c, but that chapter is 02-b"),
    ],
)
def test_a_gap_is_seen(item: coursework.Item, complaint: str) -> None:
    assert any(complaint in gap for gap in gaps(item))


def test_an_unanswered_item_is_seen_once_its_chapter_is_there() -> None:
    bare = coursework.Item("x", "HW5 Q1", "what", "01-a")
    assert gaps(bare, words={}, entries={}) == ["x has no answer, and its chapter 01-a is in the book."]
    assert gaps(replace(bare, chapter="14-later"), words={}, entries={}) == []


def test_a_number_that_is_no_longer_reported_is_seen() -> None:
    assert any("the report prints 1024" in gap for gap in gaps(ITEM, entries={"a.b": entry(None)}))


@pytest.mark.parametrize("printed", ["4", "-6", "0.50"])
def test_a_claim_in_words_may_answer_for_a_number(printed: str) -> None:
    assert gaps(replace(ITEM, numbers={"a.b": "1024", "claim-a": printed})) == []


def test_an_item_of_no_question_and_an_unknown_field_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "list.toml"
    path.write_text('[x]\nquestion = "HW7 Q1"\nwhat = "a"\nchapter = "01-a"\n', encoding="utf-8")
    with pytest.raises(ValueError, match="'HW7 Q1'"):
        coursework.items(path)
    path.write_text('[x]\nquestion = "HW5 Q1"\nwhat = "a"\nchapter = "01-a"\nclaim = ["b"]\n', encoding="utf-8")
    with pytest.raises(TypeError, match="claim"):
        coursework.items(path)
