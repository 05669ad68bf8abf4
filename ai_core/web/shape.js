/* The parts of an answer: what leads, the sections that stand open, and the texts, folded. */

import { Prose, element, typeset } from "/web/prose.js";

const FOLDED = new Set(["sources", "nearest"]);
/** Only the lines for people in danger name these numbers first (3114, 3919, 116 006, 112). */
const CALL = /\b(?:3114|3919|116 006|112)\b/;

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

function titled({ kind, title, text }, links) {
  return element("section", { class: `part ${kind}` }, element("h3", {}, typeset(title)), prose(text, links));
}

/** Show the sections in the parts of a turn's template: open ones, then one folded panel. */
export function showSections(part, sections, links) {
  const folded = sections.filter(({ kind }) => FOLDED.has(kind));
  const open = sections.filter(({ kind }) => !FOLDED.has(kind));
  part.sections.replaceChildren(...open.map((section) => titled(section, links)));
  part["texts-title"].textContent = typeset(folded.map(({ title }) => title).join(", "));
  part["texts-body"].replaceChildren(...folded.map(({ text }) => prose(text, links)));
  part.texts.hidden = folded.length === 0;
}

/** Set off who to call; return the rest of what leads. */
export function showCall(part, lead) {
  const [first, ...rest] = lead.split("\n\n");
  part.call.hidden = !CALL.test(first);
  part.call.textContent = part.call.hidden ? "" : typeset(first.trim());
  return part.call.hidden ? lead : rest.join("\n\n");
}

/** Show a button for each of `messages`, which sends it. */
export function showQuestions(list, messages, send) {
  const items = messages.map((message) => {
    const button = element("button", { type: "button", class: "chip" }, typeset(message));
    button.addEventListener("click", () => send(message));
    return element("li", {}, button);
  });
  list.replaceChildren(...items);
}

addEventListener("beforeprint", () => {
  for (const texts of document.querySelectorAll("details.texts")) texts.open = true;
});
