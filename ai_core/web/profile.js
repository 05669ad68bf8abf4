/* The facts about the person who asks: what they set in the form, and what their messages told.

They live in this tab (session.js) and go along with every question; the calculators are filled from
them. What a message tells replaces what the form said, as at the service. */

import { locale } from "/web/language.js";
import { held, hold } from "/web/session.js";

const NAME = "situation";
const FIELDS = ["role", "agreement", "category", "seniority_months"];

const filled = (value) => value !== null && value !== undefined && value !== "" && !(Array.isArray(value) && !value.length);
const told = (facts) => Object.fromEntries(Object.entries(facts ?? {}).filter(([, value]) => filled(value)));
const same = (one, other) => (one?.idcc ?? one ?? "") === (other?.idcc ?? other ?? "");

let facts = { chosen: {}, told: {}, ...held(NAME) };

function keep(changed) {
  facts = changed;
  hold(facts, NAME);
}

/** Return every fact that is known. */
export const known = () => ({ ...facts.chosen, ...facts.told });

/** Take what the messages of the conversation have told: `profile` of a reply, which also repeats
 *  what the form had set. */
export function learn(profile) {
  const news = Object.entries(told(profile)).filter(([name, value]) => !same(value, facts.chosen[name]));
  keep({ ...facts, told: Object.fromEntries(news) });
}

/** Set the facts of the form; tells whether they contradict what the messages said. */
export function choose(chosen) {
  const contradicts = FIELDS.some((name) => filled(facts.told[name]) && !same(facts.told[name], chosen[name]));
  const others = Object.entries(facts.told).filter(([name]) => !FIELDS.includes(name));
  keep({ chosen: told(chosen), told: contradicts ? Object.fromEntries(others) : facts.told });
  return contradicts;
}

/** Forget what the messages told; what the form says stays. */
export const forgetTold = () => keep({ ...facts, told: {} });

/** Return the `profile` to send with a question, undefined where nothing was set. */
export function toSend() {
  const { agreement, ...rest } = facts.chosen;
  const sent = agreement ? { ...rest, agreement: { idcc: agreement.idcc } } : rest;
  return Object.keys(sent).length ? sent : undefined;
}

const unit = (value, name) => new Intl.NumberFormat(locale, { style: "unit", unit: name, unitDisplay: "long" }).format(value);

/** Return a length in months in words: "3 ans 6 mois". */
export function lengthInWords(months) {
  const [years, rest] = [Math.floor(months / 12), months % 12];
  return [years && unit(years, "year"), (rest || !years) && unit(rest, "month")].filter(Boolean).join(" ");
}
