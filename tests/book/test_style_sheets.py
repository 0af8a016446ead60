"""What pages are sent: style sheets keep the rules that can fit something, fonts the signs that are shown."""

from pathlib import Path

import pytest
import tinycss2
from fontTools.ttLib import TTFont

from book._ext import figures, fonts, self_contained, style_sheets

ASSETS = Path(__file__).parents[2] / "book" / "assets"
NAMES = {"kept", "there", "icon"}


def rules(text: str, folder: Path = ASSETS) -> str:
    """What is kept of a sheet where three names are known."""
    return "\n".join(style_sheets.kept(tinycss2.parse_stylesheet(text, True, True), NAMES, folder))


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        (".kept { color: red }", ".kept{color: red}"),
        (".gone { color: red }", ""),
        ("#gone p { color: red }", ""),
        (".kept.gone, .there > p { color: red }", ".there > p{color: red}"),
        ("p:not(.gone) { color: red }", "p:not(.gone){color: red}"),
        (":is(.gone, .kept) { color: red }", ":is(.gone, .kept){color: red}"),
        ("p:is(.gone, #lost) { color: red }", ""),
        ("p:has(.gone) { color: red }", ""),
        ('[class~="gone"] { color: red }', '[class~="gone"]{color: red}'),
        ("@media print { .gone { color: red } .kept { color: red } }", "@media print{.kept{color: red}}"),
        ("@media print { .gone { color: red } }", ""),
        ('@charset "UTF-8"; /* said */ a { /* said */ color:\n  red }', "a{color: red}"),
        (".kept { .gone & { color: red } }", ".kept{.gone & { color: red }}"),
        ("@page { margin: 0 }", "@page { margin: 0 }"),
    ],
)
def test_a_rule_is_kept_where_its_names_are_known(given: str, wanted: str) -> None:
    assert rules(given) == wanted


def test_an_imported_sheet_stands_in_its_layer_and_an_address_leads_from_the_static_files(tmp_path: Path) -> None:
    (tmp_path / "styles").mkdir()
    (tmp_path / "base.css").write_text(".kept { color: red }", encoding="utf-8")
    (tmp_path / "styles" / "one.css").write_text(
        '@import "../base.css";\n.there { src: url(../a.woff2), url("data:x,y") }', encoding="utf-8"
    )
    text = style_sheets.sheet(tmp_path / "styles" / "one.css", NAMES)
    assert text == '.kept{color: red}\n.there{src: url("a.woff2"), url("data:x,y")}'
    assert rules('@import url("base.css") layer(book);', tmp_path) == "@layer book{.kept{color: red}}"
    (tmp_path / "a.woff2").touch()
    assert 'url("a.woff2?v=e3b0c442")' in style_sheets.versioned(text, tmp_path)
    with pytest.raises(ValueError, match="not foreseen"):
        rules('@import url("base.css") print;', tmp_path)


def test_a_page_has_one_sheet_in_the_place_of_the_first() -> None:
    page = """<title>x</title>
  <link href="../_static/styles/theme.css?digest=5" rel="stylesheet" />
    <link rel="stylesheet" type="text/css" href="../_static/mystnb.11b3.css" />
    <link rel="stylesheet" href="../_static/other.css" />
  <link rel="icon" href="../_static/favicon.svg"/>"""
    once = style_sheets.linked(page, "1234")
    assert (
        once
        == """<title>x</title>
  <link rel="stylesheet" href="../_static/book.css?v=1234" />
    <link rel="stylesheet" href="../_static/other.css" />
  <link rel="icon" href="../_static/favicon.svg"/>"""
    )
    assert style_sheets.linked(once, "1234") == once


def test_names_are_those_of_pages_scripts_and_disguised_questions(tmp_path: Path) -> None:
    static = tmp_path / "_static"
    static.mkdir()
    (tmp_path / "page.html").write_text('<p class="a b" id="c">d</p>', encoding="utf-8")
    (static / "x.js").write_text('show("e-f")', encoding="utf-8")
    hidden = style_sheets.disguise('{"question": "<p class=\\"g\\">"}')
    (static / "answers-x.js").write_text(hidden, encoding="utf-8")
    names, texts = style_sheets.names_on(tmp_path)
    assert {"a", "b", "c", "e-f", "g"} <= names
    assert "d" not in names
    assert len(texts) == 2


def test_a_font_is_cut_to_the_signs_that_are_shown(tmp_path: Path) -> None:
    path = tmp_path / "font.woff2"
    path.write_bytes((ASSETS / "fonts" / "stix-two-math.woff2").read_bytes())
    whole = path.stat().st_size
    signs = fonts.signs_of_formulas(["α <math><mi>h</mi><mo>&sum;</mo><mi>θ</mi></math> β"])
    assert {"∑", "θ", "𝜃", "h", "ℎ", "0", "Z", "𝑍"} <= signs
    assert not {"α", "𝛼", "β", "√"} & signs
    assert "√" in fonts.signs_of_formulas(["<math><msqrt><mi>h</mi></msqrt></math>"])  # which stands in no text
    fonts.cut(path, signs, ["*"])
    assert path.stat().st_size < whole / 2
    with TTFont(path) as font:
        assert {ord(sign) for sign in signs} >= set(font.getBestCmap()) > {ord("∑"), ord("𝜃"), ord("ℎ")}
        assert "MATH" in font
    fonts.cut(path, {"\ue000"}, [])  # a sign of another font
    with TTFont(path) as font:
        assert len(font.getBestCmap()) == 1  # a browser refuses a font of none
    assert fonts.signs_of_icons(['a:before{content:"\uf185"}', 'b{content: "\uf303"} c{content: "x"}']) == {
        "\uf185",
        "\uf303",
    }


def test_scripts_wait_except_one_that_must_not_and_those_of_the_search() -> None:
    page = """<script data-cfasync="false">old()</script><script src="a.js"></script><script defer src="b.js"></script>
<script blocking="render" src="c.js"></script><script>let x;</script>
    <script>DOCUMENTATION_OPTIONS.pagename = 'a';</script>"""
    once = self_contained.patient(page)
    assert '<script defer src="a.js"></script><script defer src="b.js"></script>' in once
    assert '<script blocking="render" src="c.js"></script><script>let x;</script>' in once
    assert "old()" not in once
    assert "pagename" not in once
    assert self_contained.patient(once) == once
    search = page + '<script src="searchtools.js"></script>'
    assert '<script src="a.js">' in self_contained.patient(search)


def test_a_drawing_changes_light_and_dark_but_not_its_hue_nor_its_picture() -> None:
    drawing = '<path style="fill: #ffffff; stroke: #1f2933"/><image href="data:image/png;base64,#no"/><b c="#004c86"/>'
    night = figures.by_night(drawing)
    assert 'fill: none; stroke: #cfd9e3"' in night
    red, green, blue = (int(night[night.index("<b") + 7 :][2 * k : 2 * k + 2], 16) for k in range(3))
    assert red < green < blue  # a blue still, lighter than before
    assert blue > 0x86
    assert "base64,#no" in night


def test_a_drawing_lies_on_paper_by_night_where_its_words_compare_shades(tmp_path: Path) -> None:
    name = "a" * 64
    (tmp_path / f"{name}.svg").write_text(
        '<svg width="4pt" height="3pt"><image href="data:,"/></svg>', encoding="utf-8"
    )
    for words, kind in (("bright band", "only-dark"), ("the darker, the further", "on-paper"), ("bars", "drawn wide")):
        page = f'<figure><img src="_images/{name}.svg"><figcaption>{words}</figcaption></figure>'
        found = figures.fitted(page, tmp_path, {})
        assert next(one for one in ("only-dark", "on-paper", "drawn wide") if one in found) == kind
        assert found.count("<img") == 1 + (kind == "only-dark")


def test_a_note_says_how_the_panels_of_a_narrow_drawing_stand(tmp_path: Path) -> None:
    name, drawing = "a" * 64, '<svg width="4pt" height="3pt"></svg>'
    (tmp_path / f"{name}.svg").write_text(drawing, encoding="utf-8")
    page = f'<figure><img src="_images/{name}.svg"><figcaption>Left: a. Right: b.</figcaption></figure>'
    for beside, said in ((1, None), (2, figures.STACKED), (3, figures.STACKED), (4, figures.PAIRED)):
        found = figures.fitted(page, tmp_path, {name: {"narrow": drawing, "beside": beside}})
        assert found.count("Here the panels") == found.count(said or "Here the panels") == (said is not None)
