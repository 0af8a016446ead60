"""Fonts of the signs that the book shows: a page waits for a tenth of what their makers send.

Icons of the theme and signs of formulas come from two large fonts. Both are cut, in the built site, to the icons that
its style sheets name and to the signs of its formulas, with those that a browser takes for a single, slanted letter.
"""

import html
import logging
import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from fontTools import subset

ICONS, FORMULAS = Path("vendor", "fontawesome", "webfonts"), Path("fonts", "stix-two-math.woff2")
SLANTED = [chr(0x210E), *map(chr, range(0x1D434, 0x1D468)), *map(chr, range(0x1D6E2, 0x1D71C))]  # ℎ, letters, Greek
TYPED = {chr(sign) for sign in range(0x20, 0x7F)}

logging.getLogger("fontTools").setLevel(logging.WARNING)  # it tells each step, and the builder prints what it is told

_FORMULA = re.compile(r"<math\b.*?</math>", re.DOTALL)
_ROOT = re.compile(r"<m(?:sqrt|root)\b")
_ICON = re.compile('content:\\s*"([\ue000-\uf8ff])"')


def signs_of_formulas(texts: Iterable[str]) -> set[str]:
    """The signs that set the formulas of some pages."""
    found = set(TYPED)
    for text in texts:
        for formula in _FORMULA.findall(text):
            found.update(html.unescape(re.sub(r"<[^>]*>", "", formula)))
            found.update("√" if _ROOT.search(formula) else "")  # which a browser draws by itself
    return found | {slanted for slanted in SLANTED if unicodedata.normalize("NFKC", slanted) in found}


def signs_of_icons(sheets: Iterable[str]) -> set[str]:
    """The signs of the icons that some style sheets name."""
    return {sign for sheet in sheets for sign in _ICON.findall(sheet)}


def cut(path: Path, signs: set[str], features: list[str]) -> None:
    """Keep of a font what these signs need.

    Args:
        path: a font in the format woff2, which is written anew.
        signs: what is kept.
        features: tags of the layout features that are kept; ``"*"`` for all.
    """
    options = subset.Options(flavor="woff2", layout_features=features)
    with subset.load_font(str(path), options, lazy=False) as font:
        has = {chr(code) for code in font.getBestCmap()}
        cutter = subset.Subsetter(options)
        cutter.populate(text="".join(sorted(has & signs or {min(has)})))  # a font of no sign at all is refused
        cutter.subset(font)
        subset.save_font(font, str(path), options)


def cut_fonts(static: Path, texts: Iterable[str], sheets: Iterable[str]) -> None:
    """Cut the fonts of a finished site. A later build begins with whole ones: Sphinx copies them again."""
    cut(static / FORMULAS, signs_of_formulas(texts), ["*"])
    icons = signs_of_icons(sheets)
    for path in sorted((static / ICONS).iterdir()):
        if path.suffix == ".woff2":
            cut(path, icons, [])
        else:
            path.unlink()  # a form for browsers that are older than the book's scripts
