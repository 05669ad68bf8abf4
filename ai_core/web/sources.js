/* What an answer rests on: one folded panel with a card per citation, and the links of the text to
them. */

import { day, element, point, typeset, webAddress } from "/web/prose.js";
import { copy, word } from "/web/words.js";

function names({ kind, number, title }) {
  if (kind === "article") return [word("article", { number }), title];
  return kind === "agreement" ? [title, word("agreement-clause", { number })] : [title, word("fiche")];
}

function outside(address, text) {
  if (!webAddress(address)) return text;
  const link = element("a", { target: "_blank", rel: "noopener noreferrer" }, text);
  point(link, address);
  return link;
}

/** The dialog is loaded when the first source is opened. */
export async function openSource(citation, service) {
  const reading = await import("/web/reading.js");
  await reading.openSource(citation, service);
}

/** The sources of one turn, in the parts of its template. */
export class Sources {
  #part;
  #turn;
  #addresses = new Set();
  count = 0;

  constructor(part, turn) {
    this.#part = part;
    this.#turn = turn;
  }

  /** Show a card for each of `citations`, folded; `title` names the sentence above them. */
  show(citations, service, title = "sources-title") {
    this.count = citations.length;
    this.#part.sources.hidden = this.count === 0;
    this.#part["sources-title"].textContent = word(title, { count: this.count });
    this.#part.cards.replaceChildren(
      ...citations.map((citation, index) => this.#card(citation, index + 1, service)),
    );
    for (const { url } of citations) this.allow(url);
  }

  /** Let the text link to `address`; it never links to one that the service did not vouch for. */
  allow(address) {
    this.#addresses.add(webAddress(address));
  }

  /** Return the link to the card that [number] stands for, or null when there is none. */
  source = (number) => {
    const card = document.getElementById(this.#id(number));
    if (!card) return null;
    const label = word("source", { number });
    const link = element("a", { class: "marker", href: `#${card.id}`, "aria-label": label }, `${number}`);
    link.addEventListener("click", (event) => {
      event.preventDefault();
      this.#part.sources.open = true;
      card.focus();
    });
    return link;
  };

  /** Return the link that stands for `address`, or null when nobody vouched for it. */
  address = (address) => {
    const safe = webAddress(address);
    if (!safe || !this.#addresses.has(safe)) return null;
    return outside(safe, new URL(safe).host.replace(/^www\./, ""));
  };

  #id(number) {
    return `source-${this.#turn}-${number}`;
  }

  #card(citation, number, service) {
    const { root, part } = copy("card");
    const [heading, under] = names(citation).map(typeset);
    root.id = this.#id(number);
    root.setAttribute("aria-label", word("source", { number }));
    part.mark.textContent = String(number);
    part.heading.textContent = heading;
    part.heading.addEventListener("click", () => openSource(citation, service));
    part.under.textContent = under;
    part.under.hidden = under === "" || under === heading;
    part.quote.textContent = typeset(citation.quote);
    part.force.textContent = citation.in_force_since
      ? word("in-force-since", { since: day(citation.in_force_since) })
      : citation.updated ? word("updated", { day: day(citation.updated) }) : "";
    part.force.hidden = part.force.textContent === "";
    part.site.textContent = word(citation.kind === "fiche" ? "on-fiche" : "on-legifrance");
    part.whose.textContent = heading;
    point(part.link, citation.url);
    return root;
  }
}
