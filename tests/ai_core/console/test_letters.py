"""The letters to review, read and decided on at the desk, with the real mail_service behind it."""

import asyncio
import html
import re
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ai_core.console.channels import read_channels
from ai_core.console.roles import Role
from ai_core.settings import ConsoleSettings
from deploy.local.postgres_server import PostgresServer
from deploy.local.redis_server import RedisServer
from mail_service import app as mail_app
from mail_service.ledger.ledger import Ledger
from shared.ai.contract import ChatReply
from shared.clock import StoppedClock, SystemClock
from shared.privacy.encryption import Encryption, new_key_file
from shared.stores.postgres import Postgres
from tests.ai_core.console.conftest import Browser, RunningDesk, in_thread
from tests.mail_service.mail_app import MailApp, open_mail_app, settings
from tests.mail_service.mails import raw_mail

pytestmark = pytest.mark.slow(8)

KEY = "a-key-of-the-desk"
LETTERS = "/console/channels/letters"
LISTED = re.compile(rf'href="{LETTERS}/(\d+)"')


@dataclass
class Mailbox:
    """mail_service served at `url`, and its worker, which runs step by step."""

    url: str
    desk: RunningDesk
    app: MailApp
    clock: StoppedClock
    number: int = 0

    async def receive(self, body: str = "Quel préavis <b>pour</b> une démission ?") -> int:
        """Have a mail answered by a draft that waits for review; return its number."""
        self.number += 1
        raw = raw_mail(body, message_id=f"<{self.number}@personne.example>")
        record = await self.desk.on(self.app.answer(raw))
        assert record.entry.state == "review"
        return int(record.entry.id)

    async def sent(self) -> list[str]:
        """Send what may leave by now; return the texts of all letters sent."""
        self.clock.set(SystemClock().now() + timedelta(seconds=1))
        await self.desk.on(self.app.send_all())
        return [letter.text() for letter in self.app.relay.received]

    async def steps(self, number: int) -> list[tuple[str, str]]:
        record = await self.desk.on(self.app.ledger.mails.load(number))
        return [(event.step, event.reason) for event in record.events]


@pytest.fixture(scope="module")
def mailbox(
    desk: RunningDesk,
    postgres_server: PostgresServer,
    desk_redis: RedisServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Mailbox]:
    key_file = tmp_path_factory.mktemp("mail") / "vault"
    key_file.write_text(new_key_file())
    postgres_server.create_database("desk_letters")
    database = postgres_server.url("desk_letters")
    chosen = settings(
        "review",
        redis={"url": desk_redis.url},
        postgres={"url": database},
        vault={"key_file": key_file},
        server={"api_key": KEY},
    )
    clock = StoppedClock(SystemClock().now())
    stack = AsyncExitStack()

    async def open_worker() -> MailApp:
        postgres = Postgres(database)
        await postgres.open()
        stack.push_async_callback(postgres.close)
        encryption = Encryption.read(key_file)
        ledger = Ledger(postgres, encryption, clock)
        await ledger.migrate()
        return await stack.enter_async_context(open_mail_app(ledger, encryption, clock, chosen))

    worker = desk.call(open_worker())
    try:
        with in_thread(mail_app.create_app(chosen)) as url:
            yield Mailbox(url, desk, worker, clock)
    finally:
        desk.call(stack.aclose())
        postgres_server.drop_database("desk_letters")


@pytest.fixture
async def connected(
    desk: RunningDesk, mailbox: Mailbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Any:
    key_file = tmp_path / "key"
    key_file.write_text(KEY)
    made = await asyncio.to_thread(
        read_channels, ConsoleSettings(mail_url=mailbox.url, mail_key_file=key_file)
    )
    monkeypatch.setattr(desk.desk.channels, "mail", made.mail)
    yield mailbox
    await desk.on(made.close())


async def decided(browser: Browser, number: int, verb: str, **fields: str) -> tuple[int, str]:
    """Send a decision from the letter's page; return the status, and what is said."""
    await browser.get(f"{LETTERS}/{number}")
    answer = await browser.post(f"{LETTERS}/{number}/{verb}", fields)
    return answer.status_code, answer.headers.get("location", answer.text)


async def test_a_reviewer_finds_a_letter_corrects_its_reply_and_sends_it(
    desk: RunningDesk, connected: Mailbox
) -> None:
    number = await connected.receive()
    reviewer, account = await desk.signed_in(Role.REVIEWER)
    assert f'href="{LETTERS}"' in (await reviewer.get("/console/channels")).text
    listed = (await reviewer.get(LETTERS)).text
    assert str(number) in LISTED.findall(listed)
    assert "camille" not in listed.lower()
    shown = (await reviewer.get(f"{LETTERS}/{number}")).text
    assert "Quel préavis &lt;b&gt;pour&lt;/b&gt; une démission ?" in shown
    assert "Préavis de démission" in shown

    misquoted = "> Le préavis dure toujours dix ans."
    status, said = await decided(reviewer, number, "approve", text=misquoted)
    assert (status, "mot pour mot" in said) == (422, True)
    assert "&gt; Le préavis dure toujours dix ans." in said
    status, said = await decided(reviewer, number, "approve", text=" \r\n")
    assert (status, "La réponse est vide" in said) == (422, True)
    corrected = "Un mois.\r\nSelon votre convention."
    sent = await decided(reviewer, number, "approve", text=corrected)
    assert sent == (303, f"{LETTERS}?done=letter_sent")
    status, said = await decided(reviewer, number, "reject")
    assert (status, "La boîte aux lettres refuse" in said) == (422, True)

    (letter,) = await connected.sent()
    assert re.search(r"Un mois\.\s+Selon votre convention\.", letter)
    steps = await connected.steps(number)
    assert ("answered", "edited") in steps
    assert ("reviewer", account.name) in steps
    rows = await desk.rows(account=account.name, subject="letters")
    assert {row.object for row in rows} == {str(number)}
    assert [row.action for row in reversed(rows) if row.action != "letters.read"] == [
        "letters.edit",
        "letters.edit_failed",
        "letters.edit",
        "letters.reject",
        "letters.reject_failed",
    ]
    assert sum(row.action == "letters.read" for row in rows) == 5
    assert not [row for row in rows if "préavis" in str(row.detail).lower()]


async def test_a_draft_that_was_not_touched_leaves_as_it_is(
    desk: RunningDesk, connected: Mailbox
) -> None:
    number = await connected.receive("Combien de jours de congé par an ?")
    reviewer, account = await desk.signed_in(Role.REVIEWER)
    record = await desk.on(connected.app.ledger.mails.load(number))
    page = (await reviewer.get(f"{LETTERS}/{number}")).text
    draft = re.findall(r"<textarea[^>]*>\n(.*?)</textarea>", page, re.DOTALL)[0]
    draft = html.unescape(draft)
    assert draft
    assert draft == ChatReply.model_validate_json(record.draft).response
    sent = await decided(reviewer, number, "approve", text=draft.replace("\n", "\r\n"))
    assert sent == (303, f"{LETTERS}?done=letter_sent")
    assert ("answered", "approved") in await connected.steps(number)
    assert (await desk.rows(account=account.name))[0].action == "letters.approve"


async def test_letters_are_rejected_taken_up_again_found_and_erased(
    desk: RunningDesk, connected: Mailbox
) -> None:
    number = await connected.receive("Mon sabotier me doit-il une prime ?")
    owner, account = await desk.signed_in(Role.OWNER)
    assert await decided(owner, number, "reject") == (303, f"{LETTERS}?done=letter_rejected")
    found = await owner.post(f"{LETTERS}/search", {"words": "sabotier"})
    assert LISTED.findall(found.text) == [str(number)]
    assert "sabotier" in found.text
    assert "Refusées" in found.text
    by_address = await owner.post(f"{LETTERS}/search", {"words": "camille@personne.example"})
    assert str(number) in LISTED.findall(by_address.text)
    rejected = await owner.get(f"{LETTERS}?state=rejected")
    assert str(number) in LISTED.findall(rejected.text)
    assert await decided(owner, number, "retry") == (303, f"{LETTERS}?done=letter_retried")
    await desk.on(connected.app.process_all())
    assert await decided(owner, number, "erase") == (303, f"{LETTERS}?done=letter_erased")
    assert await connected.steps(number) == [("erased", "by a person"), ("reviewer", account.name)]
    gone = await owner.get(f"{LETTERS}/{number}")
    assert (gone.status_code, "sabotier" in gone.text) == (200, False)
    unknown = await owner.get(f"{LETTERS}/999999")
    assert (unknown.status_code, "pas de lettre de ce numéro" in unknown.text) == (422, True)


async def test_only_who_may_read_letters_is_led_to_them(
    desk: RunningDesk, connected: Mailbox
) -> None:
    for role in (Role.OPERATOR, Role.READER):
        browser, _ = await desk.signed_in(role)
        assert LETTERS not in (await browser.get("/console/channels")).text
        refused = await browser.get(LETTERS)
        assert 'data-code="role_not_allowed"' in refused.text


async def test_a_mailbox_that_is_away_is_told(
    desk: RunningDesk, connected: Mailbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner, _ = await desk.signed_in(Role.OWNER)
    await owner.get(LETTERS)
    key_file = tmp_path / "key"
    away = await asyncio.to_thread(
        read_channels, ConsoleSettings(mail_url="http://127.0.0.1:9", mail_key_file=key_file)
    )
    monkeypatch.setattr(desk.desk.channels, "mail", away.mail)
    for answer in (
        await owner.get(LETTERS),
        await owner.post(f"{LETTERS}/search", {"words": "prime"}),
        await owner.get(f"{LETTERS}/1"),
        await owner.post(f"{LETTERS}/1/reject"),
    ):
        assert (answer.status_code, "ne répond pas" in answer.text) == (422, True)
    monkeypatch.setattr(desk.desk.channels, "mail", None)
    off = await owner.get(LETTERS)
    assert (off.status_code, "pas relié" in off.text) == (422, True)
    await desk.on(away.close())
