"""GET /api/v1/search, GET /api/v1/articles/{number}."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import Field

from ai_core.answering.question import safe
from ai_core.api.dependencies import (
    API,
    GATE_PROBLEMS,
    KEY_SCHEMES,
    ClockDep,
    LibraryDep,
    PageAdmittedDep,
    problems,
)
from ai_core.law.records import Article, FicheSection, Kind, Passage
from ai_core.law.titles import heading, title_of
from shared.ai.contract import (
    ArticleReply,
    Body,
    FicheReference,
    Idcc,
    PassageReply,
    SearchReply,
    Text,
)

router = APIRouter(prefix=API, tags=["law"], dependencies=KEY_SCHEMES)


class SearchQuery(Body):
    """What to search for."""

    q: Text = Field(max_length=2_000)
    limit: int = Field(default=10, ge=1, le=50)
    kind: Kind | None = None
    agreement: Idcc | None = None
    as_of: date | None = None


class ArticleQuery(Body):
    """Which version of an article."""

    as_of: date | None = Field(default=None, description="The law in force on that day.")


@router.get("/search", responses=problems(404, *GATE_PROBLEMS))
async def search(
    query: Annotated[SearchQuery, Query()],
    library: LibraryDep,
    clock: ClockDep,
    _caller: PageAdmittedDep,
) -> SearchReply:
    """Find the passages of the law nearest to a question."""
    found = await library.search(
        safe(query.q),
        limit=query.limit,
        kind=query.kind,
        agreement=query.agreement,
        as_of=query.as_of or clock.today(),
    )
    return SearchReply(passages=[_passage(passage) for passage in found.passages])


@router.get("/articles/{number}", responses=problems(404, *GATE_PROBLEMS))
async def article(
    number: Annotated[str, Path(max_length=80)],
    query: Annotated[ArticleQuery, Query()],
    library: LibraryDep,
    clock: ClockDep,
    _caller: PageAdmittedDep,
) -> ArticleReply:
    """Return an article whole, by its number however it is spelled, or by its LEGIARTI id."""
    found = await library.article(number, as_of=query.as_of or clock.today())
    return _article(found, await library.fiches_citing(found.cid))


def _passage(passage: Passage) -> PassageReply:
    return PassageReply(
        kind=passage.kind.value,
        number=passage.number,
        title=title_of(passage),
        text=passage.text,
        url=passage.url,
        score=passage.score,
    )


def _article(found: Article, citing: tuple[FicheSection, ...]) -> ArticleReply:
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
