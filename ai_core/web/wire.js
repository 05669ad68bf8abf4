/* What travels between the page and the API: one question, its stream of events, one article.

Every failure leaves here as a Problem whose text can be shown as it is. */

import { language } from "/web/language.js";

const SILENCE_MS = 120_000;
const OPENING_MS = 20_000;
const DEADLINE_MS = 120_000;

/** Why the service did not answer; `key` names a sentence of the page when the service sent none. */
export class Problem extends Error {
  constructor({ detail = "", key = "", status = 0, code = "", requestId = "", retryAfterS = 0, errors = [] }) {
    super(detail || key);
    Object.assign(this, { detail, key, status, code, requestId, retryAfterS, errors });
  }
}

const unreachable = () => new Problem({ key: navigator.onLine ? "unreachable" : "offline" });

const fromDocument = (document, status, retryAfterS) =>
  new Problem({
    detail: String(document.detail ?? ""),
    key: "unreadable",
    status,
    code: String(document.code ?? ""),
    requestId: String(document.request_id ?? ""),
    retryAfterS,
    errors: document.errors ?? [],
  });

async function refusal(response) {
  const retryAfterS = Number(response.headers.get("retry-after")) || 0;
  const type = response.headers.get("content-type") ?? "";
  const document = { ...(type.includes("json") ? await response.json().catch(() => null) : null) };
  document.request_id ??= response.headers.get("x-request-id") ?? "";
  return fromDocument(document, response.status, retryAfterS);
}

async function request(address, options, key) {
  const headers = { "Accept-Language": language, ...options.headers };
  if (key) headers["X-API-Key"] = key;
  const { channel } = document.body.dataset;
  if (channel) headers["X-Channel"] = channel;
  let response;
  try {
    response = await fetch(address, { ...options, headers, credentials: "omit", cache: "no-store" });
  } catch (error) {
    if (options.signal?.aborted) throw options.signal.reason;
    throw unreachable();
  }
  if (!response.ok) throw await refusal(response);
  return response;
}

/** Yield {name, data} for each server-sent event of `response` (WHATWG HTML, 9.2.6).
 *  Throws a Problem when the stream ends, or stays silent, before `[DONE]`. */
async function* events(response, signal) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      const { value, done } = await heard(reader, signal);
      if (done) throw new Problem({ key: "broken" });
      const blocks = (rest + value).split(/\r?\n\r?\n/);
      rest = blocks.pop();
      for (const block of blocks) {
        const event = parsed(block);
        if (event.data === "[DONE]") return;
        if (event.data) yield { name: event.name, data: JSON.parse(event.data) };
      }
    }
  } finally {
    reader.cancel().catch(() => undefined);
  }
}

async function heard(reader, signal) {
  let timer;
  const silence = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Problem({ key: "broken" })), SILENCE_MS);
  });
  try {
    return await Promise.race([reader.read(), silence]);
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    throw error instanceof Problem ? error : new Problem({ key: "broken" });
  } finally {
    clearTimeout(timer);
  }
}

function parsed(block) {
  let name = "message";
  const data = [];
  for (const line of block.split(/\r?\n/)) {
    if (line.startsWith("event:")) name = line.slice(6).trim();
    if (line.startsWith("data:")) data.push(line.slice(5).replace(/^ /, ""));
  }
  return { name, data: data.join("\n") };
}

/** Ask `question`; yield the events of the answer. `signal` stops the writing. What no model can
 *  answer in time, the service answers by quoting the law. `before` are the messages of a
 *  conversation that the service does not hold, `profile` the facts that go with the question. */
export async function* ask(question, conversationId, key, signal, { before = [], profile } = {}) {
  const messages = [...before, { role: "user", content: question }];
  const body = { messages, stream: true, fallback: "extractive" };
  if (conversationId) body.conversation_id = conversationId;
  if (profile) body.profile = profile;
  const response = await request(
    "/api/v1/chat",
    {
      method: "POST",
      headers: {
        "Content-Type": "application/json",
        Accept: "text/event-stream",
        "X-Deadline-Ms": String(DEADLINE_MS),
      },
      body: JSON.stringify(body),
      signal,
    },
    key,
  );
  for await (const event of events(response, signal)) {
    signal.throwIfAborted();
    if (event.name === "error") throw fromDocument(event.data, event.data.status, 0);
    yield event;
  }
}

/** Erase a conversation; one the service no longer has is erased too. */
export async function erase(conversationId, key) {
  const address = `/api/v1/conversations/${encodeURIComponent(conversationId)}`;
  try {
    await request(address, { method: "DELETE", keepalive: true }, key);
  } catch (error) {
    if (!(error instanceof Problem) || error.status !== 404) throw error;
  }
}

async function read(address, key = "") {
  try {
    const response = await request(address, { signal: AbortSignal.timeout(OPENING_MS) }, key);
    return await response.json();
  } catch (error) {
    throw error instanceof Problem ? error : unreachable();
  }
}

/** Return the article of that number or id, as `GET /api/v1/articles/{number}` tells it. */
export const readArticle = (number, key) =>
  read(`/api/v1/articles/${encodeURIComponent(number)}`, key);

/** Return a source of an answer whole; a clause by the IDCC of its agreement too. */
export const readSource = (id, idcc, key) =>
  read(`/api/v1/sources/${encodeURIComponent(id)}${idcc ? `?agreement=${encodeURIComponent(idcc)}` : ""}`, key);

/** Return the agreement that a name, a trade or a number means, and those near it. */
export const findAgreements = (written, key) =>
  read(`/api/v1/agreements?q=${encodeURIComponent(written)}`, key);

/** Return the calculators, and the agreements whose rules are held. */
export const readCalculators = (key) => read(`/api/v1/calculators?language=${language}`, key);

/** Return what a calculator asks, for an agreement or for the Code alone. */
export const readCalculator = (name, idcc, key) =>
  read(`/api/v1/calculators/${encodeURIComponent(name)}?language=${language}${idcc ? `&idcc=${encodeURIComponent(idcc)}` : ""}`, key);

function post(address, body, key) {
  const options = {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(OPENING_MS),
  };
  return request(address, options, key).catch((error) => {
    throw error instanceof Problem ? error : unreachable();
  });
}

/** Return the calculation of `body`, as `POST /api/v1/calculators/{name}` gives it. */
export async function calculate(name, body, key) {
  const response = await post(`/api/v1/calculators/${encodeURIComponent(name)}`, body, key);
  return response.json();
}

/** Send what a person thinks of an answer, as `POST /api/v1/feedback` takes it. */
export async function sendFeedback(body, key) {
  await post("/api/v1/feedback", body, key);
}

/** Return what the service hands this page: a publishable key, or null. */
export const readSettings = () => read("/page.json");

/** Return how the service is, as `GET /api/v1/health` tells it to anybody. */
export const readHealth = () => read("/api/v1/health");
