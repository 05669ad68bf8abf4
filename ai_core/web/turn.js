/* One question and its answer: shown as it is written, then in its parts, then with what can be done
with it. What a turn holds can be kept and shown again (`record`, `restore`). */

import { inLanguage } from "/web/language.js";
import { showProblem } from "/web/problem.js";
import { Prose, day, element, point, typeset } from "/web/prose.js";
import { foldLead, helpAddresses, showCall, showQuestions, showSections, split } from "/web/shape.js";
import { Sources } from "/web/sources.js";
import { copy, word } from "/web/words.js";

const LONGEST_LINK = 1_500;
const wide = matchMedia("(min-width: 48rem)");
let count = 0;

/** `chat` is the page: {service, send, reply, edit, say}. */
export class Turn {
  #chat;
  #apart = [];
  #position = null;
  text = "";
  citations = [];
  usage = null;
  reply = null;

  constructor(question, chat) {
    const { root, part } = copy("turn");
    count += 1;
    this.question = question;
    this.root = root;
    this.part = part;
    this.#chat = chat;
    this.prose = new Prose(part.prose);
    this.sources = new Sources(part, count);
    this.searching = part.waiting.textContent;
    part.title.id = `turn-${count}`;
    root.setAttribute("aria-labelledby", part.title.id);
    part.question.textContent = typeset(question);
    part.copy.addEventListener("click", () => this.#copy());
    part.print.addEventListener("click", () => this.#print());
    part.share.addEventListener("click", () => this.#share());
    part.edit.addEventListener("click", () => chat.edit(this));
  }

  /** Return what shows this turn again. */
  get record() {
    const { question, text, citations, usage, reply } = this;
    return { question, text, citations, usage, reply };
  }

  /** Return the turn as messages, for a conversation that the service does not hold. */
  get messages() {
    if (!this.usage) return [];
    return [{ role: "user", content: this.question }, { role: "assistant", content: this.text }];
  }

  /* ---- as it is written ------------------------------------------------------------------ */

  receive({ name, data }) {
    if (name === "message" && data.delta) {
      this.part.waiting.hidden = true;
      this.text += data.delta;
      this.prose.show(this.text);
    }
    if (name === "queue") this.#wait(data);
    if (name === "citations") this.citations = data;
    if (name === "usage") this.usage = data;
  }

  /** Tell how many questions are before this one; it is read out when that number changes. */
  #wait({ position, wait_s: seconds }) {
    const sentence = word(["queue-next", "queue-one"][position] ?? "queue-many", { count: position });
    const estimate = seconds ? word("queue-wait", { seconds: Math.ceil(seconds) }) : "";
    this.part.waiting.textContent = typeset(`${sentence} ${estimate}`.trim());
    this.part.waiting.hidden = false;
    if (this.#position !== position) this.#chat.say(typeset(sentence));
    this.#position = position;
  }

  /* ---- once it is written ---------------------------------------------------------------- */

  /** Show the answer in its parts. */
  finish() {
    const { usage } = this;
    const nearest = (usage?.sections ?? []).some(({ kind }) => kind === "nearest");
    this.sources.show(this.citations, this.#chat.service, nearest ? "nearest-title" : "sources-title");
    if (usage) this.#conclude(usage);
    this.#settle();
  }

  /** Show again what an earlier visit of this tab, or the history, has kept. */
  restore({ text, citations, usage, reply }) {
    Object.assign(this, { text, citations, usage, reply });
    this.finish();
    if (reply !== null) this.settleClarification(reply);
    if (!usage) this.cut();
  }

  #conclude(usage) {
    const { part } = this;
    part.answer.lang = usage.language ?? "fr";
    this.#apart = [usage.notice, usage.clarification?.question, usage.abstained?.contact.url].filter(Boolean);
    part.masked.textContent = typeset(usage.masked_notice ?? "");
    part.masked.hidden = !usage.masked_notice;
    const date = usage.corpus_date ? word("law-of", { day: day(usage.corpus_date) }) : "";
    part.facts.textContent = typeset(`${date} ${usage.notice ?? ""}`.trim());
    part.facts.hidden = part.facts.textContent === "";
    if (usage.abstained) this.#refer(usage);
    this.#offerForm(usage);
    const suggestions = usage.suggestions ?? [];
    showQuestions(part.suggestions, suggestions, this.#chat.send, "suggestion");
    part.next.hidden = suggestions.length === 0;
    part.next.open = !usage.clarification && wide.matches;
    part.actions.hidden = false;
    if (usage.clarification) this.#clarify(usage.clarification);
    if (usage.answer_id && this.#chat.service.takesFeedback) this.#askWhetherUseful(usage);
  }

  /** Name who can help, unless the answer has a section that does. */
  #refer({ abstained: { contact }, sections = [] }) {
    this.part.contact.textContent = typeset(contact.name);
    point(this.part.contact, contact.url);
    this.sources.allow(contact.url);
    this.part.referral.hidden = sections.some(({ kind }) => kind === "help");
  }

  /** Link to the form of the calculation, or of the calculator that a knowledge entry names. */
  #offerForm({ calculation, entries = [], agreement }) {
    const { part } = this;
    const entry = entries.find(({ calculator }) => calculator);
    part.refine.hidden = !(calculation || entry);
    if (calculation) part.form.href = formAddress(calculation);
    else if (entry) {
      part.form.textContent = word("compute");
      part.form.href = formAddress({ calculator: entry.calculator, idcc: agreement?.agreement?.idcc });
    }
  }

  async #clarify(clarification) {
    const { showClarification } = await import("/web/clarification.js");
    if (this.reply === null) showClarification(this.part, clarification, this.#chat);
  }

  /** Show what was answered to the question back, in place of what could be; "": something else was
   *  asked. */
  settleClarification(reply) {
    this.reply = reply;
    const { part } = this;
    if (!this.usage?.clarification) return;
    part.asked.textContent = typeset(this.usage.clarification.question);
    part.choices.replaceChildren();
    part.open.replaceChildren();
    part.chosen.textContent = typeset(word("chosen", { text: reply }));
    part.chosen.hidden = reply === "";
    part.precision.hidden = reply === "";
  }

  async #askWhetherUseful({ answer_id: id, conversation_id: conversation }) {
    const { askWhetherUseful } = await import("/web/feedback.js");
    askWhetherUseful(this.part.useful, id, conversation, this.#chat);
  }

  /** The words are all there: link them, and let assistive technology read the whole once. What the
   *  page shows apart (notice, clarification, contact, a source's address) is left out of the text. */
  #settle() {
    const { part, prose, sources } = this;
    part.waiting.hidden = true;
    const shown = (block) =>
      block.trim() && !sources.address(block.trim()) && !this.#apart.some((words) => block.includes(words));
    const clean = (words) => words.split("\n\n").filter(shown).join("\n\n");
    const { lead, sections, closing } = split(this.text, this.usage?.sections ?? []);
    for (const address of helpAddresses(sections)) sources.allow(address);
    const first = showCall(part, clean(lead));
    prose.show(`${first}\n\n${clean(closing)}`, sources);
    const whole = ({ kind }) => kind === "help" && this.usage?.abstained;
    const cleaned = sections.map((one) => (whole(one) ? one : { ...one, text: clean(one.text) }));
    showSections(part, cleaned.filter(({ text }) => text), sources);
    foldLead(part.prose);
    part.prose.removeAttribute("aria-hidden");
  }

  /* ---- what goes wrong -------------------------------------------------------------------- */

  /** Say that the answer is not whole. */
  cut() {
    this.part.cut.hidden = false;
    this.part.actions.hidden = false;
    this.part.share.hidden = true;
  }

  /** Show `problem`, with a way to try again. */
  fail(problem, again) {
    showProblem(this.part.problem, problem, again);
    this.part.problem.scrollIntoView({ block: "nearest" });
  }

  /** Take back what was shown, before the question is asked again. */
  clear() {
    const { part } = this;
    Object.assign(this, { text: "", citations: [], usage: null, reply: null });
    this.#apart = [];
    this.#position = null;
    this.prose.show("");
    part.prose.replaceChildren();
    showSections(part, [], this.sources);
    showCall(part, "");
    this.sources.show([], this.#chat.service);
    for (const name of ["problem", "cut", "masked", "actions", "facts", "next", "note", "referral", "precision", "refine", "useful"]) part[name].hidden = true;
    part.prose.setAttribute("aria-hidden", "true");
    part.waiting.textContent = this.searching;
    part.waiting.hidden = false;
    part.title.focus({ preventScroll: true });
  }

  /* ---- what can be done with it ----------------------------------------------------------- */

  #note(sentence, ...nodes) {
    this.part.note.replaceChildren(element("p", {}, typeset(sentence)), ...nodes);
    this.part.note.hidden = false;
    this.#chat.say(sentence);
  }

  async #copy() {
    const words = this.text.replace(/\*\*/g, "").replace(/^> /gm, "");
    const copied = await copyText(`${this.question}\n\n${words}`);
    this.#note(word(copied ? "copied" : "not-copied"));
  }

  #print() {
    document.body.classList.add("printing-one");
    this.root.classList.add("printed");
    print();
  }

  /** Give a link to the question alone; one that holds personal data is not shared. */
  async #share() {
    if (Object.keys(this.usage?.masked ?? {}).length) return this.#note(word("not-shared"));
    if (this.question.length > LONGEST_LINK) return this.#note(word("too-long"));
    const link = new URL(inLanguage("/"), location.origin);
    link.hash = `question=${encodeURIComponent(this.question)}`;
    if (await copyText(link.href)) return this.#note(word("shared"));
    const field = element("input", { type: "text", readonly: "", "aria-label": word("share-this") });
    field.value = link.href;
    this.#note(word("share-this"), field);
    return field.select();
  }
}

/** Return the address of the form of a calculation. */
function formAddress({ calculator, idcc }) {
  const wanted = new URLSearchParams({ calculateur: calculator, ...(idcc ? { convention: idcc } : {}) });
  return inLanguage(`/calculs?${wanted}`);
}

/** Copy `text`; tells whether the browser did (it does not outside HTTPS and loopback). */
async function copyText(text) {
  if (!navigator.clipboard) return false;
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch (error) {
    if (error instanceof DOMException) return false;
    throw error;
  }
}

let closed = [];

addEventListener("beforeprint", () => {
  closed = [...document.querySelectorAll(".turn details:not([open])")];
  for (const details of closed) details.open = true;
});
addEventListener("afterprint", () => {
  for (const details of closed) details.open = false;
  document.body.classList.remove("printing-one");
  document.querySelector(".printed")?.classList.remove("printed");
});
