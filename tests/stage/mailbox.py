"""The mailbox's stack: letters are written down as if they had come, answered, and shown.

There is no mail server here: what is asked over IMAP and SMTP is shown elsewhere, on real ones.
"""

from email.message import EmailMessage
from email.utils import formatdate
from itertools import count

from tests.stage.container_engine import StageFailed
from tests.stage.simulated_host import DOMAIN, SimulatedHost
from tests.stage.stack_checks import ARTICLE, QUESTION, until

ADDRESS = f"questions@{DOMAIN}"
MAIL_LINES = (
    f"MAIL_ADDRESS={ADDRESS}",
    *(f"MAIL_{name}=" for name in ("IMAP__HOST", "IMAP__USER", "SMTP__HOST", "SMTP__USER")),
)
MAIL_SECRETS = (("MAIL_IMAP__PASSWORD", "none"), ("MAIL_SMTP__PASSWORD", "none"))
"""What its operator knows: here, of no mail server."""
ADMIT = """
import asyncio, sys
from mail_service.app import open_resources
from mail_service.settings import Settings
from mail_service.ledger.records import MailLocation
from shared.settings import read_settings

async def admit(uid, raw):
    async with open_resources(read_settings(Settings)) as resources:
        location = MailLocation("main", "INBOX", 1, uid)
        return await resources.ledger.intake.add(location, raw, len(raw))

print(asyncio.run(admit(int(sys.argv[1]), sys.argv[2].encode())))
"""


class Mails:
    """People's letters, each of another person, and what the mailbox shows of them.

    `last` is the number of the one that was answered last; `container` is the service's.
    """

    def __init__(self, host: SimulatedHost, container: str) -> None:
        self._host = host
        self._container = container
        secret = host.tree / "deploy/secrets/mail/MAIL_SERVER__API_KEY"
        self._headers = {"X-API-Key": secret.read_text(encoding="utf-8").strip()}
        self._numbers = count(1)
        self.last = 0

    def listed(self) -> bool:
        """Return whether the mails are listed through nginx."""
        return self._host.client.ask("mail", "/api/v1/mails", headers=self._headers)[0] == 200

    def answered(self) -> bool:
        """Write a letter about an article; tell whether an answer that cites it is shown."""
        try:
            number = self._written()
        except StageFailed:
            return False  # the ledger is not back yet
        until(lambda: self.shown(number), f"the answer to letter {number}")
        self.last = number
        return True

    def kept(self) -> bool:
        """Return whether the last letter that was answered is still shown with its answer."""
        return self.shown(self.last)

    def shown(self, number: int) -> bool:
        """Return whether a letter is shown with an answer that cites the article."""
        path = f"/api/v1/mails/{number}"
        status, told = self._host.client.ask("mail", path, headers=self._headers)
        if status != 200:
            return False
        cited = [each["number"] for each in told["citations"]]
        return told["state"] == "review" and ARTICLE in cited

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
            self._host.engine.podman(
                "exec", self._container, "python", "-c", ADMIT, str(uid), written
            )
        )
