"""axe-core over whole pages, with nothing measured twice: a chapter as it is would take it minutes."""

from dataclasses import dataclass, field
from pathlib import Path

import axe_playwright_python
from playwright.sync_api import Page

AXE = Path(axe_playwright_python.__file__).with_name("axe.min.js").read_text(encoding="utf-8")

# What is left out is a repetition of what stays. A formula is drawn by hundreds of boxes without text, hidden from
# screen readers, which hear the sentence beside them; a block of code has one ground, so one token of each class shows
# every colour in it; of the rows and entries of one shape (elements, attributes, where there is text), two stay.
THIN = """() => {
  for (const formula of document.querySelectorAll("mjx-container")) {
    formula.querySelector("mjx-math")?.replaceChildren();
    const spoken = formula.querySelector("mjx-assistive-mml");
    if (spoken) spoken.textContent = spoken.textContent;
  }
  for (const block of document.querySelectorAll(".highlight pre")) {
    const seen = new Set();
    for (const token of block.querySelectorAll("span")) {
      if (seen.has(token.className)) token.replaceWith(...token.childNodes);
      seen.add(token.className);
    }
    block.normalize();
  }
  const shape = (node) => [
    node.localName, node.getAttribute("class"), node.getAttributeNames(), Boolean(node.textContent.trim()),
    [...node.children].map(shape),
  ].join();
  for (const parent of document.querySelectorAll("ul, ol, tbody, table")) {
    const seen = new Map();
    for (const child of [...parent.children]) {
      const kind = shape(child);
      seen.set(kind, (seen.get(kind) ?? 0) + 1);
      if (seen.get(kind) > 2) child.remove();
    }
  }
}"""

# Contrast is what costs axe its time, and colours come from style sheets that all pages share. So a text is measured
# where its colours are new: its own, its size, and the ground of everything it stands in.
MARK = """(known) => {
  const hash = (text) => {
    let [a, b] = [0x811c9dc5, 0x1b873593];
    for (let k = 0; k < text.length; k += 1) {
      a = Math.imul(a ^ text.charCodeAt(k), 0x01000193);
      b = Math.imul(b ^ text.charCodeAt(k), 0x85ebca6b);
    }
    return (a >>> 0) * 0x100000 + ((b >>> 0) & 0xfffff);
  };
  const grounds = new Map();
  const groundOf = (node) => {
    if (!node) return "";
    if (!grounds.has(node)) {
      const { backgroundColor, backgroundImage, opacity, position, filter } = getComputedStyle(node);
      const own = [backgroundColor, backgroundImage, opacity, position, filter].join();
      const under = groundOf(node.parentElement);
      // A ground that paints nothing is not one.
      grounds.set(node, own === "rgba(0, 0, 0, 0),none,1,static,none" ? under : `${under}/${own}`);
    }
    return grounds.get(node);
  };
  const seen = new Set(known);
  const added = [];
  for (const node of document.querySelectorAll("body *")) {
    node.removeAttribute("data-measured");
    const speaks = [...node.childNodes].some((child) => child.nodeType === Node.TEXT_NODE && child.data.trim());
    const acts = node.matches("a[href], input, textarea, select");
    if (!(speaks || acts) || !node.checkVisibility({ visibilityProperty: true })) continue;
    const { color, fontSize, fontWeight, textDecorationLine, textShadow } = getComputedStyle(node);
    const around = getComputedStyle(node.parentElement).color; // a link is told from it
    const own = [color, fontSize, fontWeight, textDecorationLine, textShadow];
    const look = hash([node.localName, node.getAttribute("class"), ...own, around, groundOf(node)].join());
    if (seen.has(look)) continue;
    seen.add(look);
    added.push(look);
    node.setAttribute("data-measured", "");
  }
  return added;
}"""

RUN = """async (only) => {
  axe.configure({ rules: [
    { id: "color-contrast", selector: "[data-measured]" },
    { id: "link-in-text-block", selector: "a[href][data-measured]" },
  ] });
  const { violations } = await axe.run(document, {
    resultTypes: ["violations"], preload: false, iframes: false,
    ...(only.length ? { runOnly: { type: "rule", values: only } } : { rules: { "target-size": { enabled: true } } }),
  });
  return violations.flatMap(({ id, nodes }) => nodes.map((node) => {
    const [reason] = [...node.any, ...node.all, ...node.none];
    return `${id}: ${node.target.flat().join(" ")} ${node.html.slice(0, 160)} (${reason?.message ?? ""})`;
  }));
}"""
COLOURS = ("color-contrast", "link-in-text-block")


def thin(page: Page) -> None:
    """Leave out of the page what only repeats; the page is of no use for anything else afterwards."""
    page.evaluate(THIN)
    page.evaluate(AXE)  # not as a script of the page, which its policy would refuse


@dataclass
class Audit:
    """axe over many pages in one state, a theme at a width; it remembers which colours it has measured."""

    measured: list[int] = field(default_factory=list)

    def look(self, page: Page) -> list[str]:
        """What axe finds on this page, which has been thinned, by every rule that is on, and by target-size."""
        self.measured += page.evaluate(MARK, self.measured)
        page.evaluate("() => window.measureBoxes?.()")  # as if the reader had scrolled through it in this window
        found: list[str] = page.evaluate(RUN, [])
        return found

    def look_at_colours(self, page: Page) -> list[str]:
        """What axe finds in those colours of this page, which has been thinned, that are new."""
        added = page.evaluate(MARK, self.measured)
        self.measured += added
        found: list[str] = page.evaluate(RUN, list(COLOURS)) if added else []
        return found
