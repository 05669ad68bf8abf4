"""Runs one fuzzer for a time: fresh inputs, and a file and a command for the input that fails.

Hypothesis makes the inputs and shrinks the one that fails. It remembers what it has tried, so a
long campaign is a sequence of short rounds, each with a seed of its own.
"""

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import hypothesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

Check = Callable[[bytes], Awaitable[None]]
FEWEST_INPUTS = 6
EXAMPLES_PER_ROUND = 200


@dataclass(frozen=True, slots=True)
class Fuzzer:
    """What is fed to a reader of ours: `opened` yields the check, which raises for a fault."""

    name: str
    inputs: Callable[[], st.SearchStrategy[bytes]]
    opened: Callable[[], AbstractAsyncContextManager[Check]]


@dataclass(slots=True)
class Campaign:
    """What was done: `saved` is the input that failed, as small as it could be made."""

    executions: int = 0
    seconds: float = 0.0
    slowest_s: float = 0.0
    error: Exception | None = None
    saved: Path | None = None


class _OutOfTime(BaseException):
    """Ends a round; not an Exception, so that hypothesis lets it through."""


def run(fuzzer: Fuzzer, *, seconds: float, seed: int, folder: Path) -> Campaign:
    """Feed a fuzzer's inputs to its check until the time is over or one fails.

    FEWEST_INPUTS are tried however long making the first ones takes.
    """
    with asyncio.Runner() as runner:
        opened = fuzzer.opened()
        check = runner.run(_entered(opened))
        feeding = _Feeding(runner, check, time.monotonic() + seconds)
        try:
            _rounds(feeding.feed, fuzzer.inputs(), seed)
        except _OutOfTime:
            pass
        except Exception as error:  # noqa: BLE001 - what failed is what the campaign is for
            feeding.done.error = feeding.done.error or error
        finally:
            runner.run(_closed(opened))
    done = feeding.done
    done.seconds = time.monotonic() - feeding.until_s + seconds
    if done.error is not None:
        done.saved = save(folder, fuzzer.name, feeding.failing)
    return done


@dataclass(slots=True)
class _Feeding:
    """The check, until when, and what came of it: `failing` is the smallest input so far."""

    runner: asyncio.Runner
    check: Check
    until_s: float
    done: Campaign = field(default_factory=Campaign)
    failing: bytes = b""

    def feed(self, data: bytes) -> None:
        """Check one input. Raises what the check raises, _OutOfTime while none has failed."""
        began_s = time.monotonic()
        enough = self.done.executions >= FEWEST_INPUTS
        if self.done.error is None and enough and began_s > self.until_s:
            raise _OutOfTime
        self.done.executions += 1
        try:
            self.runner.run(_awaited(self.check, data))
        except Exception as error:
            self.done.error, self.failing = error, data
            raise
        self.done.slowest_s = max(self.done.slowest_s, time.monotonic() - began_s)


async def replay(fuzzer: Fuzzer, data: bytes) -> None:
    """Check one input. Raises what the check raises."""
    async with fuzzer.opened() as check:
        await check(data)


def save(folder: Path, name: str, data: bytes) -> Path:
    """Write an input under the name of its content; return where."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{hashlib.sha256(data).hexdigest()[:16]}"
    path.write_bytes(data)
    return path


def _rounds(one: Callable[[bytes], None], inputs: st.SearchStrategy[bytes], seed: int) -> None:
    """Never returns: `one` raises when the time is over or an input fails."""
    while True:
        each: Any = settings(
            max_examples=EXAMPLES_PER_ROUND,
            database=None,
            deadline=None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        )(given(data=inputs)(lambda data: one(data)))
        hypothesis.seed(seed)(each)()
        seed += 1


async def _entered(opened: AbstractAsyncContextManager[Check]) -> Check:
    return await opened.__aenter__()


async def _awaited(check: Check, data: bytes) -> None:
    await check(data)


async def _closed(opened: AbstractAsyncContextManager[Check]) -> None:
    await opened.__aexit__(None, None, None)
