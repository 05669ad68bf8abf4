"""How a model comes to memory, and how it is made smaller: in child processes."""

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
from ai_core.models.admin.selection import LIMIT_S
from ai_core.models.registry import ModelCard
from ai_core.models.slot import Running


async def open_engine(card: ModelCard) -> Running:
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


class Quantizer:
    """Makes the best precision of a model that fits, in a process of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def __call__(self, card: ModelCard, room_bytes: int) -> None:
        """Make it and put it in use, as `model quantize NAME --room BYTES` does; takes minutes.

        Raises NoMemory with the command's own words when nothing fits or is good enough.
        """
        command = ["-m", "ai_core", "model", "quantize", card.id, "--room", str(room_bytes)]
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
            async with asyncio.timeout(LIMIT_S):
                _, said = await child.communicate()
        except TimeoutError:
            raise NoMemory(f"{card.id}: quantizing takes too long", model=card.id) from None
        finally:
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
        if child.returncode:
            lines = said.decode("utf-8", "replace").strip().splitlines() or ["no reason given"]
            raise NoMemory(lines[-1], model=card.id)
