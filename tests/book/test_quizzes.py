"""Every part ends with a quiz; every option of it has feedback, and one is right."""

import re
from pathlib import Path

import pytest
import yaml

from rnncourse._claims import VERDICTS, load
from tools import pairs

QUIZZES = sorted((pairs.BOOK / "quizzes").glob("*.md"))
OPTION = re.compile(r"^:::\{dropdown\} (?P<option>.+)\n(?P<feedback>.+(?:\n(?!:::).+)*)\n:::$", re.MULTILINE)
NAMES = [path.stem for path in QUIZZES]


def questions(path: Path) -> dict[str, list[tuple[str, str]]]:
    _, *blocks = re.split(r"^## ", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {block.split("\n", 1)[0]: OPTION.findall(block) for block in blocks}


@pytest.mark.parametrize("path", QUIZZES, ids=NAMES)
def test_a_quiz_asks_several_questions(path: Path) -> None:
    assert len(questions(path)) >= 5
    assert all("?" in question for question in questions(path))


@pytest.mark.parametrize("path", QUIZZES, ids=NAMES)
def test_every_option_has_feedback_and_one_is_right(path: Path) -> None:
    assert sum(map(len, questions(path).values())) == path.read_text(encoding="utf-8").count(":::{dropdown}")
    for question, options in questions(path).items():
        assert len(options) >= 3, question
        kinds = [re.match(r"\*\*Right\.\*\* |Not quite\. ", feedback) for _, feedback in options]
        assert all(kinds), question
        assert sum(kind[0].startswith("**") for kind in kinds) == 1, question
        assert all(len(feedback) > 40 for _, feedback in options), question
        assert len({option for option, _ in options}) == len(options), question


def test_the_right_option_has_no_usual_place() -> None:
    places = [
        [feedback.startswith("**Right") for _, feedback in options].index(True)
        for path in QUIZZES
        for options in questions(path).values()
    ]
    assert all(places.count(place) >= len(places) / 6 for place in range(3)), places


@pytest.mark.parametrize("path", QUIZZES, ids=NAMES)
def test_a_verdict_is_the_computed_one_and_no_word_by_hand(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    named = re.findall(r"\{verdict\}`([^`]*)`", text)
    assert set(named) <= load(pairs.BOOK / "claims.toml").claims.keys()
    assert not [word for word in VERDICTS.values() if " " in word and word.lower() in text.lower()]
    assert not re.search(r"\bclaim (?:holds|fails|is (?:right|wrong|true|false))\b", text)


def test_every_part_ends_with_its_quiz() -> None:
    toc = yaml.safe_load((pairs.ROOT / "_toc.yml").read_text(encoding="utf-8"))
    for number, part in enumerate((part for part in toc["parts"] if part["caption"].startswith("Part ")), start=1):
        quizzes = [entry["file"] for entry in part["chapters"] if "/quizzes/" in entry["file"]]
        assert quizzes == [f"book/quizzes/{path.stem}" for path in QUIZZES if path.stem.startswith(f"{number}-")]
        assert len(quizzes) == 1, part["caption"]
        lessons = [entry["file"] for entry in part["chapters"] if "/notebooks/" in entry["file"]]
        files = [entry["file"] for entry in part["chapters"]]
        assert files.index(quizzes[0]) > files.index(lessons[-1])
