"""`./neo bench replies`: letters as people write them, sent through mailbox and law, to be read.

Sends the letters of people_letters.toml (`--letters` for another such file) to the real
mail_service beside a Dovecot, a Postgres and a relay of its own, with the real ai_core over the law
of `--data-dir`, or with the one at `--url`. Each letter comes from a sender that its server vouches
for. `--to` is a folder for the replies, to be read as their senders would. Prints one JSON object:
words per reply (addresses and the sender's own words not counted), and what got none.
"""

import argparse
import asyncio
import contextlib
import json
import re
import statistics
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AsyncExitStack
from email.message import EmailMessage
from email.utils import parseaddr
from pathlib import Path

from deploy.demos.mail import small_pdf
from deploy.demos.smtp_relay import RecordingRelay, relay
from mail_service.app import Resources, migrated, open_resources, work
from mail_service.mailboxes.imap import ImapMailbox
from mail_service.reply.blocks import Block
from mail_service.reply.length import word_count
from mail_service.settings import Settings
from shared.logs import set_up_logs
from shared.privacy.encryption import new_key_file
from tests.bench._service import service
from tests.bench.mail import Rig, with_servers
from tests.mail_service.mails import SERVER, US, delivered, mail_message

LETTERS = Path(__file__).parent / "people_letters.toml"
TIMEOUT_S = 600.0
LOOK_EVERY_S = 0.5
ADDRESS = re.compile(r"https?://\S+|[\w.+-]+@[\w.-]+")
SETTLED = {"silent", "quarantined", "review", "answered", "failed"}


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(prog="./neo bench replies", description=__doc__)
    parser.add_argument("--json", action="store_true", help="the only format there is")
    parser.add_argument("--letters", type=Path, default=LETTERS)
    parser.add_argument("--only", type=int, nargs="*", help="numbers of letters, from 1")
    parser.add_argument("--to", type=Path, help="folder for the replies")
    parser.add_argument("--data-dir", type=Path, default=Path(".neo/ai_core"))
    parser.add_argument("--url", help="of an ai_core that runs")
    parser.add_argument("--key", help="an inference key, with --url")
    options = parser.parse_args()
    set_up_logs("bench", "critical", sys.stderr)
    read = tomllib.loads(options.letters.read_text(encoding="utf-8"))["letter"]
    letters = {
        number: letter
        for number, letter in enumerate(read, 1)
        if not options.only or number in options.only
    }
    with _ai_core(options) as ai:
        found = asyncio.run(with_servers(lambda rig: answered(rig, letters, ai, options.to)))
    print(json.dumps(found, ensure_ascii=False, indent=1))


@contextlib.contextmanager
def _ai_core(options: argparse.Namespace) -> Iterator[tuple[str, str]]:
    if options.url:
        yield options.url, options.key
        return
    with service([], keys=("bench",), corpus=options.data_dir / "corpus") as running:
        yield running.url, running.keys["bench"]


async def answered(
    rig: Rig, letters: Mapping[int, Mapping[str, str]], ai: tuple[str, str], folder: Path | None
) -> dict[str, object]:
    """Send the letters, wait until all are settled, and return the figures."""
    async with AsyncExitStack() as stack:
        sink = await stack.enter_async_context(relay())
        settings = _settings(rig, sink.port, ai)
        stopping = asyncio.Event()
        worker = asyncio.create_task(work(settings, stopping))
        stack.push_async_callback(_stop, worker, stopping)
        postman = ImapMailbox(rig.imap)
        await postman.connect()
        for number, letter in letters.items():
            await postman.append("INBOX", _delivered(letter, number))
        await postman.close()
        resources = await stack.enter_async_context(open_resources(settings))
        await migrated(resources.ledger)
        states = await _states(resources, len(letters))
    replies = {number: _reply(sink, number) for number in letters}
    if folder:
        await asyncio.to_thread(_write, folder, letters, replies, states)
        await asyncio.to_thread(_write_pages, folder, sink, letters)
    return figures(replies, states)


def figures(replies: Mapping[int, str], states: Mapping[int, str]) -> dict[str, object]:
    """Return the words of the replies, and the states of the letters that got none."""
    words = {number: reply_words(text) for number, text in replies.items() if text}
    return {
        "letters": len(replies),
        "replies": len(words),
        "words_median": statistics.median(words.values()) if words else None,
        "words_longest": max(words.values(), default=None),
        "words": words,
        "without_reply": {number: states.get(number) for number in replies if number not in words},
    }


def reply_words(text: str) -> int:
    """Return how many words a reply has, without addresses and what it quotes of its letter."""
    lines = text.splitlines()
    quoted = next((at for at, line in enumerate(lines) if line.startswith(">")), len(lines))
    own = lines[: quoted - 1] if quoted < len(lines) else lines
    return word_count([Block("paragraph", (ADDRESS.sub("", "\n".join(own)),))])


def _settings(rig: Rig, smtp_port: int, ai: tuple[str, str]) -> Settings:
    key_file = rig.folder / "vault"
    key_file.write_text(new_key_file(), encoding="ascii")
    url, key = ai
    return Settings.model_validate(
        {
            "address": US,
            "mode": "automatic",
            "imap": rig.imap.model_copy(update={"sent_folder": ""}),
            "smtp": {"host": "127.0.0.1", "port": smtp_port, "tls": "none"},
            "ai": {"url": url, "api_key": key},
            "authentication": {"server": SERVER},
            "postgres": {"url": rig.postgres_url},
            "redis": {"url": "redis://127.0.0.1:1/0"},
            "vault": {"key_file": key_file},
            "reply": {"feedback_url": "https://neo.example"},
            "quotas": {"everyone_hour": 100_000, "public_domains": ("personne.example",)},
        }
    )


def _delivered(letter: Mapping[str, str], number: int) -> bytes:
    """Return a letter as our server delivers it, its sender vouched for."""
    text = letter["text"].strip() + "\n" + letter.get("forwarded", "")
    mail: EmailMessage = mail_message(
        text, sender=letter["from"], subject=letter["subject"], message_id=_id(number)
    )
    if "pdf" in letter:
        mail.add_attachment(small_pdf(letter["pdf"]), "application", "pdf", filename="contrat.pdf")
    domain = parseaddr(letter["from"])[1].rpartition("@")[2]
    return delivered(mail.as_bytes(), f"{SERVER}; dmarc=pass header.from={domain}")


def _id(number: int) -> str:
    return f"<letter-{number}@bench.example>"


async def _states(resources: Resources, count: int) -> dict[int, str]:
    """Return the state of each letter once all are settled, and what they get is sent."""
    give_up_s = resources.clock.elapsed_s() + TIMEOUT_S
    states: dict[int, str] = {}
    while len(states) < count and resources.clock.elapsed_s() < give_up_s:
        await asyncio.sleep(LOOK_EVERY_S)
        for entry in await resources.ledger.mails.latest(None, None, count):
            record = await resources.ledger.mails.load(entry.id)
            sent = all(each.state == "sent" for each in record.outgoing)
            if record.mail is not None and entry.state in SETTLED and sent:
                number = int(re.sub(r"\D", "", record.mail.message_id))
                states[number] = f"{entry.state} {entry.reason}"
    return states


def _reply(sink: RecordingRelay, number: int) -> str:
    return next((one.text() for one in sink.received if one.mail["In-Reply-To"] == _id(number)), "")


def _write(
    folder: Path,
    letters: Mapping[int, Mapping[str, str]],
    replies: Mapping[int, str],
    states: Mapping[int, str],
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number, text in replies.items():
        shown = text or f"(no reply: {states.get(number)})\n\n{letters[number]['text']}"
        (folder / f"{number:02}.txt").write_text(shown, encoding="utf-8")


def _write_pages(folder: Path, sink: RecordingRelay, numbers: Iterable[int]) -> None:
    """Write the replies as a browser shows them."""
    for number in numbers:
        for one in sink.received:
            if one.mail["In-Reply-To"] == _id(number):
                (folder / f"{number:02}.html").write_text(one.text("html"), encoding="utf-8")


async def _stop(worker: asyncio.Task[None], stopping: asyncio.Event) -> None:
    stopping.set()
    await asyncio.wait([worker])


if __name__ == "__main__":
    main()
