"""What a person may ask of us: a copy of their data, or that we forget them."""

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field

from mail_service.api.dependencies import StoreDep, need_key
from mail_service.api.mails import FileReply, shown

router = APIRouter(prefix="/api/v1", dependencies=[Depends(need_key)])

MAX_EXPORTED = 500


class Person(BaseModel):
    """Somebody who wrote to us; in a body, because addresses in URLs end in logs."""

    model_config = ConfigDict(extra="forbid")

    address: str = Field(min_length=3, max_length=320, pattern=r"^[^\s@\x00]+@[^\s@\x00]+$")


class ErasureReply(BaseModel):
    """How many mails were erased."""

    erased: int


@router.post("/exports")
async def export(person: Person, store: StoreDep) -> list[FileReply]:
    """Return everything a person wrote to us and was answered."""
    mails = (await store.find_person(person.address))[:MAX_EXPORTED]
    return [shown(await store.file(mail_id)) for mail_id in mails]


@router.post("/erasures")
async def erase(person: Person, store: StoreDep) -> ErasureReply:
    """Erase everything a person wrote to us, and refuse it when the server shows it again."""
    mails = await store.find_person(person.address)
    return ErasureReply(erased=await store.erase(mails, "asked for"))
