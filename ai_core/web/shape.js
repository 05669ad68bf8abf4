/* The parts of an answer: what leads, and the sections below it, compact. The texts it rests on
stand in the panel of its sources (sources.js), word for word and once. */

import { Prose, element, typeset } from "/web/prose.js";
import { word } from "/web/words.js";

const TEXTS = new Set(["sources", "nearest"]);
const COMPACT = new Set(["conditions", "steps"]);
const OPEN_CHARACTERS = 150;
const WORTH_FOLDING = 110;
const LEAD_CHARACTERS = 520;
/** Only the lines for people in danger name these numbers first (3114, 3919, 116 006, 112). */
const CALL = /\b(?:3114|3919|116 006|112)\b/;
const wide = matchMedia("(min-width: 48rem)");

/** Part a text: what precedes its sections, those it holds, and all that belongs to none. */
export function split(text, sections) {
  const found = [];
  const between = [];
  let end = 0;
  for (const section of sections) {
    const start = section.text ? text.indexOf(section.text, end) : -1;
    if (start < 0) continue;
    const title = `**${section.title}**`;
    const before = text.slice(end, start).trim();
    between.push(before.endsWith(title) ? before.slice(0, -title.length) : before);
    found.push(section);
    end = start + section.text.length;
  }
  const [lead = text, ...rest] = found.length ? [...between, text.slice(end)] : [];
  return { lead, sections: found, closing: rest.join("\n\n") };
}

/** Return the addresses of those who can help, which the service vouches for. */
export function helpAddresses(sections) {
  const help = sections.filter(({ kind }) => kind === "help");
  return help.flatMap(({ text }) => text.match(/https:\/\/[^\s<>"«»()]+/g) ?? []);
}

function prose(text, links) {
  const place = element("div", { class: "prose" });
  new Prose(place).show(text, links);
  return place;
}

/** Fold the items of a long list behind the first ones; a wide screen shows them all. */
function fold(place) {
  const items = [...place.querySelectorAll("li")];
  let characters = 0;
  const rest = items.filter((item, at) => {
    characters += item.textContent.length;
    return at > 0 && characters > OPEN_CHARACTERS;
  });
  if (rest.reduce((sum, item) => sum + item.textContent.length, 0) < WORTH_FOLDING) return;
  const title = rest.length === 1 ? word("more-one") : word("more-many", { count: rest.length });
  foldBehind(title, place, rest, "ul");
}

function foldBehind(title, place, nodes, holder) {
  const more = element("details", { class: "more" }, element("summary", {}, title), element(holder, {}, ...nodes));
  more.open = wide.matches;
  place.append(more);
}

/** Fold the end of a long lead, from its second paragraph on. */
export function foldLead(place) {
  let characters = 0;
  const rest = [...place.children].filter((block, at) => {
    characters += block.textContent.length;
    return at > 0 && characters > LEAD_CHARACTERS;
  });
  if (rest.length && !wide.matches) foldBehind(word("more-answer"), place, rest, "div");
}

function titled({ kind, title, text }, links) {
  const place = prose(text, links);
  if (COMPACT.has(kind)) fold(place);
  const behind = [...place.children].slice(1);
  if (kind === "calculation" && behind.length) foldBehind(word("more-calculation"), place, behind, "div");
  return element("section", { class: `part ${kind}` }, element("h3", {}, typeset(title)), place);
}

/** Show the sections in the parts of a turn's template, without the texts that its cards quote. */
export function showSections(part, sections, links) {
  const quoted = links.count > 0;
  const open = sections.filter(({ kind }) => !(quoted && TEXTS.has(kind)));
  part.sections.replaceChildren(...open.map((section) => titled(section, links)));
}

/** Set off who to call; return the rest of what leads. */
export function showCall(part, lead) {
  const [first, ...rest] = lead.split("\n\n");
  part.call.hidden = !CALL.test(first);
  part.call.textContent = part.call.hidden ? "" : typeset(first.trim());
  return part.call.hidden ? lead : rest.join("\n\n");
}

/** Show a button for each of `messages`, which sends it. */
export function showQuestions(list, messages, send, look = "chip") {
  const items = messages.map((message) => {
    const button = element("button", { type: "button", class: look }, typeset(message));
    button.addEventListener("click", () => send(message));
    return element("li", {}, button);
  });
  list.replaceChildren(...items);
}
