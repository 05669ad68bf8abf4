"""Many clients of a server that streams /v1/completions, and what they saw."""

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
    """One answer: when it was asked for, and when each piece of it came (monotonic seconds)."""

    began_s: float
    pieces_s: list[float] = field(default_factory=list)

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
    """A server, and how it takes the beginning that all prompts share: apart, or in the prompt."""

    port: int
    apart: bool = False


async def ask(server: Asked, prompt: str, *, new_tokens: int = NEW_TOKENS, owned: str = "") -> Seen:
    """Read one answer to its end; `owned` is a beginning that all prompts share."""
    body: dict[str, Any] = {
        "model": "model",
        "prompt": prompt if server.apart else owned + prompt,
        "max_tokens": new_tokens,
        "temperature": 0,
        "stream": True,
    }
    if server.apart and owned:
        body["owned"] = owned
    seen = Seen(time.monotonic())
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=2**20)
    try:
        data = json.dumps(body).encode()
        head = (
            "POST /v1/completions HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n"
            f"content-type: application/json\r\ncontent-length: {len(data)}\r\n\r\n"
        )
        writer.write(head.encode() + data)
        status = await reader.readline()
        if b" 200 " not in status:
            raise RuntimeError(f"{status!r} {await reader.read(2_000)!r}")
        while line := await reader.readline():
            if line.startswith(b"data: {"):
                seen.pieces_s.append(time.monotonic())
    finally:
        writer.close()
    if not seen.pieces_s:
        raise RuntimeError("an answer without a word")
    return seen


async def ask_all(server: Asked, prompts: Sequence[str], **options: Any) -> list[Seen]:
    """Ask all at once."""
    asking = (ask(server, prompt, **options) for prompt in prompts)
    return await asyncio.wait_for(asyncio.gather(*asking), TIMEOUT_S)


def burst(
    server: Asked,
    at_once: int,
    seed: object,
    *,
    prompt_tokens: int = PROMPT_TOKENS,
    new_tokens: int = NEW_TOKENS,
    owned: str = "",
) -> dict[str, float]:
    """Ask `at_once` questions together; returns new tokens per second, and seconds."""
    prompts = [letters(prompt_tokens, (seed, at)) for at in range(at_once)]
    began_s = time.monotonic()
    seen = asyncio.run(ask_all(server, prompts, new_tokens=new_tokens, owned=owned))
    passed_s = time.monotonic() - began_s
    return {
        "tokens_per_s": new_tokens * at_once / passed_s,
        "p50_s": statistics.median(one.whole_s for one in seen),
        "first_p50_s": statistics.median(one.first_s for one in seen),
        "total_s": passed_s,
    }


def interrupted(server: Asked, streams: int, long_tokens: int, seed: object) -> dict[str, float]:
    """Let a long prompt arrive while answers are written; returns the longest pause they had."""

    async def run() -> dict[str, float]:
        began_s = time.monotonic()
        prompts = [letters(20, (seed, at)) for at in range(streams)]
        writing = asyncio.gather(*(ask(server, prompt, new_tokens=128) for prompt in prompts))
        await asyncio.sleep(2.0)
        late = await ask(server, letters(long_tokens, (seed, "late")), new_tokens=16)
        seen = await writing
        tokens = 128 * streams + 16
        return {
            "longest_gap_s": max(one.gap_s for one in seen),
            "late_first_s": late.first_s,
            "tokens_per_s": tokens / (time.monotonic() - began_s),
        }

    return asyncio.run(asyncio.wait_for(run(), TIMEOUT_S))
