"""Calls of an engine that several tests make."""

import asyncio

from ai_core.engines.base import ChatMessage, Engine, Prompt, Sampling, TextChunk

TIMEOUT_S = 30.0
ALL = Sampling(max_tokens=10_000)


def prompt(question: str, rules: str = "") -> Prompt:
    messages = (ChatMessage("system", rules, len(rules)), ChatMessage("user", question))
    return Prompt(messages, question, (), "fr")


async def chunks_of(
    engine: Engine, question: str, sampling: Sampling = ALL, rules: str = ""
) -> list[TextChunk]:
    async with asyncio.timeout(TIMEOUT_S):
        return [chunk async for chunk in engine.stream(prompt(question, rules), sampling)]


async def answer(engine: Engine, question: str, sampling: Sampling = ALL) -> str:
    return "".join(chunk.text for chunk in await chunks_of(engine, question, sampling))


async def start_answer(engine: Engine, question: str) -> "asyncio.Task[str]":
    """Start an answer in the background; returns once its first chunk was read."""
    first = asyncio.Event()

    async def read() -> str:
        text = ""
        async for chunk in engine.stream(prompt(question), ALL):
            text += chunk.text
            first.set()
        return text

    task = asyncio.create_task(read())
    await asyncio.wait([task, asyncio.create_task(first.wait())], return_when="FIRST_COMPLETED")
    return task


async def commands_received(engine: Engine) -> None:
    """Return once a model process has received, and tokenized, all that was sent so far."""
    await asyncio.sleep(0)  # tasks created just before send their command first
    assert await engine.count_tokens(["mot"]) == [1]


async def cancel_answer(task: "asyncio.Task[str]") -> None:
    task.cancel()
    await asyncio.wait([task])
