"""Prose, ledger and executed cells hold each other to account."""

import pytest

from rnncourse.ledger import CHECKED, load
from tools import pairs, prose

BOOK = load(pairs.BOOK / "numbers.toml")
PAGES = prose.pages()
NAMES = [page.stem for page in PAGES]


def checked_ids() -> set[str]:
    """Ids that some executed cell has checked, read from the outputs the checks left."""
    found: set[str] = set()
    for path in pairs.NOTEBOOKS.glob("*.ipynb"):
        for cell in pairs.read_pair(path).cells:
            for output in cell.get("outputs", []):
                found.update(CHECKED.findall(str(output.get("data", {}).get("text/html", ""))))
    return found


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_links_show_what_the_ledger_says(page) -> None:
    for link in prose.links(page, BOOK):
        assert BOOK.resolves(link.target), f"{page.name}: #{link.target} is not in the ledger"
        assert link.text == BOOK.text(link.target), f"{page.name}: #{link.target}; run 'make numbers'"


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_number_in_prose_is_a_link_or_a_given_input(page) -> None:
    everywhere, by_page = prose.given_inputs()
    loose, _ = prose.loose_numbers(page, BOOK, everywhere + by_page.get(page.stem, []))
    assert not loose, f"{page.name}: link these to the ledger, or allow inputs in given.toml: {loose}"


def test_the_allow_list_has_no_dead_patterns() -> None:
    everywhere, by_page = prose.given_inputs()
    assert set(by_page) <= set(NAMES)
    used_everywhere: set[str] = set()
    for page in PAGES:
        own = by_page.get(page.stem, [])
        _, used = prose.loose_numbers(page, BOOK, everywhere + own)
        used_everywhere |= used
        assert set(own) <= used, f"given.toml allows what {page.name} does not say: {set(own) - used}"
    assert set(everywhere) <= used_everywhere


def test_every_linked_id_is_checked_by_an_executed_cell() -> None:
    checked = checked_ids()
    linked = {link.target.removeprefix("reported.") for page in PAGES for link in prose.links(page, BOOK)}
    assert linked <= checked, f"linked in prose, checked by no cell: {sorted(linked - checked)}"


def test_every_entry_is_used_and_every_checked_id_is_an_entry() -> None:
    checked = checked_ids()
    assert set(BOOK) == checked, f"unused: {sorted(set(BOOK) - checked)}; unknown: {sorted(checked - set(BOOK))}"


def test_recorded_results_exist() -> None:
    recorded = {entry.recorded for entry in BOOK.values() if entry.recorded}
    assert {name for name in recorded if not (pairs.BOOK / name).exists()} == set()
