"""Fake engines that take no memory, and slots in any state."""

import asyncio
from collections.abc import AsyncGenerator, Sequence

from ai_core.engines.base import Capabilities, Engine, Prompt, ReasoningStart, Sampling, TextChunk
from ai_core.engines.process.throughput import Throughput
from ai_core.errors import EngineFailed, ModelUnusable
from ai_core.models.registry import ModelCard
from ai_core.models.slot import ModelSlot, SlotState

MIB = 1024**2


class FakeEngine:
    """An engine that takes memory, may die, and fails whoever uses it once it is closed."""

    weights = "fake"
    extractive = False
    reasoning_start: ReasoningStart | None = None
    context_tokens = 1_000
    slots = 4
    capabilities = Capabilities()
    throughput = Throughput(0.0, 12.5)

    def __init__(self, name: str, takes_bytes: int) -> None:
        self.name = name
        self.takes_bytes = takes_bytes
        self.closed = False
        self.adapters: list[str] = []
        self.measuring: asyncio.Event | None = None
        self.exited: asyncio.Future[object] = asyncio.get_running_loop().create_future()

    async def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(text.split()) for text in texts]

    async def stream(self, prompt: Prompt, sampling: Sampling) -> AsyncGenerator[TextChunk]:
        for _ in range(sampling.max_tokens):
            await asyncio.sleep(0)
            if self.closed or self.exited.done():
                raise EngineFailed(self.name)
            yield TextChunk("mot ", 1)

    async def tokenize(self, prompt: Prompt, *, special: bool = True) -> list[int]:
        return []

    async def detokenize(self, tokens: Sequence[int]) -> str:
        return ""

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        return [[0.0] for _ in texts]

    async def close(self) -> None:
        await asyncio.sleep(0)
        self.closed = True

    def die(self) -> None:
        self.exited.set_result("killed")

    async def memory_bytes(self) -> int:
        if self.measuring:
            await self.measuring.wait()
        return self.takes_bytes

    def adapted(self, name: str, weights: str, adapter_path: str) -> Engine:
        self.adapters.append(name)
        return self


def begin_load(slot: ModelSlot) -> None:
    slot.begin_load(asyncio.create_task(asyncio.sleep(0)))


def loaded(
    name: str,
    *,
    used_s: float = 0.0,
    reserved_bytes: int = 100 * MIB,
    pinned: bool = False,
    users: int = 0,
) -> ModelSlot:
    """A model in memory, last used at `used_s`, now held by so many users."""
    slot = ModelSlot(ModelCard(id=name, format="gguf", weights="w", pinned=pinned))
    begin_load(slot)
    slot.reserve(reserved_bytes)
    slot.finish_load(FakeEngine(name, reserved_bytes), reserved_bytes, used_s)
    for _ in range(users):
        slot.acquire()
    return slot


def in_state(state: SlotState) -> ModelSlot:
    """A model that came to a state by legal transitions."""
    slot = ModelSlot(ModelCard(id="one", format="gguf", weights="w"))
    if state is SlotState.UNLOADED:
        return slot
    begin_load(slot)
    if state is SlotState.FAILED:
        slot.fail_load(ModelUnusable("no"), 0.0)
    elif state is not SlotState.LOADING:
        slot.finish_load(FakeEngine("one", 1), 1, 0.0)
    if state is SlotState.RESTARTING:
        slot.crash(0.0)
    return slot
