// Shows what the search finds: direct answers first, then the best section of each page with a sentence of it.
// Sphinx's index does the finding; its own list would have to fetch every page it names, which fails from disk.
"use strict";

(() => {
  if (typeof Search === "undefined" || typeof FOUND === "undefined") return;

  const MOST = 60;
  const WINDOW = 220;
  const API = "book/api/";
  const NEAR = 70; // characters before the first word that was found

  // A chapter that says a word comes before a function that has it in its name.
  Object.assign(Scorer, { objNameMatch: 11, objPartialMatch: 1, objPrio: { 0: 3, 1: 3, 2: 0 } });

  const stemmer = new Stemmer();
  // Tells which of the terms a word answers; each word is looked at once.
  const finder = (terms) => {
    const known = new Map();
    const look = (form) => {
      const stem = stemmer.stemWord(form);
      return [...terms].find((term) => stem === term || (term.length > 2 && stem.includes(term)));
    };
    return (form) => {
      if (!known.has(form)) known.set(form, look(form));
      return known.get(form);
    };
  };
  const titleOf = (page) => FOUND.pages[page]?.[0] ?? page;

  // The words of a text that were asked for.
  const hits = (text, find) =>
    BookWords.tokens(text).flatMap((token) => {
      const term = token.forms.map(find).find(Boolean);
      return term ? [{ ...token, term }] : [];
    });
  const distinct = (found) => new Set(found.map(({ term }) => term)).size;

  const weigh = ([anchor, title, text], find) => {
    const inText = hits(text, find);
    const weight = 4 * distinct(hits(title, find)) + 2 * distinct(inText) + Math.min(1.9, inText.length / 5);
    return { anchor, title, text, inText, weight };
  };

  const answersTo = (question) => {
    const rank = (keys) => {
      if (keys.includes(question)) return 2;
      return question.length > 2 && keys.some((key) => ` ${key} `.includes(` ${question} `)) ? 1 : 0;
    };
    return FOUND.answers
      .map(([text, kind, page, anchor, summary, keys]) => ({ text, kind, page, anchor, summary, rank: rank(keys) }))
      .filter((answer) => answer.rank)
      .sort((one, other) => other.rank - one.rank);
  };

  const asked = (text) => BookWords.tokens(text).map(({ forms }) => forms[0]).join(" ");
  const numbersFor = (question) => {
    const { page, rows } = FOUND.numbers;
    return rows.flatMap(([id, value, what, place, reported]) => {
      const row = { page, anchor: id, summary: place ? `${what} · computed in ${titleOf(place)}` : what };
      const found = [];
      if (asked(value.split(" ")[0]) === question || asked(id) === question) {
        found.push({ ...row, text: value, kind: "number" });
      }
      if (reported && asked(reported) === question) found.push({ ...row, text: reported, kind: "reported number" });
      return found;
    });
  };

  const direct = (query) => {
    const question = splitQuery(query).join(" ");
    return question ? [...answersTo(question).slice(0, 12), ...numbersFor(question).slice(0, 12)] : [];
  };

  // Sphinx looks words up in plain objects, where every page would seem to hold "constructor": such names get an entry
  // of their own, which says that no page does. Words are in lower case: the tables keep the methods that Sphinx calls.
  const shadowPrototype = ({ terms, titleterms }) => {
    const names = Object.getOwnPropertyNames(Object.prototype).filter((name) => name === name.toLowerCase());
    for (const name of names) {
      for (const table of [terms, titleterms]) {
        if (!Object.hasOwn(table, name)) Object.defineProperty(table, name, { value: undefined });
      }
    }
  };

  const byWords = ([query, terms, excluded, highlight, objects]) => {
    shadowPrototype(Search._index);
    const find = finder(terms);
    const named = new Set([...objects].filter((name) => name.length > 2));
    return Search._performSearch(query, terms, excluded, highlight, named)
      .map(([page, , anchor, , score]) => {
        const sections = FOUND.sections[page] ?? [];
        const wanted = anchor.slice(1).replace(/^module-.*/, "");
        const own = anchor ? sections.filter(([id]) => id === wanted) : sections;
        const best = own.map((section) => weigh(section, find)).sort((one, other) => other.weight - one.weight)[0];
        const inTitle = page.startsWith(API) ? 0 : 4 * distinct(hits(titleOf(page), find));
        const weight = score + (best?.weight ?? 0) + inTitle - (page.startsWith(API) ? 2 : 0);
        return { page, anchor: best?.anchor ?? anchor.slice(1), best, weight };
      })
      .sort((one, other) => other.weight - one.weight);
  };

  // The question in the book's own words, where the reader's are others.
  const inOtherWords = (query) => {
    const question = ` ${splitQuery(query).join(" ")} `;
    const found = Object.entries(FOUND.synonyms).filter(([said]) => question.includes(` ${said} `));
    return found.map(([said, written]) => question.replace(` ${said} `, ` ${written} `).trim());
  };

  // How often each word is said, and the stems of all words; counted when the first question finds nothing.
  let counted;
  let stems;
  const counts = () => {
    if (counted) return counted;
    counted = new Map();
    const texts = Object.values(FOUND.sections).flatMap((sections) => sections.flatMap(([, title, text]) => [title, text]));
    for (const text of texts) {
      for (const { forms } of BookWords.tokens(text)) counted.set(forms[0], (counted.get(forms[0]) ?? 0) + 1);
    }
    stems = new Set([...counted.keys()].map((word) => stemmer.stemWord(word)));
    return counted;
  };
  // Whether a letter more, less or other makes one word of another, or two letters that change places.
  const near = (one, other) => {
    if (Math.abs(one.length - other.length) > 1) return false;
    let from = 0;
    while (from < one.length && one[from] === other[from]) from += 1;
    const [a, b] = [one.slice(from), other.slice(from)];
    return a.slice(1) === b || a === b.slice(1) || a.slice(1) === b.slice(1)
      || (a.slice(2) === b.slice(2) && a[0] === b[1] && a[1] === b[0]);
  };
  const isSaid = (word) => counts().has(word) || stems.has(stemmer.stemWord(word));
  // Words that no page says become their neighbours; what has none is left out.
  const mended = (query) =>
    splitQuery(query)
      .map((word) => {
        if (isSaid(word)) return word;
        const known = [...counts()].filter(([other]) => word.length > 3 && other.length > 3 && near(word, other));
        return known.sort(([, one], [, other]) => other - one)[0]?.[0] ?? "";
      })
      .filter(Boolean)
      .join(" ");

  const excerpt = ({ text, inText }) => {
    const from = Math.max(0, (inText[0]?.start ?? 0) - NEAR);
    const start = from ? text.indexOf(" ", from) + 1 : 0;
    const cut = start + WINDOW < text.length ? text.lastIndexOf(" ", start + WINDOW) : text.length;
    const parts = [start ? "… " : ""];
    let at = start;
    for (const hit of inText) {
      if (hit.start < at || hit.end > cut) continue;
      const mark = document.createElement("mark");
      mark.textContent = text.slice(hit.start, hit.end);
      parts.push(text.slice(at, hit.start), mark);
      at = hit.end;
    }
    return [...parts, text.slice(at, cut), cut < text.length ? " …" : ""];
  };

  const element = (name, className, ...content) => {
    const made = document.createElement(name);
    if (className) made.className = className;
    made.append(...content);
    return made;
  };
  const link = (page, anchor, ...content) => {
    const made = element("a", "", ...content);
    made.href = `${page}${DOCUMENTATION_OPTIONS.LINK_SUFFIX}${anchor ? `#${anchor}` : ""}`;
    return made;
  };
  const bidi = (text) => {
    const made = element("bdi", "", text);
    if (/\p{Script=Arabic}/u.test(text)) made.lang = "fa";
    return made;
  };

  const showAnswer = ({ text, kind, page, anchor, summary }) =>
    element(
      "li",
      "answer",
      link(page, anchor, bidi(text)),
      element("span", "kind", ` ${kind}, in ${titleOf(page)}`),
      element("p", "context", summary),
    );
  const showPlace = ({ page, anchor, best }) => {
    const title = best?.anchor ? `${page.startsWith(API) ? "" : `${titleOf(page)} › `}${best.title}` : titleOf(page);
    const said = best?.inText.length ? excerpt(best) : [best?.text.slice(0, WINDOW) || FOUND.pages[page]?.[1] || ""];
    return element("li", "", link(page, anchor, title), element("p", "context", ...said));
  };

  Search.query = (query) => {
    const found = (question) => {
      const asked = [question, ...inOtherWords(question)];
      return [...asked.flatMap(direct), ...asked.flatMap((one) => byWords(Search._parseQuery(one)))];
    };
    let [all, instead] = [found(query), ""];
    if (!all.length) {
      instead = mended(query);
      all = instead ? found(instead) : [];
    }
    const seen = new Set();
    const rows = all.filter(({ page, anchor, text, kind }) => {
      const key = `${page}#${anchor} ${page === FOUND.numbers.page || kind === "symbol" ? text : ""}`; // a place may answer twice
      return !seen.has(key) && seen.add(key);
    });
    Search.status.setAttribute("role", "status");
    Search.output.append(...rows.slice(0, MOST).map((row) => (row.kind ? showAnswer(row) : showPlace(row))));
    Search.stopPulse();
    Search.title.textContent = "Search results";
    Search.status.textContent = rows.length
      ? `${instead ? `No page says “${query}”; this is for “${instead}”. ` : ""}Found in ${rows.length} place${rows.length > 1 ? "s" : ""}.${rows.length > MOST ? ` The best ${MOST} are shown.` : ""}`
      : "Nothing found. Every word must stand on the page: try fewer, or a part of one.";
  };
})();
