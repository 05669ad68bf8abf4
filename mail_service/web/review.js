// The review page. Everything a sender wrote is put in as text, never as markup.
"use strict";

const at = (id) => document.getElementById(id);
let key = "";
let open = null;
let last = null;
let proposed = "";

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

async function list(older) {
  const before = older && last ? `&before=${last}` : "";
  const mails = await call("GET", `/mails?limit=50&state=${at("state").value}${before}`);
  const entries = mails.map((mail) => {
    const button = document.createElement("button");
    button.textContent = `n° ${mail.id}, ${day(mail.received_at)}, ${mail.reason || mail.state}`;
    button.dataset.id = mail.id;
    button.addEventListener("click", () => act(() => show(mail.id)));
    const element = document.createElement("li");
    element.append(button);
    return element;
  });
  if (older) at("list").append(...entries);
  else at("list").replaceChildren(...(entries.length ? entries : [item("Rien ici.")]));
  last = mails.length ? mails[mails.length - 1].id : last;
  at("more").hidden = mails.length < 50;
}

async function show(id) {
  const mail = await call("GET", `/mails/${id}`);
  open = id;
  for (const button of document.querySelectorAll("#list button"))
    button.setAttribute("aria-current", String(Number(button.dataset.id) === id));
  at("mail").hidden = false;
  at("subject").textContent = mail.subject || `Courriel n° ${id}`;
  at("facts").textContent =
    `De ${mail.sender_name} <${mail.sender}>. État : ${mail.state}. Motif : ${mail.reason || "aucun"}.`;
  at("text").textContent = mail.text || mail.full_text;
  at("hidden-part").hidden = !mail.hidden_text;
  at("hidden-text").textContent = mail.hidden_text;
  at("files-part").hidden = mail.attachments.length === 0;
  at("files").replaceChildren(
    ...mail.attachments.map((file) => item(`${file.name || "sans nom"} (${file.kind}, ${file.state})`)),
  );
  at("draft-part").hidden = !mail.draft;
  at("draft").value = proposed = mail.draft;
  at("sources").replaceChildren(...mail.citations.map((source) => item(`${source.title} – ${source.url}`)));
  at("approve").hidden = mail.state !== "review";
  at("reject").hidden = !["review", "quarantined"].includes(mail.state);
  at("retry").hidden =
    !["quarantined", "failed", "silent", "dry_run", "rejected"].includes(mail.state) &&
    !mail.sent.some((sent) => ["unknown", "failed"].includes(sent.state));
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

at("entry").addEventListener("submit", (event) => {
  event.preventDefault();
  key = at("key").value;
  act(async () => {
    await list();
    at("work").hidden = false;
  });
});
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
