"""Erased means gone: every byte that Postgres and the logs keep is searched after an erasure."""

import asyncio
import base64
import os
import re
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from email.message import EmailMessage
from pathlib import Path

import asyncpg
import pytest

from deploy.local.postgres_server import PostgresServer
from mail_service.ledger.ledger import MIGRATIONS, Ledger
from shared.clock import StoppedClock
from shared.privacy.encryption import Encryption
from shared.stores.postgres import Postgres
from tests.byte_search import encodings, occurrences
from tests.mail_service.mail_app import TRUSTED, MailApp, open_mail_app, settings
from tests.mail_service.mails import delivered, mail_message, raw_mail
from tests.mail_service.serving import served

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
ADDRESS = "zephyrine@quenottedor.example"
SENDER = f"Zéphyrine Quenottedor <{ADDRESS}>"
PASS = f"{TRUSTED}; dmarc=pass header.from=quenottedor.example"
NOBODY = f"{TRUSTED}; dmarc=none header.from=quenottedor.example"
CANARIES = {
    "name": "Quenottedor",
    "address": ADDRESS,
    "domain": "quenottedor.example",
    "subject": "perroquet-turquoise",
    "question": "colibri-violet",
    "telephone": "06 98 76 54 32",
    "file": "martinet-orange",
    "file name": "sittelle-bleue",
    "answer": "mésange-grise",
    "edited": "bouvreuil-pivoine",
    "bounce": "rossignol-carmin",
    "unproven": "alouette-ocre",
    "waiting": "chardonneret-noir",
    "message id": "geai-indigo",
}
WITNESS = "autruche-témoin"
"""Written in clear on purpose: the search must find it."""


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    folder = Path(tempfile.mkdtemp(prefix="neo-postgres-"))
    server = PostgresServer(folder, safe=False)
    server.start()
    server.create_database("erasure")
    yield server
    server.stop()
    shutil.rmtree(folder)


@pytest.fixture
async def erasable(
    server: PostgresServer, encryption: Encryption, clock: StoppedClock
) -> AsyncIterator[Ledger]:
    postgres = Postgres(server.url("erasure"))
    await postgres.open()
    await postgres.migrate(MIGRATIONS)
    yield Ledger(postgres, encryption, clock)
    await postgres.close()


def letter(text: str, number: int, results: str = PASS, **fields: str) -> bytes:
    given = {"sender": SENDER, "message_id": f"<{CANARIES['message id']}.{number}@x>"} | fields
    return raw_mail(text, Authentication_Results=results, **given)


def with_a_file(number: int) -> bytes:
    mail: EmailMessage = mail_message(
        f"Bonjour, {CANARIES['question']} au {CANARIES['telephone']} : quel préavis ?",
        sender=SENDER,
        subject=f"Préavis {CANARIES['subject']}",
        message_id=f"<{CANARIES['message id']}.{number}@x>",
    )
    name = f"{CANARIES['file name']}.txt"
    mail.add_attachment(f"Contrat {CANARIES['file']}", filename=name)
    return delivered(mail.as_bytes(), PASS)


async def correspond(app: MailApp) -> None:
    """Let letters of every kind and fate be in the ledger."""
    app.ai.script.answer = f"Selon l'article L9999-1 [1], {CANARIES['answer']}."
    app.ai.script.echo = True
    first = await app.answer(with_a_file(1))
    assert first.entry.state == "answered"
    ours = str(app.relay.received[0].mail["Message-ID"]).strip()
    bounce = (
        f"From: MAILER-DAEMON@relay.example\nTo: {app.relay.received[0].sender}\n"
        "Return-Path: <>\nSubject: Undelivered\nMessage-ID: <b@relay.example>\n"
        "Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n"
        f"--b\nContent-Type: text/plain\n\nSorry {CANARIES['bounce']} {SENDER}\n"
        "--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; relay.example\n\n"
        f"Final-Recipient: rfc822; {ADDRESS}\nAction: failed\nStatus: 5.1.1\n\n--b--\n"
    )
    await app.answer(bounce.encode())
    await app.answer(letter(f"Et un cadre ? {CANARIES['question']}", 2, In_Reply_To=ours))
    unproven = await app.answer(letter(f"{CANARIES['unproven']}, quel congé ?", 3, NOBODY))
    assert unproven.entry.state in {"review", "quarantined", "answered"}
    app.ai.script.citations = ()
    waiting = await app.answer(letter("Quel congé pour un mariage ?", 4, subject="Mariage"))
    if waiting.entry.state == "review":
        await app.reviewer.approve(waiting.entry.id, f"Relu : {CANARIES['edited']}.")
    await app.receive(letter(f"{CANARIES['waiting']} attend encore.", 5))


async def by_mail(app: MailApp, _server: PostgresServer) -> None:
    await app.process_all()
    asked = await app.answer(letter("Merci", 6, subject="EFFACER MES DONNÉES"))
    if asked.entry.state == "quarantined":  # the number of mails: a person lets it through
        await app.reviewer.retry(asked.entry.id)
        await app.process_all()
        await app.send_all()
    subject = str(app.relay.received[-1].mail["Subject"])
    confirmed = await app.answer(letter("OUI", 7, subject=f"Re: {subject}"))
    assert confirmed.entry.state == "erased"


async def by_the_api(app: MailApp, _server: PostgresServer) -> None:
    async with served(app) as client:
        answer = await client.post("/api/v1/erasures", json={"address": ADDRESS.upper()})
        assert answer.json()["erased"] >= 5


async def by_the_command(_app: MailApp, server: PostgresServer) -> None:
    key = server.directory.parent / f"{server.directory.name}.vault"
    keys = [base64.b64encode(each * 32).decode() for each in (b"s", b"f")]
    await asyncio.to_thread(key.write_text, f"seal {keys[0]}\nfingerprint {keys[1]}\n")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "mail_service", "erase", ADDRESS,
        cwd=ROOT,
        env={
            **os.environ,
            "MAIL_VAULT__KEY_FILE": str(key),
            "MAIL_POSTGRES__URL": server.url("erasure"),
        },
    )  # fmt: skip
    async with asyncio.timeout(60):
        assert await process.wait() == 0
    await asyncio.to_thread(key.unlink)


async def leftovers(db: asyncpg.Connection) -> list[tuple[str, str, int]]:
    """Return the columns of sealed texts and of fingerprints of persons that are not empty."""
    columns = await db.fetch(
        "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = "
        "'public' AND (column_name LIKE '%\\_sealed' OR column_name LIKE '%\\_print')"
    )
    assert len(columns) >= 12
    found = []
    for table, column in columns:
        query = f"SELECT count(*) FROM {table} WHERE {column} <> ''::bytea"  # noqa: S608
        if number := await db.fetchval(query):
            found.append((table, column, number))
    return found


@pytest.mark.parametrize(
    "erase", [by_mail, by_the_api, by_the_command], ids=lambda each: each.__name__
)
async def test_after_an_erasure_no_byte_of_what_a_person_wrote_is_left(
    erasable: Ledger,
    server: PostgresServer,
    encryption: Encryption,
    clock: StoppedClock,
    capfd: pytest.CaptureFixture[str],
    erase: Callable[[MailApp, PostgresServer], Awaitable[None]],
) -> None:
    async with open_mail_app(erasable, encryption, clock, settings()) as app:
        await correspond(app)
        await erase(app, server)
        await app.process_all()
        await app.send_all()
        asked = " ".join(each.model_dump_json() for each in app.ai.asked)
        kept_by_ai = [each for each in app.ai.asked if each.store]
    db = await asyncpg.connect(server.url("erasure"), ssl=False, command_timeout=30)
    assert await leftovers(db) == []
    await db.execute("CREATE TABLE witness (words text)")
    await db.execute("INSERT INTO witness VALUES ($1)", WITNESS)
    await db.execute("CHECKPOINT")
    await db.close()
    found = await asyncio.to_thread(occurrences, server.directory, [*CANARIES.values(), WITNESS])
    in_clear = found.pop(WITNESS)
    assert any("pg_wal" in file for file in in_clear)
    assert any("base" in file for file in in_clear)
    assert found == {}
    said = "".join(capfd.readouterr()).encode()
    assert b"mail settled" in said
    assert not [w for w in CANARIES.values() if any(form in said for form in encodings(w))]
    assert kept_by_ai == []
    assert not re.search("quenottedor|zéphyrine|06 98", asked, re.IGNORECASE)


def test_the_search_finds_a_word_in_every_encoding(tmp_path: Path) -> None:
    word = "mésange-grise"
    for number, form in enumerate(sorted(encodings(word))):
        (tmp_path / f"form{number}").write_bytes(b"\x00\xff" + form + b"\x01")
    for before in range(3):
        packed = base64.encodebytes(b"x" * (50 + before) + word.encode() + b"y" * 30)
        (tmp_path / f"folded{before}").write_bytes(packed)
    files = {file.name for file in tmp_path.iterdir()}
    assert set(occurrences(tmp_path, [word])[word]) == files
    assert occurrences(tmp_path, ["absent-partout"]) == {}
