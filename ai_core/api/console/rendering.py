"""Renders the pages of the desk: Jinja templates with automatic escaping, in French and English."""

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse, RedirectResponse, Response

from ai_core.console.texts import ConsoleTexts
from ai_core.records.accounts import ConsoleLanguage
from shared.clock import PARIS
from shared.languages import Language
from shared.texts import MONTHS, Texts, date_in_words
from shared.web.pages import POLICY, security_headers

TEMPLATES = Path(__file__).parents[2] / "web" / "console"
SECURITY = {
    **security_headers({**POLICY, "form-action": "'self'"}),
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""Forms go to this host alone. Under `no-referrer` browsers would send them with Origin: null."""
SMALL_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
UNITS = ((1 << 30, {"fr": "Gio", "en": "GiB"}), (1 << 20, {"fr": "Mio", "en": "MiB"}))
NARROW_SPACE = "\u202f"


class Pages:
    """The templates, compiled once, and the sentences they say."""

    def __init__(self, service_texts: Texts) -> None:
        """Read and compile every template. Blocks on the disk."""
        self.service_texts = service_texts
        self.texts = ConsoleTexts.read()
        self._environment = Environment(
            loader=FileSystemLoader(TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            auto_reload=False,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.globals["safe_svg"] = Markup
        for name in self._environment.list_templates(extensions=["html"]):
            self._environment.get_template(name)

    def render(
        self, template: str, language: ConsoleLanguage, status: int = 200, **context: object
    ) -> Response:
        """Return a page. `t` says a sentence; `when`, `day`, `number`, `size` write values."""
        words = {
            "language": language,
            "t": lambda key, **facts: self.texts.say(key, language, **facts),
            "known": self.texts.__contains__,
            "when": lambda moment: moment_in_words(moment, language),
            "day": lambda moment: date_in_words(moment, language),
            "number": lambda value: number_in_words(value, language),
            "size": lambda value: size_in_words(value, language),
            "told": lambda detail: self._told(detail, language),
        }
        written = self._environment.get_template(template).render({**words, **context})
        return HTMLResponse(written, status, headers=SECURITY)

    def _told(
        self, detail: Mapping[str, object], language: ConsoleLanguage
    ) -> Iterator[tuple[str, str]]:
        """Yield the facts of a row of the audit log in words, where there are any for them."""
        for name, value in detail.items():
            values = value if isinstance(value, list) else [value]
            if not values:
                continue
            keys = [(f"{name}_{one}", str(one)) for one in values]
            words = [
                self.texts.say(key, language) if key in self.texts else one for key, one in keys
            ]
            label = f"detail_{name}"
            yield self.texts.say(label, language) if label in self.texts else name, ", ".join(words)


def redirect(path: str) -> Response:
    """Return the redirect that follows a form (303)."""
    return RedirectResponse(path, 303, headers=SECURITY)


def moment_in_words(moment: datetime, language: Language) -> str:
    """Return a moment in Paris: "30 novembre 2026, 15 h 04", "30 Nov 2026, 15:04"."""
    local = moment.astimezone(PARIS)
    if language == "fr":
        day = "1er" if local.day == 1 else str(local.day)
        time = f"{local.hour}\u00a0h\u00a0{local.minute:02}"
        return f"{day} {MONTHS[local.month - 1]} {local.year}, {time}"
    return f"{local.day} {SMALL_MONTHS[local.month - 1]} {local.year}, {local:%H:%M}"


def number_in_words(value: float, language: Language) -> str:
    """Return a number with its thousands apart and at most one decimal."""
    written = f"{value:,.1f}".removesuffix(".0")
    if language == "fr":
        return written.replace(",", NARROW_SPACE).replace(".", ",")
    return written


def size_in_words(value: int, language: Language) -> str:
    """Return a number of bytes in GiB or MiB."""
    unit, names = next((pair for pair in UNITS if value >= pair[0]), UNITS[-1])
    return f"{number_in_words(value / unit, language)} {names['fr' if language == 'fr' else 'en']}"


def day_or_none(written: str) -> date | None:
    """Return the day of a date field, None for an empty or a wrong one."""
    try:
        return date.fromisoformat(written)
    except ValueError:
        return None
