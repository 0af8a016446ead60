// Cuts a query, and the texts that results quote, into the words of the index. The rules are search_words.py's.
var BookWords = (() => {
  const { COMMANDS, RULES, COMMAND, LAST_RULES, LETTERS, KINDS, JOINER } = /* the tables of search_words.py */;
  const TOKEN = new RegExp(Object.entries(KINDS).map(([kind, rule]) => `(?<${kind}>${rule})`).join("|"), "gu");

  const ready = (rules) => rules.map(([pattern, by]) => [new RegExp(pattern, "gu"), by]);
  const [first, last, command] = [ready(RULES), ready(LAST_RULES), new RegExp(COMMAND, "gu")];
  const rewrite = (text, rules) => rules.reduce((before, [pattern, by]) => before.replace(pattern, by), text);
  const spell = (text) => {
    const plain = rewrite(rewrite(text, first), first); // what stands in the braces may have had braces of its own
    return rewrite(plain.replace(command, (_, name) => (Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : " ")), last);
  };
  const fold = (text) => [...text.normalize("NFKC")].map((letter) => LETTERS[letter] ?? letter).join("").toLowerCase();

  const grouped = (digits) => {
    const dot = digits.indexOf(".");
    const whole = dot < 0 ? digits : digits.slice(0, dot);
    const rest = dot < 0 ? "" : digits.slice(dot);
    if (!/^([0-9]{4,}|[0-9]{1,3}(,[0-9]{3})+)$/.test(whole) || rest.includes(".", 1)) return digits;
    return whole.replaceAll(",", "").replace(/^0+(?=.)/, "").replace(/\B(?=([0-9]{3})+$)/g, ",") + rest;
  };
  const formsOf = (kind, token) => {
    if (kind === "derivative") {
      return [token, ...token.split("/"), ...token.replaceAll("∂", "").split("/"), "∂"];
    }
    if (kind === "number") return [grouped(token)];
    if (kind === "rate") return [token, token.slice(0, -2)];
    if (kind === "name") {
      const bare = token.split("-")[0];
      const short = bare.replaceAll("_", "");
      return short.length <= 4 ? [token, bare, short] : [token, bare];
    }
    return token.includes(JOINER) ? [token.replaceAll(JOINER, ""), ...token.split(JOINER)] : [token];
  };

  // Every token of a text that is spelled already, with its place.
  const tokens = (text) =>
    [...text.matchAll(TOKEN)].map((match) => {
      const kind = Object.keys(KINDS).find((name) => match.groups[name] !== undefined);
      const forms = [...new Set(formsOf(kind, fold(match[0])))];
      return { forms, start: match.index, end: match.index + match[0].length };
    });
  return { tokens, split: (text) => tokens(fold(spell(text))).map(({ forms }) => forms) };
})();
var splitQuery = // Sphinx has declared its own before
  (query) => BookWords.split(query).map(([first]) => first);
