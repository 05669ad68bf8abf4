"""The bot and the mailbox as the desk sees them: asked over HTTP with the key of each.

Every call has a deadline, and what does not answer is told beside what does. What people wrote is
asked for by `letters.py` alone, and kept nowhere.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Generic, TypeVar

import httpx2
import orjson
from pydantic import TypeAdapter, ValidationError

from ai_core.errors import ConsoleRefusal
from ai_core.settings import ConsoleSettings
from shared.channels import (
    DEAD_LETTERS_PATH,
    KEY_HEADER,
    MAIL_COUNTS_PATH,
    UNKNOWN_LETTER,
    BotHealth,
    DeadLetterList,
    MailHealth,
)
from shared.settings import WrongSettings

TIMEOUT_S = 5.0
"""The services' own checks take 2 s at most."""
MAX_BYTES = 8 * 1024 * 1024
"""A mail's text is bounded by its size; none of the other replies is near it."""
NO_HEADERS: Mapping[str, str] = MappingProxyType({})
LETTER_ID = re.compile(r"[0-9]{1,15}-[0-9]{1,15}")
"""`replay` and `drop` take nothing else: it becomes part of an address."""
HEALTH = "/health"
REFUSED = {401: "channel_key_refused", 403: "channel_key_refused", 503: "channel_store_lost"}
COUNTS = TypeAdapter(dict[str, int])

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Told(Generic[T]):
    """What a service told, or why it told nothing: the reason of a ConsoleRefusal."""

    value: T | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Bot:
    """telegram_service at one moment."""

    health: Told[BotHealth]
    letters: Told[DeadLetterList]


@dataclass(frozen=True, slots=True)
class Mailbox:
    """mail_service at one moment; `counts` are mails and replies by state."""

    health: Told[MailHealth]
    counts: Told[dict[str, int]]


class ServiceClient:
    """One service: its address, its key. Every method raises ConsoleRefusal."""

    def __init__(self, url: str, key: str) -> None:
        """Open nothing yet. Blocks on the disk, to read the certificates we believe."""
        self._http = httpx2.AsyncClient(
            base_url=url, headers={KEY_HEADER: key}, timeout=TIMEOUT_S, trust_env=False
        )

    async def close(self) -> None:
        """Hang up."""
        await self._http.aclose()

    async def read(self, path: str, parse: Callable[[bytes], T]) -> T:
        """Return a document as `parse` reads it."""
        status, body = await self._call("GET", path)
        if status == 404:
            raise ConsoleRefusal("channel_closed")
        if status != 200:
            raise ConsoleRefusal(REFUSED.get(status, "channel_unexpected"))
        try:
            return parse(body)
        except ValidationError:
            raise ConsoleRefusal("channel_unexpected") from None

    async def change(self, method: str, path: str) -> None:
        """Have one letter replayed or dropped."""
        status, body = await self._call(method, path)
        if status == 204:
            return
        if status == 404:
            known = problem_of(body).get("code") == UNKNOWN_LETTER
            raise ConsoleRefusal("letter_gone" if known else "channel_closed")
        if status == 409:
            raise ConsoleRefusal("letter_waiting")
        raise ConsoleRefusal(REFUSED.get(status, "channel_unexpected"))

    async def ask(
        self, method: str, path: str, body: object, headers: Mapping[str, str]
    ) -> tuple[int, bytes]:
        """Send a document; return the status and the body of the answer, of at most MAX_BYTES."""
        content = None if body is None else orjson.dumps(body)
        return await self._call(
            method, path, content, {"Content-Type": "application/json", **headers}
        )

    async def _call(
        self,
        method: str,
        path: str,
        content: bytes | None = None,
        headers: Mapping[str, str] = NO_HEADERS,
    ) -> tuple[int, bytes]:
        """Return the status and the body, of at most MAX_BYTES, within TIMEOUT_S."""
        try:
            async with (
                asyncio.timeout(TIMEOUT_S),
                self._http.stream(method, path, content=content, headers=headers) as response,
            ):
                body = b""
                async for piece in response.aiter_bytes():
                    body += piece
                    if len(body) > MAX_BYTES:
                        raise ConsoleRefusal("channel_unexpected")
                return response.status_code, body
        except (httpx2.HTTPError, TimeoutError):
            raise ConsoleRefusal("channel_unreachable") from None


class Channels:
    """Asks both services; one that is not set up is None.

    `review_url` is the mailbox's review page as browsers reach it, or empty.
    """

    def __init__(
        self, bot: ServiceClient | None, mail: ServiceClient | None, review_url: str
    ) -> None:
        self.bot = bot
        self.mail = mail
        self.review_url = review_url

    async def close(self) -> None:
        """Hang up."""
        for service in (self.bot, self.mail):
            if service is not None:
                await service.close()

    async def look(self) -> tuple[Bot | None, Mailbox | None]:
        """Ask everything at once. What does not answer has a `problem`; nothing is raised."""
        return await asyncio.gather(self._look_at_bot(), self._look_at_mail())

    async def replay(self, letter_id: str) -> None:
        """Have the bot queue a dead letter again. Raises ConsoleRefusal."""
        await self._set_up_bot().change("POST", f"{DEAD_LETTERS_PATH}/{letter_id}/replay")

    async def drop(self, letter_id: str) -> None:
        """Have the bot delete a dead letter for good. Raises ConsoleRefusal."""
        await self._set_up_bot().change("DELETE", f"{DEAD_LETTERS_PATH}/{letter_id}")

    def _set_up_bot(self) -> ServiceClient:
        if self.bot is None:
            raise ConsoleRefusal("channel_off")
        return self.bot

    async def _look_at_bot(self) -> Bot | None:
        if self.bot is None:
            return None
        health, letters = await asyncio.gather(
            _told(self.bot.read(HEALTH, BotHealth.model_validate_json)),
            _told(self.bot.read(DEAD_LETTERS_PATH, DeadLetterList.model_validate_json)),
        )
        return Bot(health, letters)

    async def _look_at_mail(self) -> Mailbox | None:
        if self.mail is None:
            return None
        health, counts = await asyncio.gather(
            _told(self.mail.read(HEALTH, MailHealth.model_validate_json)),
            _told(self.mail.read(MAIL_COUNTS_PATH, COUNTS.validate_json)),
        )
        return Mailbox(health, counts)


async def _told(asked: Awaitable[T]) -> Told[T]:
    try:
        return Told(await asked)
    except ConsoleRefusal as refusal:
        return Told(problem=refusal.reason)


def problem_of(body: bytes) -> Mapping[str, object]:
    """Return a problem document (RFC 9457); nothing where it is none."""
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return content if isinstance(content, dict) else {}


def read_channels(settings: ConsoleSettings) -> Channels:
    """Return the services of the settings. Blocks on the disk.

    Raises WrongSettings for an address without its key.
    """
    return Channels(
        _service("TELEGRAM", settings.telegram_url, settings.telegram_key_file),
        _service("MAIL", settings.mail_url, settings.mail_key_file),
        settings.mail_review_url,
    )


def _service(name: str, url: str, key_file: Path | None) -> ServiceClient | None:
    if not url:
        return None
    setting = f"AI_CORE_CONSOLE__{name}_KEY_FILE"
    if key_file is None:
        raise WrongSettings(f"{setting} is needed with AI_CORE_CONSOLE__{name}_URL")
    try:
        key = key_file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise WrongSettings(f"{setting}: {error}") from None
    if not key:
        raise WrongSettings(f"{setting}: {key_file} is empty")
    try:
        return ServiceClient(url, key)
    except httpx2.InvalidURL as error:
        raise WrongSettings(f"AI_CORE_CONSOLE__{name}_URL: {error}") from None
