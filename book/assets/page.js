// What every page needs beyond the theme. A classic script, so that it also runs on a page opened from disk.
"use strict";

(() => {
  // Search results quote the pages they find by fetching them, which a browser refuses to a page on disk.
  if (location.protocol === "file:" && typeof DOCUMENTATION_OPTIONS !== "undefined") {
    DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
  }

  for (const button of document.querySelectorAll('[data-action="print"]')) {
    button.addEventListener("click", () => window.print());
  }

  // A named index gets a row of its own in the head, with nothing else in it: one row says it all.
  for (const head of document.querySelectorAll("table.dataframe thead")) {
    const [columns, names] = head.rows;
    const rest = [columns?.cells[0], ...[...(names?.cells ?? [])].slice(1)];
    if (head.rows.length !== 2 || rest.some((cell) => cell?.textContent.trim())) continue;
    columns.cells[0].textContent = names.cells[0].textContent;
    names.remove();
  }

  // Numbers stand under numbers; a column with words in it is set like words.
  const NUMBER = /^[\s\d.,:%×^±+−–-]*$|^[−-]?[\d.,]+(e[+−-]?\d+)?( \S{1,6})?$|^(nan|inf)$/i;
  for (const table of document.querySelectorAll("table.dataframe")) {
    const rows = [...table.tBodies].flatMap((body) => [...body.rows]);
    const head = [...(table.tHead?.rows ?? [])];
    for (let column = 0; column < (rows[0]?.cells.length ?? 0); column += 1) {
      if (rows.every((row) => NUMBER.test(row.cells[column]?.textContent ?? ""))) continue;
      for (const row of [...head, ...rows]) row.cells[column]?.classList.add("words");
    }
  }

  // A line may break behind a formula, but not between it and its full stop.
  for (const formula of document.querySelectorAll(".bd-article span.math")) {
    const after = formula.nextSibling;
    const mark = after instanceof Text ? after.data.match(/^[.,:;!?)\]’”%]+/)?.[0] : undefined;
    if (!mark) continue;
    const both = document.createElement("span");
    both.className = "unbroken";
    formula.replaceWith(both);
    both.append(formula, mark);
    after.deleteData(0, mark.length);
  }

  for (const number of document.querySelectorAll(".bd-article a.ledger")) {
    const after = number.nextSibling;
    if (after instanceof Text && after.data.startsWith(" %")) after.replaceData(0, 1, "\u00a0");
  }

  // Paper is white, and shows what is folded.
  const folded = new Set();
  const root = document.documentElement;
  let theme;
  window.addEventListener("beforeprint", () => {
    theme ??= root.dataset.theme;
    root.dataset.theme = "light";
    for (const details of document.querySelectorAll("details:not([open])")) {
      folded.add(details);
      details.open = true;
    }
  });
  window.addEventListener("afterprint", () => {
    for (const details of folded) details.open = false;
    folded.clear();
    if (theme) root.dataset.theme = theme;
    theme = undefined;
  });

  // A box that scrolls sideways must be reachable by keyboard; one that does not should not be a stop.
  const SCROLLING =
    ".highlight pre, .cell_output pre, .text_html, .pst-scrollable-table-container, div.math, mjx-container";
  const markScrolling = () => {
    for (const box of document.querySelectorAll(SCROLLING)) {
      const scrolls = getComputedStyle(box).overflowX !== "visible";
      if (scrolls && box.scrollWidth > box.clientWidth + 1) box.tabIndex = 0;
      else box.removeAttribute("tabindex");
    }
  };

  // The theme's scripts write some controls whose label says something else than their text.
  const mendLabels = () => {
    for (const element of document.querySelectorAll("button.toggle-button[aria-label], summary[aria-label]")) {
      if (element.textContent.trim()) element.removeAttribute("aria-label");
    }
  };

  window.addEventListener("load", () => {
    mendLabels();
    markScrolling();
    window.MathJax?.startup?.promise?.then(markScrolling);
  });
  let pending = 0;
  window.addEventListener("resize", () => {
    cancelAnimationFrame(pending);
    pending = requestAnimationFrame(markScrolling);
  });
})();
