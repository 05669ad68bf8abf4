/* From an answer's plain text to nodes: paragraphs, quotes, lists, bold, addresses, [1] markers.

Text only ever enters the document as text nodes; nothing here can make an element it does not
name. Any other markup is shown as it was written. */

import { language, locale } from "/web/language.js";

const SPAN = /\*\*(?=\S)(.+?)(?<=\S)\*\*|\[(\d{1,2})\]|(https?:\/\/[^\s<>"«»()]+[^\s<>"«»().,;:!?])/g;
const ITEM = /^\s*(?:[-*•]|\d{1,2}[.)])\s+/;
/** A line in bold alone: the question that the next lines answer. */
const SUBJECT = /^\*\*[^*\n]+\*\*$/;
const HEADING = /^#{1,6}\s+/;

/** Return `text` with the no-break spaces of French punctuation; no other character changes. */
export function typeset(text) {
  return text.replace(/ (?=[:;?!»])/g, "\u00a0").replace(/« /g, "«\u00a0");
}

/** Make an element holding `children` (nodes, or strings that become text nodes). */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/** Return `address` when it is a web address, otherwise null. */
export function webAddress(address) {
  const url = URL.canParse(address) ? new URL(address) : null;
  return url?.protocol === "https:" || url?.protocol === "http:" ? url.href : null;
}

/** Point `link` at `address` when it is a web address; otherwise hide it. */
export function point(link, address) {
  const safe = webAddress(address);
  if (safe) link.href = safe;
  else link.removeAttribute("href");
  link.hidden = !safe;
}

/** Return a day of the API ("2008-05-01") in words. */
export function day(iso) {
  const words = new Intl.DateTimeFormat(locale, { dateStyle: "long", timeZone: "UTC" });
  const written = words.format(new Date(`${iso}T00:00:00Z`));
  return language === "fr" ? written.replace(/^1 /, "1er ") : written;
}

function span([, bold, number, address], links) {
  if (bold) return element("strong", {}, ...spans(bold, links));
  return number ? links.source(Number(number)) : links.address(address);
}

function spans(text, links) {
  const nodes = [];
  let end = 0;
  for (const match of text.matchAll(SPAN)) {
    const node = span(match, links);
    if (!node) continue;
    const before = typeset(text.slice(end, match.index));
    nodes.push(match[2] ? before.replace(/ $/, "\u00a0") : before, node);
    end = match.index + match[0].length;
  }
  nodes.push(typeset(text.slice(end)));
  return nodes;
}

function lines(block) {
  return block.split("\n").map((line) => line.trimEnd());
}

function kind(line) {
  if (line.startsWith(">")) return "quote";
  if (HEADING.test(line)) return "heading";
  return ITEM.test(line) ? "item" : "text";
}

/** Part a block into runs of lines of one kind; a list item keeps the lines that follow it. */
function runs(block) {
  const found = [];
  for (const line of lines(block)) {
    const last = found.at(-1);
    const now = last?.kind === "item" && kind(line) === "text" ? "item" : kind(line);
    if (last?.kind === now && now !== "heading") last.lines.push(line);
    else found.push({ kind: now, lines: [line] });
  }
  return found;
}

function list(written, links) {
  const items = [];
  for (const line of written) {
    if (ITEM.test(line)) items.push(line.replace(ITEM, ""));
    else items[items.length - 1] += `\n${line.trim()}`;
  }
  const made = items.map((item) => element("li", {}, ...spans(item, links)));
  const first = /^\s*(\d{1,2})/.exec(written[0]);
  return first ? element("ol", { start: first[1] }, ...made) : element("ul", {}, ...made);
}

function shaped(run, links) {
  if (run.kind === "item") return [list(run.lines, links)];
  if (run.kind === "heading") {
    const title = run.lines[0].replace(HEADING, "");
    return [element("p", { class: "heading" }, ...spans(title, links))];
  }
  const paragraph = (text) => element("p", SUBJECT.test(text) ? { class: "subject" } : {}, ...spans(text, links));
  if (run.kind === "text") return [paragraph(run.lines.join("\n"))];
  const quoted = run.lines.map((line) => line.replace(/^>\s?/, "")).filter((line) => line.trim());
  return [element("blockquote", {}, ...quoted.map(paragraph))];
}

/** For a text still being written: nothing in it can be followed yet. */
const DRAFT = { source: () => null, address: () => null };

/** Shows a text that grows: only the blocks that changed are made again.
 *
 *  `links.source(number)` and `links.address(address)` return the node that stands for [number] and
 *  for an address, or null to leave it as written. */
export class Prose {
  #place;
  #blocks = [];

  constructor(place) {
    this.#place = place;
  }

  show(text, links = DRAFT) {
    const written = text.split(/\n[ \t]*\n/).filter((block) => block.trim());
    written.forEach((block, index) => {
      const old = this.#blocks[index];
      if (old?.text === block && old.links === links) return;
      const made = element("div", {}, ...runs(block).flatMap((run) => shaped(run, links)));
      if (old) old.node.replaceWith(made);
      else this.#place.append(made);
      this.#blocks[index] = { text: block, links, node: made };
    });
    for (const gone of this.#blocks.splice(written.length)) gone.node.remove();
  }
}

/** Return nodes for law text: one paragraph per line, and a table where cells are parted by tabs. */
export function law(text) {
  const nodes = [];
  for (const line of text.split("\n").filter((one) => one.trim())) {
    if (!line.includes("\t")) {
      nodes.push(element("p", {}, typeset(line)));
      continue;
    }
    const row = element("tr", {}, ...line.split("\t").map((cell) => element("td", {}, typeset(cell.trim()))));
    const last = nodes.at(-1);
    if (last?.localName === "div") last.querySelector("tbody").append(row);
    else nodes.push(element("div", { class: "table" }, element("table", {}, element("tbody", {}, row))));
  }
  return nodes;
}
