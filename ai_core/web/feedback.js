/* Whether an answer was useful: yes or no, and with no what it lacks. */

import { Problem, sendFeedback } from "/web/wire.js";
import { copy, word } from "/web/words.js";

/** Ask in `place` about the answer `answerId` of a conversation. */
export function askWhetherUseful(place, answerId, conversationId, { service, say }) {
  const { nodes, part } = copy("useful");
  place.replaceChildren(...nodes.children);
  place.hidden = false;
  part.up.addEventListener("click", () => send({ verdict: "up" }));
  part.down.addEventListener("click", () => {
    part.why.hidden = false;
    part.comment.focus();
  });
  part.why.addEventListener("submit", (event) => {
    event.preventDefault();
    const comment = part.comment.value.trim();
    send({ verdict: "down", ...(comment ? { comment } : {}) });
  });

  async function send(verdict) {
    const where = conversationId ? { conversation_id: conversationId } : {};
    try {
      await sendFeedback({ answer_id: answerId, ...where, ...verdict }, service.key);
      place.textContent = word("thanks");
      say(word("thanks"));
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      say(word("not-recorded"));
      place.append(word("not-recorded"));
    }
  }
}
