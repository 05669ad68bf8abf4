"""The mailbox on a real Dovecot and a real Cyrus, through a wire that is cut and frozen."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from aioimaplib import IMAP4
from aioimaplib.aioimaplib import Response
from pydantic import SecretStr

from deploy.local.dovecot import Dovecot
from mail_service.access_tokens import AccessTokens
from mail_service.errors import LoginRefused, MailboxLost
from mail_service.mailboxes.imap import BATCH, ImapMailbox, joined, quoted
from mail_service.settings import ImapSettings, OAuthSettings
from tests.mail_service.mails import wire_mail
from tests.mail_service.oauth_provider import oauth_provider
from tests.mail_service.polling import becomes
from tests.servers.cyrus import Cyrus
from tests.servers.faulty_proxy import FaultyProxy, faulty_proxy

ON_DOVECOT = pytest.mark.parametrize("imap_server", ["dovecot"], indirect=True)
"""For what the wire does, whatever the server; Dovecot is the quicker one."""


async def opened(settings: ImapSettings) -> ImapMailbox:
    mailbox = ImapMailbox(settings)
    await mailbox.connect()
    await mailbox.open()
    return mailbox


async def test_a_mail_is_fetched_whole_and_marked_by_keyword(imap: ImapSettings) -> None:
    mailbox = await opened(imap)
    raw = wire_mail()
    await mailbox.append("INBOX", raw)
    assert await mailbox.unprocessed() == [1]
    assert await mailbox.sizes([1]) == {1: len(raw)}
    assert await mailbox.fetch([1]) == {1: raw}
    await mailbox.mark_done([1])
    assert await mailbox.unprocessed() == []
    assert await mailbox.all_uids() == [1]
    await mailbox.close()


async def test_a_mail_read_by_a_person_is_still_processed(
    imap: ImapSettings, other_client: ImapMailbox
) -> None:
    mailbox = await opened(imap)
    await other_client.append("INBOX", wire_mail())
    assert await mailbox.unprocessed() == [1]
    await mailbox.close()


async def test_an_unchanged_folder_is_not_searched_again(
    imap: ImapSettings, other_client: ImapMailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    searched: list[str] = []
    search = IMAP4.uid_search

    async def counted(client: IMAP4, *criteria: str, **options: str | None) -> Response:
        searched.append(criteria[0])
        return await search(client, *criteria, **options)

    monkeypatch.setattr(IMAP4, "uid_search", counted)
    mailbox = await opened(imap)
    assert [await mailbox.unprocessed() for _ in range(3)] == [[], [], []]
    assert len(searched) == 1
    await other_client.append("INBOX", wire_mail())
    assert await mailbox.unprocessed() == [1]
    assert await mailbox.unprocessed() == [1]
    await mailbox.mark_done([1])
    assert [await mailbox.unprocessed() for _ in range(3)] == [[], [], []]
    assert len(searched) == 4
    await mailbox.close()


async def test_the_server_is_verified_over_tls(
    imap: ImapSettings, imap_server: Dovecot | Cyrus
) -> None:
    change = {"port": imap_server.imaps_port, "tls": True}
    mailbox = await opened(imap.model_copy(update={**change, "tls_ca": imap_server.ca}))
    assert await mailbox.unprocessed() == []
    await mailbox.close()
    stranger = ImapMailbox(imap.model_copy(update=change))
    with pytest.raises(MailboxLost):
        await stranger.connect()
    await stranger.close()


async def test_a_wrong_password_is_reported_as_such(imap: ImapSettings) -> None:
    mailbox = ImapMailbox(imap.model_copy(update={"password": SecretStr("wrong")}))
    with pytest.raises(LoginRefused):
        await mailbox.connect()
    await mailbox.close()


async def test_idle_wakes_when_mail_comes(imap: ImapSettings, other_client: ImapMailbox) -> None:
    mailbox = await opened(imap)
    waiting = asyncio.create_task(mailbox.wait(10))
    assert await becomes(mailbox._imap.has_pending_idle)
    started = time.monotonic()
    await other_client.append("INBOX", wire_mail())
    await waiting
    assert time.monotonic() - started < 3
    await mailbox.close()


async def test_a_mailbox_that_idles_is_closed_at_once(imap: ImapSettings) -> None:
    mailbox = await opened(imap)
    waiting = asyncio.create_task(mailbox.wait(10))
    assert await becomes(mailbox._imap.has_pending_idle)
    waiting.cancel()
    started = time.monotonic()
    await mailbox.close()
    assert time.monotonic() - started < 1


async def test_idle_ends_by_itself(imap: ImapSettings) -> None:
    mailbox = await opened(imap)
    await mailbox.wait(0.3)
    assert await mailbox.unprocessed() == []
    await mailbox.close()


async def test_a_copy_is_found_in_sent_by_its_message_id(imap: ImapSettings) -> None:
    mailbox = await opened(imap)
    await mailbox.append("Sent", wire_mail(message_id="<r-1@neo.example>"))
    assert await mailbox.contains("Sent", "<r-1@neo.example>")
    assert not await mailbox.contains("Sent", "<r-2@neo.example>")
    assert await mailbox.unprocessed() == []
    await mailbox.close()


async def act_and_look(mailbox: ImapMailbox, name: str) -> None:
    calls: dict[str, Callable[[], Awaitable[object]]] = {
        "unprocessed": mailbox.unprocessed,
        "sizes": lambda: mailbox.sizes([1]),
        "fetch": lambda: mailbox.fetch([1]),
        "mark": lambda: mailbox.mark_done([1]),
        "append": lambda: mailbox.append("INBOX", wire_mail()),
        "idle": lambda: mailbox.wait(5),
        "contains": lambda: mailbox.contains("Sent", "<x@y>"),
    }
    await calls[name]()
    await mailbox.unprocessed()


@pytest.mark.slow
@ON_DOVECOT
@pytest.mark.needs("dovecot")
@pytest.mark.parametrize("fault", [FaultyProxy.cut, FaultyProxy.freeze])
@pytest.mark.parametrize(
    "call", ["unprocessed", "sizes", "fetch", "mark", "append", "idle", "contains"]
)
async def test_no_call_outlives_its_connection(
    imap: ImapSettings, call: str, fault: object
) -> None:
    async with faulty_proxy(imap.port) as proxy:
        settings = imap.model_copy(update={"port": proxy.port, "timeout_s": 0.5})
        mailbox = await opened(settings)
        fault(proxy)  # type: ignore[operator]
        started = time.monotonic()
        with pytest.raises(MailboxLost):
            await act_and_look(mailbox, call)
        assert time.monotonic() - started < 8
        proxy.thaw()
        with pytest.raises(MailboxLost):
            await mailbox.unprocessed()
        await mailbox.close()


async def test_a_closed_port_is_a_lost_mailbox(imap: ImapSettings) -> None:
    mailbox = ImapMailbox(imap.model_copy(update={"port": 9}))
    with pytest.raises(MailboxLost):
        await mailbox.connect()
    await mailbox.close()


def test_names_are_quoted_and_batches_are_small() -> None:
    assert quoted('a "b" \\ c\r\nd') == '"a \\"b\\" \\\\ cd"'
    assert joined([1, 2]) == "1,2"
    with pytest.raises(ValueError, match="at once"):
        joined(range(1, BATCH + 2))


@pytest.mark.needs("dovecot")
@pytest.mark.slow
async def test_a_server_that_takes_tokens_only_is_entered_by_them(
    readable_folder: Path, tmp_path: Path
) -> None:
    async with oauth_provider("questions@neo.example") as provider:
        server = Dovecot(
            readable_folder,
            introspection_url=f"{provider.url}/introspect",
            sent_folder="Éléments envoyés",
        )
        await asyncio.to_thread(server.start)
        try:
            (tmp_path / "secret").write_text(provider.secret)
            oauth = OAuthSettings(
                token_url=f"{provider.url}/token",
                client_id="neo",
                client_secret_file=tmp_path / "secret",
            )
            settings = ImapSettings(
                host="127.0.0.1", port=server.imap_port, tls=False, user=server.address, oauth=oauth
            )
            tokens = AccessTokens(oauth)
            mailbox = ImapMailbox(settings, tokens)
            await mailbox.connect()
            await mailbox.open()
            sent = await mailbox.sent_folder()
            assert sent == "&AMk-l&AOk-ments envoy&AOk-s"
            await mailbox.append(sent, wire_mail())
            assert await mailbox.contains("Éléments envoyés", "<a1@personne.example>")
            await mailbox.close()
            provider.revoked.add("token-0")
            with pytest.raises(LoginRefused):
                await ImapMailbox(settings, tokens).connect()
            again = ImapMailbox(settings, tokens)
            await again.connect()
            await again.close()
            assert provider.given == ["token-0", "token-1"]
        finally:
            await asyncio.to_thread(server.stop)
