/* The sentences and shapes the page is made of, all kept in its HTML, in the page's language. */

import "/web/language.js";

const sentences = new Map(
  [...document.getElementById("words").content.querySelectorAll("[data-word]")].map((node) => [
    node.dataset.word,
    node.textContent,
  ]),
);

/** Return the sentence `name` with its placeholders filled. */
export function word(name, facts = {}) {
  return sentences.get(name).replace(/\{(\w+)\}/g, (_, fact) => String(facts[fact]));
}

/** Tell whether there is a sentence by that name. */
export const known = (name) => sentences.has(name);

/** Return the parts of `root` that carry a `data-part`, by name. */
export function parts(root) {
  const found = [...root.querySelectorAll("[data-part]")];
  return Object.fromEntries(found.map((node) => [node.dataset.part, node]));
}

/** Return a copy of the template `name` and its parts. */
export function copy(name) {
  const nodes = document.getElementById(name).content.cloneNode(true);
  return { nodes, root: nodes.firstElementChild, part: parts(nodes) };
}
