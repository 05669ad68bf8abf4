/* The button that opens the assistant over any page:

  <script async src="https://HOST/widget.js" data-key="cdt_live_…"></script>

Its look and its words come from HOST in a frame, so that the page needs no other rule in its content
security policy than script-src and frame-src for HOST (docs/widget.md). Nothing of the page is read but
its language. */

(() => {
  const script = document.currentScript;
  const { key, language = document.documentElement.lang } = script?.dataset ?? {};
  if (!key || document.querySelector("neo-assistant")) return;
  const home = new URL(script.src).origin;
  const query = new URLSearchParams({ key, language });
  const OPEN = "neo-assistant-open";
  const COLOUR = /^#[0-9a-f]{6}$/;

  const element = (name, attributes, ...children) => {
    const made = document.createElement(name);
    for (const [one, value] of Object.entries(attributes)) made.setAttribute(one, value);
    made.append(...children);
    return made;
  };
  const drawing = (path) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
    for (const [one, value] of Object.entries({ viewBox: "0 0 24 24", "aria-hidden": "true" })) made.setAttribute(one, value);
    line.setAttribute("d", path);
    made.append(line);
    return made;
  };

  const host = document.createElement("neo-assistant");
  const root = host.attachShadow({ mode: "closed" });
  const style = new CSSStyleSheet();
  style.replaceSync(`
    :host { all: initial !important; }
    [hidden] { display: none !important; }
    button { position: fixed; inset-block-end: 16px; inset-inline-end: 16px; z-index: 2147483000; display: grid; place-items: center; inline-size: 56px; block-size: 56px; padding: 0; border: 2px solid transparent; border-radius: 50%; background: var(--brand); color: var(--on-brand); box-shadow: 0 2px 12px rgb(0 0 0 / 35%); cursor: pointer; }
    button:focus-visible { outline: 3px solid var(--on-brand); outline-offset: -7px; box-shadow: 0 0 0 3px var(--brand), 0 2px 12px rgb(0 0 0 / 35%); }
    svg { inline-size: 28px; block-size: 28px; fill: none; stroke: currentcolor; stroke-width: 2; stroke-linecap: round; stroke-linejoin: round; }
    div { position: fixed; inset-block-end: 84px; inset-inline-end: 16px; z-index: 2147483001; inline-size: min(416px, calc(100vw - 32px)); block-size: min(672px, calc(100dvh - 100px)); overflow: hidden; border: 1px solid rgb(127 127 127 / 45%); border-radius: 14.4px; background: Canvas; box-shadow: 0 12px 48px rgb(0 0 0 / 30%); }
    .left { inset-inline: 16px auto; }
    iframe { display: block; inline-size: 100%; block-size: 100%; border: 0; color-scheme: normal; }
    @media (max-width: 480px), (max-height: 440px) { div, div.left { inset: 0; inline-size: 100vw; block-size: 100dvh; border: 0; border-radius: 0; } }
    @media (prefers-reduced-motion: no-preference) { div:not([hidden]) { animation: rise 0.18s ease-out; } @keyframes rise { from { opacity: 0; transform: translateY(12px); } } }
    @media print { button, div { display: none; } }
  `);
  root.adoptedStyleSheets = [style];

  const button = element("button", { type: "button", "aria-haspopup": "dialog", "aria-expanded": "false" }, drawing("M4 4h16v12H9l-5 4z"));
  const framed = (path, title = "") => element("iframe", { src: `${home}/widget/${path}?${query}`, title, allow: "clipboard-write", referrerpolicy: "no-referrer" });
  let frame = framed("look");
  const panel = element("div", { role: "dialog", hidden: "" }, frame);
  let talking = false;
  let ready = false;
  let focuses = false;

  const remember = (open) => {
    try {
      if (open) sessionStorage.setItem(OPEN, "1");
      else sessionStorage.removeItem(OPEN);
      return sessionStorage.getItem(OPEN);
    } catch {
      return null; // storage is blocked on this page
    }
  };
  const opened = () => {
    try {
      return sessionStorage.getItem(OPEN) === "1";
    } catch {
      return false;
    }
  };
  const focus = () => {
    frame.focus();
    frame.contentWindow.postMessage({ kind: "opened" }, home);
  };
  const open = (byHand) => {
    panel.hidden = false;
    focuses = byHand;
    button.setAttribute("aria-expanded", "true");
    remember(true);
    if (!talking) {
      // Another frame: Chromium leaves one of another site blank now and then, if it is shown as it goes elsewhere.
      talking = true;
      const look = frame;
      frame = framed("frame", panel.getAttribute("aria-label"));
      look.replaceWith(frame);
    } else if (ready && byHand) focus();
  };
  const close = () => {
    panel.hidden = true;
    button.setAttribute("aria-expanded", "false");
    remember(false);
    button.focus();
  };
  const take = ({ colour, textColour, position, title, open: label }) => {
    if (!COLOUR.test(colour) || !COLOUR.test(textColour)) return;
    host.style.setProperty("--brand", colour);
    host.style.setProperty("--on-brand", textColour);
    for (const one of [button, panel]) one.classList.toggle("left", position === "left");
    panel.setAttribute("aria-label", title);
    button.setAttribute("aria-label", label);
    button.title = label;
    root.prepend(button);
    if (opened()) open(false);
  };

  button.addEventListener("click", () => (panel.hidden ? open(true) : close()));
  addEventListener("message", ({ origin, source, data }) => {
    if (origin !== home || source !== frame.contentWindow) return;
    if (data.kind === "look" && !button.isConnected) take(data);
    if (data.kind === "close") close();
    if (data.kind === "ready") {
      ready = true;
      if (focuses) focus();
    }
  });
  root.append(panel);
  document.documentElement.append(host);
})();
