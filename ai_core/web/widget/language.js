/* The language of the widget's frame, which is served in it: nothing is translated here. */

const LOCALES = { fr: "fr-FR", en: "en-GB", th: "th-TH-u-ca-gregory", zh: "zh-CN" };

/** The language of the frame, and how dates are written in it. */
export const language = document.documentElement.lang;
export const locale = LOCALES[language];

/** Return `address` on this host in the language of the frame. */
export function inLanguage(address) {
  const url = new URL(address, location.href);
  url.searchParams.set("langue", language);
  return `${url.pathname}${url.search}`;
}
