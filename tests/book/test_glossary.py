"""Terms of the glossary are linked from their first use in a chapter, by the build, in either number and once."""

from docutils import nodes
from sphinx import addnodes

from book._ext.first_uses import GLOSSARY, link_first_uses, terms

KNOWN = terms(GLOSSARY.read_text(encoding="utf-8"))


def page(*children: nodes.Node) -> nodes.section:
    section = nodes.section()
    section += [*children]
    return section


def paragraph(*parts: nodes.Node | str) -> nodes.paragraph:
    made = nodes.paragraph()
    made += [nodes.Text(part) if isinstance(part, str) else part for part in parts]
    return made


def linked(*children: nodes.Node) -> list[tuple[str, str]]:
    made = page(*children)
    before = made.astext()
    list(link_first_uses(made, KNOWN, "book/notebooks/11-one-step"))
    assert made.astext() == before
    return [(link.astext(), link["reftarget"]) for link in made.findall(addnodes.pending_xref) if link.children]


def test_the_glossary_is_read_whole_and_in_order() -> None:
    assert len(KNOWN) > 80
    assert {"LSTM", "vanishing gradient", "p-value", "TF-IDF"} <= set(KNOWN)
    assert sorted(KNOWN, key=str.lower) == KNOWN


def test_the_first_use_is_linked_and_no_later_one() -> None:
    text = paragraph("Biases, and a vanishing", "\n", "gradient. The bias, the gradients; an RNN and RNNs, batches.")
    assert linked(text, paragraph("A gradient, a batch, a bias.")) == [
        ("Biases", "bias"),
        ("vanishing\ngradient", "vanishing gradient"),
        ("gradients", "gradient"),
        ("RNN", "recurrent neural network"),
        ("batches", "batch"),
    ]


def test_words_that_only_look_like_a_term_get_no_link() -> None:
    assert linked(paragraph("weighty lossless gates-like mac flop pre-biased")) == []


def test_headings_code_links_and_emphasis_are_left_alone() -> None:
    silent = (nodes.literal, nodes.reference, nodes.emphasis, nodes.math)
    assert linked(nodes.title("", "The loss"), paragraph(*(kind("", "loss") for kind in silent))) == []
    assert linked(nodes.title("", "The loss"), paragraph("the ", nodes.strong("", "loss"))) == [("loss", "loss")]


def test_what_an_author_has_linked_earlier_is_left_alone() -> None:
    by_hand = addnodes.pending_xref("", reftype="term", reftarget="loss")
    assert linked(paragraph(by_hand, " and the loss")) == []
