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

  document.addEventListener("DOMContentLoaded", () => {
    const slides = [...document.querySelectorAll(".slide")];
    const controls = document.querySelector("nav > div");
    const button = (name) => controls.querySelector(`[data-go=${name}]`);
    const home = document.querySelector("nav > a");
    let at = 0;

    const show = () => {
      root.classList.remove("arriving");
      slides.forEach((slide, place) => slide.classList.toggle("now", place === at));
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
