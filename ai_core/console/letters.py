"""The mails that mail_service holds, read and decided on at the desk.

mail_service keeps them; here a text is shown and forgotten. Every method raises ConsoleRefusal.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeVar

from pydantic import ValidationError

from ai_core.console.channels import REFUSED, Channels, ServiceClient, problem_of
from ai_core.errors import ConsoleRefusal
from ai_core.records.accounts import ConsoleLanguage
from shared.letters import (
    MAILS_PATH,
    REVIEWER_HEADER,
    MailDetails,
    MailSummary,
    SearchReply,
)

T = TypeVar("T")
UNKNOWN_MAIL = "unknown_mail"
SAID_BY_THE_MAILBOX = frozenset({"not_reviewable", "not_writable", "changed_quotation"})
"""Refusals of a decision that the mailbox explains itself, in the language it is asked in."""
SAID_CHARACTERS = 500


class Reviewer(NamedTuple):
    """Who reads and decides: their account, and the language of sentences."""

    account: str
    language: ConsoleLanguage


class Letters:
    """The mails of the mailbox that is connected to the desk."""

    def __init__(self, channels: Channels, reviewer: Reviewer) -> None:
        self._channels = channels
        self._reviewer = reviewer

    async def search(
        self, state: str | None, words: str = "", sender: str = "", before: int | None = None
    ) -> SearchReply:
        """Return mails, the newest first; `before` a number goes on from there."""
        wanted = {"state": state, "words": words, "sender": sender, "before": before}
        return await self._ask("POST", "/search", wanted, SearchReply.model_validate_json)

    async def read(self, number: int) -> MailDetails:
        """Return a mail with its text, its draft and its steps."""
        return await self._ask("GET", f"/{number}", None, MailDetails.model_validate_json)

    async def approve(self, number: int, text: str | None) -> None:
        """Send the draft, or a text in its place."""
        await self._decide(number, "approve", {"text": text})

    async def reject(self, number: int) -> None:
        """Send nothing."""
        await self._decide(number, "reject", {})

    async def retry(self, number: int) -> None:
        """Process a mail again, or send its reply again."""
        await self._decide(number, "retry", None)

    async def erase(self, number: int) -> None:
        """Erase a mail and its reply."""
        await self._ask("DELETE", f"/{number}", None, lambda _: None)

    async def _decide(self, number: int, verb: str, body: object) -> None:
        await self._ask("POST", f"/{number}/{verb}", body, MailSummary.model_validate_json)

    async def _ask(self, method: str, path: str, body: object, parse: Callable[[bytes], T]) -> T:
        status, answer = await self._mail().ask(method, MAILS_PATH + path, body, self._headers())
        if status not in (200, 204):
            raise _refusal(status, problem_of(answer))
        try:
            return parse(answer)
        except ValidationError:
            raise ConsoleRefusal("channel_unexpected") from None

    def _headers(self) -> dict[str, str]:
        return {REVIEWER_HEADER: self._reviewer.account, "Accept-Language": self._reviewer.language}

    def _mail(self) -> ServiceClient:
        if self._channels.mail is None:
            raise ConsoleRefusal("channel_off")
        return self._channels.mail


def _refusal(status: int, problem: Mapping[str, object]) -> ConsoleRefusal:
    """Return why the mailbox did not do what it was asked."""
    code = problem.get("code")
    if code in SAID_BY_THE_MAILBOX:
        said = str(problem.get("detail", ""))[:SAID_CHARACTERS]
        return ConsoleRefusal("mail_refused", said=said)
    if code == UNKNOWN_MAIL:
        return ConsoleRefusal("mail_unknown")
    if status == 404:
        return ConsoleRefusal("channel_closed")
    return ConsoleRefusal(REFUSED.get(status, "channel_unexpected"))
