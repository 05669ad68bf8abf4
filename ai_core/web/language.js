/* The language of the page: French as it is written, or what its translations have in its place.

The address may choose it (`?langue=th`), otherwise the browser does. Nothing is kept. */

const NAMES = { fr: "Français", en: "English", th: "ไทย", zh: "中文" };
const LOCALES = { fr: "fr-FR", en: "en-GB", th: "th-TH-u-ca-gregory", zh: "zh-CN" };
const CHOICE = "langue";
const ATTRIBUTES = ["aria-label", "placeholder", "content"];

const chosen = new URLSearchParams(location.search).get(CHOICE);
const wanted = [chosen, ...navigator.languages].filter(Boolean).map((tag) => tag.split("-")[0].toLowerCase());

/** The language of the page, and how dates are written in it. */
export const language = wanted.find((tag) => tag in NAMES) ?? "fr";
export const locale = LOCALES[language];

const { TRANSLATIONS } =
  language === "fr" ? { TRANSLATIONS: {} } : await import(`/web/translations.${language}.js`);

/** Return `address` on this host with the language that this page's address chose. */
export function inLanguage(address) {
  if (!chosen) return address;
  const url = new URL(address, location.href);
  url.searchParams.set(CHOICE, language);
  return `${url.pathname}${url.search}`;
}

function translated(text) {
  const told = TRANSLATIONS[text.trim().replace(/\s+/g, " ")];
  return told === undefined ? text : text.replace(text.trim(), () => told);
}

function translate(root) {
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT | NodeFilter.SHOW_ELEMENT);
  while (walker.nextNode()) {
    const node = walker.currentNode;
    if (node.nodeType === Node.TEXT_NODE) node.data = translated(node.data);
    else {
      for (const name of ATTRIBUTES.filter((one) => node.hasAttribute(one))) {
        node.setAttribute(name, translated(node.getAttribute(name)));
      }
      if (node.localName === "template") translate(node.content);
    }
  }
}

function link(code) {
  const made = document.createElement(code === language ? "span" : "a");
  made.textContent = NAMES[code];
  made.lang = code;
  if (code === language) made.setAttribute("aria-current", "true");
  else {
    const search = new URLSearchParams(location.search);
    search.set(CHOICE, code);
    made.href = `${location.pathname}?${search}`;
    made.hreflang = code;
  }
  return made;
}

if (language !== "fr") translate(document.documentElement);
document.documentElement.lang = language;
/** The pages that the server renders have an address of their own in each language. */
const rendered = (address) => (language === "fr" ? address : `/${language}${address}`);

for (const one of document.querySelectorAll("nav a[href^='/']")) {
  const address = one.getAttribute("href");
  one.setAttribute("href", one.closest(".pages") ? rendered(address) : inLanguage(address));
}
document.getElementById("languages")?.append(...Object.keys(NAMES).map(link));
