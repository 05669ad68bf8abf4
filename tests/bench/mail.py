"""`./neo bench mail`: reading, quoting, silence, crashes and throughput of mail_service.

Measures what its arguments give it mails for; the figures of crashes and throughput need a Dovecot.
`--mails` is a folder of difficult mails (any files), `--pairs` one with `emails/` and `trimmed/`
of the same names, `--bounces` one of bounces. Prints one JSON object.
"""

import argparse
import asyncio
import json
import shutil
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import asdict
from pathlib import Path

from pydantic import SecretStr

from deploy.demos.smtp_relay import relay
from deploy.local.dovecot import Dovecot
from deploy.local.postgres_server import PostgresServer
from mail_service.errors import Unreadable
from mail_service.ledger.ledger import Ledger
from mail_service.mailboxes.imap import ImapMailbox
from mail_service.reading.message import Mail, read_mail
from mail_service.reading.quoting import written_now
from mail_service.reading.reader_pool import ReaderPool
from mail_service.rules import reasons_not_to_answer
from mail_service.rules.context import RuleContext
from mail_service.settings import ImapSettings
from shared.ai.scripted import ScriptedAi
from shared.clock import SystemClock
from shared.privacy.charset import decode
from shared.privacy.encryption import Encryption
from shared.stores.postgres import Postgres
from tests.bench._mail_faults import Post, bursts, imap_faults, paced, polling, stop, through
from tests.mail_service.crashes import crash_through, environment, worker
from tests.mail_service.crashing_worker import POINTS
from tests.mail_service.mails import US, raw_mail
from tests.servers.faulty_proxy import faulty_proxy
from tests.servers.loopback import served

HUMAN_MAILS = Path(__file__).parent / "human_mails.txt"
LAG_PROBE_S = 0.005
ONE_BY_ONE = 30
PER_HOUR = 120
CONTEXT = RuleContext(addresses=frozenset({US}), is_our_message_id=lambda _name: False)
ROBOT_RULES = {"ours", "bounce", "out_of_office", "automatic", "bulk", "robot"}


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(prog="./neo bench mail", description=__doc__)
    parser.add_argument("--json", action="store_true", help="the only format there is")
    parser.add_argument("--mails", type=Path, help="folder of difficult mails")
    parser.add_argument("--pairs", type=Path, help="folder with emails/ and trimmed/")
    parser.add_argument("--bounces", type=Path, help="folder of bounces")
    parser.add_argument("--kills", type=int, default=0, help="kills at each of the eight points")
    parser.add_argument("--letters", type=int, default=0, help="letters for the throughput")
    parser.add_argument("--backlog", type=int, default=0, help="letters there before the worker")
    parser.add_argument("--faults", action="store_true", help="what a failing IMAP server costs")
    parser.add_argument("--postgres-down", type=float, default=0, metavar="SECONDS")
    parser.add_argument("--paced", type=int, default=0, help="letters brought at 120 an hour")
    parser.add_argument("--polling", type=int, default=0, help="letters to a server without IDLE")
    parser.add_argument("--ai", default="", help="address of an ai_core; else a stand-in")
    parser.add_argument("--ai-key", default="")
    options = parser.parse_args()
    print(json.dumps(asyncio.run(measure(options)), indent=1))


async def measure(options: argparse.Namespace) -> dict[str, object]:
    """Return the figures by name."""
    figures: dict[str, object] = {"false_silence": false_silence()}
    if options.mails:
        figures["reading"] = await reading(options.mails)
    if options.pairs:
        figures["quoting"] = quoting(options.pairs)
    if options.bounces:
        figures["bounces"] = bounce_recall(options.bounces)
    if options.kills:
        figures["crashes"] = await with_servers(lambda rig: crashes(rig, options.kills))
    if options.letters:
        figures["throughput"] = await with_servers(
            lambda rig: throughput(rig, options.letters, options.ai, options.ai_key)
        )
    for name, measured in _with_faults(options).items():
        figures[name] = await with_servers(measured)
    return figures


def _with_faults(
    options: argparse.Namespace,
) -> dict[str, Callable[["Rig"], Awaitable[dict[str, object]]]]:
    """Return the measurements of faults and paces that were asked for."""
    asked: dict[str, Callable[[Rig], Awaitable[dict[str, object]]]] = {}
    if options.backlog:
        asked["backlog"] = lambda rig: backlog(rig, options.backlog)
    if options.faults:
        asked["faults"] = faults
    if options.postgres_down:
        asked["postgres_down"] = lambda rig: postgres_down(rig, options.postgres_down)
    if options.paced:
        asked["paced"] = lambda rig: pace(rig, options)
    if options.polling:
        asked["polling"] = lambda rig: poll(rig, options.polling)
    return asked


async def reading(folder: Path) -> dict[str, object]:
    """Read every file in the children, and watch the event loop meanwhile."""
    files = await asyncio.to_thread(lambda: sorted(p for p in folder.rglob("*") if p.is_file()))
    lags: list[float] = []
    seconds: list[float] = []
    unreadable = 0
    async with ReaderPool(2, time_s=10, memory_mib=512) as pool:
        await pool.read(b"")
        await pool.read(b"")
        watching = asyncio.create_task(_watch(lags))
        for file in files:
            raw = await asyncio.to_thread(file.read_bytes)
            started = time.perf_counter()
            try:
                await pool.read(raw)
            except Unreadable:
                unreadable += 1
            seconds.append(time.perf_counter() - started)
        watching.cancel()
    return {
        "files": len(files),
        "unreadable": unreadable,
        "slowest_s": round(max(seconds), 3),
        "median_ms": round(statistics.median(seconds) * 1000, 2),
        "loop_lag_max_ms": round(max(lags) * 1000, 1),
    }


async def _watch(lags: list[float]) -> None:
    while True:
        started = time.perf_counter()
        await asyncio.sleep(LAG_PROBE_S)
        lags.append(time.perf_counter() - started - LAG_PROBE_S)


def quoting(folder: Path) -> dict[str, int]:
    """Compare what we keep of each mail with what a person kept, white space aside."""
    exact = whole = total = 0
    for file in sorted((folder / "trimmed").glob("*.txt")):
        wanted = " ".join(decode(file.read_bytes()).split())
        raw = (folder / "emails" / file.name).read_bytes()
        kept = " ".join(written_now(decode(raw)).split())
        total, exact, whole = total + 1, exact + (kept == wanted), whole + (wanted in kept)
    return {"pairs": total, "exact": exact, "whole": whole}


def bounce_recall(folder: Path) -> dict[str, object]:
    """Count the bounces that a rule about robots finds."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    missed = [path.name for path in files if not _is_silenced(read_mail(path.read_bytes()))]
    found = len(files) - len(missed)
    recall = round(found / max(1, len(files)), 4)
    return {"bounces": len(files), "found": found, "recall": recall, "missed": missed}


def _is_silenced(mail: Mail) -> bool:
    return any(each.rule in ROBOT_RULES for each in reasons_not_to_answer(mail, CONTEXT))


def false_silence() -> dict[str, object]:
    """Count our hand-written letters of people that any rule would silence or hold back."""
    lines = HUMAN_MAILS.read_text(encoding="utf-8").splitlines()
    letters = [line.split(" | ") for line in lines if line and not line.startswith("#")]
    silenced = []
    for number, (sender, subject, body) in enumerate(letters):
        raw = raw_mail(body, sender=sender, subject=subject, message_id=f"<{number}@h.example>")
        if reasons_not_to_answer(read_mail(raw), CONTEXT):
            silenced.append(subject)
    return {"letters": len(letters), "silenced": silenced}


class Rig:
    """Private servers for one measurement."""

    def __init__(self, folder: Path, dovecot: Dovecot, postgres: PostgresServer) -> None:
        self.folder = folder
        self.dovecot = dovecot
        self.postgres = postgres
        self.postgres_url = postgres.url()
        self.imap = ImapSettings(
            host="127.0.0.1",
            port=dovecot.imap_port,
            tls=False,
            user=dovecot.address,
            password=SecretStr(dovecot.password),
        )


async def with_servers(
    work: Callable[[Rig], Awaitable[dict[str, object]]],
) -> dict[str, object]:
    """Run a measurement beside a Dovecot and a Postgres of its own."""
    folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="neo-bench-mail-"))
    await asyncio.to_thread(folder.chmod, 0o755)
    dovecot = Dovecot(folder / "dovecot")
    postgres = PostgresServer(folder / "postgres")
    await asyncio.to_thread(dovecot.directory.mkdir)
    try:
        await asyncio.to_thread(dovecot.start)
        await asyncio.to_thread(postgres.start)
        return await work(Rig(folder, dovecot, postgres))
    finally:
        await asyncio.to_thread(postgres.stop)
        await asyncio.to_thread(dovecot.stop)
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


async def _ledger(rig: Rig, stack: AsyncExitStack) -> Ledger:
    postgres = Postgres(rig.postgres_url)
    await postgres.open()
    stack.push_async_callback(postgres.close)
    ledger = Ledger(postgres, Encryption([b"s" * 32], b"f" * 32), SystemClock())
    await ledger.migrate()
    return ledger


async def crashes(rig: Rig, kills: int) -> dict[str, object]:
    """Kill the worker `kills` times at each point, with two letters before each kill."""
    async with AsyncExitStack() as stack:
        ledger = await _ledger(rig, stack)
        ai_url = await stack.enter_async_context(served(ScriptedAi().app))
        sink = await stack.enter_async_context(relay())
        settings = environment(rig.folder, rig.imap, sink.port, rig.postgres_url, ai_url)
        started = time.monotonic()
        toll = await crash_through(list(POINTS) * kills, settings, rig.imap, sink, ledger)
        return {**asdict(toll), "seconds": round(time.monotonic() - started)}


async def backlog(rig: Rig, letters: int) -> dict[str, object]:
    """Start the worker before a full mailbox."""
    async with AsyncExitStack() as stack:
        post, settings = await _post(rig, stack, rig.imap)
        await post.bring(letters)
        process = await worker(settings)
        stack.push_async_callback(stop, process)
        return await post.toll(await post.answered())


async def faults(rig: Rig) -> dict[str, object]:
    """Let the IMAP server fail in four ways, one after the other."""
    async with AsyncExitStack() as stack:
        proxy = await stack.enter_async_context(faulty_proxy(rig.imap.port))
        behind = rig.imap.model_copy(update={"port": proxy.port})
        post, settings = await _post(rig, stack, behind)
        process = await worker(settings)
        stack.push_async_callback(stop, process)
        return await imap_faults(post, proxy, rig.dovecot)


async def postgres_down(rig: Rig, seconds: float) -> dict[str, object]:
    """Stop the ledger's Postgres while letters come."""
    async with AsyncExitStack() as stack:
        post, settings = await _post(rig, stack, rig.imap)
        process = await worker(settings)
        stack.push_async_callback(stop, process)

        async def lose() -> None:
            await asyncio.to_thread(rig.postgres.stop)

        async def find() -> None:
            await asyncio.to_thread(rig.postgres.start)

        return await through(post, lose, find, seconds)


async def pace(rig: Rig, options: argparse.Namespace) -> dict[str, object]:
    """Bring letters at 120 an hour."""
    async with AsyncExitStack() as stack:
        post, settings = await _post(rig, stack, rig.imap)
        if options.ai:
            settings |= {"MAIL_AI__URL": options.ai, "MAIL_AI__API_KEY": options.ai_key}
        settings |= {"MAIL_IMAP__POLL_S": "30"}
        process = await worker(settings)
        stack.push_async_callback(stop, process)
        return await paced(post, options.paced, PER_HOUR)


async def poll(rig: Rig, letters: int) -> dict[str, object]:
    """Look every 30 s into a mailbox whose server has no IDLE."""
    async with AsyncExitStack() as stack:
        return await polling(rig.imap, await _ledger(rig, stack), letters)


async def _post(rig: Rig, stack: AsyncExitStack, imap: ImapSettings) -> tuple[Post, dict[str, str]]:
    """Return a way to bring letters, and the settings of a worker that reads through `imap`."""
    ledger = await _ledger(rig, stack)
    ai_url = await stack.enter_async_context(served(ScriptedAi().app))
    sink = await stack.enter_async_context(relay())
    settings = environment(rig.folder, imap, sink.port, rig.postgres_url, ai_url)
    return Post(rig.imap, ledger, sink), settings


async def throughput(rig: Rig, letters: int, ai: str, ai_key: str) -> dict[str, object]:
    """Answer a backlog, then time letters that come one by one."""
    async with AsyncExitStack() as stack:
        ledger = await _ledger(rig, stack)
        ai_url = ai or await stack.enter_async_context(served(ScriptedAi().app))
        sink = await stack.enter_async_context(relay())
        settings = environment(rig.folder, rig.imap, sink.port, rig.postgres_url, ai_url)
        settings |= {"MAIL_IMAP__POLL_S": "30", "MAIL_WORKER__READERS": "2"}
        if ai:
            settings["MAIL_AI__API_KEY"] = ai_key
        postman = ImapMailbox(rig.imap)
        await postman.connect()
        for number in range(letters):
            await postman.append("INBOX", _letter(number))
        started = time.monotonic()
        process = await worker(settings)
        taken_s = await _until(ledger, _mails, letters, started)
        ended_s = await _until(ledger, _ended, letters, started)
        one_by_one = [
            await _one_more(ledger, postman, number)
            for number in range(letters, letters + ONE_BY_ONE)
        ]
        await postman.close()
        waits = sorted(await bursts(ledger, rig.imap, letters + ONE_BY_ONE))
        process.terminate()
        await process.wait()
        return {
            "letters": letters,
            "bursts_p99_s": round(waits[int(len(waits) * 0.99)], 2),
            "bursts_longest_s": round(waits[-1], 2),
            "ai": "ai_core" if ai else "stand-in",
            "taken_in_s": round(taken_s, 1),
            "all_ended_s": round(ended_s, 1),
            "per_hour": round(letters / ended_s * 3600),
            "intake_p95_s": round(sorted(one_by_one)[int(len(one_by_one) * 0.95)], 2),
            "replies": len(sink.received),
            "counts": dict(await ledger.mails.counts()),
        }


async def _one_more(ledger: Ledger, postman: ImapMailbox, number: int) -> float:
    """Return the seconds from a letter's arrival to its row in the ledger."""
    started = time.monotonic()
    await postman.append("INBOX", _letter(number))
    return await _until(ledger, _mails, number + 1, started)


async def _until(
    ledger: Ledger, count: Callable[[Mapping[str, int]], int], wanted: int, started: float
) -> float:
    for _ in range(36_000):
        if count(await ledger.mails.counts()) >= wanted:
            break
        await asyncio.sleep(0.05)
    return time.monotonic() - started


def _mails(counts: Mapping[str, int]) -> int:
    return sum(number for name, number in counts.items() if name.startswith("mail_"))


def _ended(counts: Mapping[str, int]) -> int:
    ended = ("reply_sent", "reply_unknown", "reply_failed", "mail_review", "mail_quarantined")
    return sum(counts.get(name, 0) for name in (*ended, "mail_silent", "mail_failed"))


def _letter(number: int) -> bytes:
    return raw_mail(
        f"Bonjour, question {number} : quelle est la durée du préavis en cas de démission ?",
        sender=f"personne{number}@p{number}.example",
        message_id=f"<{number}@bench.example>",
    )


if __name__ == "__main__":
    main()
