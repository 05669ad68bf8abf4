"""How far one request travels through the source: files, functions, calls, moves from file to file.

Counted by a profiler on the call events of this repository's own files (a coroutine's resumption is
one too), in the service's own process, warm. A move is a call event in another file than the call
event before it. The emulator, the scripted ai_core and child processes are not counted. Loops that
run beside a request are, so several equal ones are counted and their median shown.

`question`: POST /api/v1/chat over the sample law, answered by the extractive engine, not cached.
`update`: a text in a private chat, from Telegram's POST to the final message. `mail`: a mail
recorded in the ledger, processed, its reply sent; reading it is a child's work.
"""

import argparse
import asyncio
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

import httpx2
from asgi_lifespan import LifespanManager

from ai_core.access.keys import KeyRing, Scope
from ai_core.app import create_app
from ai_core.law.ingest.sample import build_sample
from ai_core.redis_keys import TAG
from ai_core.settings import RedisSettings, Settings
from deploy.local.postgres_server import PostgresServer
from deploy.local.redis_server import RedisServer
from mail_service.ledger.ledger import MIGRATIONS, Ledger
from shared.clock import StoppedClock, SystemClock
from shared.logs import set_up_logs
from shared.privacy.encryption import Encryption, new_key_file
from shared.stores.postgres import Postgres
from shared.stores.redis_connection import RedisConnection
from tests.load.bench import command_line, redis, show
from tests.mail_service.mail_app import TRUSTED, MailApp, open_mail_app
from tests.mail_service.mails import raw_mail
from tests.telegram_service.running_app import RunningApp, running

ROOT = Path(__file__).resolve().parents[2]
SOURCES = tuple(
    f"{ROOT / name}/" for name in ("ai_core", "telegram_service", "mail_service", "shared")
)
TEST_DOUBLES = (f"{ROOT / 'telegram_service' / 'emulators'}/", f"{ROOT / 'shared/ai/scripted.py'}")
WARM_UP = [
    "Quelle est la durée du préavis en cas de démission ?",
    "Combien de jours de congés payés par an ?",
    "Quelle est la durée légale du travail ?",
]
QUESTION = "Quelle est la durée du préavis de démission ?"
CHAT = 5
REQUESTS = 7
AUTHENTICATED = f"{TRUSTED}; dmarc=pass header.from=personne.example"


@dataclass(frozen=True)
class CallEvent:
    """One call, or resumption, of a function."""

    at_s: float
    file: str
    function: str


@dataclass
class Journey:
    """The call events of equal requests."""

    requests: list[list[CallEvent]] = field(default_factory=list)
    _recording: bool = False

    def profile(self, frame: FrameType, event: str, _argument: object) -> None:
        """Record a call into a file of ours; what `sys.setprofile` calls."""
        if self._recording and event == "call":
            code = frame.f_code
            if code.co_filename.startswith(SOURCES) and not code.co_filename.startswith(
                TEST_DOUBLES
            ):
                call = CallEvent(time.monotonic(), code.co_filename, code.co_qualname)
                self.requests[-1].append(call)

    @contextmanager
    def recorded(self) -> Iterator[None]:
        """Record one request."""
        self.requests.append([])
        self._recording = True
        yield
        self._recording = False

    def cut(self, at_s: float) -> None:
        """Forget what the last request called after a moment of the monotonic clock."""
        self.requests[-1] = [call for call in self.requests[-1] if call.at_s <= at_s]

    def figures(self) -> dict[str, object]:
        """Return what was counted of the request with the median of moves."""
        ordered = sorted(self.requests, key=lambda calls: len(moves(calls)))
        calls = ordered[len(ordered) // 2]
        entered = moves(calls)
        visits = Counter(str(Path(file).relative_to(ROOT)) for file in entered)
        return {
            "files": len(visits),
            "functions": len({(call.file, call.function) for call in calls}),
            "calls": len(calls),
            "moves": len(entered) - 1,
            "entered_most": dict(visits.most_common(8)),
            "in_order": list(visits),
        }


def moves(calls: list[CallEvent]) -> list[str]:
    """Return the files in the order they were entered, the first one included."""
    files = [call.file for call in calls]
    return [file for before, file in zip([None, *files], files, strict=False) if file != before]


async def question(journey: Journey) -> None:
    """Record questions."""
    with tempfile.TemporaryDirectory() as folder, redis() as store:
        data_dir = Path(folder)
        await asyncio.to_thread(build_sample, data_dir)
        settings = Settings(data_dir=data_dir, redis=RedisSettings(url=store.url))
        key = await _make_key(store.url)
        app = await asyncio.to_thread(create_app, settings)
        async with (
            LifespanManager(app) as running,
            httpx2.AsyncClient(
                transport=httpx2.ASGITransport(running.app),
                base_url="http://ai_core",
                headers={"X-API-Key": key},
            ) as client,
        ):

            async def ask(text: str) -> None:
                body = {"messages": [{"role": "user", "content": text}]}
                response = await client.post("/api/v1/chat", json=body)
                response.raise_for_status()
                if response.json()["cached"]:
                    raise SystemExit("the answer was cached")

            for text in WARM_UP:
                await ask(text)
            for _ in range(REQUESTS):
                with journey.recorded():
                    await ask(QUESTION)
                await _forget_answers(store.url)


async def _make_key(redis_url: str) -> str:
    connection = RedisConnection(redis_url, TAG)
    await connection.open()
    made = await KeyRing(connection, SystemClock()).create("bench", Scope.INFERENCE)
    await connection.close()
    return made.secret


async def _forget_answers(redis_url: str) -> None:
    connection = RedisConnection(redis_url, TAG)
    await connection.open()
    await connection.call("DEL", *await connection.call("KEYS", f"{TAG}:answer:*"))
    await connection.close()


async def update(journey: Journey) -> None:
    """Record updates of one chat."""
    async with _running_bot() as app:

        async def say(text: str) -> None:
            written = len(app.account.texts(CHAT))
            app.account.say(CHAT, text)
            await app.until(lambda: len(app.account.texts(CHAT)) > written)

        for text in WARM_UP:
            await say(text)
            await app.settled()
        for _ in range(REQUESTS):
            with journey.recorded():
                await say(QUESTION)
            if app.ai.script.answer[:9] not in app.account.texts(CHAT)[-1]:
                raise SystemExit(f"not answered: {app.account.texts(CHAT)}")
            sent = [call for call in app.account.calls if call.method == "sendMessage"]
            journey.cut(sent[-1].at_s)
            await app.settled()


@asynccontextmanager
async def _running_bot() -> AsyncIterator[RunningApp]:
    """Run the bot on empty servers of its own."""
    with tempfile.TemporaryDirectory() as folder, _database() as database_url:
        server = RedisServer(Path(folder) / "redis", queue=True)
        await asyncio.to_thread(server.start)
        try:
            async with running(server.url, database_url, _key_file(folder)) as app:
                yield app
        finally:
            await asyncio.to_thread(server.stop)


async def mail(journey: Journey) -> None:
    """Record mails, each from somebody else."""
    async with _mail_app() as app:
        for number, text in enumerate(WARM_UP):
            await _answer(app, text, f"w{number}")
        for number in range(REQUESTS):
            with journey.recorded():
                mail_id = await _answer(app, QUESTION, f"q{number}")
            entry = (await app.ledger.mails.load(mail_id)).entry
            if entry.state != "answered" or len(app.relay.received) != len(WARM_UP) + number + 1:
                raise SystemExit(f"not answered: {entry.state}")


async def _answer(app: MailApp, text: str, name: str) -> int:
    """Answer a mail; return its id."""
    address = f"{name}@personne.example"
    raw = raw_mail(
        text,
        sender=f"Camille Durand <{address}>",
        message_id=f"<{address}>",
        Authentication_Results=AUTHENTICATED,
    )
    mail_id = await app.receive(raw)
    await app.process_all()
    await app.send_all()
    return mail_id


@asynccontextmanager
async def _mail_app() -> AsyncIterator[MailApp]:
    """Open the parts of mail_service over an empty ledger of its own."""
    clock = StoppedClock(datetime(2026, 11, 20, 12, 0, tzinfo=UTC))
    with tempfile.TemporaryDirectory() as folder, _database() as database_url:
        encryption = await asyncio.to_thread(Encryption.read, _key_file(folder))
        postgres = Postgres(database_url)
        await postgres.open()
        try:
            await postgres.migrate(MIGRATIONS)
            ledger = Ledger(postgres, encryption, clock)
            async with open_mail_app(ledger, encryption, clock) as app:
                yield app
        finally:
            await postgres.close()


@contextmanager
def _database() -> Iterator[str]:
    """Run a private Postgres; yield the address of an empty database."""
    with tempfile.TemporaryDirectory(prefix="neo-postgres-") as folder:
        server = PostgresServer(Path(folder), safe=False)
        server.start()
        try:
            server.create_database("journeys")
            yield server.url("journeys")
        finally:
            server.stop()


def _key_file(folder: str) -> Path:
    path = Path(folder) / "key"
    path.write_text(new_key_file(), encoding="ascii")
    return path


JOURNEYS: dict[str, Callable[[Journey], Coroutine[None, None, None]]] = {
    "question": question,
    "update": update,
    "mail": mail,
}


def main() -> int:
    """Count and print."""
    parser: argparse.ArgumentParser = command_line(__doc__ or "")
    parser.add_argument("name", nargs="?", choices=JOURNEYS, help="one of them; all by default")
    arguments = parser.parse_args()
    set_up_logs("bench", "warning", sys.stderr)
    names = [arguments.name] if arguments.name else list(JOURNEYS)
    figures = {name: counted(name) for name in names}
    if arguments.json:
        show("journeys", dict(figures), as_json=True)
    else:
        for name in names:
            show(f"journeys {name}", figures[name], as_json=False)
    return 0


def counted(name: str) -> dict[str, object]:
    """Run one journey under the profiler; return its figures."""
    journey = Journey()
    threading.setprofile(journey.profile)
    sys.setprofile(journey.profile)
    try:
        asyncio.run(JOURNEYS[name](journey))
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    return journey.figures()


if __name__ == "__main__":
    sys.exit(main())
