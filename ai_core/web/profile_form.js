/* The form of the facts about the person who asks: seen, changed and erased in one place. */

import { AgreementPicker } from "/web/picker.js";
import { choose, known } from "/web/profile.js";
import { parts } from "/web/words.js";

const dialog = document.getElementById("profile");
const form = document.getElementById("profile-form");
const part = parts(dialog);
let picker = null;
let settle = () => undefined;

const months = () => {
  const [years, rest] = [part.years, part.months].map(({ value }) => value.trim());
  return years === "" && rest === "" ? null : Math.min(Number(years) * 12 + Number(rest), 840);
};

function fill(facts) {
  part.role.value = facts.role ?? "";
  part.category.value = facts.category ?? "";
  picker.set(facts.agreement ? { idcc: facts.agreement.idcc, title: facts.agreement.name ?? "" } : null);
  const told = facts.seniority_months;
  part.years.value = told === undefined ? "" : String(Math.floor(told / 12));
  part.months.value = told === undefined || told % 12 === 0 ? "" : String(told % 12);
}

async function save() {
  const agreement = await picker.settled();
  if (!agreement && picker.input.value.trim()) {
    picker.input.focus();
    return;
  }
  const contradicts = choose({
    role: part.role.value,
    category: part.category.value,
    agreement: agreement && { idcc: agreement.idcc, name: agreement.title },
    seniority_months: months(),
  });
  finish({ contradicts, erased: false });
}

function finish(outcome) {
  settle(outcome);
  settle = () => undefined;
  dialog.close();
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (form.reportValidity()) save();
});
part.erase.addEventListener("click", () => finish({ contradicts: choose({}), erased: true }));
part.close.addEventListener("click", () => dialog.close());
dialog.addEventListener("close", () => settle(null));

/** Open the form; returns {contradicts, erased} once it is saved, null when it was closed. */
export function openProfile(service, say) {
  picker ??= new AgreementPicker("profile-agreement", service, { say });
  if (!picker.root.isConnected) part.agreement.replaceWith(picker.root);
  fill(known());
  dialog.showModal();
  return new Promise((resolve) => {
    settle = resolve;
  });
}
