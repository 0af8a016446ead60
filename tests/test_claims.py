"""Rules over intervals, the five verdicts, and lists of claims that make no sense."""

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from book._ext.report_card import coursework
from rnncourse import ledger
from rnncourse._claims import VERDICTS, Claim, ClaimError, judge, load, truth


@dataclass(frozen=True)
class Held:
    """What a rule and a judgement need of an entry."""

    interval: tuple[float, float]
    reported: str | None = None
    verdict: str | None = None
    text: str = "2 ± 1"


ENTRIES = {
    "a.b": Held((1, 3)),
    "a.b-c": Held((5, 5), "1,024", "holds"),
    "a.80": Held((-2, 1), "-0.5", "not-reproduced"),
    "a.zero": Held((0, 0), "7", "not-comparable"),
}
CLAIM = Claim("claim-x", "It is.", "HW5 Q1", ("5.1a-01",), holds_if="a.b < 4")


RULES = {
    True: """a.b < 4 | a.b > 0.5 | 0 < a.b < 4 | a.b-c == 5 | a.b < 4 and a.b-c == 5 | not a.b < 1 | a.b-c - a.b > 1.5 |
a.b + a.80 > -2 | a.80 * a.80 > -2.5 | a.b / a.b-c < 0.61 | -a.b < 0 | abs(a.80) < 2.5 | abs(a.80 - 10) > 8.5 |
reported.a.b-c == 1024 | reported.a.80 < 0 | reproduced(a.b-c) | not reproduced(a.80)""",
    False: """a.b < 1 | a.b > 3 | 2 < a.80 < a.b | a.b == 4 | a.b < 2 and a.b < 1 | abs(a.80) < 0 |
reproduced(a.b-c, a.80)""",
    None: """a.b < 2 | 0 < a.b < 2 | a.b == 2 | a.b < 4 and a.b < 2 | not a.b < 2 | a.b * a.80 < 3 |
reproduced(a.b-c, a.zero) | not reproduced(a.zero)""",
}
REFUSED = """| a.b | a.b < | a.b < b | a.b or a.b < 1 | a.b <= 1 | a.b < a.unknown | a.b / a.80 < 1 | a.b / a.zero < 1 |
reported.a.b < 1 | reproduced() | reproduced(3) | reproduced(a.b-c + a.b) | round(a.b) < 1 | a.b ** 2 < 1 | 'a' < 'b' |
__import__('os').getcwd() < 1 | (lambda: 1)() < 1 | a.b < 1 if a.b < 2 else a.b < 3"""


@pytest.mark.parametrize(("shown", "rule"), [(shown, rule) for shown in RULES for rule in RULES[shown].split("|")])
def test_a_rule_is_true_false_or_undecided(rule: str, shown: bool | None) -> None:
    assert truth(rule, ENTRIES) is shown


@pytest.mark.parametrize("rule", [*REFUSED.split("|"), "(" * 400 + "a.b" + ")" * 400 + " < 1"])
def test_a_rule_that_makes_no_sense_is_refused_and_quoted(rule: str) -> None:
    with pytest.raises(ClaimError) as refused:
        truth(rule, ENTRIES)
    assert f"'{rule}'" in str(refused.value)


@pytest.mark.parametrize(
    ("fields", "verdict"),
    [
        ({}, "holds"),
        ({"holds_if": "a.b < 2"}, "undecided"),
        ({"holds_if": "a.b < 1"}, "fails"),
        ({"fails_if": "a.b-c > 4"}, "holds-here"),
        ({"fails_if": "a.b > 2"}, "holds"),
        ({"holds_if": "a.b < 2", "fails_if": "a.b-c > 4"}, "fails"),
        ({"holds_if": "a.b < 2", "fails_if": "a.b > 2"}, "undecided"),
        ({"holds_if": "", "untested": "a run"}, "not-tested"),
        ({"holds_if": "", "argued": "there", "verdict": "holds-here"}, "holds-here"),
    ],
)
def test_five_verdicts_follow_from_the_rules(fields: dict[str, str], verdict: str) -> None:
    assert replace(CLAIM, **fields).judged(ENTRIES) == verdict


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"holds_if": ""}, "holds_if"),
        ({"untested": "a run"}, "untested"),
        ({"argued": "there"}, "argued"),
        ({"holds_if": "", "argued": "there"}, "argued"),
        ({"holds_if": "", "argued": "there", "verdict": "condition"}, "holds-here"),
        ({"verdict": "holds"}, "argued"),
        ({"holds_if": "", "untested": "a run", "fails_if": "a.b < 1"}, "fails_if"),
        ({"fails_if": "a.b < 4"}, "fails_if"),
        ({"chapter": "11-one-step"}, "answer"),
    ],
)
def test_a_claim_that_contradicts_itself_is_refused(fields: dict[str, str], named: str) -> None:
    with pytest.raises(ClaimError, match=named):
        replace(CLAIM, **fields)


@pytest.mark.parametrize(
    "text",
    ["[x", '[x]\nquestion = "HW5 Q1"\nwhat = "a"\nclaim = ["b"]', "[claim-x]\nsays = 3", "[x]\nquestion = 'HW5 Q1'"],
)
def test_a_list_that_makes_no_sense_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "claims.toml"
    path.write_text(text, encoding="utf-8")
    for wrong in (path, tmp_path / "none.toml", tmp_path):
        with pytest.raises(ClaimError, match=wrong.name):
            coursework(wrong)


def test_a_judgement_says_how_it_came_about() -> None:
    judged = ledger.judge("claim-hw5-q7a-bilstm-twice")
    assert (judged.verdict, repr(judged)) == ("fails", "Does not hold  [claim-hw5-q7a-bilstm-twice]")
    html = judged._repr_mimebundle_()["text/html"]
    assert all(part in html for part in (judged.claim.says, "Holds if", "bilstm.ratio</code> (2.65)", "&lt; 0.5"))
    with pytest.raises(ClaimError, match="claim-hw5-q0"):
        ledger.judge("claim-hw5-q0")


def test_why_names_the_argument_or_what_would_decide() -> None:
    said = load(ledger.ledger_path().with_name("claims.toml"))
    for claim in said.values():
        why = judge(claim.id, said, ledger.current()).why
        assert why.startswith(("Holds if ", "Argued: ", "To decide it: ")), why
    assert {claim.judged(ledger.current()) for claim in said.values()} == set(VERDICTS)
