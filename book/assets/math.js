// Sets the formulas of a page, those near the screen first and the others while nothing else is to do, in pieces so
// short that a click can slip in between, and all of them at once for paper. MathJax is loaded behind everything else, in
// parts. A classic script, so that it also runs on a page opened from disk.
"use strict";

(() => {
  const PIECE = 8; // ms of work at a time, whatever the processor
  const home = new URL("offline/mathjax/startup.js", document.currentScript.src).href;
  const formulas = document.querySelectorAll(".bd-article .math");
  const near = new Set();
  const later = new Set(formulas);
  if (!formulas.length) return;

  /** Formulas for one piece: one at least, and more while their TeX has no more than so many characters. */
  const take = (from, characters) => {
    const taken = [];
    let left = characters;
    for (const formula of from) {
      left -= formula.textContent.length;
      if (taken.length && left < 0) break;
      taken.push(formula);
    }
    for (const formula of taken) {
      near.delete(formula);
      later.delete(formula);
      watch.unobserve(formula);
    }
    return taken;
  };

  const set = async (some) => {
    await MathJax.typesetPromise(some);
    for (const formula of some) formula.dispatchEvent(new Event("formula", { bubbles: true }));
  };

  let rate = 1; // characters a millisecond
  const idle = () => new Promise((go) => (window.requestIdleCallback ?? setTimeout)(go));
  const setPieces = async () => {
    while (near.size || later.size) {
      if (!near.size) await idle();
      const some = take(near.size ? near : later, rate * PIECE);
      if (!some.length) break; // all were asked for at once meanwhile
      const characters = some.reduce((sum, formula) => sum + formula.textContent.length, 0);
      const begun = performance.now();
      await set(some);
      rate = characters / (performance.now() - begun);
      await new Promise((go) => setTimeout(go));
    }
  };

  let ready;
  let work = new Promise((go) => (ready = go)); // one piece after the other, once MathJax is there
  const setNear = () => (work = work.then(setPieces));

  const watch = new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries) {
        if (isIntersecting) near.add(target);
        else near.delete(target);
      }
      setNear();
    },
    { rootMargin: "30% 0px" },
  );

  window.MathJax.startup = { typeset: false, pageReady: () => ready() };
  window.addEventListener("load", () => {
    for (const formula of formulas) watch.observe(formula);
    const script = document.createElement("script");
    script.src = home;
    document.head.append(script);
  });

  // For whoever needs the whole page at once.
  window.setFormulas = () => {
    near.clear();
    later.clear();
    return (work = work.then(() => set([...formulas].filter((formula) => !formula.querySelector("mjx-container")))));
  };
  window.addEventListener("beforeprint", () => window.MathJax.typeset?.());
})();
