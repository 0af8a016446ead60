// A chapter's slides: one at a time where the window is wide enough, else a list, as without scripts and on paper.
"use strict";

(() => {
  const root = document.documentElement;

  root.classList.add("deck", "arriving"); // before anything is drawn, as is the theme that the reader chose for the book
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const paint = () => {
    let mode = "auto";
    try {
      mode = localStorage.getItem("mode");
    } catch {} // a browser may keep nothing for a page opened from disk
    root.dataset.theme = ["light", "dark"].includes(mode) ? mode : dark.matches ? "dark" : "light";
  };
  dark.addEventListener("change", paint);
  paint();

  // A slide is cut to hold what fits on it in the letters it was written with. Where a machine's are wider, it is set
  // smaller before it is drawn: no smaller than a text of 14 pixels on a screen of 1280 by 720.
  const LEAST = 0.875; // rem
  const onePerScreen = matchMedia("(min-width: 700px)");
  const settled = new Set();
  const spills = (box) => box.scrollWidth > box.clientWidth + 1;
  const overfull = (shown) =>
    shown.scrollHeight > shown.clientHeight || spills(shown) || [...shown.querySelectorAll("pre, .output, .math")].some(spills);
  const least = (shown) => {
    const texts = [...shown.querySelectorAll(":is(p, li, .line, th, td):not(.above)")];
    const smallest = Math.min(...texts.map((text) => parseFloat(getComputedStyle(text).fontSize)));
    return Math.min(1, (LEAST * parseFloat(getComputedStyle(root).fontSize)) / smallest);
  };
  const fit = (slide) => {
    const shown = slide.querySelector(".shown");
    if (settled.has(slide) || !onePerScreen.matches) return;
    settled.add(slide);
    shown.style.removeProperty("--shrink");
    if (!overfull(shown)) return;
    let [low, high] = [least(shown), 1];
    const set = (share) => shown.style.setProperty("--shrink", Math.ceil(1000 * share) / 1000);
    for (let tries = 0; tries < 6; tries += 1) {
      const middle = (low + high) / 2;
      set(middle);
      if (overfull(shown)) high = middle;
      else low = middle;
    }
    set(low);
  };

  // The slide that is drawn while the file arrives, as soon as it is whole.
  const arrival = new MutationObserver(() => {
    const first = document.querySelector(".slide:target") ?? document.querySelector(".slide");
    if (first?.nextElementSibling) fit(first);
  });
  arrival.observe(root, { childList: true, subtree: true });

  document.addEventListener("DOMContentLoaded", () => {
    arrival.disconnect();
    const slides = [...document.querySelectorAll(".slide")];
    const controls = document.querySelector("nav > div");
    const button = (name) => controls.querySelector(`[data-go=${name}]`);
    const home = document.querySelector("nav > a");
    let at = 0;

    const show = () => {
      root.classList.remove("arriving");
      slides.forEach((slide, place) => slide.classList.toggle("now", place === at));
      fit(slides[at]);
      controls.querySelector("output").value = `${at + 1} / ${slides.length}`;
      button("back").disabled = at === 0;
      button("on").disabled = at === slides.length - 1;
      home.href = slides[at].dataset.place;
      measureBoxes();
    };
    const go = (place) => {
      at = Math.min(Math.max(place, 0), slides.length - 1);
      history.replaceState(null, "", `#${slides[at].id}`);
      show();
    };
    const read = () => {
      at = Math.max(0, slides.findIndex((slide) => `#${slide.id}` === location.hash));
      show();
    };
    const moves = {
      back: () => go(at - 1),
      on: () => go(at + 1),
      first: () => go(0),
      last: () => go(slides.length - 1),
      notes: () => {
        const noted = root.classList.toggle("noted");
        button("notes").setAttribute("aria-pressed", noted);
        for (const details of document.querySelectorAll("details.notes")) details.open = noted;
      },
      leave: () => location.assign(home.href),
    };
    const keys = {
      ArrowRight: "on", PageDown: "on", " ": "on", ArrowLeft: "back", PageUp: "back",
      Home: "first", End: "last", n: "notes", Escape: "leave",
    };

    controls.hidden = false;
    for (const name of ["back", "on", "notes"]) button(name).addEventListener("click", moves[name]);
    window.addEventListener("hashchange", read);
    const fitAgain = () => {
      settled.clear();
      fit(slides[at]);
    };
    window.addEventListener("resize", fitAgain);
    document.fonts.addEventListener("loadingdone", fitAgain);
    window.addEventListener("beforeprint", () => {
      root.classList.add("whole"); // a slide that is not drawn has no size
      slides.forEach(fit);
      root.classList.remove("whole");
    });
    document.addEventListener("keydown", (event) => {
      const used = event.key === " " && event.target.closest("a, button, summary");
      const listed = getComputedStyle(controls).display === "none"; // there the keys scroll
      if (!(event.key in keys) || used || listed || event.ctrlKey || event.altKey || event.metaKey) return;
      event.preventDefault();
      moves[event.shiftKey && event.key === " " ? "back" : keys[event.key]]();
    });
    read();
  });

  // A slide that is shown has its picture already.
  window.addEventListener("load", () => {
    for (const image of document.images) image.loading = "eager";
  });
})();
