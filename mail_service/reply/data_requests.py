"""What a person may have done with their data by writing to us."""

import re
from collections.abc import Sequence
from datetime import datetime

import orjson

from mail_service.ledger.store import File
from mail_service.reading.message import Mail
from mail_service.reply.letters import clean_subject
from shared.ai.contract import ChatReply

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


def wants_erasure(mail: Mail) -> bool:
    """Tell whether the subject is our formula for erasure, and nothing else."""
    return ERASE.fullmatch(clean_subject(mail.subject).strip(" .!")) is not None


def wants_copy(mail: Mail) -> bool:
    """Tell whether the subject is our formula for a copy of one's data (GDPR, 15 and 20)."""
    return COPY.fullmatch(clean_subject(mail.subject).strip(" .!")) is not None


def copy_of(address: str, files: Sequence[File], now: datetime) -> bytes:
    """Return all that is kept of a person's mails, as JSON that people can read too."""
    mails = [
        {
            "received": file.entry.received_at,
            "subject": file.mail.subject if file.mail else None,
            "text": file.mail.full_text if file.mail else None,
            "attachments": [part.name for part in file.mail.attachments] if file.mail else [],
            "became": file.entry.state,
            "answer": ChatReply.model_validate_json(file.draft).response if file.draft else None,
            "steps": [{"at": step.at, "step": step.step} for step in file.events],
        }
        for file in files
    ]
    whole = {"address": address, "made": now, "mails": mails}
    return orjson.dumps(whole, option=orjson.OPT_INDENT_2)
