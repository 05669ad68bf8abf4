/* The dialog that shows one source whole, as the corpus holds it: an article, a section of a fiche,
a clause of an agreement. */

import { day, element, law, point, typeset } from "/web/prose.js";
import { showProblem } from "/web/problem.js";
import { Problem, readArticle, readSource } from "/web/wire.js";
import { parts, word } from "/web/words.js";

const dialog = document.getElementById("reading");
const part = parts(dialog);
let openings = 0;

part.close.addEventListener("click", () => dialog.close());
dialog.addEventListener("click", (event) => {
  if (event.target === dialog) dialog.close();
});

function clear({ kind, number, title, url }) {
  part.title.textContent = kind === "article" ? word("article", { number }) : typeset(title);
  part.force.textContent = kind === "agreement" ? typeset(word("agreement-clause", { number })) : "";
  for (const name of ["path", "text", "nota-text", "fiche-list"]) part[name].replaceChildren();
  for (const name of ["nota", "fiches", "problem"]) part[name].hidden = true;
  part.waiting.hidden = false;
  part.site.textContent = word(kind === "fiche" ? "on-fiche" : "on-legifrance");
  point(part.link, url);
}

function dates({ in_force_since: since, in_force_until: until, updated }) {
  if (since && until) return word("in-force-between", { since: day(since), until: day(until) });
  if (since) return word("in-force-since", { since: day(since) });
  return updated ? word("updated", { day: day(updated) }) : "";
}

function show(source) {
  part.force.textContent = [part.force.textContent, dates(source)].filter(Boolean).join(" · ");
  part.path.append(...(source.section_path ?? []).map((title) => element("li", {}, typeset(title))));
  part.text.append(...law(source.text));
  part["nota-text"].append(...law(source.nota ?? ""));
  part.nota.hidden = !source.nota;
  const fiches = source.cited_by_fiches ?? [];
  part["fiche-list"].append(...fiches.map(ficheLink));
  part.fiches.hidden = fiches.length === 0;
  point(part.link, source.url);
}

function ficheLink({ title, url }) {
  const link = element("a", { target: "_blank", rel: "noopener noreferrer" }, typeset(title));
  point(link, url);
  return element("li", {}, link);
}

/** Return the source of a citation; some article numbers ("Annexe I") are borne by several articles,
 *  so that its id is asked for. */
function read({ kind, id, number }, key) {
  if (kind === "article") return readArticle(id, key);
  return readSource(id, kind === "agreement" ? /\d{1,4}/.exec(number)?.[0] : undefined, key);
}

/** Open the dialog on the source that `citation` names. */
export async function openSource(citation, service) {
  openings += 1;
  const mine = openings;
  clear(citation);
  if (!dialog.open) dialog.showModal();
  part.body.scrollTop = 0;
  try {
    const source = await read(citation, service.key);
    if (mine === openings) show(source);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    if (mine === openings) showProblem(part.problem, error, () => openSource(citation, service));
  } finally {
    if (mine === openings) part.waiting.hidden = true;
  }
}
