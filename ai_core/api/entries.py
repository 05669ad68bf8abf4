"""GET /api/v1/entries and /api/v1/entries/{topic_id}."""

import asyncio
from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request

from ai_core.answering.boilerplate import read_texts
from ai_core.answering.entries.writing import in_language
from ai_core.api.dependencies import API, ClockDep, EntriesDep, LibraryDep, PageAdmittedDep
from ai_core.api.openapi import PAGE_KEY_ERRORS
from ai_core.errors import CorpusMissing, UnknownEntry
from ai_core.knowledge.law_record import Recorded, changed, law_record
from ai_core.knowledge.records import Entry, EntrySource, Line
from ai_core.law.records import Passage
from ai_core.law.titles import title_of
from shared.ai.contract import (
    Body,
    EntriesReply,
    EntryLine,
    EntryReply,
    EntrySourceReply,
    EntrySummary,
    Theme,
)
from shared.errors import BadInput
from shared.languages import Language, preferred_language
from shared.web.openapi import KEY_SCHEMES, errors

router = APIRouter(prefix=API, tags=["entries"], dependencies=KEY_SCHEMES)
_TEXTS = read_texts()


class EntryQuery(Body):
    """In which language."""

    language: Language | None = None
    """Language of the texts; by default that of `Accept-Language`, else French."""


class EntriesQuery(EntryQuery):
    """Which entries, and in which language."""

    category: Theme | None = None
    """Only those of this category."""


@router.get(
    "/entries",
    summary="List the knowledge entries",
    responses=errors(*PAGE_KEY_ERRORS, BadInput, CorpusMissing),
)
async def list_entries(
    request: Request,
    query: Annotated[EntriesQuery, Query()],
    entries: EntriesDep,
    _caller: PageAdmittedDep,
) -> EntriesReply:
    """The written answers in use, and those that the law no longer bears out. Key: publishable."""
    language = _language(request, query)
    in_use = await entries.current()
    listed = [
        _summary(entry, language)
        for entry in in_use.entries.values()
        if query.category in (None, entry.category)
    ]
    return EntriesReply(entries=listed, withheld=list(in_use.withheld))


@router.get(
    "/entries/{topic_id}",
    summary="Read a knowledge entry",
    responses=errors(*PAGE_KEY_ERRORS, BadInput, UnknownEntry, CorpusMissing),
)
async def read_entry(
    topic_id: Annotated[str, Path(max_length=80, description="Name of the entry.")],
    request: Request,
    query: Annotated[EntryQuery, Query()],
    entries: EntriesDep,
    library: LibraryDep,
    clock: ClockDep,
    _caller: PageAdmittedDep,
) -> EntryReply:
    """A written answer with its conditions, its steps and what it rests on. Key: publishable."""
    in_use = (await entries.current()).entries
    entry = in_use.get(topic_id)
    if entry is None:
        raise UnknownEntry(f"no entry {topic_id} in use", topic_id=topic_id)
    language = _spoken(entry, _language(request, query))
    wanted = [(source.source_id, source.idcc) for source in entry.sources]
    found = await library.cited(wanted, clock.today())
    record = await asyncio.to_thread(law_record)
    pairs = zip(entry.sources, found, strict=True)
    return EntryReply(
        topic_id=entry.topic_id,
        category=entry.category,
        tags=list(entry.tags),
        language=language,
        languages=list(entry.languages()),
        question=in_language(entry.question, language),
        answer=in_language(entry.answer, language),
        conditions=[_line(line, language) for line in entry.conditions],
        steps=[_line(line, language) for line in entry.steps],
        depends_on=list(entry.depends_on),
        calculator=entry.calculator,
        related=[_summary(in_use[one], language) for one in entry.related if one in in_use],
        sources=[_source(source, passage, record) for source, passage in pairs if passage],
        checked_on=entry.checked_on,
        checked_by=entry.checked_by,
        notice=_TEXTS.say("notice", language),
    )


def _language(request: Request, query: EntryQuery) -> Language:
    return query.language or preferred_language(request.headers.get("accept-language"))


def _spoken(entry: Entry, language: Language) -> Language:
    return language if entry.speaks(language) else "en"


def _summary(entry: Entry, language: Language) -> EntrySummary:
    return EntrySummary(
        topic_id=entry.topic_id,
        category=entry.category,
        question=in_language(entry.question, language),
        languages=list(entry.languages()),
    )


def _line(line: Line, language: Language) -> EntryLine:
    concerns: Mapping[str, object] = line.when.model_dump(mode="json", exclude_defaults=True)
    return EntryLine.model_validate({"text": in_language(line, language), "concerns": concerns})


def _source(
    source: EntrySource, passage: Passage, record: Mapping[str, Recorded]
) -> EntrySourceReply:
    return EntrySourceReply(
        key=source.key,
        kind=passage.kind.value,
        id=passage.id,
        title=title_of(passage),
        url=passage.url,
        fragments=list(source.fragments),
        in_force_since=passage.in_force_since,
        changed=changed(record, source.source_id, passage),
    )
