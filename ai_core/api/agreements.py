"""GET /api/v1/agreements: which collective agreement a number or a name means."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from ai_core.answering.agreement_words import agreement_reply
from ai_core.answering.question import safe
from ai_core.api.dependencies import API, LibraryDep, PageAdmittedDep
from ai_core.api.openapi import PAGE_KEY_ERRORS
from ai_core.errors import CorpusMissing
from ai_core.law.source import LawSource
from shared.ai.contract import NOT_BLANK, AgreementsReply, Body
from shared.errors import BadInput
from shared.web.openapi import KEY_SCHEMES, errors

router = APIRouter(prefix=API, tags=["law"], dependencies=KEY_SCHEMES)


class AgreementQuery(Body):
    """Which agreement is meant."""

    q: str = Field(min_length=1, max_length=200, pattern=NOT_BLANK, examples=["syntec"])
    """Its number (IDCC), its name or its branch, in French, at most 200 characters."""


@router.get(
    "/agreements",
    summary="Find a collective agreement",
    responses=errors(*PAGE_KEY_ERRORS, BadInput, CorpusMissing),
)
async def agreements(
    query: Annotated[AgreementQuery, Query()],
    library: LibraryDep,
    _caller: PageAdmittedDep,
) -> AgreementsReply:
    """The agreement that a number or a name means, or those near it. Key: publishable."""
    return await agreements_meant(query.q, library)


async def agreements_meant(written: str, library: LawSource) -> AgreementsReply:
    """Return the agreement that a text means, or those near it. Raises CorpusMissing."""
    found = await library.agreement_meant(safe(written))
    return AgreementsReply(
        agreement=agreement_reply(found.agreement) if found.agreement else None,
        near=[agreement_reply(one) for one in found.near],
    )
