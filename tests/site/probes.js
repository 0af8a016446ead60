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

// What is left out is a repetition of what stays. A formula is drawn by hundreds of boxes without text, hidden from
// screen readers, which hear the sentence beside them; a block of code has one ground, so one token of each class shows
// every colour in it; of the rows and entries of one shape (elements, attributes, where there is text), two stay.
const thin = () => {
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
// alone. Inside a formula or a drawing nothing is measured: they are boxes of their own.
const cut = (onPaper) => [...document.querySelectorAll("main *")].filter((box) => {
  if (box.closest("mjx-container *, svg *, .rnn-unseen, .visually-hidden")) return false;
  if (box.getBoundingClientRect().right <= innerWidth + 1) return false;
  if (!box.checkVisibility({ visibilityProperty: true })) return false;
  for (let frame = onPaper ? null : box.parentElement; frame; frame = frame.parentElement) {
    if (/auto|scroll/.test(getComputedStyle(frame).overflowX)) return false;
  }
  return true;
}).slice(0, 3).map((box) => box.outerHTML.slice(0, 120));

const longestMotion = () => Math.max(...[...document.querySelectorAll("*")].flatMap((element) => {
  const { transitionDuration, animationDuration } = getComputedStyle(element);
  return [parseFloat(transitionDuration), parseFloat(animationDuration) || 0];
}));

const unsetFormulas = () =>
  [...document.querySelectorAll(".math")].filter((box) => !box.querySelector("mjx-container")).length;

// What a person who is about to use a control sees of it and of every number but the one beside the control itself.
const look = control => ({
  type: control.type, id: control.id, value: control.value, max: control.max, disabled: control.disabled,
  name: control.labels?.[0]?.textContent || control.textContent,
  other: [...(control.options ?? [])].map(o => o.value).find(value => value !== control.value),
  numbers: [...control.closest(".rnn-widget").querySelectorAll("output")]
    .filter(o => !control.id || !o.htmlFor.contains(control.id)).map(o => o.textContent),
});
