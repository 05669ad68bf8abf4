/* The page of the calculators: which one, for which agreement, its fields, its result.

The address may name them: /calculs?calculateur=severance_pay&convention=1486. The key lives in
this module's memory only. */

import { build } from "/web/fields.js";
import { language } from "/web/language.js";
import { showProblem } from "/web/problem.js";
import { element, typeset } from "/web/prose.js";
import { showMissing, showResult } from "/web/result.js";
import { Problem, calculate, readCalculator, readCalculators, readSettings } from "/web/wire.js";
import { known, word } from "/web/words.js";

const at = (id) => document.getElementById(id);
const asked = new URLSearchParams(location.search);
const calm = matchMedia("(prefers-reduced-motion: reduce)");
const service = { key: "" };
let fields = { first: [], more: [], all: [] };
let opening = 0;

const say = (sentence) => { at("status").textContent = typeset(sentence); };

/* ---- the form ---------------------------------------------------------------------------- */

function options(select, entries, wanted) {
  select.append(...entries.map(([value, text]) => element("option", { value }, typeset(text))));
  if (entries.some(([value]) => value === wanted)) select.value = wanted;
}

async function openForm() {
  opening += 1;
  const mine = opening;
  const written = new Map(fields.all.map(({ name, read }) => [name, read]));
  const described = await orShow(() => readCalculator(at("calculator").value, at("agreement").value, service.key), openForm);
  if (!described || mine !== opening) return;
  const kept = new Map([...written].map(([name, read]) => [name, read()]));
  fields = build(described.inputs);
  at("first-fields").replaceChildren(...fields.first.map(({ node }) => node));
  at("more-fields").replaceChildren(...fields.more.map(({ node }) => node));
  at("more").hidden = fields.more.length === 0;
  at("more").open = false;
  at("result").hidden = true;
  restore(kept);
  document.documentElement.dataset.form = `${described.name} ${described.idcc ?? ""}`.trim();
}

/** Keep what was written in simple fields when the agreement changes. */
function restore(kept) {
  for (const { name, node } of fields.all) {
    const control = node.querySelector(`#field-${name}`);
    const value = kept.get(name);
    if (!control || value === undefined || Array.isArray(value)) continue;
    const text = typeof value === "boolean" ? (value ? "yes" : "no") : String(value);
    control.value = text;
  }
}

function inputs() {
  const entries = fields.all.map(({ name, read }) => [name, read()]);
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
}

/** Where a person tells what the service asks for: a form asks for dates, not for years. */
const INSTEAD = { seniority_years: "entry_date", right_seniority_years: "entry_date" };

function fieldFor(name) {
  const told = fields.first.find((field) => field.name === INSTEAD[name] && field.read() === undefined);
  return told ?? fields.all.find((field) => field.name === name);
}

/** Say what is wrong with a field, open the part of the form it stands in, and go to it. */
function pointAt(path, sentence) {
  const [name, ...rest] = path.split(".");
  const field = fieldFor(name);
  if (!field) return false;
  if (!field.first) at("more").open = true;
  field.say(sentence, ...rest).focus();
  return true;
}

/* ---- the calculation --------------------------------------------------------------------- */

async function compute() {
  for (const field of fields.all) field.say("");
  at("refused").hidden = true;
  const body = { inputs: inputs(), language };
  if (at("agreement").value) body.idcc = at("agreement").value;
  const calculation = await orShow(() => calculate(at("calculator").value, body, service.key), compute);
  if (!calculation) return;
  if (calculation.missing.length) {
    showMissing(at("result"), calculation.missing);
    const [first] = calculation.missing;
    say(word("more-needed", { label: first.label }));
    pointAt(first.input, first.label);
    return;
  }
  showResult(at("result"), calculation);
  say(word("done", { text: calculation.text }));
  const title = at("result").querySelector("h2");
  title.focus({ preventScroll: true });
  at("result").scrollIntoView({ behavior: calm.matches ? "auto" : "smooth", block: "start" });
}

/** Return what `work` brings; show why not, with a way to try `again`. */
async function orShow(work, again) {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    at("result").hidden = true;
    const named = error.errors.filter(({ field, reason }) =>
      pointAt(field.replace(/^inputs\./, ""), word(known(reason) ? reason : "wrong")),
    );
    if (named.length === 0) showProblem(at("refused"), error, again);
    if (error.status === 401) at("key-form").hidden = false;
    return null;
  }
}

at("calculation").addEventListener("submit", (event) => {
  event.preventDefault();
  compute();
});
at("calculator").addEventListener("change", openForm);
at("agreement").addEventListener("change", openForm);
at("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  service.key = at("key").value.trim();
  at("key").value = "";
  at("key-form").hidden = true;
  at("refused").hidden = true;
  start();
});

async function start() {
  if (!service.key) {
    const settings = await orShow(readSettings, start);
    service.key = settings?.key ?? "";
    if (!service.key) at("key-form").hidden = false;
  }
  const listed = await orShow(() => readCalculators(service.key), start);
  if (!listed) return;
  at("calculator").replaceChildren();
  options(at("calculator"), listed.calculators.map(({ name, title }) => [name, title]), asked.get("calculateur") ?? "severance_pay");
  const named = listed.agreements.map(({ idcc, name }) => [idcc, `${name} (IDCC ${idcc})`]);
  named.sort((one, other) => one[1].localeCompare(other[1], language));
  options(at("agreement"), named, asked.get("convention") ?? "");
  await openForm();
  document.documentElement.dataset.ready = "";
}

start();
