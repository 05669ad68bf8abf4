"""GET and POST /contact: a message to whoever operates the site.

Personal data in the message are masked before it is sent, and the person is shown what was sent.
Nothing of it is kept or logged here.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response

from ai_core.access.gate import Gate
from ai_core.access.rate_limits import RateLimits
from ai_core.answering.masking import TextMasking
from ai_core.api.site.forms import ESCAPED_BYTES, read_form
from ai_core.api.site.frames import Frame
from ai_core.api.site.mailing import ContactMail, ContactMessage, is_open
from ai_core.api.site.pages import Pages
from ai_core.errors import HostNotAllowed, OriginNotAllowed, OverQuota, TextUnreadable
from ai_core.settings import MAIL_ADDRESS, ContactSettings
from shared.errors import AppError, NotAllowed, NotFound, Unavailable
from shared.languages import Language
from shared.privacy.disclosure import masked_in_words
from shared.privacy.masking import label_counts

FORM = "contact"
MAX_CHARACTERS = 5_000
MAX_EMAIL_CHARACTERS = 254
"""RFC 5321, 4.5.3.1.3."""
MAX_FORM_BYTES = (MAX_CHARACTERS + 1_000) * ESCAPED_BYTES
TRAP = "website"
"""A field that people do not see and programs fill in."""
MINUTE = 3
"""Messages a minute, of one visitor."""
_ADDRESS = re.compile(MAIL_ADDRESS)


@dataclass(frozen=True, slots=True)
class Written:
    """What somebody wrote into the form."""

    message: str = ""
    email: str = ""
    trap: str = ""

    @classmethod
    def of(cls, fields: Mapping[str, str]) -> "Written":
        """Return the fields of a form; lines end as in Unix."""
        message = fields.get("message", "").replace("\r\n", "\n").replace("\r", "\n").strip()
        return cls(message, fields.get("email", "").strip(), fields.get(TRAP, ""))

    def faults(self) -> dict[str, str]:
        """Return the key of a sentence for each field at fault."""
        found = {}
        if not self.message:
            found["message"] = "message_missing"
        elif len(self.message) > MAX_CHARACTERS:
            found["message"] = "message_long"
        if len(self.email) > MAX_EMAIL_CHARACTERS or not is_address(self.email):
            found["email"] = "email_wrong"
        if self.trap:
            found[TRAP] = "trap_filled"
        return found


def is_address(text: str) -> bool:
    """Whether a text can stand as one address in a header, or is empty."""
    return text.isascii() and text.isprintable() and bool(_ADDRESS.fullmatch(text))


class ContactForm:
    """The form and what becomes of it."""

    def __init__(self, pages: Pages, settings: ContactSettings) -> None:
        self._pages = pages
        self._open = is_open(settings)
        self._mail = ContactMail(settings)
        self._of_visitor = RateLimits(
            requests_per_minute=MINUTE, tokens_per_day=settings.visitor_day
        )
        self._of_everyone = RateLimits(tokens_per_day=settings.everyone_day)

    async def show(self, request: Request, language: Language) -> Response:
        """Return the form, or how else to reach the operator."""
        frame = self._frame(language)
        return self._pages.show(request, "contact.html", language, frame, **self._facts(Written()))

    async def send(self, request: Request, language: Language) -> Response:
        """Send the message of a form.

        Raises NotFound where there is no form, and what `read_form` and the masking raise; other
        faults are told above the form, which keeps what was written.
        """
        if not self._open:
            raise NotFound("the contact form is off")
        written = Written.of(await read_form(request, MAX_FORM_BYTES))
        faults = written.faults()
        if faults:
            return self._again(language, written, HTTPStatus.UNPROCESSABLE_ENTITY, faults)
        gate: Gate = request.state.gate
        try:
            await gate.admit_form(request, FORM, self._of_visitor, self._of_everyone)
            masked = await self._masked(request, written.message)
            message = ContactMessage(
                self._pages.templates.say("contact_subject", "fr"),
                f"{masked}\n\n-- \n{self._pages.templates.say('contact_mail_foot', 'fr')}\n",
                written.email,
            )
            await self._mail.send(message, request.state.clock)
        except (OriginNotAllowed, HostNotAllowed, OverQuota, Unavailable, TextUnreadable) as error:
            return self._refused(language, written, error)
        return self._sent(language, masked, written.email)

    async def _masked(self, request: Request, message: str) -> str:
        masking: TextMasking = request.state.masking
        mask = await masking.prepare([message], "message", FORM)
        return mask(message)

    def _refused(self, language: Language, written: Written, error: AppError) -> Response:
        """Return the form with the reason, and with what was written."""
        reasons = (
            (OverQuota, "contact_often"),
            (Unavailable, "contact_lost"),
            (TextUnreadable, "contact_unreadable"),
            (NotAllowed, "not_from_here"),
        )
        key = next(key for kind, key in reasons if isinstance(error, kind))
        response = self._again(language, written, error.status, {"": key})
        if error.retryable and error.retry_after_s:
            response.headers["Retry-After"] = str(int(error.retry_after_s) + 1)
        return response

    def _again(
        self, language: Language, written: Written, status: int, faults: Mapping[str, str]
    ) -> Response:
        frame = self._frame(language)
        facts = self._facts(written) | {"faults": faults}
        return self._pages.tell("contact.html", language, frame, status, **facts)

    def _sent(self, language: Language, masked: str, email: str) -> Response:
        texts = self._pages.templates.texts
        counts = label_counts(masked)
        return self._pages.tell(
            "contact_sent.html",
            language,
            self._frame(language),
            masked=masked,
            what=masked_in_words(texts, counts, language) if counts else "",
            email=email,
        )

    def _facts(self, written: Written) -> dict[str, object]:
        return {
            "open": self._open,
            "written": written,
            "faults": {},
            "trap": TRAP,
            "limit": MAX_CHARACTERS,
        }

    def _frame(self, language: Language) -> Frame:
        say = self._pages.templates.say
        return Frame(
            "/contact", say("contact_title", language), say("contact_description", language)
        )
