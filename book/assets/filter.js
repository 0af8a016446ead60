// Filters above a long table. Without this script the form stays hidden and the table whole. What is chosen stands in
// the address behind the #, as in #verdict=fails&chapter=32-power, so that a view can be linked.
"use strict";

(() => {
  const plain = (text) => text.toLowerCase().replaceAll("−", "-").replace(/(\d),(?=\d{3})/g, "$1");

  const start = (form) => {
    const frame = document.getElementById(form.dataset.rows);
    const groups = [...frame.querySelectorAll("tbody")];
    const rows = groups.flatMap((group) => [...group.querySelectorAll("tr[data-verdict]")]);
    const controls = [...form.elements].filter((control) => control.name);
    const output = form.querySelector("output");
    const texts = new Map();

    // A row is found by its own words and by those of the heading it stands under.
    const textOf = (row) => {
      if (!texts.has(row)) {
        const heading = row.parentElement.querySelector("tr.item");
        texts.set(row, plain(`${heading?.textContent ?? ""} ${row.textContent}`));
      }
      return texts.get(row);
    };

    const fits = (row, wanted) =>
      [...wanted].every(([name, value]) =>
        name === "words"
          ? plain(value).split(/\s+/).every((word) => textOf(row).includes(word))
          : (row.dataset[name] ?? "").split(" ").includes(value),
      );

    const chosen = () =>
      new URLSearchParams(controls.filter((control) => control.value.trim()).map(({ name, value }) => [name, value.trim()]));

    const show = () => {
      const wanted = chosen();
      let count = 0;
      for (const row of rows) {
        row.hidden = !fits(row, wanted);
        count += !row.hidden;
      }
      for (const group of groups) group.hidden = ![...group.rows].some((row) => row.dataset.verdict !== undefined && !row.hidden);
      const text = `${wanted}` ? `${count} of ${rows.length} rows` : `All ${rows.length} rows`;
      if (output.value !== text) output.value = text;
    };

    const remember = () => {
      const wanted = chosen().toString();
      history.replaceState(null, "", wanted ? `#${wanted}` : location.pathname + location.search);
    };

    // An address without a choice is a place in the table, which must then be in sight.
    const restore = () => {
      const hash = location.hash.slice(1);
      const wanted = new URLSearchParams(hash.includes("=") ? hash : "");
      for (const control of controls) {
        const value = wanted.get(control.name) ?? "";
        const known = control.type === "search" || [...control.options].some((option) => option.value === value);
        control.value = known ? value : "";
      }
      show();
      if (hash && !`${wanted}`) document.querySelector(":target")?.scrollIntoView();
      else if (hash) form.scrollIntoView();
    };

    form.addEventListener("input", () => {
      show();
      remember();
    });
    form.addEventListener("reset", () =>
      setTimeout(() => {
        show();
        remember();
      }),
    );
    form.addEventListener("submit", (event) => event.preventDefault());
    window.addEventListener("hashchange", restore);
    form.hidden = false;
    restore();
  };

  // A count in a table of totals leads to the rows it counts.
  for (const cell of document.querySelectorAll("[data-show]")) {
    const link = document.createElement("a");
    link.href = `#${cell.dataset.show}`;
    link.append(...cell.childNodes);
    cell.append(link);
  }

  for (const form of document.querySelectorAll("form.row-filter")) start(form);
})();
