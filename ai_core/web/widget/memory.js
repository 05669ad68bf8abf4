/* What this tab holds of the widget's conversation; where the browser keeps nothing, it works without. */

import { held, hold } from "/web/session.js";

/** Return where the conversation of a key is held. */
export function session(key) {
  const name = `widget ${key.slice(-12)}`;
  return { held: () => held(name), hold: (value) => hold(value, name) };
}
