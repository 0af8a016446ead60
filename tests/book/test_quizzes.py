"""Every part ends with a quiz; every option of it has feedback, and one is right."""

import re
from pathlib import Path

import pytest
import yaml

from rnncourse._claims import VERDICTS, load
from tools import pairs

QUIZZES = sorted((pairs.BOOK / "quizzes").glob("*.md"))
OPTION = re.compile(r"^:::\{dropdown\} (?P<option>.+)\n(?P<feedback>.+(?:\n(?!:::).+)*)\n:::$", re.MULTILINE)


def questions(path: Path) -> dict[str, list[tuple[str, str]]]:
    _, *blocks = re.split(r"^## ", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {block.split("\n", 1)[0]: OPTION.findall(block) for block in blocks}


@pytest.mark.parametrize("path", QUIZZES, ids=lambda path: path.stem)
def test_every_question_has_options_with_feedback_and_one_is_right(path: Path) -> None:
    text, asked = path.read_text(encoding="utf-8"), questions(path)
    assert len(asked) >= 5
    assert sum(map(len, asked.values())) == text.count(":::{dropdown}")
    for question, options in asked.items():
        assert "?" in question
        assert len({option for option, _ in options}) == len(options) >= 3, question
        kinds = [re.match(r"(\*\*Right\.\*\*|Not quite\.) .{25}", feedback, re.DOTALL) for _, feedback in options]
        assert [bool(kind) and kind[1] for kind in kinds].count("**Right.**") == 1, question
        assert all(kinds), question
    # A verdict is the computed one, and no word by hand.
    assert set(re.findall(r"\{verdict\}`([^`]*)`", text)) <= load(pairs.BOOK / "claims.toml").keys()
    assert not [word for word in VERDICTS.values() if " " in word and word.lower() in text.lower()]
    assert not re.search(r"\bclaim (?:holds|fails|is (?:right|wrong|true|false))\b", text)


def test_the_right_option_has_no_usual_place() -> None:
    places = [
        [feedback.startswith("**Right") for _, feedback in options].index(True)
        for path in QUIZZES
        for options in questions(path).values()
    ]
    assert all(places.count(place) >= len(places) / 6 for place in range(3)), places


def test_every_part_ends_with_its_quiz() -> None:
    toc = yaml.safe_load((pairs.ROOT / "_toc.yml").read_text(encoding="utf-8"))
    found = []
    for part in toc["parts"]:
        files = [Path(entry["file"]) for entry in part["chapters"]]
        kinds = [file.parent.name for file in files if file.parent.name in ("notebooks", "quizzes")]
        if part["caption"].startswith("Part "):
            assert kinds == ["notebooks"] * (len(kinds) - 1) + ["quizzes"], part["caption"]
            found += [file.stem for file in files if file.parent.name == "quizzes"]
    assert found == [path.stem for path in QUIZZES]
