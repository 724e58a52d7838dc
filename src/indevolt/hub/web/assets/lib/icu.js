// Messages with gaps, in the part of ICU's form that the page needs: {name}, {n, plural, =0 {none} one {# unit} other {# units}} and
// {x, select, a {...} other {...}}. Pure.

/** What differs between languages. @typedef {{ count: (n: number) => string, plural: (n: number) => string }} Words */

/**
 * Fill in a message.
 * @param {string} text @param {Record<string, string | number>} values @param {Words} words
 * @returns {string}
 */
export function fill(text, values, words) {
  let out = "";
  let at = 0;
  while (at < text.length) {
    const open = text.indexOf("{", at);
    if (open < 0) return out + text.slice(at);
    const close = matching(text, open);
    out += text.slice(at, open) + argument(text.slice(open + 1, close), values, words);
    at = close + 1;
  }
  return out;
}

/** @param {string} inner @param {Record<string, string | number>} values @param {Words} words */
function argument(inner, values, words) {
  const found = /^\s*(\w+)\s*(?:,\s*(plural|select)\s*,(.*))?$/s.exec(inner);
  if (!found) return `{${inner}}`;
  const [, name, kind, rest] = found;
  const value = values[name];
  if (!kind) return typeof value === "number" ? words.count(value) : String(value ?? "");
  const forms = formsIn(rest);
  if (kind === "select") return fill(forms.get(String(value)) ?? forms.get("other") ?? "", values, words);
  const form = forms.get(`=${value}`) ?? forms.get(words.plural(Number(value))) ?? forms.get("other") ?? "";
  return fill(form.replaceAll("#", words.count(Number(value))), values, words);
}

/** @param {string} text @returns {Map<string, string>} */
function formsIn(text) {
  const forms = new Map();
  let at = 0;
  for (;;) {
    const open = text.indexOf("{", at);
    if (open < 0) return forms;
    const close = matching(text, open);
    forms.set(text.slice(at, open).trim(), text.slice(open + 1, close));
    at = close + 1;
  }
}

/** The bracket that closes another; the end of the text where none does. @param {string} text @param {number} open */
function matching(text, open) {
  let depth = 0;
  for (let at = open; at < text.length; at += 1) {
    if (text[at] === "{") depth += 1;
    else if (text[at] === "}" && (depth -= 1) === 0) return at;
  }
  return text.length;
}
