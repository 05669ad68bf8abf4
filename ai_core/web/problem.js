/* What went wrong, in words, with the request's id and a way to try again. */

import { typeset } from "/web/prose.js";
import { copy, word } from "/web/words.js";

const LONGEST_WAIT_S = 3600;

/** Fill and show `place` with what `problem` says; `again` is called to try again, which waits as
 *  long as the service asks. */
export function showProblem(place, problem, again) {
  const { nodes, part } = copy("problem");
  part.what.textContent = typeset(problem.detail || word(problem.key, { status: problem.status }));
  part.request.hidden = !problem.requestId;
  part.request.textContent = typeset(word("request", { id: problem.requestId }));
  part.again.addEventListener("click", () => {
    if (part.again.getAttribute("aria-disabled") !== "true") again();
  });
  if (problem.retryAfterS) countDown(part.again, Math.min(problem.retryAfterS, LONGEST_WAIT_S));
  place.replaceChildren(...nodes.children);
  place.hidden = false;
}

function countDown(button, seconds) {
  let left = seconds;
  const tell = () => {
    button.textContent = left > 0 ? word("again-in", { seconds: left }) : word("again");
  };
  const timer = setInterval(() => {
    left -= 1;
    tell();
    if (left > 0) return;
    clearInterval(timer);
    button.removeAttribute("aria-disabled");
  }, 1000);
  button.setAttribute("aria-disabled", "true");
  tell();
}
