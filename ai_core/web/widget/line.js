/* The WebSocket of the widget: one answer at a time, resumed by its id when the connection breaks.
The protocol is in docs/websocket.md. */

import { language } from "/web/language.js";
import { Problem } from "/web/wire.js";

const DEADLINE_MS = 120_000;
const OPENING_MS = 20_000;
const SILENCE_MS = 120_000;
const MOST_TRIES = 8;
const LONGEST_PAUSE_S = 15;
const EVENTS = { piece: "message", queue: "queue", sources: "citations", usage: "usage" };

class Lost extends Error {}

/** Return a new id for an answer: 144 random bits. */
export function newAnswerId() {
  const bytes = crypto.getRandomValues(new Uint8Array(18));
  return btoa(String.fromCharCode(...bytes)).replace(/\+/g, "-").replace(/\//g, "_");
}

const pause = (seconds, signal) =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, seconds * 1000);
    const early = () => {
      clearTimeout(timer);
      resolve();
    };
    signal.addEventListener("abort", early, { once: true });
    addEventListener("online", early, { once: true });
  });

function problemOf({ detail, status, code, request_id: requestId, errors }) {
  return new Problem({ key: "unreadable", detail, status, code, requestId, errors });
}

/** One connection, opened when it is needed. `lost` is called when it breaks during an answer. */
export class Line {
  #key;
  #lost;
  #socket = null;
  #reconnectS = 1;
  #receive = () => undefined;

  constructor(key, lost) {
    this.#key = key;
    this.#lost = lost;
  }

  /** Yield the events of the answer `id` to `request`; without one, of an answer begun before.
   *  Throws a Problem; throws `signal.reason` once it is stopped. */
  async *answer(id, request, signal) {
    const place = { after: 0, told: {} };
    for (let tries = 0; tries < MOST_TRIES; tries += 1) {
      const before = place.after;
      try {
        yield* this.#frames(id, request, place, signal);
        return;
      } catch (error) {
        if (!(error instanceof Lost)) throw error;
        if (signal.aborted) throw signal.reason;
        if (place.after > before) tries = 0;
        this.#lost();
        await pause(Math.min(this.#reconnectS * 2 ** tries, LONGEST_PAUSE_S), signal);
      }
    }
    throw new Problem({ key: navigator.onLine ? "broken" : "offline" });
  }

  async *#frames(id, request, place, signal) {
    await this.#open();
    const heard = this.#listen(id, signal);
    const asked = request ? { type: "question", request, deadline_ms: DEADLINE_MS } : { type: "resume" };
    this.#send({ ...asked, answer: id, after: place.after });
    const stop = () => this.#send({ type: "stop", answer: id });
    signal.addEventListener("abort", stop, { once: true });
    try {
      for (;;) {
        const frame = await heard();
        place.after = frame.id ?? place.after;
        if (frame.type === "error") throw problemOf(frame.problem);
        if (frame.type === "stopped") throw signal.aborted ? signal.reason : new Problem({ key: "broken" });
        if (frame.type === "suggestions") place.told = frame;
        if (frame.type === "done") return;
        const event = eventOf(frame, place.told);
        if (event) yield event;
      }
    } finally {
      signal.removeEventListener("abort", stop);
    }
  }

  /** Return a function that waits for the next frame of the answer `id`. */
  #listen(id, signal) {
    const frames = [];
    let wake = () => undefined;
    this.#receive = (frame) => {
      if (frame && frame.answer !== id) return;
      frames.push(frame);
      wake();
    };
    signal.addEventListener("abort", () => wake(), { once: true });
    return async () => {
      if (!frames.length && !signal.aborted) {
        let timer;
        await new Promise((resolve) => {
          wake = resolve;
          timer = setTimeout(resolve, SILENCE_MS);
        });
        clearTimeout(timer);
      }
      if (signal.aborted) throw signal.reason;
      const frame = frames.shift();
      if (!frame) {
        this.#socket?.close();
        throw new Lost();
      }
      return frame;
    };
  }

  #send(frame) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(frame));
  }

  /** Connect and show the key, unless it is done. Throws Lost, or why the service refuses. */
  #open() {
    if (this.#socket?.readyState === WebSocket.OPEN) return undefined;
    const socket = new WebSocket(new URL("/api/v1/ws", location.href));
    this.#socket = socket;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => socket.close(), OPENING_MS);
      let refused = null;
      socket.addEventListener("open", () => 
        this.#send({ type: "authenticate", key: this.#key, language, channel: "widget" }),
      );
      socket.addEventListener("message", ({ data }) => {
        const frame = JSON.parse(data);
        if (frame.type === "ready") {
          clearTimeout(timer);
          this.#reconnectS = frame.reconnect_s;
          resolve();
        } else if (frame.type === "error" && !frame.answer) refused = problemOf(frame.problem);
        else this.#receive(frame);
      });
      socket.addEventListener("close", ({ code }) => {
        clearTimeout(timer);
        if (this.#socket === socket) this.#socket = null;
        reject(refused && code !== 1013 ? refused : new Lost());
        this.#receive(null);
      });
    });
  }
}

function eventOf(frame, told) {
  const name = EVENTS[frame.type];
  if (!name) return null;
  if (name === "citations") return { name, data: frame.citations };
  if (name === "usage") {
    const { suggestions, clarification } = told;
    return { name, data: { ...frame.usage, suggestions, clarification } };
  }
  return { name, data: frame };
}
