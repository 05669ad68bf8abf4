"""The texts of the site, its templates, and what surrounds the content of a page."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache, partial
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from ai_core.answering.boilerplate import TEXT_FILES
from ai_core.api.site import addresses
from ai_core.settings import SiteSettings
from shared.languages import LANGUAGES, Language
from shared.texts import Texts, date_in_words

ROOT = Path(__file__).parents[2]
TEMPLATES = ROOT / "web" / "site"
SITE_TEXTS = tuple(sorted((ROOT / "texts" / "site").glob("*.toml")))
LANGUAGE_NAMES: Mapping[Language, str] = {
    "fr": "Français",
    "en": "English",
    "th": "ไทย",
    "zh": "中文",
}
MENU = ("/themes", "/about", "/legal", "/privacy", "/accessibility", "/contact")
_FRENCH_SIGNS = re.compile(r" (?=[:;?!»])|(?<=«) ")


@dataclass(frozen=True, slots=True)
class Frame:
    """A page, as its frame knows it.

    `path` is its address in French, `languages` are those it is written in, `crumbs` are the pages
    above it (name and address) and `data` what it says to machines (schema.org).
    """

    path: str
    title: str
    description: str = ""
    languages: tuple[Language, ...] = LANGUAGES
    crumbs: tuple[tuple[str, str], ...] = ()
    data: Sequence[Mapping[str, Any]] = ()
    indexed: bool = True


def typeset(text: str) -> str:
    """Return a French text with the no-break spaces of its punctuation."""
    return _FRENCH_SIGNS.sub("\N{NO-BREAK SPACE}", text)


@cache
def _read_texts() -> Texts:
    return Texts.read(*TEXT_FILES, *SITE_TEXTS)


@cache
def _read_templates() -> Mapping[str, jinja2.Template]:
    """Compile the templates, by the names of their files: once, it takes a tenth of a second."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        auto_reload=False,
    )
    return {path.name: environment.get_template(path.name) for path in TEMPLATES.glob("*.html")}


class Templates:
    """Renders the pages. Creating it reads files: not in the event loop."""

    def __init__(self, settings: SiteSettings) -> None:
        self.texts = _read_texts()
        self.settings = settings
        self._templates = _read_templates()

    def say(self, key: str, language: Language, **facts: str | int) -> str:
        """Return a sentence, set as its language is."""
        return self.typeset(self.texts.say(key, language, **facts), language)

    def typeset(self, text: str, language: Language) -> str:
        """Return a text set as its language is."""
        return typeset(text) if language == addresses.FRENCH else text

    def day(self, day: date, language: Language) -> str:
        """Return a day in words."""
        return date_in_words(day, language)

    def render(self, name: str, language: Language, frame: Frame, **facts: Any) -> bytes:
        """Return the page made of a template."""
        base = self.settings.url
        values = {
            "language": language,
            "frame": frame,
            "base": base,
            "site": self.settings,
            "say": partial(self._say, language),
            "link": partial(_link, language),
            "day": partial(date_in_words, language=language),
            "typeset": typeset if language == addresses.FRENCH else str,
            "alternates": [
                (one, addresses.in_language(frame.path, one)) for one in frame.languages
            ],
            "language_names": LANGUAGE_NAMES,
            "menu": MENU,
            "chat": addresses.chat(language),
            "calculators": addresses.calculators(language),
        }
        return self._templates[name].render(values | facts).encode()

    def _say(self, language: Language, key: str, **facts: str | int) -> str:
        return self.say(key, language, **facts)


def _link(language: Language, path: str) -> str:
    return addresses.in_language(path, language)


def marked(
    text: str, numbers: Mapping[str, int], label: Mapping[int, str], mark: re.Pattern[str]
) -> Markup:
    """Return a text, escaped, in which each mark of a known source is a link to it."""
    parts: list[str | Markup] = []
    end = 0
    for found in mark.finditer(text):
        number = numbers.get(found[1])
        if number is None:
            continue
        link = Markup('<a class="marker" href="#source-{}" aria-label="{}">{}</a>')
        parts += [text[end : found.start()].rstrip(" "), link.format(number, label[number], number)]
        end = found.end()
    return Markup().join([*parts, text[end:]])


def site_of(url: str) -> str:
    """Return what a person calls the web site of an address."""
    host = url.partition("://")[2].partition("/")[0].removeprefix("www.")
    return "Légifrance" if host == "legifrance.gouv.fr" else host
