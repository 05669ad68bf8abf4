"""Rights of a data subject: a copy of their data, and its erasure."""

from fastapi import APIRouter
from pydantic import Field

from mail_service.api.dependencies import KEY_ERRORS, KEYED, ExplanationsDep, LedgerDep
from mail_service.api.mails import shown
from shared.ai.contract import Body, Reply
from shared.letters import MailDetails
from shared.web.openapi import BODY_ERRORS, errors

router = APIRouter(prefix="/api/v1", tags=["people"], dependencies=KEYED)

MAX_EXPORTED = 500


class Person(Body):
    """Somebody who wrote to us; in a body, because addresses in URLs end in logs."""

    address: str = Field(min_length=3, max_length=320, pattern=r"^[^\s@\x00]+@[^\s@\x00]+$")
    """Their mail address."""


class ErasureReply(Reply):
    """What an erasure did."""

    erased: int
    """Number of mails erased."""


@router.post(
    "/exports", summary="Export a person's data", responses=errors(*KEY_ERRORS, *BODY_ERRORS)
)
async def export(
    person: Person, ledger: LedgerDep, explanations: ExplanationsDep
) -> list[MailDetails]:
    """Everything a person wrote and was answered, at most 500 mails, the oldest first."""
    mail_ids = (await ledger.personal_data.mails_from(person.address))[:MAX_EXPORTED]
    return [shown(await ledger.mails.load(mail_id), explanations) for mail_id in mail_ids]


@router.post(
    "/erasures", summary="Erase a person's data", responses=errors(*KEY_ERRORS, *BODY_ERRORS)
)
async def erase(person: Person, ledger: LedgerDep) -> ErasureReply:
    """Erases everything a person wrote. Mails that the server shows again are not taken in."""
    return ErasureReply(erased=await ledger.personal_data.erase_person(person.address, "asked for"))
