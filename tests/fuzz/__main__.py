"""`./neo fuzz`: feeds generated mail, updates, upstream responses and recordings to their readers.

Each fuzzer runs for its share of `--minutes`. An input that fails is made as small as possible and
saved; the command to replay it is printed, and the exit status is 1.
"""

import argparse
import asyncio
import secrets
import sys
import traceback
from pathlib import Path

import structlog
from structlog.typing import EventDict

from tests.fuzz.answers import ANSWERS
from tests.fuzz.campaign import Campaign, Fuzzer, replay, run
from tests.fuzz.mails import MAILS
from tests.fuzz.recordings import RECORDINGS
from tests.fuzz.updates import UPDATES

FUZZERS = {fuzzer.name: fuzzer for fuzzer in (MAILS, UPDATES, ANSWERS, RECORDINGS)}
FOLDER = Path(".neo") / "fuzz"
MINUTE_S = 60.0


def main() -> int:
    """Run what the command line asks for; return 1 when an input failed."""
    parser = argparse.ArgumentParser(prog="./neo fuzz", description=__doc__)
    parser.add_argument("--minutes", type=float, default=3.0, help="in all (default 3)")
    parser.add_argument("--seed", type=int, help="the same inputs again (default: chosen, printed)")
    parser.add_argument("--only", choices=FUZZERS, help="one fuzzer alone")
    parser.add_argument("--replay", type=Path, metavar="FILE", help="check one saved input again")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where failing inputs go")
    options = parser.parse_args()
    structlog.configure(processors=[_no_log])
    chosen = [FUZZERS[options.only]] if options.only else list(FUZZERS.values())
    if options.replay:
        return _replay(parser, options.replay, options.only)
    seed = secrets.randbits(32) if options.seed is None else options.seed
    failed = False
    for fuzzer in chosen:
        share_s = options.minutes * MINUTE_S / len(chosen)
        done = run(fuzzer, seconds=share_s, seed=seed, folder=options.folder)
        _show(fuzzer, done, seed)
        failed |= done.error is not None
    return int(failed)


def _no_log(_logger: object, _method: str, _event: EventDict) -> EventDict:
    raise structlog.DropEvent


def _replay(parser: argparse.ArgumentParser, path: Path, only: str | None) -> int:
    name = only or path.name.partition("-")[0]
    if name not in FUZZERS:
        parser.error(f"--only is needed: {path.name} does not begin with a fuzzer's name")
    asyncio.run(replay(FUZZERS[name], path.read_bytes()))
    print(f"{name}: nothing wrong with {path}")
    return 0


def _show(fuzzer: Fuzzer, done: Campaign, seed: int) -> None:
    print(
        f"{fuzzer.name}: {done.executions} inputs in {done.seconds:.0f} s, the slowest "
        f"{done.slowest_s:.2f} s, seed {seed}: {'FAILED' if done.error else 'nothing found'}",
        flush=True,
    )
    if done.error is not None:
        traceback.print_exception(done.error)
        print(f"saved; replay it with: ./neo fuzz --replay {done.saved}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
