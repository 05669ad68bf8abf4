/* What a calculation gave: the Code and the agreement side by side, every step, every article. */

import { element, point, typeset } from "/web/prose.js";
import { openSource } from "/web/sources.js";
import { copy, word } from "/web/words.js";

const items = (sentences) => sentences.map((sentence) => element("li", {}, typeset(sentence)));

function article({ title, url, fragment }) {
  const link = element("a", { target: "_blank", rel: "noopener noreferrer" }, typeset(title));
  point(link, url);
  const quote = fragment ? element("q", {}, typeset(fragment)) : "";
  return element("li", {}, link, " ", quote);
}

const kindOf = (id) => (id.startsWith("KALI") ? "agreement" : "article");

/** A step, and the article it rests on, which opens in place. */
function step({ text, article: id }, articles, service) {
  const made = element("li", {}, typeset(text));
  const source = articles.find((one) => one.id === id);
  if (!source) return made;
  const button = element("button", { type: "button", class: "why", "aria-haspopup": "dialog" }, typeset(source.title));
  const number = source.idcc ? `IDCC ${source.idcc}` : source.title.replace(/^Article (\S+).*/, "$1");
  const citation = { kind: kindOf(id), id, number, title: source.title, url: source.url };
  button.addEventListener("click", () => openSource(citation, service));
  made.append(" ", button);
  return made;
}

function side(name, told, applies, service) {
  const { root, part } = copy("side");
  part.name.textContent = applies ? word("applies", { side: word(name) }) : word(name);
  root.classList.toggle("applies", applies);
  part.amount.textContent = typeset(told?.text ?? "");
  const articles = told?.articles ?? [];
  part.steps.append(...(told?.steps ?? []).map((one) => step(one, articles, service)));
  part.articles.append(...articles.map(article));
  part.count.textContent = word("articles", { count: articles.length });
  part.fold.hidden = articles.length === 0;
  if (!told) part.steps.append(element("li", {}, word("nothing")));
  return root;
}

function listed(section, list, sentences) {
  list.append(...items(sentences));
  section.hidden = sentences.length === 0;
}

/** Show a calculation in `place`; `service` holds the key its sources are read with. */
export function showResult(place, calculation, service) {
  const { nodes, part } = copy("outcome");
  part.title.textContent = typeset(calculation.title);
  part.total.textContent = typeset(calculation.text);
  part.comparison.textContent = typeset(calculation.comparison_text);
  part.comparison.hidden = calculation.comparison_text === "";
  part.minimum.hidden = !calculation.is_minimum;
  const both = calculation.legal !== null && calculation.agreement !== null;
  const sides = [["code", calculation.legal, both && calculation.source === "legal"]];
  if (calculation.idcc && !calculation.is_minimum) {
    sides.push(["agreement", calculation.agreement, both && calculation.source === "agreement"]);
  }
  part.sides.append(...sides.filter(([name, told]) => told || name === "agreement").map((one) => side(...one, service)));
  listed(part.warnings, part["warning-list"], calculation.warnings);
  listed(part.assumptions, part["assumption-list"], calculation.assumptions);
  part.notice.textContent = typeset(calculation.notice);
  place.replaceChildren(...nodes.children);
  place.hidden = false;
}

/** Show what is missing in `place`. */
export function showMissing(place, missing) {
  const { nodes, part } = copy("asked");
  part.list.append(...items(missing.map(({ label }) => label)));
  place.replaceChildren(...nodes.children);
  place.hidden = false;
}
