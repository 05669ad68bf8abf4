"""Asking an engine, as the tests of engines do."""

import asyncio

from ai_core.engines.base import ChatMessage, Engine, Prompt, Sampling, TextChunk

PATIENCE_S = 20.0
ALL = Sampling(max_tokens=10_000)


def prompt(said: str, rules: str = "") -> Prompt:
    messages = (ChatMessage("system", rules, len(rules)), ChatMessage("user", said))
    return Prompt(messages, said, (), "fr")


async def chunks_of(
    engine: Engine, said: str, sampling: Sampling = ALL, rules: str = ""
) -> list[TextChunk]:
    async with asyncio.timeout(PATIENCE_S):
        return [piece async for piece in engine.stream(prompt(said, rules), sampling)]


async def answer(engine: Engine, said: str, sampling: Sampling = ALL) -> str:
    return "".join(piece.text for piece in await chunks_of(engine, said, sampling))


async def start_answer(engine: Engine, said: str) -> "asyncio.Task[str]":
    """Start an answer in the background; returns once its first piece was read."""
    first = asyncio.Event()

    async def read() -> str:
        text = ""
        async for piece in engine.stream(prompt(said), ALL):
            text += piece.text
            first.set()
        return text

    task = asyncio.create_task(read())
    await asyncio.wait([task, asyncio.create_task(first.wait())], return_when="FIRST_COMPLETED")
    return task


async def cancel_answer(task: "asyncio.Task[str]") -> None:
    task.cancel()
    await asyncio.wait([task])
