"""What can be found under which spelling, and that LaTeX reads as it looks."""

import pytest

from book._ext.find import keys
from book._ext.search_words import BookWords, asked, fold, spell, tokens

PERSIAN_JOINED = "فعال\u200cسازی"


def findable(text: str) -> set[str]:
    return {form for found in tokens(text) for form in found}


@pytest.mark.parametrize(
    ("written", "typed"),
    [
        (r"\sigma", "σ"),
        (r"\odot", "⊙"),
        ("h_t", "h_t"),
        ("h_{t-1}", "h_{t-1}"),
        ("h_{t-1}", "h_t"),
        ("W_{hh}", "W_hh"),
        ("W_hh", r"W_{hh}"),
        (r"\frac{\partial \mathcal{L}}{\partial h}", "∂L/∂h"),
        ("FLOP/s", "FLOP"),
        ("R²", "R^2"),
        ("47,818", "47818"),
        ("1,234.5", "1234.5"),
        ("۴۷٬۸۱۸", "47,818"),
        ("گرادیان", "گراديان"),
        ("شبکه عصبی", "شبكه"),
        (PERSIAN_JOINED, "فعالسازی"),
        (PERSIAN_JOINED, "فعال سازي"),
        ("rnncourse.gates.trace_gates", "trace_gates"),
    ],
)
def test_what_is_written_is_found_by_what_is_typed(written: str, typed: str) -> None:
    wanted = asked(typed).split()
    assert wanted
    assert set(wanted) <= findable(written)


@pytest.mark.parametrize(("written", "typed"), [("h_t", "h_0"), ("47,818", "47"), ("0.6682", "6682"), ("W_hh", "W_xh")])
def test_what_differs_is_not_found(written: str, typed: str) -> None:
    assert not set(asked(typed).split()) <= findable(written)


@pytest.mark.parametrize(
    ("latex", "text"),
    [
        (r"W_{xh} x_t + b_h", "W_xh x_t + b_h"),
        (r"\sigma(a) = 1 / (1 + e^{-a})", "σ(a) = 1 / (1 + e^-a)"),
        (r"\frac{1}{1 - f_{\max}}", "(1)/(1 - f_max)"),
        (r"\tfrac{1}{2}", "1/2"),
        (r"\left( \mathbb{R}^{H} \right)", " ( R^H )"),
        (r"\begin{bmatrix} 1 \\ 0 \end{bmatrix}", " 1 0 "),
        ("plain {braces} stay a word", "plain braces stay a word"),
        ("a_b/c (d-e)", "a_b/c (d-e)"),
    ],
)
def test_latex_reads_as_it_looks(latex: str, text: str) -> None:
    assert spell(latex).split() == text.split()


def test_folding_is_done_once_only_english_is_stemmed_and_an_answer_has_its_keys() -> None:
    for text in ("ABC", "كتاب", "h²", "۴۲", "−1"):
        assert fold(fold(text)) == fold(text)
    words = BookWords({})
    assert words.stem("gates") == words.stem("gate")
    for word in ("w_hh", "σ", "گرادیان", "47,818", "h_t-1"):
        assert words.stem(word) == word
    assert keys("f_t", "forget") == ("f_t", "ft", "forget")
    assert keys("forget gate") == ("forget gate",)
    assert keys("*") == ()
