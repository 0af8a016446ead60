"""Prose, ledger and executed cells hold each other to account."""

import re

import pytest

from rnncourse._ledger_files import lock_path, lock_text, read_lock
from tests.book import _binding
from tools import pairs, prose

NUMBERS = pairs.BOOK / "numbers.toml"
PAGES = prose.pages()
NAMES = [page.stem for page in PAGES]


@pytest.fixture(scope="module")
def bound() -> _binding.Binding:
    return _binding.read()


def test_ledger_prose_cells_and_claims_say_the_same_of_each_number(bound: _binding.Binding) -> None:
    assert [fault for id in sorted(bound.ids()) for fault in bound.faults(id)] == []


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_number_in_prose_is_a_link_or_a_given_input(page, bound: _binding.Binding) -> None:
    everywhere, by_page = prose.given_inputs()
    loose, _ = prose.loose_numbers(page, bound.entries, everywhere + by_page.get(page.stem, []))
    assert not loose, f"{page.name}: link these to the ledger, or allow inputs in given.toml: {loose}"


def test_the_allow_list_has_no_dead_patterns(bound: _binding.Binding) -> None:
    everywhere, by_page = prose.given_inputs()
    assert set(by_page) <= set(NAMES)
    used_everywhere: set[str] = set()
    for page in PAGES:
        own = by_page.get(page.stem, [])
        _, used = prose.loose_numbers(page, bound.entries, everywhere + own)
        used_everywhere |= used
        assert set(own) <= used, f"given.toml allows what {page.name} does not say: {set(own) - used}"
    assert set(everywhere) <= used_everywhere


def test_every_entry_is_well_formed(bound: _binding.Binding) -> None:
    for entry in bound.entries.values():
        assert re.fullmatch(r"[a-z0-9_-]+(\.[a-z0-9_-]+)+", entry.id), entry.id
        assert not entry.recorded or (pairs.BOOK / entry.recorded).is_file(), entry.id
        assert entry.decimals is None or entry.digits is None, entry.id
        assert bool(entry.source) == (entry.reported is not None), f"{entry.id}: say where it was printed"
        assert entry.n or entry.bound <= float(entry.last_digit()), f"{entry.id}: its tolerance holds fewer digits"


def test_the_lock_is_as_the_tool_writes_it() -> None:
    lock = lock_path(NUMBERS)
    assert lock.read_text(encoding="utf-8") == lock_text(read_lock(lock))
