"""Requests about personal data made by mail: erasure and a copy (GDPR, articles 15, 17 and 20).

A proven sender is not enough, because one forgery that our checks let through would erase a
person's letters for good or send them away. The first mail is answered by a letter with a one-time
token to the address it names; only OUI in reply to it, proven again, does what was asked (decision
0104). Whoever is not proven gets no letter at all.
"""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import orjson

from mail_service.ledger.records import (
    ConfirmedAction,
    MailJob,
    MailOutcome,
    MailRecord,
    MailState,
    OutgoingKind,
    OutgoingMail,
)
from mail_service.processing.screening import ScreenedMail
from mail_service.processing.services import Services
from mail_service.reading.message import Mail
from mail_service.reply.formatting import clean_subject
from shared.ai.contract import ChatReply
from shared.languages import Language, language_of

MAX_COPIED_MAILS = 500
MAX_TOKENS = 20

ERASE = re.compile(
    r"(?:effacer|effacez|supprimer|supprimez) mes donn[ée]es(?: personnelles)?|erase my data"
    r"|delete my (?:personal )?data|ลบข้อมูล(?:ส่วนตัว)?ของ(?:ฉัน|ผม)"
    r"|(?:删除|刪除)我的(?:个人|個人)?(?:数据|資料|数據)",
    re.IGNORECASE,
)
COPY = re.compile(
    r"(?:(?:une )?copie de |recevoir |exporter )?mes donn[ée]es(?: personnelles)?"
    r"|(?:a copy of |export )?my (?:personal )?data|ข้อมูล(?:ส่วนตัว)?ของ(?:ฉัน|ผม)"
    r"|我的(?:个人|個人)?(?:数据|資料|数據)",
    re.IGNORECASE,
)
TOKEN = re.compile(r"(?<![0-9A-Za-z])[A-Za-z2-7]{26}(?![0-9A-Za-z])")
IN_OUR_SUBJECT = re.compile(r"\[code ([A-Za-z2-7]{26})\]")
YES = re.compile(
    r"\W*(?:(?:oui|yes)(?:\W+(?:je\s+confirme|i\s+confirm))?|je\s+confirme|i\s+confirm)"
    r"(?:\W+(?:merci|thank\s+you|thanks))?\W*"
    r"|\W*(?:ใช่|ยืนยัน)(?:ครับ|ค่ะ|คะ)?\W*|\W*(?:是|是的|我?(?:确认|確認))\W*",
    re.IGNORECASE,
)
MAX_YES_CHARACTERS = 80
RATE_RULES = frozenset({"brake", "pace", "quota", "spam"})
"""The rules that do not hold back a confirmation: a token counts once, so it cannot loop."""


class DataRequests:
    """Answers requests about personal data, once they are confirmed from the sender's address."""

    def __init__(self, services: Services) -> None:
        self._mailboxes = services.mailboxes
        self._ledger = services.ledger
        self._clock = services.clock

    async def confirm(self, job: MailJob, screened: ScreenedMail) -> MailOutcome | None:
        """Do what the mail confirms; None when it confirms nothing.

        Called before the rules decide: those that count mails do not hold a confirmation back.
        """
        mail = screened.mail
        tokens = tokens_of(mail)
        if not tokens or any(each.rule not in RATE_RULES for each in screened.findings):
            return None
        answers_us = IN_OUR_SUBJECT.search(mail.subject) is not None
        if not screened.is_authenticated:
            outcome = MailOutcome(MailState.QUARANTINED, "confirmation:not-authenticated")
            return outcome if answers_us else None
        if not says_yes(mail):
            outcome = MailOutcome(MailState.QUARANTINED, "confirmation:unclear")
            return outcome if answers_us else None
        action = await self._ledger.confirmations.redeem(
            job.id, job.mailbox, mail.sender.address, tokens
        )
        if action is None:
            return await self._tell_expired(job, screened) if answers_us else None
        if action == ConfirmedAction.ERASURE:
            return await self._erase(job, mail)
        return await self._send_copy(job, mail)

    async def answer(self, job: MailJob, screened: ScreenedMail) -> MailOutcome | None:
        """Ask for the confirmation of a request and return the outcome; None when it is none."""
        mail = screened.mail
        action = requested_action(mail)
        if action is None:
            return None
        if not screened.is_authenticated:
            return MailOutcome(MailState.QUARANTINED, f"{action}:not-authenticated")
        if self._mailboxes[job.mailbox].mode == "dry_run":
            return MailOutcome(MailState.DRY_RUN, f"{action}:would-ask")
        token = await self._ledger.confirmations.ask(
            job.id, job.mailbox, mail.sender.address, action
        )
        if token is None:
            return MailOutcome(MailState.SILENT, f"{action}:asked-too-often")
        outgoing = await self._letter(job, mail, f"confirm_{action}", token=token)
        return MailOutcome(MailState.ANSWERED, f"{action}:to-be-confirmed", outgoing=outgoing)

    async def _erase(self, job: MailJob, mail: Mail) -> MailOutcome:
        address = mail.sender.address
        count = len(await self._ledger.personal_data.mails_from(address))
        outgoing = await self._letter(job, mail, "erased", kind=OutgoingKind.ERASURE, count=count)
        await self._ledger.outgoing.add(job.id, job.mailbox, outgoing)
        await self._ledger.personal_data.erase_person(address, "asked by mail")
        return MailOutcome(MailState.ERASED, "asked by mail")

    async def _send_copy(self, job: MailJob, mail: Mail) -> MailOutcome:
        address = mail.sender.address
        mail_ids = (await self._ledger.personal_data.mails_from(address))[:MAX_COPIED_MAILS]
        records = [await self._ledger.mails.load(mail_id) for mail_id in mail_ids]
        data = await asyncio.to_thread(personal_data_json, address, records, self._clock.now())
        outgoing = await self._letter(job, mail, "copied", attached_json=data, count=len(records))
        return MailOutcome(MailState.ANSWERED, "copy asked by mail", outgoing=outgoing)

    async def _tell_expired(self, job: MailJob, screened: ScreenedMail) -> MailOutcome:
        if screened.findings:
            return MailOutcome(MailState.SILENT, "confirmation:expired")
        outgoing = await self._letter(job, screened.mail, "confirmation_expired")
        return MailOutcome(MailState.ANSWERED, "confirmation:expired", outgoing=outgoing)

    async def _letter(
        self,
        job: MailJob,
        mail: Mail,
        key: str,
        *,
        kind: OutgoingKind = OutgoingKind.REPLY,
        attached_json: bytes = b"",
        **values: str | int,
    ) -> OutgoingMail:
        """Return one of our own letters about personal data; it quotes nothing of the mail."""
        composer = self._mailboxes[job.mailbox].composer
        language = _language(mail, composer.language)
        content = composer.own_content(key, language, **values)
        unquoted = replace(mail, text="", full_text="", attachments=())
        return await asyncio.to_thread(
            composer.compose,
            unquoted,
            job.id,
            kind,
            content,
            language,
            attached_json=attached_json,
        )


def requested_action(mail: Mail) -> ConfirmedAction | None:
    """Return what the subject asks for, when it is one of the phrases and nothing else."""
    subject = clean_subject(mail.subject).strip(" .!")
    if ERASE.fullmatch(subject):
        return ConfirmedAction.ERASURE
    return ConfirmedAction.COPY if COPY.fullmatch(subject) else None


def tokens_of(mail: Mail) -> list[str]:
    """Return what may be tokens of ours in a mail: in its subject, or quoted in its text."""
    found = TOKEN.findall(f"{mail.subject}\n{mail.full_text}")
    return [token.lower() for token in dict.fromkeys(found)][:MAX_TOKENS]


def says_yes(mail: Mail) -> bool:
    """Return whether the first line that the sender wrote is a yes and nothing else.

    A machine that answers by itself repeats our subject, and so the token, but writes no yes.
    """
    line = next((line for line in mail.text.splitlines() if line.strip()), "")
    return len(line) <= MAX_YES_CHARACTERS and YES.fullmatch(line) is not None


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
            "helped": record.helped,
            "steps": [{"at": event.at, "step": event.step} for event in record.events],
        }
        for record in records
    ]
    whole = {"address": address, "made": now, "mails": mails}
    return orjson.dumps(whole, option=orjson.OPT_INDENT_2)


def _language(mail: Mail, default: Language) -> Language:
    return language_of(f"{clean_subject(mail.subject)}\n{mail.text}", default)
