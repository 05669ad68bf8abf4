"""Requests about personal data made by mail: erasure and a copy (GDPR, articles 15, 17 and 20)."""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import orjson

from mail_service.ledger.records import (
    MailJob,
    MailOutcome,
    MailRecord,
    MailState,
    OutgoingKind,
)
from mail_service.processing.screening import ScreenedMail
from mail_service.processing.services import Services
from mail_service.reading.message import Mail
from mail_service.reply.formatting import clean_subject
from shared.ai.contract import ChatReply
from shared.languages import language_of

MAX_COPIED_MAILS = 500

ERASE = re.compile(
    r"(?:effacer|effacez|supprimer|supprimez) mes donn[ée]es(?: personnelles)?|erase my data"
    r"|delete my (?:personal )?data",
    re.IGNORECASE,
)
COPY = re.compile(
    r"(?:(?:une )?copie de |recevoir |exporter )?mes donn[ée]es(?: personnelles)?"
    r"|(?:a copy of |export )?my (?:personal )?data",
    re.IGNORECASE,
)


class DataRequests:
    """Answers requests about personal data, if the sender is authenticated."""

    def __init__(self, services: Services) -> None:
        self._mailboxes = services.mailboxes
        self._ledger = services.ledger
        self._clock = services.clock

    async def answer(self, job: MailJob, screened: ScreenedMail) -> MailOutcome | None:
        """Do what the mail requests and return the outcome; None when it is no such request."""
        if wants_erasure(screened.mail):
            return await self._erase(job, screened)
        if wants_copy(screened.mail):
            return await self._send_copy(job, screened)
        return None

    async def _erase(self, job: MailJob, screened: ScreenedMail) -> MailOutcome:
        if not screened.is_authenticated:
            return MailOutcome(MailState.QUARANTINED, "erasure:not-authenticated")
        mail, composer = screened.mail, self._mailboxes[job.mailbox].composer
        language = language_of(mail.text)
        mail_ids = await self._ledger.personal_data.mails_from(mail.sender.address)
        reply = composer.fixed_reply("erased", language, count=len(mail_ids))
        content = composer.content(mail, reply, language)
        outgoing = await asyncio.to_thread(
            composer.compose, _without_texts(mail), job.id, OutgoingKind.ERASURE, content, language
        )
        await self._ledger.outgoing.add(job.id, job.mailbox, outgoing)
        await self._ledger.personal_data.erase(mail_ids, "asked by mail")
        return MailOutcome(MailState.ERASED, "asked by mail")

    async def _send_copy(self, job: MailJob, screened: ScreenedMail) -> MailOutcome:
        if not screened.is_authenticated:
            return MailOutcome(MailState.QUARANTINED, "copy:not-authenticated")
        mail, composer = screened.mail, self._mailboxes[job.mailbox].composer
        language, address = language_of(mail.text), mail.sender.address
        mail_ids = (await self._ledger.personal_data.mails_from(address))[:MAX_COPIED_MAILS]
        records = [await self._ledger.mails.load(mail_id) for mail_id in mail_ids]
        data = await asyncio.to_thread(personal_data_json, address, records, self._clock.now())
        reply = composer.fixed_reply("copied", language, count=len(records))
        content = composer.content(mail, reply, language)
        outgoing = await asyncio.to_thread(
            composer.compose,
            mail,
            job.id,
            OutgoingKind.REPLY,
            content,
            language,
            attached_json=data,
        )
        return MailOutcome(MailState.ANSWERED, "copy asked by mail", outgoing=outgoing)


def wants_erasure(mail: Mail) -> bool:
    """Return whether the subject is the phrase that requests erasure, and nothing else."""
    return ERASE.fullmatch(clean_subject(mail.subject).strip(" .!")) is not None


def wants_copy(mail: Mail) -> bool:
    """Return whether the subject is the phrase that requests a copy of one's data."""
    return COPY.fullmatch(clean_subject(mail.subject).strip(" .!")) is not None


def personal_data_json(address: str, records: Sequence[MailRecord], now: datetime) -> bytes:
    """Return everything stored about a person's mails, as indented JSON."""
    mails = [
        {
            "received": record.entry.received_at,
            "subject": record.mail.subject if record.mail else None,
            "text": record.mail.full_text if record.mail else None,
            "attachments": [file.name for file in record.mail.attachments] if record.mail else [],
            "became": record.entry.state,
            "answer": ChatReply.model_validate_json(record.draft).response
            if record.draft
            else None,
            "steps": [{"at": event.at, "step": event.step} for event in record.events],
        }
        for record in records
    ]
    whole = {"address": address, "made": now, "mails": mails}
    return orjson.dumps(whole, option=orjson.OPT_INDENT_2)


def _without_texts(mail: Mail) -> Mail:
    """Return the mail without its texts: the confirmation of an erasure quotes nothing."""
    return replace(mail, text="", full_text="", attachments=())
