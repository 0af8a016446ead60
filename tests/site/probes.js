// What the tests ask of a page, run in it.

// ---- Colours

const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
const numbers = (colour) => {
  canvas.clearRect(0, 0, 1, 1);
  canvas.fillStyle = colour;
  canvas.fillRect(0, 0, 1, 1);
  return [...canvas.getImageData(0, 0, 1, 1).data];
};
const brightness = (parts) => parts.slice(0, 3)
  .map((part) => part / 255).map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
  .reduce((sum, part, k) => sum + part * [0.2126, 0.7152, 0.0722][k], 0);
const ratio = (...colours) => {
  const pair = colours.map(brightness);
  return (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
};

// The outline of what has the focus, against the ground behind it, and whether something lies over it.
const focus = (node) => {
  let ground = node.parentElement;
  while (ground && numbers(getComputedStyle(ground).backgroundColor)[3] < 255) ground = ground.parentElement;
  const { outlineStyle, outlineWidth, outlineColor } = getComputedStyle(node);
  const behind = getComputedStyle(ground ?? document.body).backgroundColor;
  const box = node.getClientRects()[0];
  const top = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
  return {
    name: node.getAttribute("aria-label") || node.labels?.[0]?.textContent || node.textContent.trim().slice(0, 40),
    width: outlineStyle === "none" ? 0 : parseFloat(outlineWidth),
    contrast: ratio(numbers(outlineColor), numbers(behind)),
    covered: !(top && (node.contains(top) || top.contains(node) || node.labels?.[0]?.contains(top))),
  };
};

// The same of every stop of a widget, in turn.
const foci = (widget, stops) => [...widget.querySelectorAll(stops)].map((node) => {
  node.focus();
  return focus(node);
});

// Marks that are hardly seen: stroke and filling are fainter than 3 to 1 on the widget's ground, and words fainter than
// 4.5 to 1. What only orders a drawing may be faint: grids, frames, lines that dots say once more.
const faint = (scenery) => {
  const faint = new Set();
  for (const widget of document.querySelectorAll(".rnn-widget")) {
    const ground = numbers(getComputedStyle(widget).backgroundColor);
    const contrast = (paint, opacity) => {
      if (paint === "none") return 1;
      const colour = numbers(paint);
      const share = (colour[3] / 255) * parseFloat(opacity);
      return ratio(ground.map((part, k) => part + share * (colour[k] - part)), ground);
    };
    for (const mark of widget.querySelectorAll("svg :is(line, polyline, circle, rect, polygon, text)")) {
      const name = mark.getAttribute("class") ?? "";
      if (new RegExp(`rnn-(${scenery})( |$)`).test(name) && !name.includes("strong")) continue;
      const { fill, fillOpacity, stroke, strokeOpacity } = getComputedStyle(mark);
      const inside = /^(line|polyline)$/.test(mark.localName) ? 1 : contrast(fill, fillOpacity);
      const text = mark.localName === "text";
      const best = text ? inside : Math.max(inside, contrast(stroke, strokeOpacity));
      if (best < (text ? 4.5 : 3)) faint.add(`${widget.dataset.module} ${mark.localName} ${name} ${best}`);
    }
  }
  return [...faint];
};

// ---- axe

// What is left out is a repetition of what stays: a block of code has one ground, so one token of each class shows every
// colour in it; of the rows and entries of one shape (elements, attributes, where there is text), two stay.
const thin = () => {
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
};

// Contrast is what costs axe its time, and colours come from style sheets that all pages share. So a text is measured
// where its colours are new: its own, its size, and the ground of everything it stands in.
const mark = (known) => {
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
};

const runAxe = async (only) => {
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
};

// ---- Boxes

// Boxes that end right of the window, unless they scroll in a frame, which paper cannot, or are meant for screen readers
// alone. Inside a formula or a drawing nothing is measured: they are boxes of their own. But a formula must hold its
// signs: what strays out of it, no frame scrolls to.
const cut = (onPaper) => {
  const boxes = (node) => [...node.children].flatMap((box) => {
    if (box.matches(".rnn-unseen, .visually-hidden")) return [];
    return box.matches("math, svg") ? [box] : [box, ...boxes(box)];
  });
  const strays = (box) => box.scrollWidth > box.clientWidth + 1;
  return boxes(document.querySelector("main")).filter((box) => {
    if (box.matches("math[display=block]") && strays(box)) return true;
    if (innerWidth <= 650 && box.matches(".cell_input pre, .figure-frame") && strays(box)) return true;
    if (box.getBoundingClientRect().right <= innerWidth + 1) return false;
    if (!box.checkVisibility({ visibilityProperty: true })) return false;
    for (let frame = onPaper ? null : box.parentElement; frame; frame = frame.parentElement) {
      if (/auto|scroll/.test(getComputedStyle(frame).overflowX)) return false;
    }
    return true;
  }).slice(0, 3).map((box) => box.outerHTML.slice(0, 120));
};

const longestMotion = () => Math.max(...[...document.querySelectorAll("*")].flatMap((element) => {
  const { transitionDuration, animationDuration } = getComputedStyle(element);
  return [parseFloat(transitionDuration), parseFloat(animationDuration) || 0];
}));

const unsetFormulas = () =>
  [...document.querySelectorAll(".math")].filter((box) => !box.querySelector("math")).length;

// ---- Markup: each rule tells what is wrong with the page

const all = (selector) => [...document.querySelectorAll(selector)];
const POLICY = { "default-src": "'self'", "object-src": "'none'", "base-uri": "'self'", "form-action": "'self'",
  "connect-src": "'self'" };
const RULES = {
  // Strict, and before anything it governs.
  * policy() {
    const [meta, ...more] = all('meta[http-equiv="Content-Security-Policy"]');
    if (!meta || more.length) return yield "no policy, or two";
    if ([...document.head.children].indexOf(meta) > 1) yield "something before the policy";
    const parts = meta.content.split(";").map((part) => part.trim().split(/\s+/));
    const found = Object.fromEntries(parts.map(([name, ...sources]) => [name, sources.join(" ")]));
    for (const name in POLICY) if (found[name] !== POLICY[name]) yield `${name} ${found[name]}`;
    if (!/^'self'( 'sha256-[\w+/]{43}=')*$/.test(found["script-src"])) yield `script-src ${found["script-src"]}`;
    if (/unsafe-eval|https?:|\*|\/\//.test(meta.content.replace(/'sha256-\S+/g, ""))) yield meta.content;
  },
  // Only pages with widgets load them.
  * widgets() {
    if (all('script[src*="widgets-"]').length !== Math.min(1, all(".rnn-widget-host").length)) yield "the script of the widgets";
  },
  // Before it is drawn a page waits for one style sheet, and for a script only where it says so. The search has its order.
  * arrival() {
    const sheets = all('link[rel="stylesheet"]').length;
    if (sheets > 1) yield `${sheets} style sheets`;
    if (all('script[src*="searchtools.js"]').length) return;
    for (const { src } of all("script[src]:not([defer], [async], [blocking])")) yield src;
  },
  // Every picture says what it shows, and in a figure more than its caption.
  * pictures() {
    for (const { alt, src } of all("article img")) {
      if (!alt.trim() || /\.(png|svg|jpe?g|gif|webp)$/i.test(alt) || alt.split(" ")[0].includes("/")) yield src;
    }
    for (const figure of all("article figure:has(img):has(.caption-text)")) {
      const words = (text) => new Set(text.toLowerCase().match(/\S+/g));
      const { alt } = figure.querySelector("img");
      const said = words(figure.querySelector(".caption-text").textContent);
      const again = [...words(alt)].filter((word) => said.has(word));
      if (alt.length < 40 || again.length >= 0.8 * words(alt).size) yield `too short, or the caption again: ${alt}`;
    }
  },
  // No two places have one name.
  * ids() {
    const seen = new Set();
    for (const { id } of all("[id]")) {
      if (seen.has(id)) yield id;
      seen.add(id);
    }
  },
  // A link to a new tab hands over no window.
  * tabs() {
    for (const link of all("a[target=_blank]")) if (!link.relList.contains("noopener")) yield link.href;
  },
  // Headings leave out no level, and a page has one title.
  * outline() {
    const levels = all("h1, h2, h3, h4, h5, h6").map((heading) => Number(heading.localName[1]));
    if (levels.filter((level) => level === 1).length !== 1) yield "not one title";
    for (const [k, level] of levels.entries()) if (level > (levels[k - 1] ?? 0) + 1) yield `${level} without one above`;
    if (all("[role=heading]").length) yield "a heading that is none";
  },
  // A page says its language, and every Persian word its own.
  * language() {
    if (document.documentElement.lang !== "en") yield "not in English";
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
      const { data, parentElement } = texts.currentNode;
      if (/[\u0600-\u06ff]/.test(data) && !parentElement.closest("script, [lang=fa][dir=rtl]")) yield data;
    }
  },
  // A table of data has heads, and none of them is empty.
  * tables() {
    for (const table of all("article table:not([role=presentation], .rnn-widget *)")) {
      const heads = [...table.querySelectorAll("th")];
      if (!heads.length || !heads.every((th) => th.textContent.trim() || th.querySelector("img, .math"))) {
        yield table.textContent.trim().slice(0, 60);
      }
    }
  },
  // A page says what it is, and how wide.
  * head() {
    for (const rule of ["name=description", 'property="og:title"', 'property="og:description"', "name=viewport"]) {
      const found = all(`meta[${rule}]`);
      if (found.length !== 1 || !found[0].content.trim() || found[0].content.length > 200) yield rule;
    }
  },
};
const markup = () => Object.entries(RULES).flatMap(([name, rule]) => [...rule()].map((fault) => `${name}: ${fault}`));

// What pages are to each other, and what is said of numbers and figures.
const facts = () => ({
  title: document.title,
  ids: all("[id]").map((node) => node.id),
  links: all("a[href], link[href], img[src], script[src]").map((node) => node.getAttribute("href") ?? node.getAttribute("src")),
  kinds: all('script[type="application/ld+json"]').map((script) => JSON.parse(script.textContent)["@type"]),
  ledger: all("a.ledger").map((link) => [link.hash.slice(1), link.title]),
  figures: all("article figure").map((figure) => [
    figure.id,
    ...[...figure.querySelectorAll("figcaption a.provenance")].flatMap((link) => [link.getAttribute("href"), link.title]),
    figure.querySelectorAll("figcaption a.headerlink").length,
  ]),
});

// What a person who is about to use a control sees of it and of every number but the one beside the control itself.
const look = control => ({
  type: control.type,
  atEnd: control.options ? control.selectedIndex > 0 : Number(control.value) >= Number(control.max || Infinity),
  name: control.labels?.[0]?.textContent || control.textContent,
  numbers: [...control.closest(".rnn-widget").querySelectorAll("output")]
    .filter(o => !control.id || !o.htmlFor.contains(control.id)).map(o => o.textContent),
});
