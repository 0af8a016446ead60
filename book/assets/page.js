// What every page needs beyond the theme. A classic script, so that it also runs on a page opened from disk.
"use strict";

(() => {
  // Search results quote the pages they find by fetching them, which a browser refuses to a page on disk.
  if (location.protocol === "file:" && typeof DOCUMENTATION_OPTIONS !== "undefined") {
    DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
  }

  // What is printed: a chapter without its solutions, with them, or its exercises alone; the style sheet knows which.
  const root = document.documentElement;
  for (const button of document.querySelectorAll("[data-print]")) {
    button.addEventListener("click", () => {
      root.dataset.printed = button.dataset.print;
      window.print();
    });
  }

  // A named index gets a row of its own in the head, with nothing else in it: one row says it all.
  for (const head of document.querySelectorAll("table.dataframe thead")) {
    const [columns, names] = head.rows;
    const rest = [columns?.cells[0], ...[...(names?.cells ?? [])].slice(1)];
    if (head.rows.length !== 2 || rest.some((cell) => cell?.textContent.trim())) continue;
    columns.cells[0].replaceWith(names.cells[0]);
    names.remove();
  }

  // Numbers stand under numbers; a column with words in it is set like words.
  const NUMBER = /^[\s\d.,:%×^±+−–-]*$|^[−-]?[\d.,]+(e[+−-]?\d+)?( \S{1,6})?$|^(nan|inf)$/i;
  for (const table of document.querySelectorAll("table.dataframe")) {
    const rows = [...table.tBodies].flatMap((body) => [...body.rows]);
    const head = [...(table.tHead?.rows ?? [])];
    const cell = (row, column) => row.cells[row.cells.length - column]; // from the right: a title of rows stands once for several
    for (let column = 1; column <= (rows[0]?.cells.length ?? 0); column += 1) {
      if (rows.every((row) => NUMBER.test(cell(row, column)?.textContent ?? ""))) continue;
      for (const row of [...head, ...rows]) cell(row, column)?.classList.add("words");
    }
  }

  // A line may break beside a formula, but not between it and its full stop, or the bracket before it.
  for (const formula of document.querySelectorAll(".bd-article span.math")) {
    const [before, after] = [formula.previousSibling, formula.nextSibling];
    const opening = before instanceof Text ? before.data.match(/[([‘“]+$/)?.[0] ?? "" : "";
    const mark = after instanceof Text ? after.data.match(/^[.,:;!?)\]’”%]+/)?.[0] ?? "" : "";
    if (!opening && !mark) continue;
    const both = document.createElement("span");
    both.className = "unbroken";
    formula.replaceWith(both);
    both.append(opening, formula, mark);
    if (opening) before.deleteData(before.length - opening.length, opening.length);
    if (mark) after.deleteData(0, mark.length);
  }

  for (const number of document.querySelectorAll(".bd-article a.ledger")) {
    const after = number.nextSibling;
    if (after instanceof Text && after.data.startsWith(" %")) after.replaceData(0, 1, "\u00a0");
  }

  // Paper is white, and shows what is folded, but for code that is folded on the screen.
  const folded = new Set();
  let theme;
  window.addEventListener("beforeprint", () => {
    theme ??= root.dataset.theme;
    root.dataset.theme = "light";
    for (const image of document.images) image.loading = "eager";
    for (const details of document.querySelectorAll("details:not([open], .above-input)")) {
      folded.add(details);
      details.open = true;
    }
  });
  window.addEventListener("afterprint", () => {
    for (const details of folded) details.open = false;
    folded.clear();
    if (theme) root.dataset.theme = theme;
    theme = undefined;
    delete root.dataset.printed;
  });

  // A box that scrolls sideways must be reachable by keyboard; one that does not should not be a stop. Boxes are measured
  // a few at a time, while nothing else is to do: all at once would hold up a slow processor for a second. One that is
  // folded is measured when it is unfolded: until then its page would be laid out anew for each.
  const SCROLLING =
    ".highlight pre, .cell_output pre, .text_html, .figure-frame, .pst-scrollable-table-container, .ledger-table, .math";
  const measure = (boxes) => {
    const scrolls = boxes.map((box) => box.scrollWidth > box.clientWidth + 1 && getComputedStyle(box).overflowX !== "visible");
    boxes.forEach((box, index) => {
      if (scrolls[index]) box.tabIndex = 0;
      else box.removeAttribute("tabindex");
    });
  };
  const whenIdle = window.requestIdleCallback ?? ((go) => setTimeout(go, 50));
  const waiting = new Set();
  const measureSome = () => {
    const some = [...waiting].slice(0, 30);
    for (const box of some) waiting.delete(box);
    measure(some.filter((box) => box.checkVisibility?.() ?? true));
    if (waiting.size) whenIdle(measureSome);
  };
  const measureSoon = (boxes) => {
    if (!waiting.size && boxes.length) whenIdle(measureSome);
    for (const box of boxes) waiting.add(box);
  };
  document.addEventListener("toggle", ({ target }) => measureSoon([...target.querySelectorAll(SCROLLING)]), true);
  const allBoxes = () => [...document.querySelectorAll(SCROLLING)];
  window.measureBoxes = () => measure(allBoxes()); // for whoever needs the whole page at once

  // The theme's scripts write some controls whose label says something else than their text, or not what they unfold.
  const mendLabels = () => {
    for (const element of document.querySelectorAll("summary[aria-label]")) {
      if (element.textContent.trim()) element.removeAttribute("aria-label");
    }
    for (const button of document.querySelectorAll(".admonition-title > button.toggle-button")) {
      const title = button.parentElement.querySelector("a");
      if (!title) continue;
      title.id ||= `${button.id}-title`;
      button.removeAttribute("aria-label");
      button.setAttribute("aria-labelledby", `${button.id} ${title.id}`); // "Click to show", then the exercise's name
    }
  };

  // The theme takes the focus from a button that was pressed. Who pressed it with a key would be back at the top.
  for (const button of document.querySelectorAll(".theme-switch-button, .search-button, .sidebar-toggle")) {
    button.blur = () => button.matches(":focus-visible") || HTMLElement.prototype.blur.call(button);
  }

  // A formula is copied as its source: a browser would write each of its signs on a line.
  document.addEventListener("copy", (event) => {
    const chosen = getSelection();
    if (chosen.isCollapsed) return;
    const range = chosen.getRangeAt(0).cloneRange();
    const around = (node) => (node.nodeType === Node.ELEMENT_NODE ? node : node.parentElement)?.closest("math");
    const [first, last] = [around(range.startContainer), around(range.endContainer)];
    if (first) range.setStartBefore(first);
    if (last) range.setEndAfter(last);
    const copy = document.createElement("div");
    copy.append(range.cloneContents());
    const formulas = copy.querySelectorAll("math[data-tex]");
    if (!formulas.length) return;
    event.clipboardData.setData("text/html", copy.innerHTML);
    for (const formula of formulas) {
      const mark = formula.getAttribute("display") === "block" ? "$$" : "$";
      formula.replaceWith(mark + formula.dataset.tex + mark);
    }
    document.body.append(copy); // what is not on the page has no lines
    event.clipboardData.setData("text/plain", copy.innerText);
    copy.remove();
    event.preventDefault();
  });

  window.addEventListener("load", () => {
    mendLabels();
    measureSoon(allBoxes());
  });
  let pending = 0;
  window.addEventListener("resize", () => {
    cancelAnimationFrame(pending);
    pending = requestAnimationFrame(() => measureSoon(allBoxes()));
  });
})();
