"""Opens and closes engines, and makes smaller variants of models, in child processes."""

import asyncio
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from ai_core.engines.process.engine import ProcessEngine
from ai_core.engines.remote.engine import RemoteEngine
from ai_core.errors import ModelUnusable, NoMemory
from ai_core.models.admin.selection import TIMEOUT_S
from ai_core.models.registry import ModelCard
from ai_core.models.slot import LoadedEngine, Opener

LOAD_TIMEOUT_S = 600.0
CLOSE_TIMEOUT_S = 15.0


async def open_engine(card: ModelCard) -> LoadedEngine:
    """Open a model. Raises ModelUnusable, Unsupported, NoMemory."""
    if card.format == "remote":
        return await open_remote(card)
    return await ProcessEngine.start(card.id, card.weights, card.format, card.path, card.options)


async def open_remote(card: ModelCard) -> RemoteEngine:
    """Open a model on other machines. Raises ModelUnusable when its key cannot be read."""
    api_key = ""
    if card.upstream_key_file:
        try:
            api_key = (await asyncio.to_thread(Path(card.upstream_key_file).read_text)).strip()
        except OSError as error:
            raise ModelUnusable(
                f"{card.id}: {card.upstream_key_file} cannot be read ({error.strerror})",
                model=card.id,
            ) from None
    engine = RemoteEngine(
        card.id,
        card.weights,
        card.upstreams,
        model=card.upstream_model,
        context_tokens=card.context_tokens,
        slots=card.options.slots,
        api_key=api_key,
    )
    return await engine.open()


async def open_measured(opener: Opener, card: ModelCard) -> tuple[LoadedEngine, int]:
    """Open a model and measure the bytes it takes. Raises ModelUnusable after LOAD_TIMEOUT_S."""
    try:
        async with asyncio.timeout(LOAD_TIMEOUT_S):
            engine = await opener(card)
    except TimeoutError:
        raise ModelUnusable("loading takes too long", model=card.id) from None
    try:
        return engine, await engine.memory_bytes()
    except BaseException:
        await close_engine(engine)
        raise


async def close_engine(engine: LoadedEngine) -> None:
    """Close an engine; one still open after CLOSE_TIMEOUT_S is abandoned."""
    with suppress(TimeoutError):
        async with asyncio.timeout(CLOSE_TIMEOUT_S):
            await engine.close()


class ClosingEngines:
    """The engines being closed, one task each."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def close(self, engine: LoadedEngine) -> asyncio.Task[None]:
        """Start closing an engine; the task ends when its process has exited."""
        task = asyncio.create_task(close_engine(engine))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def wait(self) -> None:
        """Wait until all of them have exited and freed their memory."""
        while self._tasks:
            await asyncio.wait(self._tasks)


class Quantizer:
    """Makes the best precision of a model that fits, in a child process."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def __call__(self, card: ModelCard, budget_bytes: int) -> None:
        """Make and select it, as `model quantize NAME --room BYTES` does; takes minutes.

        Raises NoMemory with the command's last line when nothing fits or is good enough.
        """
        command = ["-m", "ai_core", "model", "quantize", card.id, "--room", str(budget_bytes)]
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            *command,
            env={**os.environ, "AI_CORE_MODELS__FOLDER": str(self._folder)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(TIMEOUT_S):
                _, stderr = await child.communicate()
        except TimeoutError:
            raise NoMemory(f"{card.id}: quantizing takes too long", model=card.id) from None
        finally:
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
        if child.returncode:
            lines = stderr.decode("utf-8", "replace").strip().splitlines() or ["no reason given"]
            raise NoMemory(lines[-1], model=card.id)
