/* One question back: its answers are chips, a field, or the picker of agreements. What is chosen is
sent as the reply, and the page says what it was. */

import { AgreementPicker } from "/web/picker.js";
import { typeset } from "/web/prose.js";
import { showQuestions } from "/web/shape.js";
import { copy } from "/web/words.js";

let made = 0;

/** Show `clarification` in the parts of a turn; `reply` sends an answer, `say` reads a
 *  sentence out. */
export function showClarification(part, { question, choices = [], fact }, { service, reply, say }) {
  part.asked.textContent = typeset(question);
  showQuestions(part.choices, choices, reply);
  if (!choices.length) part.open.replaceChildren(fact === "agreement" ? agreementForm(reply, service, say) : field(question, fact, reply));
  part.precision.hidden = false;
}

function field(question, fact, answer) {
  const { root, part } = copy("reply-field");
  part.reply.setAttribute("aria-label", question);
  if (/pay|salary|amount/.test(fact ?? "")) part.reply.inputMode = "decimal";
  part.unknown.addEventListener("click", () => answer(part.unknown.textContent));
  root.addEventListener("submit", (event) => {
    event.preventDefault();
    const written = part.reply.value.trim();
    if (written) answer(written);
    else part.reply.focus();
  });
  return root;
}

function agreementForm(answer, service, say) {
  const { root, part } = copy("reply-agreement");
  made += 1;
  const picker = new AgreementPicker(`reply-agreement-${made}`, service, { say });
  root.prepend(picker.root);
  part.unknown.addEventListener("click", () => answer(part.unknown.textContent));
  root.addEventListener("submit", async (event) => {
    event.preventDefault();
    const chosen = await picker.settled();
    if (chosen) answer(`${chosen.title} (IDCC ${chosen.idcc})`);
    else picker.input.focus();
  });
  return root;
}
