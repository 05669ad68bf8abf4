"""Many clients of a server that streams its answers, and what they saw."""

import asyncio
import json
import random
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from string import ascii_lowercase
from typing import Any

TIMEOUT_S = 900.0
NEW_TOKENS = 64
PROMPT_TOKENS = 200


@dataclass
class Seen:
    """One answer: when it was asked for, and when each piece of it came (monotonic seconds).

    `tokens` is how many it took, where the server was asked and told; else 0.
    """

    began_s: float
    pieces_s: list[float] = field(default_factory=list)
    tokens: int = 0

    @property
    def whole_s(self) -> float:
        """Return how long the whole answer took."""
        return self.pieces_s[-1] - self.began_s

    @property
    def first_s(self) -> float:
        """Return the time to the first piece."""
        return self.pieces_s[0] - self.began_s

    @property
    def gap_s(self) -> float:
        """Return the longest time between two pieces."""
        times = pairwise(self.pieces_s)
        return max((after - before for before, after in times), default=0.0)


def letters(count: int, seed: object) -> str:
    """Return a text of `count` letters, hence of as many tokens; none shares its beginning."""
    chance = random.Random(str(seed))  # noqa: S311 - prompts, not secrets
    return "".join(chance.choices(ascii_lowercase.replace("z", ""), k=count))


@dataclass(frozen=True)
class Asked:
    """A server, and the keys its callers show: the first caller the first one, and so on."""

    port: int
    keys: tuple[str, ...] = ()

    def head(self, call: "Call", caller: int, length_bytes: int) -> bytes:
        """Return the head of a request."""
        key = f"x-api-key: {self.keys[caller % len(self.keys)]}\r\n" if self.keys else ""
        return (
            f"POST {call.path} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n{key}"
            f"content-type: application/json\r\ncontent-length: {length_bytes}\r\n\r\n"
        ).encode()


@dataclass(frozen=True)
class Call:
    """What is asked of a server; it is answered as a stream."""

    path: str
    asked: dict[str, Any]
    new_tokens: int

    @property
    def body(self) -> bytes:
        """Return it as sent."""
        how = {"max_tokens": self.new_tokens, "temperature": 0, "stream": True}
        return json.dumps(self.asked | how).encode()


def completion(prompt: str, new_tokens: int = NEW_TOKENS, *, usage: bool = False) -> Call:
    """Ask to go on with a text, and what that took."""
    asked: dict[str, Any] = {"model": "model", "prompt": prompt}
    if usage:
        asked["stream_options"] = {"include_usage": True}
    return Call("/v1/completions", asked, new_tokens)


async def ask(server: Asked, call: Call, caller: int = 0) -> Seen:
    """Read one answer to its end."""
    seen = Seen(time.monotonic())
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=2**20)
    try:
        data = call.body
        writer.write(server.head(call, caller, len(data)) + data)
        status = await reader.readline()
        if b" 200 " not in status:
            raise RuntimeError(f"{status!r} {await reader.read(2_000)!r}")
        while line := await reader.readline():
            if line.startswith(b'data: {"error"'):
                raise RuntimeError(line.decode())
            if line.startswith(b"data: {"):
                seen.pieces_s.append(time.monotonic())
            if b'"usage":{' in line:
                seen.tokens = json.loads(line[6:])["usage"]["completion_tokens"]
    finally:
        writer.close()
    if not seen.pieces_s:
        raise RuntimeError("an answer without a word")
    return seen


def together(server: Asked, calls: Sequence[Call]) -> dict[str, float]:
    """Ask all at once, each for a caller of its own; returns new tokens per second, and seconds."""

    async def run() -> list[Seen]:
        asking = (ask(server, call, caller) for caller, call in enumerate(calls))
        return await asyncio.wait_for(asyncio.gather(*asking), TIMEOUT_S)

    began_s = time.monotonic()
    seen = asyncio.run(run())
    passed_s = time.monotonic() - began_s
    written = sum(one.tokens or call.new_tokens for one, call in zip(seen, calls, strict=True))
    return {
        "tokens_per_s": written / passed_s,
        "p50_s": statistics.median(one.whole_s for one in seen),
        "first_p50_s": statistics.median(one.first_s for one in seen),
        "total_s": passed_s,
    }


def burst(
    server: Asked,
    at_once: int,
    seed: object,
    *,
    prompt_tokens: int = PROMPT_TOKENS,
    new_tokens: int = NEW_TOKENS,
) -> dict[str, float]:
    """Ask to go on with `at_once` texts together; see `together`."""
    prompts = [letters(prompt_tokens, (seed, at)) for at in range(at_once)]
    return together(server, [completion(prompt, new_tokens) for prompt in prompts])


def interrupted(server: Asked, streams: int, long_tokens: int, seed: object) -> dict[str, float]:
    """Let a long prompt arrive while answers are written; returns the longest pause they had."""

    async def run() -> dict[str, float]:
        began_s = time.monotonic()
        calls = [completion(letters(20, (seed, at)), 128) for at in range(streams)]
        asking = (ask(server, call, caller) for caller, call in enumerate(calls))
        writing = asyncio.gather(*asking)
        await asyncio.sleep(2.0)
        late = await ask(server, completion(letters(long_tokens, (seed, "late")), 16), streams)
        seen = await writing
        tokens = 128 * streams + 16
        return {
            "longest_gap_s": max(one.gap_s for one in seen),
            "late_first_s": late.first_s,
            "tokens_per_s": tokens / (time.monotonic() - began_s),
        }

    return asyncio.run(asyncio.wait_for(run(), TIMEOUT_S))
