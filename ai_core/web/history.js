/* The history of conversations, kept in this browser (localStorage) where a person chose that; it
never leaves the device. Searched, renamed, exported and erased in one dialog. */

import { locale } from "/web/language.js";
import { typeset } from "/web/prose.js";
import { copy, parts, word } from "/web/words.js";

const NAME = "history";
const MOST_CONVERSATIONS = 100;

const dialog = document.getElementById("history");
const part = parts(dialog);
let page = null;

/** Return the conversations kept, the latest first; null where none may be kept. */
function read() {
  try {
    const kept = JSON.parse(localStorage.getItem(NAME) ?? "null");
    return Array.isArray(kept) ? kept : null;
  } catch (error) {
    if (error instanceof DOMException || error instanceof SyntaxError) return null;
    throw error;
  }
}

/** Keep `conversations`; the oldest are let go where the browser has no room. */
function write(conversations) {
  const kept = conversations.slice(0, MOST_CONVERSATIONS);
  for (;;) {
    try {
      localStorage.setItem(NAME, JSON.stringify(kept));
      return kept.length === conversations.length;
    } catch (error) {
      if (!(error instanceof DOMException)) throw error;
      if (kept.length === 0) return false;
      kept.pop();
    }
  }
}

/** Keep a conversation as it is now, where a person chose to keep them. */
export function remember(conversation) {
  const kept = read();
  if (!kept || !conversation.turns.length) return;
  const before = kept.find(({ name }) => name === conversation.name);
  const title = before?.title ?? conversation.turns[0].question.slice(0, 200);
  const others = kept.filter(({ name }) => name !== conversation.name);
  if (!write([{ ...conversation, title }, ...others])) page?.say(word("history-full"));
}

/* ---- the dialog ------------------------------------------------------------------------- */

const folded = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();

function matches({ title, turns }, wanted) {
  const told = folded([title, ...turns.flatMap(({ question, text }) => [question, text])].join(" "));
  return folded(wanted).split(/\s+/).every((each) => told.includes(each));
}

function render() {
  const kept = read();
  part.keep.checked = kept !== null;
  part.kept.hidden = kept === null;
  const shown = (kept ?? []).filter((one) => matches(one, part.search.value));
  part.none.hidden = shown.length > 0;
  part.list.replaceChildren(...shown.map(item));
  part.foot.hidden = !kept?.length;
}

function item(conversation) {
  const made = copy("conversation");
  const on = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" });
  made.part.title.textContent = typeset(conversation.title);
  made.part.when.textContent = on.format(new Date(conversation.at));
  made.part.open.addEventListener("click", () => {
    dialog.close();
    page.open(conversation);
  });
  made.part.rename.addEventListener("click", () => {
    made.part.renaming.hidden = false;
    made.part.name.value = conversation.title;
    made.part.name.select();
  });
  made.part.renaming.addEventListener("submit", (event) => {
    event.preventDefault();
    rename(conversation, made.part.name.value.trim());
  });
  made.part.export.addEventListener("click", () => save([conversation]));
  made.part.erase.addEventListener("click", () => eraseOne(conversation));
  for (const name of ["rename", "export", "erase"]) {
    made.part[name].setAttribute("aria-label", `${made.part[name].textContent} : ${conversation.title}`);
  }
  return made.root;
}

function rename({ name }, title) {
  if (title) write(read().map((one) => (one.name === name ? { ...one, title } : one)));
  render();
  part.search.focus();
}

function eraseOne(conversation) {
  if (!confirm(word("history-erase-one", { title: conversation.title }))) return;
  write(read().filter(({ name }) => name !== conversation.name));
  page.erased(conversation.id);
  page.say(word("history-erased"));
  render();
  part.search.focus();
}

/** Erase everything; tells whether the person agreed. */
function eraseAll() {
  const kept = read() ?? [];
  if (kept.length && !confirm(word("history-erase-all"))) return false;
  for (const { id } of kept) page.erased(id);
  return true;
}

/** Save conversations as a text file. */
function save(conversations) {
  const written = conversations.map(({ title, at, turns }) => {
    const told = turns.map(({ question, text }) => `## ${question}\n\n${text}`);
    return [`# ${title}`, at.slice(0, 10), ...told].join("\n\n");
  });
  const address = URL.createObjectURL(new Blob([written.join("\n\n\n")], { type: "text/markdown" }));
  const link = Object.assign(document.createElement("a"), { href: address, download: "code-du-travail-neo.md" });
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
}

part.close.addEventListener("click", () => dialog.close());
part.search.addEventListener("input", render);
part.export.addEventListener("click", () => save(read() ?? []));
part.erase.addEventListener("click", () => {
  if (eraseAll()) write([]);
  render();
});
part.keep.addEventListener("change", () => {
  if (part.keep.checked) {
    write([]);
    const current = page.current();
    if (current) remember(current);
  } else if (eraseAll()) localStorage.removeItem(NAME);
  render();
});

/** Open the history. `given` is the page: {say, current, open, erased}. */
export function openHistory(given) {
  page = given;
  part.search.value = "";
  render();
  dialog.showModal();
}
