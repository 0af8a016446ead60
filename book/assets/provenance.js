// Where a number or a figure comes from, in a box beside its link: on hover, on keyboard focus, and on a first tap.
// The link's title says the same to those without scripts.
"use strict";

(() => {
  const LINKS = "a.ledger[title], a.provenance[title]";
  const links = document.querySelectorAll(LINKS);
  if (!links.length) return;

  const WAIT = 150; // ms before a passing pointer opens or closes the box
  const GAP = 6; // pixels between a link and the box, and between the box and the window
  const box = document.createElement("div");
  box.id = "provenance";
  box.setAttribute("role", "tooltip");
  box.hidden = true;
  document.querySelector(".bd-article").append(box); // in a landmark, where a screen reader may come upon it

  let shown = null;
  let timer = 0;
  let touched = false;

  const fill = (link) => {
    const [first, ...rest] = link.title.split(" · ");
    const head = document.createElement("strong");
    head.textContent = first;
    const lines = rest.map((text) => Object.assign(document.createElement("span"), { textContent: text }));
    const where = link.classList.contains("ledger") ? "its row on the page Numbers" : "the figure";
    const hint = Object.assign(document.createElement("em"), { textContent: `Tap again for ${where}.` });
    box.replaceChildren(head, ...lines, ...(touched ? [hint] : []));
  };

  const place = (link) => {
    const [first] = link.getClientRects();
    Object.assign(box.style, { left: "0", top: "0" });
    const zero = box.getBoundingClientRect();
    const width = document.documentElement.clientWidth;
    const left = Math.min(Math.max(GAP, first.left), width - zero.width - GAP);
    const below = first.bottom + GAP + zero.height < window.innerHeight || first.top < zero.height + GAP;
    const top = below ? first.bottom + GAP : first.top - GAP - zero.height;
    Object.assign(box.style, { left: `${left - zero.left}px`, top: `${top - zero.top}px` });
  };

  const hide = () => {
    clearTimeout(timer);
    if (!shown) return;
    shown.title = shown.dataset.title;
    shown.removeAttribute("aria-describedby");
    delete shown.dataset.title;
    shown = null;
    box.hidden = true;
  };

  const show = (link) => {
    clearTimeout(timer);
    if (shown === link) return;
    hide();
    fill(link);
    link.dataset.title = link.title; // the browser's own box would lie over this one
    link.removeAttribute("title");
    link.setAttribute("aria-describedby", box.id);
    shown = link;
    box.hidden = false;
    place(link);
  };

  const later = (act) => {
    clearTimeout(timer);
    timer = setTimeout(act, WAIT);
  };

  for (const link of links) {
    link.addEventListener("pointerenter", (event) => {
      if (event.pointerType === "mouse") later(() => show(link));
    });
    link.addEventListener("pointerleave", (event) => {
      if (event.pointerType === "mouse") later(hide);
    });
    link.addEventListener("pointerdown", (event) => {
      touched = event.pointerType !== "mouse";
    });
    link.addEventListener("focus", () => {
      if (!touched && link.matches(":focus-visible")) show(link);
    });
    link.addEventListener("blur", hide);
    link.addEventListener("click", (event) => {
      if (!touched) return hide();
      if (shown === link) return; // the second tap follows the link
      event.preventDefault();
      show(link);
    });
  }
  // The pointer may go into the box, to read it or to copy from it.
  box.addEventListener("pointerenter", () => clearTimeout(timer));
  box.addEventListener("pointerleave", () => later(hide));
  document.addEventListener("pointerdown", (event) => {
    if (shown && !shown.contains(event.target) && !box.contains(event.target)) hide();
  });
  document.addEventListener("keydown", (event) => {
    touched = false;
    if (event.key === "Escape") hide();
  });
  window.addEventListener("resize", hide);
  window.addEventListener("beforeprint", hide);
})();
