// The review page. Everything a sender wrote is put in as text, never as markup.
"use strict";

const at = (id) => document.getElementById(id);
let key = "";
let open = null;
let following = null;
let sought = "";
let proposed = "";
let sender = "";

async function call(method, path, body) {
  const reply = await fetch(`/api/v1${path}`, {
    method,
    headers: { "X-API-Key": key, "Accept-Language": "fr", "Content-Type": "application/json" },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const said = reply.status === 204 ? null : await reply.json();
  if (!reply.ok) throw new Error(said.detail);
  return said;
}

async function act(work, done) {
  try {
    await work();
    at("said").textContent = done || "";
  } catch (error) {
    at("said").textContent = error.message;
  }
}

function item(text) {
  const element = document.createElement("li");
  element.textContent = text;
  return element;
}

const day = (moment) => new Date(moment).toLocaleString("fr-FR");
const names = new Map([...at("state").options].map((option) => [option.value, option.textContent]));

async function count() {
  const counts = await call("GET", "/stats");
  for (const option of at("state").options)
    option.textContent = `${names.get(option.value)} (${counts[`mail_${option.value}`] || 0})`;
}

function wanted(before) {
  const text = sought.trim();
  const isAddress = /^\S+@\S+\.\S+$/.test(text);
  return {
    words: isAddress ? "" : text,
    sender: isAddress ? text : "",
    state: text && at("everywhere").checked ? null : at("state").value,
    before,
  };
}

async function list(older) {
  const found = await call("POST", "/mails/search", wanted(older ? following : null));
  const entries = found.mails.map((mail) => {
    const button = document.createElement("button");
    button.textContent = `n° ${mail.id}, ${day(mail.received_at)}, ${names.get(mail.state)}. ${mail.explanation}`;
    button.dataset.id = mail.id;
    button.addEventListener("click", () => act(() => show(mail.id)));
    const element = document.createElement("li");
    element.append(button);
    return element;
  });
  if (older) at("list").append(...entries);
  else at("list").replaceChildren(...(entries.length ? entries : [item("Rien ici.")]));
  following = found.next_before;
  at("more").hidden = following === null;
  at("more").textContent = found.opened ? "Chercher plus loin" : "Plus anciens";
  at("all").hidden = !sought;
  at("looked").hidden = !found.opened;
  at("looked").textContent = found.opened ? `Courriels parcourus : ${found.opened}.` : "";
  await count();
}

function person(mail) {
  const states = Object.entries(mail.sender_mails);
  const total = states.reduce((sum, [, number]) => sum + number, 0);
  const each = states.map(([state, number]) => `${names.get(state)} : ${number}`).join(", ");
  at("letters").textContent = `Courriels de cette personne : ${total} (${each}).`;
  at("person").hidden = !total;
  sender = mail.sender;
}

function proposal(mail) {
  at("masked").hidden = !mail.masked;
  at("masked").textContent = `Masqué avant lecture par l'intelligence artificielle : ${mail.masked}.`;
  at("draft-part").hidden = !mail.draft;
  at("draft").value = proposed = mail.draft;
  at("sources").replaceChildren(...mail.citations.map((source) => item(`${source.title} – ${source.url}`)));
  at("helped").hidden = mail.helped === null;
  at("helped").textContent = mail.helped ? "La réponse a aidé." : "La réponse n'a pas aidé.";
  at("approve").hidden = mail.state !== "review";
  at("reject").hidden = !["review", "quarantined"].includes(mail.state);
  at("retry").hidden =
    !["quarantined", "failed", "silent", "dry_run", "rejected"].includes(mail.state) &&
    !mail.sent.some((sent) => ["unknown", "failed"].includes(sent.state));
}

async function show(id) {
  const mail = await call("GET", `/mails/${id}`);
  open = id;
  for (const button of document.querySelectorAll("#list button"))
    button.setAttribute("aria-current", String(Number(button.dataset.id) === id));
  at("mail").hidden = false;
  at("subject").textContent = mail.subject || `Courriel n° ${id}`;
  at("facts").textContent = `De ${mail.sender_name} <${mail.sender}>. État : ${names.get(mail.state)}.`;
  at("why").textContent = mail.explanation;
  at("findings").replaceChildren(...mail.fired_explained.slice(1).map(item));
  at("text").textContent = mail.text || mail.full_text;
  at("hidden-part").hidden = !mail.hidden_text;
  at("hidden-text").textContent = mail.hidden_text;
  at("files-part").hidden = mail.attachments.length === 0;
  at("files").replaceChildren(
    ...mail.attachments.map((file) => item(`${file.name || "sans nom"} (${file.kind}, ${file.state})`)),
  );
  person(mail);
  proposal(mail);
  at("events").replaceChildren(
    ...mail.events.map((event) => item(`${day(event.at)} : ${event.step} ${event.reason}`)),
  );
  at("subject").focus();
}

async function decide(method, path, body) {
  await call(method, `/mails/${open}${path}`, body);
  at("mail").hidden = true;
  await list();
  at("work").focus();
}

function search(words) {
  at("words").value = sought = words;
  return act(() => list());
}

function step(by) {
  const ids = [...document.querySelectorAll("#list button")].map((button) => Number(button.dataset.id));
  const here = at("mail").hidden ? -1 : ids.indexOf(open);
  const next = here < 0 ? 0 : here + by;
  if (ids[next] !== undefined) act(() => show(ids[next]));
}

function press(button, question) {
  if (!at("mail").hidden && !button.hidden && confirm(question)) button.click();
}

const SHORTCUTS = {
  j: () => step(1),
  k: () => step(-1),
  a: () => press(at("approve"), "Envoyer cette réponse ?"),
  r: () => press(at("reject"), "Ne pas répondre à ce courriel ?"),
  e: () => at("draft").focus(),
  "/": () => at("words").focus(),
  "?": () => at("help").showModal(),
};

document.addEventListener("keydown", (event) => {
  const typing = event.target.matches("input:not([type=checkbox]), textarea, select");
  if (typing && event.key === "Escape") event.target.blur();
  if (typing || at("work").hidden || at("help").open || !at("shortcuts").checked) return;
  if (event.ctrlKey || event.metaKey || event.altKey || !Object.hasOwn(SHORTCUTS, event.key)) return;
  event.preventDefault();
  SHORTCUTS[event.key]();
});

at("entry").addEventListener("submit", (event) => {
  event.preventDefault();
  key = at("key").value;
  act(async () => {
    await list();
    at("work").hidden = false;
    at("work").focus();
  });
});
at("search").addEventListener("submit", (event) => {
  event.preventDefault();
  search(at("words").value);
});
at("all").addEventListener("click", () => search(""));
at("of-person").addEventListener("click", () => {
  at("everywhere").checked = true;
  search(sender);
});
at("help-open").addEventListener("click", () => at("help").showModal());
at("state").addEventListener("change", () => act(() => list()));
at("more").addEventListener("click", () => act(() => list(true)));
at("approve").addEventListener("click", () =>
  act(() => {
    const text = at("draft").value;
    return decide("POST", "/approve", text === proposed ? {} : { text });
  }, "La réponse part."),
);
at("reject").addEventListener("click", () => act(() => decide("POST", "/reject", {}), "Aucune réponse ne partira."));
at("retry").addEventListener("click", () => act(() => decide("POST", "/retry"), "Le courriel est repris."));
at("erase").addEventListener("click", () => {
  if (confirm("Effacer ce courriel et notre réponse, pour toujours ?"))
    act(() => decide("DELETE", ""), "Le courriel est effacé.");
});
