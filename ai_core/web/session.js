/* The running conversation, kept in this tab (sessionStorage): a reload shows it again, closing the
tab ends it. Where the browser keeps nothing, the page works without. */

const NAME = "conversation";

/** Return what this tab holds of `name`, null where it holds nothing that can be read. */
export function held(name = NAME) {
  try {
    return JSON.parse(sessionStorage.getItem(name) ?? "null");
  } catch (error) {
    if (error instanceof DOMException || error instanceof SyntaxError) return null;
    throw error;
  }
}

/** Hold `value` in this tab as `name`; null forgets it. Returns false where there is no room. */
export function hold(value, name = NAME) {
  try {
    if (value === null) sessionStorage.removeItem(name);
    else sessionStorage.setItem(name, JSON.stringify(value));
    return true;
  } catch (error) {
    if (error instanceof DOMException) return false;
    throw error;
  }
}
