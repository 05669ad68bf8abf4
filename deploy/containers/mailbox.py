"""The mailbox's stack: letters are written down as if they had come, answered, and shown.

There is no mail server here: what is asked over IMAP and SMTP is shown elsewhere, on real ones.
"""

import time
from email.message import EmailMessage
from email.utils import formatdate
from itertools import count

from deploy.containers.engine import StageFailed
from deploy.containers.stacks import (
    ARTICLE,
    QUESTION,
    Figures,
    House,
    free_the_edge,
    kill_each,
    until,
)

AI = "neo-ai_ai-api_1"
SERVICE = "neo-mail_mail-service_1"
ADDRESS = "questions@neo.test"
MAIL_SETTINGS = (
    f"MAIL_ADDRESS={ADDRESS}",
    *(f"MAIL_{name}=" for name in ("IMAP__HOST", "IMAP__USER", "SMTP__HOST", "SMTP__USER")),
    *(f"MAIL_{name}__PASSWORD=none" for name in ("IMAP", "SMTP")),
)
ADMIT = """
import asyncio, sys
from mail_service.app import open_office
from mail_service.settings import Settings
from mail_service.store import Place
from shared.settings import read_settings

async def admit(uid, raw):
    async with open_office(read_settings(Settings)) as office:
        return await office.store.admit(Place("main", "INBOX", 1, uid), raw, len(raw))

print(asyncio.run(admit(int(sys.argv[1]), sys.argv[2].encode())))
"""


def run_mail(house: House, ai_key: str) -> tuple[Figures, "Letters"]:
    """The mailbox: a letter is answered with its article, and shown through nginx for review."""
    figures = Figures("mail")
    house.init(
        "mail",
        *MAIL_SETTINGS,
        f"MAIL_AI__URL=http://{AI}:8000",
        f"MAIL_AI__API_KEY={ai_key}",
    )
    free_the_edge(house)
    letters = Letters(house)
    started = time.monotonic()
    mail_up(house)
    until(letters.listed, "the mails listed through nginx")
    figures.ready_s = time.monotonic() - started
    parts = ("mail-service", "worker", "redis", "postgres", "nginx")
    kill_each(house, figures, "mail", parts, letters.answered)
    return figures, letters


def mail_up(house: House) -> None:
    """Bring the mailbox's stack up, and lead it to ai_core."""
    house.compose("mail", "up", "--detach", "--no-build")
    house.engine.podman("network", "connect", "neo-mail_front", AI)


class Letters:
    """People's letters, each of another person, and what the mailbox shows of them."""

    def __init__(self, house: House) -> None:
        self._house = house
        secret = house.tree / "deploy/secrets/mail/MAIL_SERVER__API_KEY"
        self._headers = {"X-API-Key": secret.read_text(encoding="utf-8").strip()}
        self._numbers = count(1)
        self._last = 0

    def listed(self) -> bool:
        """Tell whether the mails are listed through nginx."""
        return self._house.visitor.ask("mail", "/api/v1/mails", headers=self._headers)[0] == 200

    def answered(self) -> bool:
        """Write a letter about an article; tell whether an answer that cites it is shown."""
        try:
            number = self._written()
        except StageFailed:
            return False  # the ledger is not back yet
        until(lambda: self._shown(number), f"the answer to letter {number}")
        self._last = number
        return True

    def kept(self) -> bool:
        """Tell whether the last letter that was answered is still shown with its answer."""
        return self._shown(self._last)

    def _written(self) -> int:
        """Write a letter down; return the number the ledger gave it."""
        uid = next(self._numbers)
        letter = EmailMessage()
        letter["From"] = f"Person <person@place{uid}.example>"
        letter["To"] = ADDRESS
        letter["Subject"] = f"Question {uid}"
        letter["Date"] = formatdate()
        letter["Message-ID"] = f"<{uid}@place{uid}.example>"
        letter.set_content(QUESTION)
        written = letter.as_string()
        return int(
            self._house.engine.podman("exec", SERVICE, "python", "-c", ADMIT, str(uid), written)
        )

    def _shown(self, number: int) -> bool:
        path = f"/api/v1/mails/{number}"
        status, told = self._house.visitor.ask("mail", path, headers=self._headers)
        if status != 200:
            return False
        cited = [each["number"] for each in told["citations"]]
        return told["state"] == "review" and ARTICLE in cited
