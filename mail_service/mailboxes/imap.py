"""One IMAP folder behind a small interface, so that the library can be replaced.

aioimaplib 2.0.3 never returns from some calls when the connection is lost, and fails when a
thousand lines come at once: every call here has a time limit and is raced with the loss of the
connection, batches are small, and a connection that failed once is never used again.
"""

import asyncio
import re
import ssl
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass
from logging import WARNING, getLogger
from typing import Any, Protocol, TypeVar

from aioimaplib import IMAP4, AioImapException
from aioimaplib.aioimaplib import Response

from mail_service.access_tokens import AccessTokens
from mail_service.errors import FolderRefused, LoginRefused, MailboxLost
from mail_service.mailboxes.folder_names import encoded_name, sent_folder
from mail_service.settings import ImapSettings

T = TypeVar("T")

DONE = "$CdtDone"
"""Our keyword. Not \\Seen: a mail that a person has read must still be processed."""
BATCH = 50
RETRY_AFTER_S = 30.0
LOGGED_IN = ("AUTH", "SELECTED")
UID = re.compile(rb"\bUID (\d+)", re.IGNORECASE)
SIZE = re.compile(rb"\bRFC822\.SIZE (\d+)", re.IGNORECASE)
UID_VALIDITY = re.compile(rb"\bUIDVALIDITY (\d+)", re.IGNORECASE)
HIGHEST_CHANGE = re.compile(rb"\bHIGHESTMODSEQ (\d+)", re.IGNORECASE)
PERMANENT = re.compile(rb"\bPERMANENTFLAGS \(([^)]*)\)", re.IGNORECASE)

for name in ("aioimaplib", "aioimaplib.aioimaplib"):
    getLogger(name).setLevel(WARNING)  # at DEBUG it logs whole mails


@dataclass(frozen=True, slots=True)
class Folder:
    """The selected folder; without keywords, only the ledger knows which mails are processed."""

    uid_validity: int
    keeps_keywords: bool


class Mailbox(Protocol):
    """A folder of mail on a server.

    Every method raises MailboxLost when it does not answer, FolderRefused when it answers NO.
    """

    async def open(self) -> Folder:
        """Select the folder."""
        ...

    async def unprocessed(self) -> list[int]:
        """Return the UIDs of mails without our keyword."""
        ...

    async def all_uids(self) -> list[int]:
        """Return every UID."""
        ...

    async def sizes(self, uids: Sequence[int]) -> Mapping[int, int]:
        """Return sizes in bytes, for at most BATCH mails."""
        ...

    async def fetch(self, uids: Sequence[int], part: str = "") -> Mapping[int, bytes]:
        """Return mails, or their `part` HEADER, without marking them; at most BATCH."""
        ...

    async def mark_done(self, uids: Sequence[int]) -> None:
        """Set our keyword."""
        ...

    async def wait(self, seconds: float) -> None:
        """Return when the server announces a change, or after `seconds`."""
        ...

    async def sent_folder(self) -> str:
        """Return the folder the server keeps for what is sent, "Sent" where it marks none."""
        ...

    async def append(self, folder: str, content: bytes) -> None:
        """Put a mail, read, into a folder."""
        ...

    async def contains(self, folder: str, message_id: str) -> bool:
        """Return whether a folder contains the mail; the selected folder is selected again."""
        ...

    async def close(self) -> None:
        """Log out and disconnect."""
        ...


class ImapMailbox:
    """A folder on an IMAP server, over one connection."""

    def __init__(self, settings: ImapSettings, tokens: AccessTokens | None = None) -> None:
        self._settings = settings
        self._tokens = tokens
        self._folder = quoted(encoded_name(settings.folder))
        self._lost = asyncio.Event()
        self._client: IMAP4 | None = None
        self._all_processed_at: int | None = None

    async def connect(self) -> None:
        """Connect and log in. Raises MailboxLost, or LoginRefused when the server answers NO."""
        settings = self._settings
        context = await asyncio.to_thread(tls_context, settings) if settings.tls else None
        client = self._client = IMAP4(
            settings.host,
            settings.port,
            timeout=settings.timeout_s,
            conn_lost_cb=lambda _error: self._lost.set(),
            ssl_context=context,
        )
        # The library keeps the connecting task to itself and never looks at its failure.
        await self._in_time(client._client_task)
        await self._in_time(client.wait_hello_from_server())
        answer = await self._login(client)
        if answer.result == "NO":
            if self._tokens:
                self._tokens.forget()
            raise LoginRefused
        self._must(answer)

    async def _login(self, client: IMAP4) -> Response:
        settings = self._settings
        if self._tokens:
            token = await self._tokens.token()
            _answer_challenges(client)
            return await self._in_time(client.xoauth2(settings.user, token))
        password = settings.password.get_secret_value()
        return await self._in_time(client.login(quoted(settings.user), password))

    async def open(self) -> Folder:
        """Select the folder."""
        lines = b"\n".join(await self._call(self._imap.select(self._folder)))
        validity, flags = UID_VALIDITY.search(lines), PERMANENT.search(lines)
        if validity is None:
            raise MailboxLost("no UIDVALIDITY", retry_after_s=RETRY_AFTER_S)
        words = flags[1].lower().split() if flags else []
        return Folder(int(validity[1]), rb"\*" in words or DONE.lower().encode() in words)

    async def unprocessed(self) -> list[int]:
        """Return the UIDs of mails without our keyword.

        Skips the search when the server has CONDSTORE (RFC 7162) and its modification sequence is
        that of a search without results.
        """
        await self._call(self._imap.noop())  # lets the server announce new mail
        change = await self._highest_change()
        if change is not None and change == self._all_processed_at:
            return []
        uids = await self._search("UNKEYWORD", DONE)
        self._all_processed_at = None if uids else change
        return uids

    async def all_uids(self) -> list[int]:
        """Return every UID."""
        await self._call(self._imap.noop())
        return await self._search("ALL")

    async def sizes(self, uids: Sequence[int]) -> Mapping[int, int]:
        """Return sizes in bytes."""
        command = self._imap.uid("fetch", joined(uids), "(UID RFC822.SIZE)")
        found = {}
        for line in await self._call(command):
            uid, size = UID.search(line), SIZE.search(line)
            if uid and size:
                found[int(uid[1])] = int(size[1])
        return found

    async def fetch(self, uids: Sequence[int], part: str = "") -> Mapping[int, bytes]:
        """Return mails, or their header, without marking them."""
        wanted = f"(UID BODY.PEEK[{part}])"
        lines = await self._call(self._imap.uid("fetch", joined(uids), wanted))
        found: dict[int, bytes] = {}
        for before, literal, after in zip(lines, lines[1:], lines[2:], strict=False):
            if isinstance(literal, bytearray):
                uid = UID.search(before) or UID.search(after)
                if uid:
                    found[int(uid[1])] = bytes(literal)
        return found

    async def mark_done(self, uids: Sequence[int]) -> None:
        """Set our keyword."""
        await self._call(self._imap.uid("store", joined(uids), "+FLAGS.SILENT", f"({DONE})"))

    async def wait(self, seconds: float) -> None:
        """Use IDLE where the server has it, as a hint: it may never announce anything."""
        client = self._imap
        if not client.has_capability("IDLE"):
            await self._until_lost(seconds)
            return
        idle = await self._in_time(client.idle_start(timeout=seconds + self._timeout))
        push = asyncio.create_task(client.wait_server_push(timeout=seconds))
        try:
            await self._in_time(push, seconds + 1, late_is_lost=False)
        except TimeoutError:
            push.cancel()
        client.idle_done()
        await self._in_time(idle)

    async def sent_folder(self) -> str:
        """Return the folder marked for what is sent, "Sent" where none is."""
        lines = await self._call(self._imap.list('""', "*"))
        return sent_folder(lines) or "Sent"

    async def append(self, folder: str, content: bytes) -> None:
        """Put a mail, read, into a folder."""
        name = quoted(encoded_name(folder))
        await self._call(self._imap.append(content, name, flags=r"(\Seen)"))

    async def contains(self, folder: str, message_id: str) -> bool:
        """Look for the mail by its Message-ID in another folder."""
        try:
            await self._call(self._imap.examine(quoted(encoded_name(folder))))
            return bool(await self._search("HEADER", "Message-ID", quoted(message_id)))
        finally:
            await self._call(self._imap.select(self._folder))

    async def close(self) -> None:
        """Log out where logged in, within 2 s, and disconnect."""
        client = self._client
        if client is None:
            return
        try:
            if not self._lost.is_set() and client.get_state() in LOGGED_IN:
                if client.has_pending_idle():  # the server reads no command before DONE
                    client.idle_done()
                await self._in_time(client.logout(), 2.0)
        except MailboxLost:
            return
        finally:
            self._drop()
            await asyncio.wait([client._client_task])
            await asyncio.sleep(0)  # the socket is closed in the loop's next turn

    @property
    def _imap(self) -> IMAP4:
        if self._client is None or self._lost.is_set():
            raise MailboxLost("not connected", retry_after_s=RETRY_AFTER_S)
        return self._client

    @property
    def _timeout(self) -> float:
        return self._settings.timeout_s

    async def _highest_change(self) -> int | None:
        if not self._imap.has_capability("CONDSTORE"):
            return None
        lines = await self._call(self._imap.status(self._folder, "(HIGHESTMODSEQ)"))
        found = HIGHEST_CHANGE.search(b"\n".join(lines))
        return int(found[1]) if found else None

    async def _search(self, *criteria: str) -> list[int]:
        lines = await self._call(self._imap.uid_search(*criteria, charset=None))
        return sorted(int(word) for word in (lines[0] if lines else b"").split() if word.isdigit())

    async def _call(self, command: Coroutine[Any, Any, Response]) -> list[bytes]:
        return self._must(await self._in_time(command))

    def _must(self, answer: Response) -> list[bytes]:
        if answer.result == "NO":
            raise FolderRefused
        if answer.result != "OK":
            self._drop()
            raise MailboxLost(f"the server answered {answer.result}", retry_after_s=RETRY_AFTER_S)
        return list(answer.lines)

    async def _in_time(
        self,
        command: Coroutine[Any, Any, T] | asyncio.Future[T],
        seconds: float | None = None,
        *,
        late_is_lost: bool = True,
    ) -> T:
        """Await a call of the library; drop the connection when it is lost or too slow."""
        call = asyncio.ensure_future(command)
        lost = asyncio.create_task(self._lost.wait())
        try:
            limit_s = seconds or self._timeout
            await asyncio.wait({call, lost}, timeout=limit_s, return_when="FIRST_COMPLETED")
            if call.done():
                return call.result()
        except (AioImapException, OSError, asyncio.IncompleteReadError) as error:
            if isinstance(error, TimeoutError) and not late_is_lost:
                raise
            self._drop()
            raise MailboxLost(type(error).__name__, retry_after_s=RETRY_AFTER_S) from error
        finally:
            lost.cancel()
            call.cancel()
        if not self._lost.is_set() and not late_is_lost:
            raise TimeoutError
        self._drop()
        raise MailboxLost("connection lost or silent", retry_after_s=RETRY_AFTER_S)

    async def _until_lost(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._lost.wait()
        except TimeoutError:
            return
        raise MailboxLost("connection lost", retry_after_s=RETRY_AFTER_S)

    def _drop(self) -> None:
        self._lost.set()
        if self._client is None:
            return
        self._client._client_task.cancel()
        if self._client.protocol.transport is not None:
            self._client.protocol.transport.abort()


def _answer_challenges(client: IMAP4) -> None:
    """Answer a refused token's challenge, which holds the reason, by the empty line it waits for.

    aioimaplib leaves it unanswered, and the server's NO never comes.
    """
    protocol = client.protocol
    keep = protocol._continuation

    def answer(line: bytes) -> None:
        pending = protocol.pending_sync_command
        keep(line)
        if pending is not None and pending.name == "AUTHENTICATE":
            protocol.transport.write(b"\r\n")

    protocol._continuation = answer


def quoted(text: str) -> str:
    """Return an IMAP quoted string (RFC 9051); CR, LF and NUL have no place in one."""
    plain = re.sub(r"[\r\n\x00]", "", text)
    return '"' + plain.replace("\\", "\\\\").replace('"', '\\"') + '"'


def joined(uids: Sequence[int]) -> str:
    """Return a set of UIDs as IMAP writes it. Raises ValueError beyond BATCH."""
    if not 0 < len(uids) <= BATCH:
        raise ValueError(f"1 to {BATCH} mails at once, not {len(uids)}")
    return ",".join(map(str, uids))


def tls_context(settings: ImapSettings) -> ssl.SSLContext:
    """Return a context that verifies the server, by the private CA when there is one."""
    return ssl.create_default_context(cafile=str(settings.tls_ca) if settings.tls_ca else None)
