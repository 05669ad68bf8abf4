/* The widget's story: the conversation of the page, in a frame of another site's page.

The key comes with the frame; the conversation is held by this tab (session.js), so that a reload shows
it again, and an answer that was being written is resumed. */

import { session } from "/web/widget/memory.js";
import { Line, newAnswerId } from "/web/widget/line.js";
import { typeset } from "/web/prose.js";
import { Problem, erase } from "/web/wire.js";
import { word } from "/web/words.js";

const MOST_TURNS_KEPT = 20;
const MOST_TURNS_SENT = 10;
const COLOUR = /^#[0-9a-f]{6}$/;
const FOCUSABLE = "a[href], button, textarea, input, select, summary, [tabindex='0']";

const at = (id) => document.getElementById(id);
const box = at("question");
const touch = matchMedia("(pointer: coarse)");
const { key, colour, textColour } = document.body.dataset;
const service = { key };
const memory = session(key);
const talk = { id: null, turns: [], running: null };
const line = new Line(key, () => say(at("reconnecting").textContent));
let writing = null;
let turns = null;

/** Load what shows an answer: with the first question, not with the opening. */
const load = async () => {
  turns ??= await import("/web/turn.js");
  return turns;
};

function say(sentence) {
  at("status").textContent = typeset(sentence);
}

const tell = (kind) => parent.postMessage({ kind }, "*");

/* ---- the question ---------------------------------------------------------------------- */

function fit() {
  box.style.blockSize = "auto";
  box.style.blockSize = `${box.scrollHeight + box.offsetHeight - box.clientHeight}px`;
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

async function send(question, reply = "") {
  await load();
  if (writing) return;
  if (touch.matches) box.blur();
  else box.focus();
  talk.turns.at(-1)?.settleClarification(reply);
  answer(addTurn(question));
}

at("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  submit();
});
box.addEventListener("input", fit);
box.addEventListener("input", load, { once: true });
box.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  submit();
});
at("stop").addEventListener("click", () => {
  writing?.abort();
  box.focus();
});

/* ---- the conversation ------------------------------------------------------------------- */

const chat = { service, send: (question) => send(question), reply: (text) => send(text, text), edit: () => undefined, say };

function addTurn(question) {
  const turn = new turns.Turn(question, chat);
  for (const name of ["edit", "print"]) turn.part[name].remove();
  talk.turns.push(turn);
  at("turns").append(turn.root);
  show();
  turn.root.scrollIntoView({ block: "start" });
  return turn;
}

function show() {
  const begun = talk.turns.length > 0;
  at("greeting").hidden = begun;
  at("fresh").hidden = !begun;
}

function keep() {
  const turns = talk.turns.slice(-MOST_TURNS_KEPT).map(({ record }) => record);
  memory.hold({ id: talk.id, running: talk.running, turns });
}

at("fresh").addEventListener("click", async () => {
  writing?.abort();
  const { id } = talk;
  Object.assign(talk, { id: null, turns: [], running: null });
  at("turns").replaceChildren();
  memory.hold(null);
  show();
  box.focus();
  say(word((await erased(id)) ? (id ? "erased" : "fresh") : "not-erased"));
});

async function erased(id) {
  if (!id) return true;
  try {
    await erase(id, key);
    return true;
  } catch (error) {
    if (error instanceof Problem) return false;
    throw error;
  }
}

/* ---- the answer ------------------------------------------------------------------------ */

function setWriting(controller) {
  writing = controller;
  at("send").hidden = writing !== null;
  at("stop").hidden = writing === null;
}

/** Return what is asked; what was said is told again where the service does not hold it. */
function requestOf(turn) {
  const before = talk.id ? [] : talk.turns.slice(0, talk.turns.indexOf(turn)).slice(-MOST_TURNS_SENT);
  const messages = [...before.flatMap((one) => one.messages), { role: "user", content: turn.question }];
  return { messages, fallback: "extractive", ...(talk.id ? { conversation_id: talk.id } : {}) };
}

/** Ask, or resume the answer `resumed` that was being written before a reload. */
async function answer(turn, resumed = null) {
  const controller = new AbortController();
  const { signal } = controller;
  setWriting(controller);
  say(word("searching"));
  try {
    await tellAnswer(turn, resumed, signal);
    finish(turn);
  } catch (error) {
    if (turn.root.isConnected) interrupt(turn, error, signal.aborted);
  } finally {
    if (writing === controller) setWriting(null);
  }
}

async function tellAnswer(turn, resumed, signal) {
  const receive = async (id, request) => {
    talk.running = id;
    keep();
    for await (const event of line.answer(id, request, signal)) turn.receive(event);
  };
  if (resumed) return receive(resumed, null);
  try {
    return await receive(newAnswerId(), requestOf(turn));
  } catch (error) {
    if (!talk.id || !turns.isForgotten(error)) throw error;
    talk.id = null;
    return receive(newAnswerId(), requestOf(turn));
  }
}

function finish(turn) {
  talk.id = turn.usage?.conversation_id ?? talk.id;
  talk.running = null;
  turn.finish();
  keep();
  const cited = turn.citations.length;
  say(word(["no-source", "one-source"][cited] ?? "many-sources", { count: cited }));
}

function interrupt(turn, error, stopped) {
  talk.running = null;
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
}

function again(turn) {
  if (writing) return;
  turn.clear();
  answer(turn);
}

/* ---- the frame around ------------------------------------------------------------------- */

at("close").addEventListener("click", () => tell("close"));

addEventListener("keydown", (event) => {
  if (document.querySelector("dialog[open]")) return;
  if (event.key === "Escape") tell("close");
  if (event.key === "Tab") stayInside(event);
});

/** Keep the focus in the widget while it is open: it covers the page, on a phone all of it. */
function stayInside(event) {
  const all = [...document.querySelectorAll(FOCUSABLE)].filter((one) => one.checkVisibility() && !one.disabled);
  const [first, last] = [all[0], all.at(-1)];
  const leaves = document.activeElement === (event.shiftKey ? first : last);
  if (!leaves && document.activeElement !== document.body) return;
  event.preventDefault();
  (event.shiftKey ? last : first).focus();
}

addEventListener("message", ({ source, data }) => {
  if (source !== parent || data?.kind !== "opened") return;
  if (touch.matches) at("close").focus();
  else box.focus();
});

async function start() {
  if (COLOUR.test(colour) && COLOUR.test(textColour)) {
    document.documentElement.style.setProperty("--brand", colour);
    document.documentElement.style.setProperty("--on-brand", textColour);
  }
  const kept = memory.held();
  if (kept?.turns?.length) await load();
  talk.id = kept?.id ?? null;
  for (const record of kept?.turns ?? []) {
    const turn = addTurn(record.question);
    const running = kept.running && record === kept.turns.at(-1);
    if (!running) turn.restore(record);
    else answer(turn, kept.running);
  }
  show();
  document.documentElement.dataset.ready = "";
  tell("ready");
}

start();
