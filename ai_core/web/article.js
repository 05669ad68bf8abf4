/* The dialog that shows one article whole, as the corpus holds it. */

import { day, element, law, point, typeset } from "/web/prose.js";
import { showProblem } from "/web/problem.js";
import { Problem, readArticle } from "/web/wire.js";
import { parts, word } from "/web/words.js";

const dialog = document.getElementById("article");
const part = parts(dialog);
let openings = 0;

part.close.addEventListener("click", () => dialog.close());
dialog.addEventListener("click", (event) => {
  if (event.target === dialog) dialog.close();
});

function clear(number, url) {
  part.title.textContent = word("article", { number });
  part.force.textContent = "";
  for (const name of ["path", "text", "nota-text", "fiche-list"]) part[name].replaceChildren();
  for (const name of ["nota", "fiches", "problem"]) part[name].hidden = true;
  part.waiting.hidden = false;
  point(part.link, url);
}

function show(article) {
  const since = day(article.in_force_since);
  part.force.textContent = article.in_force_until
    ? word("in-force-between", { since, until: day(article.in_force_until) })
    : word("in-force-since", { since });
  part.path.append(...article.section_path.map((title) => element("li", {}, typeset(title))));
  part.text.append(...law(article.text));
  part["nota-text"].append(...law(article.nota ?? ""));
  part.nota.hidden = !article.nota;
  part["fiche-list"].append(...article.cited_by_fiches.map(ficheLink));
  part.fiches.hidden = article.cited_by_fiches.length === 0;
  point(part.link, article.url);
}

function ficheLink({ title, url }) {
  const link = element("a", { target: "_blank", rel: "noopener noreferrer" }, typeset(title));
  point(link, url);
  return element("li", {}, link);
}

/** Open the dialog on the article a citation names. Its id is asked for: some numbers ("Annexe I")
 *  are borne by several articles. */
export async function openArticle({ id, number, url }, service) {
  const mine = ++openings;
  clear(number, url);
  if (!dialog.open) dialog.showModal();
  part.body.scrollTop = 0;
  try {
    const article = await readArticle(id, service.key);
    if (mine === openings) show(article);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    if (mine === openings) {
      const again = () => openArticle({ id, number, url }, service);
      showProblem(part.problem, error, again);
    }
  } finally {
    if (mine === openings) part.waiting.hidden = true;
  }
}
