"""GET /about, /legal, /privacy and /accessibility."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

from ai_core.api.site.frames import Frame
from ai_core.api.site.mailing import is_open
from ai_core.api.site.pages import Pages
from ai_core.errors import CorpusMissing, QueueFull
from ai_core.law.records import CorpusStatus
from ai_core.law.source import LawSource
from ai_core.settings import Settings, SiteSettings
from shared.languages import Language

DOCUMENTS = ("about", "legal", "privacy", "accessibility")
_MINUTE_S, _HOUR_S = 60, 3_600


class DocumentPages:
    """The pages that tell what this site is, and whose."""

    def __init__(self, pages: Pages, settings: Settings) -> None:
        self._pages = pages
        self._silence_s = settings.conversations.silence_s
        kept = settings.postgres if settings.postgres.url else None
        self._facts = {
            **_facts(settings.site),
            "events_days": kept.events_days if kept else 0,
            "texts_days": kept.texts_days if kept else 0,
            "keeps_questions": kept is not None and kept.keep_questions,
        }

    def page(self, name: str) -> Callable[[Request, Language], Awaitable[Response]]:
        """Return what answers with a page of DOCUMENTS."""

        async def answer(request: Request, language: Language) -> Response:
            say = self._pages.templates.say
            frame = Frame(
                f"/{name}", say(f"{name}_title", language), say(f"{name}_description", language)
            )
            facts = {"silence": self._silence(language), **self._facts}
            if name == "about":
                facts["law"] = await _law(request)
            return self._pages.show(request, f"{name}.html", language, frame, **facts)

        return answer

    def _silence(self, language: Language) -> str:
        """Return in words how long a conversation is kept after its last turn."""
        say, hours = self._pages.templates.say, self._silence_s // _HOUR_S
        if self._silence_s % _HOUR_S or not hours:
            return say("minutes", language, count=max(1, self._silence_s // _MINUTE_S))
        return say("one_hour", language) if hours == 1 else say("hours", language, count=hours)


def _facts(site: SiteSettings) -> dict[str, object]:
    """Return what the operator has told; empty where nothing was."""
    return {
        "operator_facts": (
            ("legal_name", site.operator),
            ("legal_address", site.address),
            ("legal_telephone", site.telephone),
            ("legal_email", site.email),
            ("legal_registration", site.registration),
            ("legal_director", site.publication_director),
        ),
        "hosting": site.hosting,
        "legal_basis": site.legal_basis,
        "data_protection": site.data_protection,
        "recipients": site.recipients,
        "contact_open": is_open(site.contact),
    }


async def _law(request: Request) -> CorpusStatus | None:
    """Return the law in service; None where there is none yet, which must not hide this page."""
    try:
        library: LawSource = request.state.library
        return await library.status()
    except (CorpusMissing, QueueFull):
        return None
