"""The emotion files: read line by line, refused by line, fetched from either form, on small stand-ins."""

import gzip
import hashlib
import json
from pathlib import Path

import pytest
from archives import attempt, write
from hypothesis import given
from hypothesis import strategies as st
from served import serving

from rnncourse.data import EMOTIONS, DataError, load_emotion
from rnncourse.data import emotion as module
from rnncourse.data.emotion import PARTS, check_emotion, fetch_emotion, read_emotion

TEXTS = {
    "train.txt": b"i feel fine;joy\ni am lost;sadness\ni feel fine;love\n",
    "val.txt": b"i am lost;sadness\nwhat is that;surprise\n",
    "test.txt": b"go away;anger\nhe is here;fear\n",
}


@pytest.fixture(autouse=True)
def _the_stand_ins_count_as_the_authors_files(monkeypatch: pytest.MonkeyPatch) -> None:
    for file, content in TEXTS.items():
        monkeypatch.setitem(module.EMOTION.sha256, file, hashlib.sha256(content).hexdigest())  # type: ignore[arg-type]


def folder(path: Path, **changes: bytes) -> Path:
    for file, content in TEXTS.items():
        write(path / file, changes.get(file.removesuffix(".txt"), content))
    return path


def contents(path: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in path.iterdir()}


def test_lines_by_hand(tmp_path: Path) -> None:
    corpus = read_emotion(write(tmp_path / "small.txt", TEXTS["train.txt"]))
    assert corpus.texts == ("i feel fine", "i am lost", "i feel fine")
    assert [corpus.classes[label] for label in corpus.labels] == ["joy", "sadness", "love"]
    assert (corpus.name, corpus.classes, corpus.duplicates().conflicting) == ("small.txt", EMOTIONS, 1)
    for old, new in ((b"\n", b"\r\n"), (b"love\n", b"love"), (b"i feel", b"\xef\xbb\xbfi feel")):
        changed = TEXTS["train.txt"].replace(old, new, 1 if old == b"i feel" else -1)
        assert read_emotion(write(tmp_path / "other.txt", changed)).texts == corpus.texts


@pytest.mark.parametrize(
    ("content", "named"),
    [
        *((first, "line 1 of") for first in (b"\n", b"x,joy", b"x;Joy", b"x;y;joy", b";joy")),
        *((b"x;joy\n" + second, "line 2 of") for second in (b"\ny;joy\n", b"  \t;joy\n", b"y" * 2**15 + b";joy")),
        *((b"", "empty"), (b"x;joy\ny\xff;joy\n", "UTF-8")),
    ],
)
def test_it_names_what_is_no_message(tmp_path: Path, content: bytes, named: str) -> None:
    with pytest.raises(DataError, match=named):
        read_emotion(write(tmp_path / "f.txt", content))


ANY = st.characters(exclude_categories=["Cs", "Cc"], exclude_characters=";")
TEXT = st.text(ANY, min_size=1, max_size=30).filter(lambda text: text.strip() and not text.startswith("\ufeff"))


@given(rows=st.lists(st.tuples(TEXT, st.integers(0, 5)), min_size=1, max_size=12))
def test_what_is_written_is_read_back(tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, int]]) -> None:
    path = tmp_path_factory.mktemp("rows") / "a"
    lines = "".join(f"{text};{EMOTIONS[label]}\n" for text, label in rows).encode()
    corpus = read_emotion(write(path, lines))
    assert list(zip(corpus.texts, corpus.labels.tolist(), strict=True)) == rows
    write(path, "".join(json.dumps({"text": text, "label": label}) + "\n" for text, label in rows).encode())
    module._as_lines(path)
    assert path.read_bytes() == lines


JUNK = st.binary(max_size=6) | st.sampled_from([b";", b"\n", b"\r", b"\x00", b"joy", b"\xef\xbb\xbf"])


@given(at=st.integers(0, 60), length=st.integers(0, 25), junk=JUNK)
def test_any_damaged_lines_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, at: int, length: int, junk: bytes
) -> None:
    content = TEXTS["train.txt"][:at] + junk + TEXTS["train.txt"][at + length :]
    corpus = attempt(read_emotion, write(tmp_path_factory.mktemp("fuzz") / "a", content))
    if corpus is None:
        return
    # What was read, written again, are the lines: nothing is lost and nothing shifts.
    written = "".join(f"{t};{EMOTIONS[n]}\n" for t, n in zip(corpus.texts, corpus.labels.tolist(), strict=True))
    given = content.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n") + "\n"
    assert written == given


@pytest.mark.parametrize("below", ["emotion", "."])
def test_the_split_is_found_below_the_users_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, below: str) -> None:
    folder(tmp_path / "mine" / below)
    monkeypatch.setenv("RNNCOURSE_DATA", str(tmp_path / "mine"))
    parts = load_emotion().parts
    assert {name: (len(part), part.name) for name, part in parts.items()} == {
        "train": (3, "emotion (train)"),
        "validation": (2, "emotion (validation)"),
        "test": (2, "emotion (test)"),
    }


def test_a_split_that_is_missing_in_part_or_altered(tmp_path: Path, cache: Path) -> None:
    with pytest.raises(DataError, match="run `rnncourse data fetch emotion`"):
        load_emotion()
    (folder(cache / "emotion") / "val.txt").unlink()
    with pytest.raises(DataError, match=r"there is no file .*val\.txt"):
        load_emotion()
    assert len(check_emotion(folder(tmp_path / "a")).train) == 3
    with pytest.raises(DataError, match=r"test\.txt does not have the SHA-256"):
        check_emotion(folder(tmp_path / "b", test=b"go away;anger\nhe is near;fear\n"))


def packed(*lines: bytes) -> bytes:
    return gzip.compress(b"".join(line + b"\n" for line in lines), mtime=0)


def json_lines(file: str) -> bytes:
    rows = [line.split(";") for line in TEXTS[file].decode().splitlines()]
    return packed(*(json.dumps({"text": text, "label": EMOTIONS.index(label)}).encode() for text, label in rows))


def test_fetching_json_lines_writes_the_authors_files(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(**{part: json_lines(file) for part, file in PARTS.items()}) as site:
        monkeypatch.setattr(module, "_HUB", site.url + "/{part}")
        fetch_emotion()
    assert contents(cache / "emotion") == TEXTS
    # All are whole, so nothing is asked for again; the address leads nowhere by now.
    fetch_emotion()
    (cache / "emotion" / "val.txt").write_text("i am lost;sadness\n")
    with pytest.raises(DataError, match=r"could not be fetched .* put val\.txt from https://huggingface\.co"):
        fetch_emotion()


GOOD = b'{"text": "x", "label": 1}'
BAD_LINES = (*(b"[]", b"\xff", b'{"text": "x"}', b'{"text": "\\ud800", "label": 1}', b'{"text": "x", "label": 6}'),)


@pytest.mark.parametrize(
    ("served", "culprit"),
    [
        (b"<!doctype html>", "line 1 of train.txt"),
        (b"", "SHA-256"),
        (packed(GOOD), "SHA-256"),
        (packed(b"0" * 20_000_000), "more than"),
        (json_lines("train.txt")[:-9], "train.txt is damaged"),
        *((packed(GOOD, line), "line 2 of train.txt") for line in BAD_LINES),
    ],
)
def test_other_messages_never_take_the_name(
    cache: Path, monkeypatch: pytest.MonkeyPatch, served: bytes, culprit: str
) -> None:
    with serving(train=served) as site:
        monkeypatch.setattr(module, "_HUB", site.url + "/{part}")
        with pytest.raises(DataError, match=culprit) as caught:
            fetch_emotion()
    assert "\n" not in str(caught.value)
    assert contents(cache / "emotion") == {}
