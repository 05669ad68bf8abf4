"""GET /themes, /themes/{category} and /questions/{topic_id}: the knowledge entries, to read."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from ai_core.answering.entries.writing import in_language
from ai_core.api.site import addresses
from ai_core.api.site.frames import Frame, marked, site_of
from ai_core.api.site.pages import Pages
from ai_core.api.site.structured_data import Data, breadcrumbs, question_list, question_page
from ai_core.calculators.wording import wording
from ai_core.errors import EntryWithheld, UnknownEntry
from ai_core.knowledge.entries_in_use import EntriesInUse
from ai_core.knowledge.law_record import Recorded, changed, law_record
from ai_core.knowledge.records import MARK, Entry, EntrySource, Localized
from ai_core.law.records import Passage, SourceKind
from ai_core.law.titles import title_of
from shared.ai.contract import Theme
from shared.errors import NotFound
from shared.languages import Language

THEMES: tuple[Theme, ...] = get_args(Theme)


@dataclass(frozen=True, slots=True)
class Listed:
    """An entry in a list: its question, its address, and the language of both."""

    question: str
    address: str
    language: Language


@dataclass(frozen=True, slots=True)
class ShownSource:
    """A text that an entry rests on, as its page shows it."""

    number: int
    name: str
    title: str
    dated: str
    fragments: tuple[str, ...]
    url: str
    on: str
    changed: bool


class EntryPages:
    """The pages of themes and entries."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        self._templates = pages.templates

    async def themes(self, request: Request, language: Language) -> Response:
        """Return the list of themes. Raises CorpusMissing, QueueFull."""
        by_theme = _by_theme((await request.state.entries.current()).entries.values())
        say, base = self._templates.say, self._templates.settings.url
        listed = [
            (theme, say(f"theme_{theme}", language), len(by_theme[theme]))
            for theme in THEMES
            if by_theme[theme]
        ]
        title = say("themes_title", language)
        targets = [
            (name, base + addresses.in_language(addresses.theme(theme), language))
            for theme, name, _ in listed
        ]
        frame = Frame(
            "/themes",
            title,
            say("themes_description", language),
            data=[question_list(title, language, targets)],
        )
        count = sum(size for _, _, size in listed)
        return self._pages.show(request, "themes.html", language, frame, themes=listed, count=count)

    async def theme(self, request: Request, language: Language) -> Response:
        """Return the questions of a theme. Raises NotFound, CorpusMissing, QueueFull."""
        theme = request.path_params["category"]
        by_theme = _by_theme((await request.state.entries.current()).entries.values())
        if theme not in THEMES or not by_theme[theme]:
            raise NotFound(f"no theme {theme}")
        say, base = self._templates.say, self._templates.settings.url
        name, about = say(f"theme_{theme}", language), say(f"theme_{theme}_about", language)
        entries = sorted(
            (self._listed(entry, language) for entry in by_theme[theme]),
            key=lambda one: one.question,
        )
        targets = [(one.question, base + one.address) for one in entries]
        crumbs = self._crumbs(language)
        path = addresses.theme(theme)
        frame = Frame(
            path,
            name,
            say("theme_description", language, theme=name, about=about),
            crumbs=crumbs,
            data=[
                question_list(name, language, targets),
                self._breadcrumbs(crumbs, name, path, language),
            ],
        )
        return self._pages.show(
            request, "theme.html", language, frame, about=about, entries=entries
        )

    async def entry(self, request: Request, language: Language) -> Response:
        """Return the page of an entry.

        Raises UnknownEntry, also where it is not written in the language, EntryWithheld,
        CorpusMissing, QueueFull.
        """
        in_use: EntriesInUse = await request.state.entries.current()
        topic_id = request.path_params["topic_id"]
        if topic_id in in_use.withheld:
            raise EntryWithheld(topic_id=topic_id)
        entry = in_use.entries.get(topic_id)
        if entry is None or not entry.speaks(language):
            raise UnknownEntry(topic_id=topic_id)
        shown, law_date = await self._sources(request, entry, language)
        calculator = await asyncio.to_thread(_calculator, entry, language)
        related = [in_use.entries[one] for one in entry.related if one in in_use.entries]
        return self._pages.show(
            request,
            "entry.html",
            language,
            self._frame(entry, language, shown),
            **self._texts(entry, language, shown),
            sources=shown,
            law_date=law_date,
            calculator=calculator,
            related=[self._listed(one, language) for one in related],
            checked_on=entry.checked_on,
            checked_by=entry.checked_by,
        )

    async def _sources(
        self, request: Request, entry: Entry, language: Language
    ) -> tuple[list[ShownSource], object]:
        """Return the sources as shown, and the day of the law. Raises EntryWithheld."""
        library, today = request.state.library, request.state.clock.today()
        wanted = [(source.source_id, source.idcc) for source in entry.sources]
        found = await library.cited(wanted, today)
        if None in found:  # it ended since the entries were compared with the law
            raise EntryWithheld(topic_id=entry.topic_id)
        record = await asyncio.to_thread(law_record)
        shown = [
            self._shown(number, source, passage, record, language)
            for number, (source, passage) in enumerate(
                zip(entry.sources, found, strict=True), start=1
            )
        ]
        return shown, (await library.status()).law_date

    def _shown(
        self,
        number: int,
        source: EntrySource,
        passage: Passage,
        record: Mapping[str, Recorded],
        language: Language,
    ) -> ShownSource:
        say = self._templates.say
        kind = passage.kind
        title = title_of(passage)
        names = {
            SourceKind.ARTICLE: say("article_name", language, number=passage.number),
            SourceKind.FICHE: say("fiche_name", language),
            SourceKind.AGREEMENT: passage.number,
        }
        dated = passage.in_force_since if kind is SourceKind.ARTICLE else passage.updated
        day = self._templates.day(dated, language) if dated else ""
        return ShownSource(
            number=number,
            name=names[kind] or title,
            title=title,
            dated=say(f"dated_{kind}", language, day=day) if day else "",
            fragments=source.fragments,
            url=passage.url if passage.url.startswith("https://") else "",
            on=site_of(passage.url),
            changed=changed(record, source.source_id, passage),
        )

    def _texts(
        self, entry: Entry, language: Language, shown: Sequence[ShownSource]
    ) -> dict[str, object]:
        """Return the texts of an entry, each mark in them a link to its source."""
        say = self._templates.say
        numbers = {source.key: number for number, source in enumerate(entry.sources, start=1)}
        labels = {
            one.number: say("source_number", language, number=one.number, name=one.name)
            for one in shown
        }

        def written(text: Localized) -> Markup:
            said = self._templates.typeset(in_language(text, language), language)
            return marked(said, numbers, labels, MARK)

        variables = [say(f"variable_{one}", language) for one in entry.depends_on]
        comma = "、" if language == "zh" else ", "
        return {
            "answer": written(entry.answer),
            "conditions": [written(line) for line in entry.conditions],
            "steps": [written(line) for line in entry.steps],
            "may_change": comma.join(variables),
        }

    def _frame(self, entry: Entry, language: Language, shown: Sequence[ShownSource]) -> Frame:
        question = in_language(entry.question, language)
        answer = MARK.sub("", in_language(entry.answer, language))
        plain = " ".join(answer.split()).replace(" .", ".").replace(" ,", ",")
        path = addresses.entry(entry.topic_id)
        theme = self._templates.say(f"theme_{entry.category}", language)
        crumbs = (
            *self._crumbs(language),
            (theme, addresses.in_language(addresses.theme(entry.category), language)),
        )
        page = question_page(
            question,
            plain,
            language=language,
            url=self._templates.settings.url + addresses.in_language(path, language),
            reviewed=entry.checked_on,
            texts=[(one.name, one.url) for one in shown if one.url],
        )
        return Frame(
            path,
            question,
            _cut(plain),
            entry.languages(),
            crumbs,
            [page, self._breadcrumbs(crumbs, question, path, language)],
        )

    def _crumbs(self, language: Language) -> tuple[tuple[str, str], ...]:
        say = self._templates.say
        return (
            (say("home", language), addresses.chat(language)),
            (say("themes", language), addresses.in_language("/themes", language)),
        )

    def _breadcrumbs(
        self, crumbs: Iterable[tuple[str, str]], name: str, path: str, language: Language
    ) -> Data:
        here = (name, addresses.in_language(path, language))
        return breadcrumbs(self._templates.settings.url, (*crumbs, here))

    def _listed(self, entry: Entry, language: Language) -> Listed:
        spoken: Language = language if entry.speaks(language) else "en"
        address = addresses.in_language(addresses.entry(entry.topic_id), spoken)
        question = self._templates.typeset(in_language(entry.question, spoken), spoken)
        return Listed(question, address, spoken)


DESCRIPTION_CHARACTERS = 160
"""What a search engine shows of a description."""


def _cut(text: str) -> str:
    """Return a text of at most DESCRIPTION_CHARACTERS, cut between words."""
    if len(text) <= DESCRIPTION_CHARACTERS:
        return text
    cut = text[: DESCRIPTION_CHARACTERS - 1]
    return (cut.rpartition(" ")[0] or cut).rstrip(",;: ") + "…"


def _by_theme(entries: Iterable[Entry]) -> dict[str, list[Entry]]:
    found: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        found[entry.category].append(entry)
    return found


def _calculator(entry: Entry, language: Language) -> tuple[str, str] | None:
    """Return the title and the address of an entry's calculator; the first reads a file."""
    if entry.calculator is None:
        return None
    title = wording(language).title(entry.calculator)
    return title, addresses.calculators(language, entry.calculator)
