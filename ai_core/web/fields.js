/* The fields of a form, built from the JSON Schema of a calculator's inputs.

Each field is {node, name, read, say}: `read` returns the JSON value or undefined when nothing was
written, `say` shows what is wrong with it (an empty sentence: nothing) and returns its control. */

import { element, typeset } from "/web/prose.js";
import { known, word } from "/web/words.js";

const LISTS = { reason: "absence", amount: "month", share: "period" };

const number = (text) => {
  const written = text.replace(/[\s\u00a0\u202f]/g, "").replace(",", ".");
  return written === "" || Number.isNaN(Number(written)) ? text.trim() : Number(written);
};

function choices(schema, required = false) {
  const first = element("option", { value: "" }, word(required ? "choose" : "not-told"));
  const labels = schema["x-labels"] ?? {};
  const options = schema.enum.map((value) =>
    element("option", { value }, typeset(labels[value] ?? value)),
  );
  return element("select", {}, first, ...options);
}

function answers() {
  const options = ["yes", "no"].map((value) => element("option", { value }, word(value)));
  return element("select", {}, element("option", { value: "" }, word("not-told")), ...options);
}

/** Return a control for one value and how its value is read. */
function control(schema) {
  const labels = schema.anyOf?.find((kind) => kind.enum);
  if (schema.enum || labels) {
    const select = choices(schema.enum ? schema : labels, true);
    return { input: select, read: () => select.value || undefined };
  }
  const kind = schema.anyOf ? schema.anyOf[0] : schema;
  if (kind.type === "boolean") {
    const select = answers();
    return { input: select, read: () => ({ yes: true, no: false })[select.value] };
  }
  if (kind.format === "date") {
    const input = element("input", { type: "date" });
    return { input, read: () => input.value || undefined };
  }
  const numeric = schema.anyOf?.some(({ type }) => type === "number") || kind.type === "number";
  const input = element("input", { type: "text", autocomplete: "off" });
  if (numeric) input.inputMode = "decimal";
  const read = () => (input.value.trim() === "" ? undefined : numeric ? number(input.value) : input.value.trim());
  return { input, read, unit: kind["x-unit"] };
}

/** Put a label, its control, its unit and a place for what is wrong with it together. */
function entry(title, id, { input, unit }) {
  const wrong = element("p", { class: "wrong", id: `${id}-wrong` });
  wrong.hidden = true;
  input.id = id;
  input.setAttribute("aria-describedby", wrong.id);
  const label = element("label", { for: id }, typeset(title));
  const suffix = unit && known(`unit-${unit}`) ? element("span", { class: "unit" }, word(`unit-${unit}`)) : "";
  const node = element("div", { class: "entry" }, label, element("div", { class: "control" }, input, suffix), wrong);
  const say = (sentence) => {
    wrong.textContent = typeset(sentence);
    wrong.hidden = sentence === "";
    if (sentence) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
    return input;
  };
  return { node, say };
}

function single(name, schema) {
  const made = control(schema);
  const { node, say } = entry(schema.title, `field-${name}`, made);
  const choices = schema.enum ?? schema.anyOf?.find((kind) => kind.enum)?.enum;
  return { node, name, title: schema.title, choices, read: made.read, say: (sentence) => say(sentence) };
}

/** A list of entries, each with a few parts: absences, months of pay, periods of working time. */
function list(name, schema) {
  const parts = Object.entries(schema.items.properties);
  const kind = LISTS[parts.map(([part]) => part).find((part) => LISTS[part])];
  const rows = [];
  let made = 0;
  const place = element("div", { class: "rows" });
  const add = element("button", { type: "button", class: "quiet" }, word(`add-${kind}`));
  const legend = element("legend", {}, typeset(schema.title));
  const node = element("fieldset", { class: "entry list" }, legend, place, add);
  const renumber = () => rows.forEach((row, at) => { row.legend.textContent = word(kind, { number: at + 1 }); });

  add.addEventListener("click", () => {
    made += 1;
    const fields = parts.map(([part, inner]) => {
      const title = part === "month" ? word("month-name") : word(part);
      const inside = control(inner);
      return { part, read: inside.read, ...entry(title, `field-${name}-${made}-${part}`, inside) };
    });
    const remove = element("button", { type: "button", class: "quiet" }, word("remove"));
    const rowLegend = element("legend", {}, "");
    const row = { fields, legend: rowLegend };
    row.node = element("fieldset", { class: "item" }, rowLegend, ...fields.map((field) => field.node), remove);
    remove.addEventListener("click", () => {
      rows.splice(rows.indexOf(row), 1);
      row.node.remove();
      renumber();
      add.focus();
    });
    rows.push(row);
    place.append(row.node);
    renumber();
    row.node.querySelector("input, select").focus();
  });

  const read = () => {
    const told = rows.map(({ fields }) =>
      Object.fromEntries(fields.map((field) => [field.part, field.read()]).filter(([, value]) => value !== undefined)),
    );
    const written = told.filter((value) => Object.keys(value).length > 0);
    return written.length ? written : undefined;
  };
  const say = (sentence, at, part) => {
    const row = rows[Number(at)];
    const field = row?.fields.find((one) => one.part === part) ?? row?.fields[0];
    if (field) return field.say(sentence);
    if (sentence === "") for (const each of rows.flatMap(({ fields }) => fields)) each.say("");
    return add;
  };
  return { node, name, title: schema.title, read, say };
}

/** Return the fields of a schema: those most cases need, and the others. */
export function build(schema) {
  const fields = Object.entries(schema.properties).map(([name, property]) => ({
    ...(property.type === "array" ? list : single)(name, property),
    first: property["x-first"] === true,
  }));
  return { first: fields.filter(({ first }) => first), more: fields.filter(({ first }) => !first), all: fields };
}
