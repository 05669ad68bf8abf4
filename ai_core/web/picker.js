/* Picks a collective agreement by its name, a trade or its number: a combobox with a list of
suggestions (ARIA Authoring Practices Guide, "Editable Combobox With List Autocomplete"). */

import { element, typeset } from "/web/prose.js";
import { Problem, findAgreements } from "/web/wire.js";
import { copy, word } from "/web/words.js";

const PAUSE_MS = 200;

const named = ({ title, idcc }) => `${title} (IDCC ${idcc})`;

/** A combobox in `root`. `chosen` is {idcc, title} or null; `onChange` hears of every change. */
export class AgreementPicker {
  #part;
  #service;
  #onChange;
  #found = [];
  #active = -1;
  #asked = 0;
  #timer;
  #hint;
  chosen = null;

  constructor(id, service, { say, onChange = () => undefined }) {
    const { root, part } = copy("picker");
    this.root = root;
    this.input = part.input;
    this.#part = part;
    this.#service = service;
    this.#onChange = onChange;
    this.#hint = part.hint.textContent;
    this.say = say;
    Object.assign(part.input, { id });
    part.label.htmlFor = id;
    part.options.id = `${id}-options`;
    part.hint.id = `${id}-hint`;
    part.input.setAttribute("aria-controls", part.options.id);
    part.input.setAttribute("aria-describedby", part.hint.id);
    part.input.addEventListener("input", () => this.#typed());
    part.input.addEventListener("keydown", (event) => this.#key(event));
    part.input.addEventListener("blur", () => this.#close());
    part.options.addEventListener("pointerdown", (event) => event.preventDefault());
    part.clear.addEventListener("click", () => {
      this.set(null);
      this.#onChange(null);
      part.input.focus();
    });
  }

  /** Show `agreement` as chosen, or none. */
  set(agreement) {
    this.chosen = agreement;
    this.input.value = agreement ? typeset(named(agreement)) : "";
    this.#part.clear.hidden = !agreement;
    this.#part.hint.textContent = this.#hint;
    this.#close();
  }

  /** Return what is chosen; where something is only written, what the service takes it for. */
  async settled() {
    const written = this.input.value.trim();
    if (this.chosen || !written) return this.chosen;
    const found = await this.#search(written);
    if (found?.agreement) this.set(found.agreement);
    return this.chosen;
  }

  #typed() {
    if (this.chosen) {
      this.chosen = null;
      this.#part.clear.hidden = true;
      this.#onChange(null);
    }
    clearTimeout(this.#timer);
    const written = this.input.value.trim();
    this.#asked += 1;
    if (written.length < 2) this.#close();
    else this.#timer = setTimeout(() => this.#search(written), PAUSE_MS);
  }

  /** Show what `written` may mean; return the reply, or null when there is none or it is late. */
  async #search(written) {
    this.#asked += 1;
    const mine = this.#asked;
    try {
      const reply = await findAgreements(written, this.#service.key);
      if (mine !== this.#asked) return null;
      this.#open([reply.agreement, ...reply.near].filter(Boolean));
      return reply;
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      if (mine === this.#asked) this.#tell(error.detail || word(error.key, { status: error.status }));
      return null;
    }
  }

  #tell(sentence) {
    this.#part.hint.textContent = typeset(sentence);
    this.#part.hint.classList.add("told");
    this.say(sentence);
  }

  #open(found) {
    const { options } = this.#part;
    this.#found = found;
    options.replaceChildren(...found.map((one, at) => this.#option(one, at)));
    options.hidden = found.length === 0;
    this.input.setAttribute("aria-expanded", String(found.length > 0));
    this.#activate(-1);
    const counted = { 0: "agreements-none", 1: "agreements-one" }[found.length] ?? "agreements-found";
    this.#tell(word(counted, { count: found.length }));
  }

  #option(one, at) {
    const made = element("li", { role: "option", id: `${this.input.id}-${at}`, "aria-selected": "false" }, typeset(named(one)));
    made.addEventListener("click", () => this.#take(at));
    return made;
  }

  #close() {
    clearTimeout(this.#timer);
    this.#asked += 1;
    this.#found = [];
    this.#part.options.hidden = true;
    this.input.setAttribute("aria-expanded", "false");
    this.#activate(-1);
  }

  #activate(at) {
    this.#active = at;
    const options = [...this.#part.options.children];
    options.forEach((one, index) => one.setAttribute("aria-selected", String(index === at)));
    if (at < 0) this.input.removeAttribute("aria-activedescendant");
    else {
      this.input.setAttribute("aria-activedescendant", options[at].id);
      options[at].scrollIntoView({ block: "nearest" });
    }
  }

  #take(at) {
    const taken = this.#found[at];
    this.set(taken);
    this.#onChange(taken);
    this.input.focus();
  }

  #key(event) {
    const count = this.#found.length;
    if (event.isComposing) return;
    if (event.key === "ArrowDown" && !count && this.input.value.trim().length > 1) this.#search(this.input.value.trim());
    else if (!count) return;
    else if (event.key === "ArrowDown") this.#activate((this.#active + 1) % count);
    else if (event.key === "ArrowUp") this.#activate((Math.max(this.#active, 0) - 1 + count) % count);
    else if (event.key === "Enter") this.#take(Math.max(this.#active, 0));
    else if (event.key === "Escape") this.#close();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}
