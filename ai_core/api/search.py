"""GET /api/v1/search, GET /api/v1/articles/{number}, GET /api/v1/sources/{id}."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import Field

from ai_core.answering.question import safe
from ai_core.api.dependencies import (
    API,
    ClockDep,
    LibraryDep,
    PageAdmittedDep,
)
from ai_core.api.openapi import PAGE_KEY_ERRORS
from ai_core.errors import CorpusMissing, UnknownAgreement, UnknownArticle, UnknownSource
from ai_core.law.records import Article, FicheSection, Passage, SourceKind
from ai_core.law.titles import heading, title_of
from shared.ai.contract import (
    NOT_BLANK,
    ArticleReply,
    Body,
    FicheReference,
    Idcc,
    PassageReply,
    SearchReply,
    SourceReply,
)
from shared.errors import BadInput
from shared.web.openapi import KEY_SCHEMES, errors

router = APIRouter(prefix=API, tags=["law"], dependencies=KEY_SCHEMES)


class SearchQuery(Body):
    """What to search for."""

    q: str = Field(
        min_length=1, max_length=2_000, pattern=NOT_BLANK, examples=["préavis de démission"]
    )
    """The question, in French, at most 2,000 characters."""
    limit: int = Field(default=10, ge=1, le=50)
    """Most passages to return."""
    kind: SourceKind | None = None
    """Only passages of this kind; all kinds by default."""
    agreement: Idcc | None = None
    """Collective agreement to search as well, by its IDCC number."""
    as_of: date | None = None
    """The law in force on that day (ISO 8601); today by default."""


class ArticleQuery(Body):
    """Which version of an article."""

    as_of: date | None = None
    """The version in force on that day (ISO 8601); today by default."""


@router.get(
    "/search",
    summary="Search the law",
    responses=errors(*PAGE_KEY_ERRORS, BadInput, UnknownAgreement, CorpusMissing),
)
async def search(
    query: Annotated[SearchQuery, Query()],
    library: LibraryDep,
    clock: ClockDep,
    _caller: PageAdmittedDep,
) -> SearchReply:
    """Passages of the law that match a question, best first. Key: publishable."""
    found = await library.search(
        safe(query.q),
        limit=query.limit,
        kind=query.kind,
        agreement=query.agreement,
        as_of=query.as_of or clock.today(),
    )
    return SearchReply(passages=[passage_reply(passage) for passage in found.passages])


@router.get(
    "/articles/{number}",
    summary="Read an article",
    responses=errors(*PAGE_KEY_ERRORS, BadInput, UnknownArticle, CorpusMissing),
)
async def article(
    number: Annotated[
        str,
        Path(
            max_length=80,
            description="Its number (`L1234-1`, `l. 1234-1`, `R*3231-2`), or the id of a version.",
            examples=["L3121-27"],
        ),
    ],
    query: Annotated[ArticleQuery, Query()],
    library: LibraryDep,
    clock: ClockDep,
    _caller: PageAdmittedDep,
) -> ArticleReply:
    """An article: by number as in force on `as_of`, or a version by its id. Key: publishable."""
    found = await library.article(number, as_of=query.as_of or clock.today())
    return article_reply(found, await library.fiches_citing(found.cid))


class SourceQuery(Body):
    """Where a clause stands."""

    agreement: Idcc | None = None
    """The agreement of a clause, by its IDCC number; null for an article or a fiche."""


@router.get(
    "/sources/{id}",
    summary="Read a source of an answer",
    responses=errors(*PAGE_KEY_ERRORS, BadInput, UnknownSource, CorpusMissing),
)
async def source(
    source_id: Annotated[
        str,
        Path(
            alias="id",
            max_length=80,
            description="The `id` of a citation.",
            examples=["KALIARTI000047513833"],
        ),
    ],
    query: Annotated[SourceQuery, Query()],
    library: LibraryDep,
    clock: ClockDep,
    _caller: PageAdmittedDep,
) -> SourceReply:
    """An article, a section of a fiche or a clause, whole, as in force today. Key: publishable."""
    idcc = query.agreement and query.agreement.zfill(4)
    (found,) = await library.cited([(source_id, idcc)], clock.today())
    if found is None:
        raise UnknownSource
    return SourceReply(
        kind=found.kind.value,
        id=found.id,
        number=found.number,
        title=title_of(found),
        text=found.text,
        in_force_since=found.in_force_since,
        updated=found.updated,
        url=found.url,
    )


def passage_reply(passage: Passage) -> PassageReply:
    """Return a passage as it is sent."""
    return PassageReply(
        kind=passage.kind.value,
        number=passage.number,
        title=title_of(passage),
        text=passage.text,
        url=passage.url,
        score=passage.score,
    )


def article_reply(found: Article, citing: tuple[FicheSection, ...]) -> ArticleReply:
    """Return an article as it is sent, with the fiches of the sections that cite it."""
    fiches = {section.url.partition("#")[0]: section.fiche_title for section in citing}
    return ArticleReply(
        number=found.number,
        id=found.id,
        title=heading(found.section_path),
        section_path=list(found.section_path),
        text=found.text,
        html=found.html,
        nota=found.nota,
        in_force_since=found.in_force_since,
        in_force_until=found.in_force_until,
        url=found.url,
        cited_by_fiches=[FicheReference(title=title, url=url) for url, title in fiches.items()],
    )
