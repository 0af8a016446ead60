"""The README's pictures: each is there, says what it shows, and is light."""

import re

from tools import pairs, pictures

README = (pairs.ROOT / "README.md").read_text(encoding="utf-8")
SHOWN = re.findall(r"!\[(?P<alt>[^\]]*)\]\((?P<path>[^)]*)\)", README)
HEAVIEST = 150_000  # bytes


def test_the_readme_shows_every_picture_that_is_drawn() -> None:
    drawn = {f".github/pictures/{shot.name}.png" for shot in pictures.SHOTS}
    assert {path for _, path in SHOWN} == drawn


def test_every_picture_is_there_and_light_and_says_what_it_shows() -> None:
    for alt, path in SHOWN:
        picture = pairs.ROOT / path
        assert picture.read_bytes().startswith(b"\x89PNG"), path
        assert picture.stat().st_size < HEAVIEST, path
        assert len(alt.split()) > 8, f"{path}: {alt}"
