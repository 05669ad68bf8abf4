/* The page's story: a question, its answer as it is written, the next question.

The key lives in this module's memory only; the conversation in this tab (session.js) and, where a
person chose that, in the history of their browser (history.js). No cookie. */

import { locale } from "/web/language.js";
import { day, typeset } from "/web/prose.js";
import { forgetTold, known as knownFacts, learn, lengthInWords, toSend } from "/web/profile.js";
import { held, hold } from "/web/session.js";
import { Problem, ask, erase, readHealth, readSettings } from "/web/wire.js";
import { word } from "/web/words.js";

const MOST_TURNS_SENT = 10;
const LATER = ["clarification", "feedback", "history", "picker", "profile_form", "reading"];

const at = (id) => document.getElementById(id);
const form = at("ask");
const box = at("question");
const calm = matchMedia("(prefers-reduced-motion: reduce)");
const touch = matchMedia("(pointer: coarse)");
const placeholder = box.placeholder;

const service = { key: "", opened: null, takesFeedback: false };
/** The conversation: its id at the service, its turns here, and from which turn on they belong to it. */
const talk = { id: null, at: null, name: null, turns: [], from: 0 };
/** The box can be used before the module that shows answers is there. */
let Turn = null;
const turnLoaded = import("/web/turn.js").then((module) => {
  ({ Turn } = module);
});
let writing = null;
let editing = null;
let unread = null;

function say(sentence) {
  at("status").textContent = typeset(sentence);
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

/** Ask `question`; `reply` is the same where it answers the question back of the last turn. */
function send(question, reply = "") {
  if (writing) return;
  if (!Turn) {
    turnLoaded.then(() => send(question, reply));
    return;
  }
  if (editing) replaceFrom(editing);
  if (touch.matches) box.blur();
  else box.focus();
  talk.turns.at(-1)?.settleClarification(reply);
  answer(addTurn(question));
}

/** Put a question back into the box; sent again it takes the place of `turn` and all after it. */
function edit(turn) {
  if (writing) return;
  editing = turn;
  at("editing").hidden = false;
  say(word("editing"));
  fill(turn.question);
}

function stopEditing() {
  editing = null;
  at("editing").hidden = true;
}

function replaceFrom(turn) {
  const place = talk.turns.indexOf(turn);
  stopEditing();
  if (place < 0) return;
  for (const gone of talk.turns.splice(place)) gone.root.remove();
  talk.from = Math.min(talk.from, place);
  leave();
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  submit();
});
box.addEventListener("input", fit);
box.addEventListener("keydown", (event) => {
  if (event.key === "Tab" && !event.shiftKey) readSources(event);
  if (event.key === "Escape" && editing) stopEditing();
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  submit();
});
at("editing-stop").addEventListener("click", () => {
  stopEditing();
  fill("");
});
at("stop").addEventListener("click", () => {
  writing?.abort();
  box.focus();
});
for (const example of at("examples").querySelectorAll("a")) {
  example.addEventListener("click", (event) => {
    event.preventDefault();
    box.value = example.textContent;
    submit();
  });
}

/** After an answer, the next Tab goes to its sources: they stand above the box. Once, so that a
 *  keyboard gets past the box. */
function readSources(event) {
  const summary = unread?.part.sources.hidden === false && unread.part["sources-title"];
  unread = null;
  if (!summary || box.value) return;
  event.preventDefault();
  summary.focus();
}

/* ---- the conversation ------------------------------------------------------------------- */

/** Leave the conversation at the service, which is asked to erase it; it may be told again. */
async function leave() {
  const { id } = talk;
  talk.id = null;
  if (!id) return true;
  try {
    await erase(id, service.key);
    return true;
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    return false;
  }
}

at("fresh").addEventListener("click", async () => {
  writing?.abort();
  const talked = talk.id !== null;
  const leaving = leave();
  startAfresh();
  fill("");
  const erased = await leaving;
  say(word(erased ? (talked ? "erased" : "fresh") : "not-erased"));
});

function startAfresh() {
  stopEditing();
  unread = null;
  Object.assign(talk, { turns: [], from: 0, at: null, name: null });
  at("turns").replaceChildren();
  forgetTold();
  showSituation();
  hold(null);
  begin();
}

function begin(talking = false) {
  for (const id of ["welcome", "examples"]) at(id).hidden = talking;
  for (const id of ["turns", "fresh"]) at(id).hidden = !talking;
  box.placeholder = talking ? word("next") : placeholder;
  document.body.classList.toggle("talking", talking);
}

/** Keep the conversation in this tab, and in the history where that was chosen. */
async function keep() {
  talk.at ??= new Date().toISOString();
  talk.name ??= crypto.getRandomValues(new Uint32Array(2)).join("-");
  const turns = talk.turns.map(({ record }) => record);
  hold({ ...talk, turns });
  if (localHistory()) (await import("/web/history.js")).remember({ ...talk, turns });
}

function localHistory() {
  try {
    return localStorage.getItem("history");
  } catch (error) {
    if (error instanceof DOMException) return null;
    throw error;
  }
}

/** Show a conversation that was kept. */
function show(kept) {
  Object.assign(talk, { ...kept, turns: [] });
  for (const record of kept.turns) {
    const turn = addTurn(record.question, false);
    turn.restore(record);
    if (!record.usage) turn.fail(new Problem({ key: "broken" }), () => again(turn));
  }
  talk.turns.at(-1)?.root.scrollIntoView({ block: "start" });
}

/* ---- the answer ------------------------------------------------------------------------ */

const chat = { service, send: (question) => send(question), reply: (text) => send(text, text), edit, say };

function addTurn(question, scrolls = true) {
  const turn = new Turn(question, chat);
  talk.turns.push(turn);
  begin(true);
  at("turns").append(turn.root);
  if (scrolls) turn.root.scrollIntoView({ behavior: calm.matches ? "auto" : "smooth", block: "start" });
  return turn;
}

function setWriting(controller) {
  writing = controller;
  at("send").hidden = writing !== null;
  at("stop").hidden = writing === null;
}

/** Return what goes with a question: the facts set, and what was said before where the service does
 *  not hold the conversation. */
function context(turn) {
  const said = talk.turns.slice(talk.from, talk.turns.indexOf(turn)).slice(-MOST_TURNS_SENT);
  return { profile: toSend(), before: talk.id ? [] : said.flatMap(({ messages }) => messages) };
}

async function answer(turn) {
  const controller = new AbortController();
  const { signal } = controller;
  setWriting(controller);
  unread = null;
  say(word("searching"));
  keep();
  try {
    await service.opened;
    signal.throwIfAborted();
    for await (const event of events(turn, signal)) turn.receive(event);
    finish(turn);
  } catch (error) {
    if (turn.root.isConnected) interrupt(turn, error, signal.aborted);
  } finally {
    if (writing === controller) setWriting(null);
  }
}

/** Ask; a conversation that the service has forgotten is told again. */
async function* events(turn, signal) {
  try {
    yield* ask(turn.question, talk.id, service.key, signal, context(turn));
  } catch (error) {
    if (!talk.id || error.code !== "unknown_conversation") throw error;
    talk.id = null;
    yield* ask(turn.question, null, service.key, signal, context(turn));
  }
}

function finish(turn) {
  talk.id = turn.usage?.conversation_id ?? talk.id;
  turn.finish();
  learn(turn.usage?.profile);
  showSituation();
  unread = turn;
  keep();
  const cited = turn.citations.length;
  say(word(["no-source", "one-source"][cited] ?? "many-sources", { count: cited }));
}

function interrupt(turn, error, stopped) {
  turn.finish();
  keep();
  if (stopped) {
    turn.cut();
    say(word("stopped"));
    return;
  }
  if (!(error instanceof Problem)) throw error;
  say("");
  turn.fail(error, () => again(turn));
  if (error.status === 401) askForKey();
}

function again(turn) {
  if (writing) return;
  turn.clear();
  answer(turn);
}

/* ---- the situation and the history ------------------------------------------------------ */

function showSituation() {
  const facts = knownFacts();
  const named = (id, value) => at(id).querySelector(`option[value="${value}"]`)?.textContent;
  const told = [
    facts.role && named("profile-role", facts.role),
    facts.agreement && (facts.agreement.name || `IDCC ${facts.agreement.idcc}`),
    facts.category && named("profile-category", facts.category),
    facts.seniority_months !== undefined && lengthInWords(facts.seniority_months),
  ].filter(Boolean);
  const sentence = told.length ? word("situation", { facts: told.join(", ") }) : word("situation-none");
  at("situation").textContent = typeset(sentence);
  at("situation").hidden = false;
}

at("situation").addEventListener("click", async () => {
  const { openProfile } = await import("/web/profile_form.js");
  const outcome = await openProfile(service, say);
  if (outcome === null) return;
  if (outcome.contradicts) {
    await leave();
    talk.from = talk.turns.length;
  }
  showSituation();
  say(word(outcome.contradicts ? "situation-begins" : outcome.erased ? "situation-erased" : "situation-saved"));
});

at("history-open").addEventListener("click", async () => {
  const { openHistory } = await import("/web/history.js");
  openHistory({
    say,
    current: () => (talk.turns.length ? { ...talk, turns: talk.turns.map(({ record }) => record) } : null),
    open: (kept) => {
      writing?.abort();
      startAfresh();
      show(kept);
      keep();
    },
    erased: (id) => (id && id !== talk.id ? orElse(erase(id, service.key), null) : null),
  });
});

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

/** A question that came by a link waits in the box until the person sends it. */
function takeSharedQuestion() {
  const shared = new URLSearchParams(location.hash.slice(1)).get("question");
  if (!shared) return;
  history.replaceState(null, "", `${location.pathname}${location.search}`);
  fill(shared.slice(0, box.maxLength));
  say(word("shared-question"));
}

async function start() {
  at("history-open").hidden = false;
  begin();
  const kept = held();
  showSituation();
  takeSharedQuestion();
  performance.mark("interactive");
  service.opened = orElse(readSettings(), { key: null }).then((settings) => {
    service.key = settings.key ?? "";
    if (!service.key) askForKey();
  });
  await turnLoaded;
  if (kept?.turns?.length) show(kept);
  const health = await orElse(readHealth(), { corpus: null });
  service.takesFeedback = health.postgres === "up";
  showCorpus(health.corpus);
  await service.opened;
  await Promise.all(LATER.map((name) => import(`/web/${name}.js`)));
  document.documentElement.dataset.ready = "";
}

start();
