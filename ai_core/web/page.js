/* The page's story: a question, its answer as it is written, the sources it rests on.

The key and the conversation live in this module's memory only: no cookie, no storage. */

import { inLanguage, locale } from "/web/language.js";
import { showProblem } from "/web/problem.js";
import { Prose, day, point, typeset } from "/web/prose.js";
import { helpAddresses, showCall, showQuestions, showSections, split } from "/web/shape.js";
import { Sources } from "/web/sources.js";
import { Problem, ask, erase, readHealth, readSettings } from "/web/wire.js";
import { copy, known, word } from "/web/words.js";

const at = (id) => document.getElementById(id);
const form = at("ask");
const box = at("question");
const turns = at("turns");
const calm = matchMedia("(prefers-reduced-motion: reduce)");
const touch = matchMedia("(pointer: coarse)");
const placeholder = box.placeholder;

const service = { key: "", opened: null };
let conversationId = null;
let writing = null;
let count = 0;

function say(sentence) {
  at("status").textContent = sentence;
}

/* ---- the question ---------------------------------------------------------------------- */

function fit() {
  box.style.blockSize = "auto";
  box.style.blockSize = `${box.scrollHeight + box.offsetHeight - box.clientHeight}px`;
}

function fill(text) {
  box.value = text;
  fit();
  box.focus();
  box.setSelectionRange(text.length, text.length);
}

function submit() {
  const question = box.value.replace(/[\u00a0\u202f]/g, " ").trim();
  if (writing) return;
  if (!question) {
    say(word("empty"));
    box.focus();
    return;
  }
  box.value = "";
  fit();
  send(question);
}

function send(question) {
  if (writing) return;
  if (touch.matches) box.blur();
  else box.focus();
  answer(addTurn(question));
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  submit();
});
box.addEventListener("input", fit);
box.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  submit();
});
at("stop").addEventListener("click", () => {
  writing?.abort();
  box.focus();
});
for (const example of at("examples").querySelectorAll("button")) {
  example.addEventListener("click", () => {
    box.value = example.textContent;
    submit();
  });
}
at("fresh").addEventListener("click", () => {
  writing?.abort();
  const before = conversationId;
  conversationId = null;
  turns.replaceChildren();
  begin();
  fill("");
  eraseAndSay(before);
});

async function eraseAndSay(conversation) {
  try {
    if (conversation) await erase(conversation, service.key);
    say(word(conversation ? "erased" : "fresh"));
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    say(word("not-erased"));
  }
}

function begin(talking = false) {
  for (const id of ["welcome", "examples"]) at(id).hidden = talking;
  for (const id of ["turns", "fresh"]) at(id).hidden = !talking;
  box.placeholder = talking ? word("next") : placeholder;
  document.body.classList.toggle("talking", talking);
}

function setWriting(controller) {
  writing = controller;
  at("send").hidden = writing !== null;
  at("stop").hidden = writing === null;
}

/* ---- the answer ------------------------------------------------------------------------ */

function addTurn(question) {
  const { nodes, root, part } = copy("turn");
  count += 1;
  part.title.id = `turn-${count}`;
  root.setAttribute("aria-labelledby", part.title.id);
  part.question.textContent = typeset(question);
  begin(true);
  turns.append(nodes);
  root.scrollIntoView({ behavior: calm.matches ? "auto" : "smooth", block: "start" });
  const prose = new Prose(part.prose);
  const sources = new Sources(part, count);
  return { question, part, prose, sources, text: "", told: [], apart: [], searching: part.waiting.textContent };
}

async function answer(turn) {
  const controller = new AbortController();
  const { signal } = controller;
  setWriting(controller);
  say(word("searching"));
  try {
    await service.opened;
    signal.throwIfAborted();
    for await (const event of ask(turn.question, conversationId, service.key, signal)) {
      receive(turn, event);
    }
    finish(turn);
  } catch (error) {
    if (turn.part.title.isConnected) interrupt(turn, error, signal.aborted);
  } finally {
    if (writing === controller) setWriting(null);
  }
}

function receive(turn, { name, data }) {
  if (name === "message" && data.delta) {
    turn.part.waiting.hidden = true;
    turn.text += data.delta;
    turn.prose.show(turn.text);
  }
  if (name === "queue") wait(turn, data);
  if (name === "citations") turn.sources.show(data, turn.text, service);
  if (name === "usage") conclude(turn, data);
}

/** Tell how many questions are before this one; it is read out when that number changes. */
function wait(turn, { position, wait_s: seconds }) {
  const sentence = word(["queue-next", "queue-one"][position] ?? "queue-many", { count: position });
  const estimate = seconds ? word("queue-wait", { seconds: Math.ceil(seconds) }) : "";
  turn.part.waiting.textContent = typeset(`${sentence} ${estimate}`.trim());
  if (turn.position !== position) say(typeset(sentence));
  turn.position = position;
}

function conclude(turn, usage) {
  const { part, sources } = turn;
  conversationId = usage.conversation_id ?? conversationId;
  turn.told = usage.sections ?? [];
  part.answer.lang = usage.language ?? "fr";
  turn.apart = [usage.notice, usage.clarification?.question, usage.abstained?.contact.url].filter(Boolean);
  const date = usage.corpus_date ? word("law-of", { day: day(usage.corpus_date) }) : "";
  part.facts.textContent = typeset(`${date} ${usage.notice ?? ""}`.trim());
  part.masked.textContent = typeset(usage.masked_notice ?? "");
  part.masked.hidden = part.masked.textContent === "";
  part.facts.hidden = part.facts.textContent === "";
  if (usage.abstained) {
    const { reason, contact } = usage.abstained;
    part.reason.textContent = known(reason) && !usage.summary ? word(reason) : "";
    part.contact.textContent = typeset(contact.name);
    point(part.contact, contact.url);
    sources.allow(contact.url);
    part.referral.hidden = false;
  }
  offerForm(part, usage);
  if (usage.clarification) clarify(part, usage.clarification);
  const suggestions = usage.suggestions ?? [];
  showQuestions(part.suggestions, suggestions, send);
  part.next.hidden = suggestions.length === 0;
}

/** Link to the form of the calculation, or of the calculator that a knowledge entry names. */
function offerForm(part, { calculation, entries = [], agreement }) {
  const entry = entries.find(({ calculator }) => calculator);
  part.refine.hidden = !(calculation || entry);
  if (calculation) part.form.href = formAddress(calculation);
  else if (entry) {
    part.form.textContent = word("compute");
    part.form.href = formAddress({ calculator: entry.calculator, idcc: agreement?.agreement?.idcc });
  }
}

/** Return the address of the form of a calculation. */
function formAddress({ calculator, idcc }) {
  const wanted = new URLSearchParams({ calculateur: calculator, ...(idcc ? { convention: idcc } : {}) });
  return inLanguage(`/calculs?${wanted}`);
}

/** Ask back: choices that are sent as they are, or an open question that begins the next one. */
function clarify(part, { question, choices = [] }) {
  const open = choices.length === 0;
  part.asked.textContent = typeset(question);
  part.asked.hidden = open;
  part.clarification.textContent = typeset(question);
  part.clarification.hidden = !open;
  part.clarification.addEventListener("click", () => fill(`${question} `));
  showQuestions(part.choices, choices, send);
  part.precision.hidden = false;
}

/** The words are all there: link them, and let assistive technology read the whole once. What the
 *  page shows apart (notice, clarification, contact, a source's address) is left out of the text. */
function settle({ part, prose, text, told, sources, apart }) {
  part.waiting.hidden = true;
  const shown = (block) =>
    block.trim() && !sources.address(block.trim()) && !apart.some((words) => block.includes(words));
  const clean = (words) => words.split("\n\n").filter(shown).join("\n\n");
  const { lead, sections, closing } = split(text, told);
  for (const address of helpAddresses(sections)) sources.allow(address);
  const first = showCall(part, clean(lead));
  prose.show(`${first}\n\n${clean(closing)}`, sources);
  const cleaned = sections.map((section) => ({ ...section, text: clean(section.text) }));
  showSections(part, cleaned.filter((section) => section.text), sources);
  part.prose.removeAttribute("aria-hidden");
}

function finish(turn) {
  settle(turn);
  const { count: cited } = turn.sources;
  const sentence = ["no-source", "one-source"][cited] ?? "many-sources";
  say(word(sentence, { count: cited }));
}

/* ---- what goes wrong ------------------------------------------------------------------- */

function interrupt(turn, error, stopped) {
  settle(turn);
  if (stopped) {
    turn.part.cut.hidden = false;
    say(word("stopped"));
    return;
  }
  if (!(error instanceof Problem)) throw error;
  say("");
  if (error.code === "unknown_conversation") conversationId = null;
  showProblem(turn.part.problem, error, () => again(turn));
  turn.part.problem.scrollIntoView({ block: "nearest" });
  if (error.status === 401) askForKey();
}

function again(turn) {
  if (writing) return;
  turn.text = "";
  turn.told = [];
  turn.prose.show("");
  showSections(turn.part, [], turn.sources);
  showCall(turn.part, "");
  turn.sources.show([], "", service);
  turn.part.prose.setAttribute("aria-hidden", "true");
  turn.part.problem.hidden = true;
  turn.part.waiting.textContent = turn.searching;
  turn.position = null;
  turn.part.waiting.hidden = false;
  turn.part.title.focus({ preventScroll: true });
  answer(turn);
}

/* ---- the key --------------------------------------------------------------------------- */

function askForKey() {
  at("key-form").hidden = false;
  at("key").focus();
}

at("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  service.key = at("key").value.trim();
  at("key").value = "";
  at("key-form").hidden = true;
  box.focus();
});

/* ---- the beginning --------------------------------------------------------------------- */

/** Return what `reading` brings, or `otherwise` when the service does not answer. */
async function orElse(reading, otherwise) {
  try {
    return await reading;
  } catch (error) {
    if (error instanceof Problem) return otherwise;
    throw error;
  }
}

function showCorpus(corpus) {
  if (!corpus) return;
  const number = new Intl.NumberFormat(locale);
  const sentence = word("corpus", {
    day: day(corpus.law_date),
    articles: number.format(corpus.articles),
    fiches: number.format(corpus.fiches),
  });
  at("corpus").textContent = typeset(sentence);
  at("corpus").hidden = false;
}

async function start() {
  begin();
  service.opened = orElse(readSettings(), { key: null }).then((settings) => {
    service.key = settings.key ?? "";
    if (!service.key) askForKey();
  });
  const health = await orElse(readHealth(), { corpus: null });
  showCorpus(health.corpus);
  await service.opened;
  document.documentElement.dataset.ready = "";
}

start();
