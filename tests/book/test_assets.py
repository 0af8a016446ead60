"""The style sheets of the book read no property that nothing sets: a browser drops such a rule without a word."""

import re
from pathlib import Path

ASSETS = Path(__file__).parents[2] / "book" / "assets"
# Set by a script or an attribute, for one element.
ELSEWHERE = {"--in", "--fit"}


def unset(sheet: str) -> set[str]:
    """The properties of the book that a sheet reads without a second choice and does not set for screens."""
    screen = re.sub(r"@media print \{.*?\n\}", "", sheet, flags=re.DOTALL)
    read = set(re.findall(r"var\((--[\w-]+)\)", sheet))
    return {name for name in read if not name.startswith("--pst-")} - {*re.findall(r"(--[\w-]+):", screen)} - ELSEWHERE


def test_every_property_that_a_style_sheet_reads_is_set() -> None:
    assert unset("".join(path.read_text(encoding="utf-8") for path in sorted(ASSETS.glob("*.css")))) == set()
    assert unset("a { color: var(--one); }\n@media print {\n  a { --one: red; }\n}") == {"--one"}
