"""Addresses that chapters once had lead to where they are now."""

from pathlib import PurePosixPath

import pytest
import yaml

from tools import pairs

CONFIG = yaml.safe_load((pairs.BOOK.parent / "_config.yml").read_text(encoding="utf-8"))["sphinx"]["config"]


@pytest.mark.parametrize(("old", "new"), CONFIG["redirects"].items())
def test_an_old_address_leads_to_a_chapter(old: str, new: str) -> None:
    folder = pairs.BOOK.parent / PurePosixPath(old).parent
    assert not (folder / f"{PurePosixPath(old).name}.ipynb").exists()
    assert (folder / new).with_suffix(".ipynb").exists()
