/* The page of the calculators: which one, for which agreement, its fields, its result.

The address may name them: /calculs?calculateur=severance_pay&convention=1486. What the conversation
of this tab has told fills the form. The key lives in this module's memory only. */

import { build } from "/web/fields.js";
import { fromFacts } from "/web/filling.js";
import { language, locale } from "/web/language.js";
import { AgreementPicker } from "/web/picker.js";
import { showProblem } from "/web/problem.js";
import { known as knownFacts } from "/web/profile.js";
import { element, typeset } from "/web/prose.js";
import { showMissing, showResult } from "/web/result.js";
import { held } from "/web/session.js";
import { Problem, calculate, findAgreements, readCalculator, readCalculators, readSettings } from "/web/wire.js";
import { known, word } from "/web/words.js";

const at = (id) => document.getElementById(id);
const asked = new URLSearchParams(location.search);
const calm = matchMedia("(prefers-reduced-motion: reduce)");
const service = { key: "" };
let fields = { first: [], more: [], all: [] };
let opening = 0;

const say = (sentence) => { at("status").textContent = typeset(sentence); };
const picker = new AgreementPicker("agreement", service, { say, onChange: () => openForm() });
at("agreement-place").replaceWith(picker.root);

/* ---- the form ---------------------------------------------------------------------------- */

function options(select, entries, wanted) {
  select.append(...entries.map(([value, text]) => element("option", { value }, typeset(text))));
  if (entries.some(([value]) => value === wanted)) select.value = wanted;
}

async function openForm() {
  opening += 1;
  const mine = opening;
  const written = new Map(fields.all.map(({ name, read }) => [name, read]));
  const described = await orShow(() => readCalculator(at("calculator").value, picker.chosen?.idcc, service.key), openForm);
  if (!described || mine !== opening) return;
  const kept = new Map([...written].map(([name, read]) => [name, read()]));
  fields = build(described.inputs);
  at("first-fields").replaceChildren(...fields.first.map(({ node }) => node));
  at("more-fields").replaceChildren(...fields.more.map(({ node }) => node));
  at("more").hidden = fields.more.length === 0;
  at("more").open = false;
  at("result").hidden = true;
  tellWhatWasFilled(restore(new Map([...fromConversation(), ...told(kept)])));
  document.documentElement.dataset.form = `${described.name} ${described.idcc ?? ""}`.trim();
}

/** Return the inputs that the conversation of this tab gives: what its latest calculation by this
 *  calculator was computed from, else the facts of the profile. */
function fromConversation() {
  const calculations = (held()?.turns ?? []).map(({ usage }) => usage?.calculation);
  const latest = calculations.findLast((one) => one?.calculator === at("calculator").value);
  const inputs = Object.entries(latest?.inputs ?? {}).filter(([name]) => fields.all.some((field) => field.name === name));
  return [...fromFacts(knownFacts(), fields.all), ...inputs];
}

const told = (values) => [...values].filter(([, value]) => value !== undefined);

/** Write `values` into the simple fields of that name; return the titles of those that took one. */
function restore(values) {
  const taken = [];
  for (const { name, node, title } of fields.all) {
    const control = node.querySelector(`#field-${name}`);
    const value = values.get(name);
    if (!control || value === undefined || Array.isArray(value)) continue;
    control.value = typeof value === "boolean" ? (value ? "yes" : "no") : written(value);
    if (control.value) taken.push({ name, title });
  }
  return taken;
}

const written = (value) =>
  typeof value === "number" ? value.toLocaleString(locale, { maximumFractionDigits: 2, useGrouping: false }) : value;

/** Say which fields the conversation filled, and open the part of the form they stand in. */
function tellWhatWasFilled(taken) {
  const names = new Set(fromConversation().map(([name]) => name));
  const filled = taken.filter(({ name }) => names.has(name));
  at("filled").hidden = filled.length === 0;
  at("filled").textContent = typeset(word("filled", { fields: filled.map(({ title }) => title.toLocaleLowerCase(locale)).join(", ") }));
  if (fields.more.some(({ name }) => filled.some((one) => one.name === name))) at("more").open = true;
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

/** What is written of an agreement and means none is not computed without. */
async function agreementIsClear() {
  const before = picker.chosen;
  const agreement = await picker.settled();
  if (agreement !== before) await openForm();
  if (agreement || !picker.input.value.trim()) return true;
  picker.input.focus();
  return false;
}

/* ---- the calculation --------------------------------------------------------------------- */

async function compute() {
  for (const field of fields.all) field.say("");
  at("refused").hidden = true;
  const body = { inputs: inputs(), language };
  if (!(await agreementIsClear())) return;
  if (picker.chosen) body.idcc = picker.chosen.idcc;
  const calculation = await orShow(() => calculate(at("calculator").value, body, service.key), compute);
  if (!calculation) return;
  if (calculation.missing.length) {
    showMissing(at("result"), calculation.missing);
    const [first] = calculation.missing;
    say(word("more-needed", { label: first.label }));
    pointAt(first.input, first.label);
    return;
  }
  showResult(at("result"), calculation, service);
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
  const idcc = asked.get("convention") ?? knownFacts().agreement?.idcc;
  if (idcc && !picker.chosen) picker.set((await orShow(() => findAgreements(idcc, service.key), start))?.agreement ?? null);
  await openForm();
  document.documentElement.dataset.ready = "";
}

start();
