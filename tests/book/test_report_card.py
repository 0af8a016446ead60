"""Claims, boxes, quizzes, inventory, ledger and report card hold each other to account; every mutation is seen."""

import re
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import pytest

from book._ext import ledger as numbers_page
from book._ext import report_card
from book._ext.report_card import Box, Row
from rnncourse._claims import NUMBER, VERDICTS, Claim, ClaimError
from rnncourse.ledger import load as load_ledger
from tools import pairs

ENTRIES = load_ledger(pairs.BOOK / "numbers.toml")
PLACES = numbers_page.checked_in()
TEXTS = {page.stem: page.read_text(encoding="utf-8") for page in pairs.chapters()}
KINDS = {
    "claim": 150,
    "number": 97,
    "illegible": 49,
    "hedged claim": 36,
    "method": 34,
    "code": 32,
    "definition": 30,
    "question asked": 17,
    "slip": 11,
    "figure described": 8,
}
# Rows that a chapter has still to answer. A row that is answered goes from this list.
OPEN = {
    *("5.4-37", "5.4-47"),
    *("6.3a-02", "6.3a-11", "6.3a-16", "6.3a-18", "6.3b-02", "6.3b-05"),
}
# Totals that no report prints: our sums stand in for them.
UNPRINTED = {"5.1a-27", "5.1b-17"}
ASSERTED = {"claim", "hedged claim", "number", "slip"}
# Rows that say what a chapter's code does, and are answered there without a claim.
IN_PROSE = {"6.3a-05", "6.3a-07", "6.3a-14", "6.4-15"}
QUESTIONS = [
    *("HW5 Q1", "HW5 Q1(c)", "HW5 Q2", "HW5 Q3(a)", "HW5 Q3(b)", "HW5 Q3", "HW5 Q4"),
    *("HW5 Q6-A", "HW5 Q6-B", "HW5 Q6-C"),
    *("HW5 Q7", "HW5 Q7(a)", "HW5 Q7(b)", "HW5 Q7(c)", "HW5 Q7(d)", "HW5 Q7(e)"),
    *("HW6 Q1", "HW6 Q1(b)", "HW6 Q2", "HW6 Q3", "HW6 Q4"),
]


@dataclass(frozen=True)
class Sources:
    """All that the report card is drawn from, and the card."""

    said: report_card.Coursework
    boxes: Mapping[str, Box]
    entries: Mapping[str, Any]
    inventory: Mapping[str, tuple[str, list[str]]]
    rows: list[Row]
    verdicts: Mapping[str, str]


def read_inventory() -> dict[str, tuple[str, list[str]]]:
    """Kind and answers of each row of the reports, ranges of rows written out."""
    found = {}
    for section, lines in tomllib.loads((pairs.BOOK / "inventory.toml").read_text(encoding="utf-8")).items():
        for key, line in lines.items():
            first, _, last = key.partition("-")
            kind, answers = line.split(" · ")
            for row in range(int(first), int(last or first) + 1):
                found[f"{section}-{row:02}"] = (kind, answers.split())
    return found


@pytest.fixture(scope="module")
def book() -> Sources:
    said, boxes = report_card.coursework(), report_card.boxes()
    rows = [row for item in said.items for row in report_card.rows_of(item, said, boxes, ENTRIES, PLACES)]
    verdicts = {name: claim.judged(ENTRIES) for name, claim in said.claims.items()}
    return Sources(said, boxes, ENTRIES, read_inventory(), rows, verdicts)


# ---- What has to agree, a sentence for each place where it does not


def box_faults(book: Sources) -> Iterator[str]:
    for name in book.boxes.keys() - book.said.claims:
        yield f"{name} has a box and is no claim"
    for claim in book.said.claims.values():
        box, verdict = book.boxes.get(claim.id), book.verdicts[claim.id]
        if box is None:
            if claim.chapter not in TEXTS:
                yield f"{claim.id} has neither box nor chapter"
        elif box.verdict != verdict or not box.title.startswith(f"{VERDICTS[verdict]}: "):
            yield f"{claim.id} is judged '{verdict}'; its box is '{box.verdict}', '{box.title}'"
        elif not box.measured:
            yield f"the box of {claim.id} does not say what was measured"


def list_faults(book: Sources) -> Iterator[str]:
    reported = {name: entry.reported.replace(",", "") for name, entry in book.entries.items() if entry.reported}
    uses = Counter(
        name for item in book.said.items for name in (*item.claims, *(item.printed.keys() - book.said.claims))
    )
    for name in {*book.said.claims, *reported, *uses}:
        if uses[name] != 1 or name not in book.said.claims | reported:
            yield f"{name} belongs to {uses[name]} items"
    for item in book.said.items:
        if not (item.claims or item.measured or item.numbers):
            yield f"{item.id} has no answer"
        yield from (f"{item.id}: {name} is no entry" for name in item.measured if name not in book.entries)
        for name, printed in item.printed.items():
            if name in book.said.claims:
                says = book.said.claims[name].says.replace("−", "-")
                if not re.search(rf"(?<![\d.]){re.escape(printed)}(?![\d.]*\d)", says):
                    yield f"{name} does not say {printed}"
            elif reported.get(name) != printed:
                yield f"the report prints {printed}; the ledger says {reported.get(name)} of {name}"
            elif book.entries[name].source != item.question:
                yield f"{name} is not of {item.question}"
        for name in item.claims:
            if name in book.said.claims and not book.said.claims[name].source.startswith(item.question[:6]):
                yield f"{name} is not of {item.question}"


def inventory_faults(book: Sources) -> Iterator[str]:
    items = {item.id for item in book.said.items}
    on_card = {row.id for row in book.rows} | items | {name for item in book.said.items for name in item.measured}
    for row, (kind, answers) in book.inventory.items():
        if "open" in answers and row not in OPEN:
            yield f"{row} has no answer"
        if kind in ASSERTED and not on_card.intersection(answers) and row not in OPEN | IN_PROSE | UNPRINTED:
            yield f"{row} asserts something, and nothing on the card answers it"
        if "narration" in answers and kind not in ("code", "method"):
            yield f"{row} is a {kind}, and no narration"
        for name in answers:
            if name.startswith("claim-"):
                if name not in book.said.claims or row not in book.said.claims[name].rows:
                    yield f"{row} is answered by {name}, which does not say so"
            elif name.startswith("prose:"):
                if not any(stem.startswith(name[6:]) for stem in TEXTS):
                    yield f"{row}: {name} is no chapter"
            elif name not in book.entries and name not in items | {"open", "illegible", "narration"}:
                yield f"{row}: {name} is no answer"
    for claim in book.said.claims.values():
        if not claim.rows or any(claim.id not in book.inventory.get(row, ("", []))[1] for row in claim.rows):
            yield f"the rows of {claim.id} are not answered by it"


def card_faults(book: Sources) -> Iterator[str]:
    wanted = [("claim", name, verdict) for name, verdict in book.verdicts.items()]
    wanted += [("number", name, entry.verdict) for name, entry in book.entries.items() if entry.reported]
    wanted += [("question", item.id, "") for item in book.said.items if item.measured]
    if Counter((row.kind, row.id, row.verdict) for row in book.rows) != Counter(wanted):
        yield "the card does not show every claim, printed number and question once, with its verdict"
    yield from (f"{row.id} is in no chapter" for row in book.rows if row.chapter not in TEXTS)


def test_the_inventory_is_whole(book: Sources) -> None:
    assert Counter(kind for kind, _ in book.inventory.values()) == KINDS
    for section in {row.partition("-")[0] for row in book.inventory}:
        numbers = [int(row.partition("-")[2]) for row in book.inventory if row.partition("-")[0] == section]
        assert numbers == list(range(1, len(numbers) + 1)), section


def test_every_question_of_the_reports_has_its_items_in_order(book: Sources) -> None:
    assert list(dict.fromkeys(item.question for item in book.said.items)) == QUESTIONS


@pytest.mark.parametrize("stem", TEXTS)
def test_each_box_of_a_chapter_can_be_read_and_is_judged_there(stem: str) -> None:
    found = report_card.boxes_in(stem, TEXTS[stem])
    assert TEXTS[stem].count(":class: verdict") == len(found)
    judged = re.search(r"for claim in \((.*?)\):\n    judge\(claim\)", TEXTS[stem], re.S)
    assert set(re.findall(r"claim-[\w-]+", judged[1] if judged else "")) == set(found)


# ---- The teeth


def deciding(book: Sources, claim: Claim) -> list[str]:
    """The parts on which a verdict rests: where one part of a rule fails, those that hold decide nothing."""
    parts = claim.holds_if.split(" and ")
    if len(parts) == 1 or book.verdicts[claim.id] != "fails":
        return parts
    return [part for part in parts if replace(claim, holds_if=part).judged(book.entries) != "holds"]


def rule_mutants(book: Sources, claim: Claim) -> Iterator[dict[str, str]]:
    """Each comparison that decides turned round, and each word on what was reproduced."""
    turns = {"<": ">", ">": "<", "==": "<", "not reproduced(": "reproduced(", "reproduced(": "not reproduced("}
    for field, parts in (("holds_if", deciding(book, claim)), ("fails_if", [claim.fails_if])):
        for part in parts:
            for sign in re.finditer(r"<|>|==|(?:not )?reproduced\(", part):
                turned = part[: sign.start()] + turns[sign[0]] + part[sign.end() :]
                yield {field: getattr(claim, field).replace(part, turned, 1)}


def with_claim(book: Sources, claim: Claim, **fields: Any) -> Sources | None:
    """The sources with a claim changed; None where the claim itself is refused."""
    try:
        changed = replace(claim, **fields)
        verdict = changed.judged(book.entries)
    except ClaimError:
        return None
    said = book.said._replace(claims={**book.said.claims, claim.id: changed})
    return replace(book, said=said, verdicts={**book.verdicts, claim.id: verdict})


def of_boxes(book: Sources) -> Iterator[tuple[str, Sources | None]]:
    """Boxes that say something else, and claims that are judged otherwise."""
    for name, box in book.boxes.items():
        for verdict, word in VERDICTS.items():
            if verdict != box.verdict:
                title = word + box.title.removeprefix(VERDICTS[box.verdict])
                yield f"class {name}", replace(book, boxes={**book.boxes, name: box._replace(verdict=verdict)})
                yield f"title {name}", replace(book, boxes={**book.boxes, name: box._replace(title=title)})
        yield f"unmeasured {name}", replace(book, boxes={**book.boxes, name: box._replace(measured="")})
    for claim in (book.said.claims[name] for name in book.boxes):
        if book.verdicts[claim.id] != "undecided":  # what an interval leaves open stays open when it is turned round
            yield from ((f"rule {claim.id}", with_claim(book, claim, **mutant)) for mutant in rule_mutants(book, claim))
        if claim.argued or claim.untested:
            for verdict in VERDICTS.keys() - {claim.verdict or "not-tested"}:
                yield f"verdict {claim.id}", with_claim(book, claim, verdict=verdict)
        for name in {*NUMBER.findall(" ".join(deciding(book, claim)))} & book.entries.keys():
            if book.verdicts[claim.id] != "undecided":
                fields = {**vars(book.entries[name]), "verdict": None, "interval": (-1e300, 1e300), "id": name}
                entries = {**book.entries, name: SimpleNamespace(**fields)}
                yield f"interval {claim.id}", with_claim(replace(book, entries=entries), claim)


def of_inventory(book: Sources) -> Iterator[tuple[str, Sources | None]]:
    for claim in book.said.claims.values():
        yield f"rows {claim.id}", with_claim(book, claim, rows=claim.rows[1:])
    for name, (kind, _) in book.inventory.items():
        for answer in ("claim-hw6-q9", "open", "prose:11", "narration"):
            if answer == "claim-hw6-q9" or (kind in ASSERTED and name not in OPEN | IN_PROSE | UNPRINTED):
                yield f"{answer} {name}", replace(book, inventory={**book.inventory, name: (kind, [answer])})


def of_rows(book: Sources) -> Iterator[tuple[str, Sources | None]]:
    for place, row in enumerate(book.rows):
        yield f"row {row.id}", replace(book, rows=book.rows[:place] + book.rows[place + 1 :])


def of_lists(book: Sources) -> Iterator[tuple[str, Sources | None]]:
    for place, item in enumerate(book.said.items):
        for key, line in enumerate(item.numbers):
            numbers = [*item.numbers[:key], line + "7", *item.numbers[key + 1 :]]
            items = [*book.said.items[:place], replace(item, numbers=numbers), *book.said.items[place + 1 :]]
            yield f"printed {line}", replace(book, said=book.said._replace(items=items))


MUTANTS = {box_faults: of_boxes, list_faults: of_lists, inventory_faults: of_inventory, card_faults: of_rows}
KINDS_OF_MUTANTS = {"class", "title", "unmeasured", "rule", "verdict", "rows", "interval", "row", "printed"}
KINDS_OF_MUTANTS |= {"claim-hw6-q9", "open", "prose:11", "narration"}  # answers that are none


def caught(check: Callable[[Sources], Iterator[str]], mutant: Sources | None) -> bool:
    try:
        return mutant is None or any(check(mutant))
    except ClaimError:
        return True


def test_the_sources_agree_and_every_mutation_is_caught(book: Sources, record_property: Any) -> None:
    seen: Counter[str] = Counter()
    for check, mutants in MUTANTS.items():
        assert list(check(book)) == []
        for name, mutant in mutants(book):
            assert caught(check, mutant), name
            seen[name.partition(" ")[0]] += 1
    assert set(seen) == KINDS_OF_MUTANTS
    record_property("mutations", f"{seen.total()} of claims, boxes, inventory and card: {dict(seen)}")


# ---- What the card is made of


def test_the_hover_text_of_a_number_says_where_it_is_computed_and_what_was_reported() -> None:
    text = numbers_page.provenance(ENTRIES["power.lstm.parameters"], "2 · Counting parameters")
    assert all(part in text for part in ("50,497 parameters", "computed in 2 · Counting parameters", "reported 50,497"))
    assert "computed" not in numbers_page.provenance(ENTRIES["power.lstm.parameters"], "")
