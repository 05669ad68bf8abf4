"""What a person may have done with their data by writing to us."""

import re

from mail_service.message import Mail
from mail_service.reply import clean_subject

ERASE = re.compile(
    r"(?:effacer|effacez|supprimer|supprimez) mes donn[ée]es(?: personnelles)?|erase my data"
    r"|delete my (?:personal )?data",
    re.IGNORECASE,
)


def wants_erasure(mail: Mail) -> bool:
    """Tell whether the subject is our formula for erasure, and nothing else."""
    return ERASE.fullmatch(clean_subject(mail.subject).strip(" .!")) is not None
