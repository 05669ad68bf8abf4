"""What a function does inside a sandbox, and what becomes of one that misbehaves."""

import asyncio
import os
import socket
import time
from pathlib import Path

import pytest

from shared.privacy.sandbox import Sandbox, SandboxFailed


def reverse(data: bytes, *, suffix: str = "") -> bytes:
    return data[::-1] + suffix.encode()


def process_id(data: bytes) -> bytes:
    return str(os.getpid()).encode()


def loop(data: bytes) -> bytes:
    while data:
        pass
    return b"done"


def allocate(data: bytes) -> bytes:
    return bytes(int(data))


def overstep(data: bytes) -> bytes:
    """Say which of three things a reader of files never needs are refused."""
    refused = []
    try:
        socket.socket()
    except PermissionError:
        refused.append("network")
    try:
        Path(data.decode()).write_text("x")
    except OSError:
        refused.append("file")
    return " ".join([*refused, *os.environ.keys() - {"PYTHONPATH", "LC_CTYPE"}]).encode()


def sandbox(function: str, **options: float | str) -> Sandbox:
    settings = {"timeout_s": 20.0, "memory_mib": 512, **options}
    return Sandbox(f"{__name__}:{function}", **settings)  # type: ignore[arg-type]


async def test_a_function_runs_in_another_process_with_its_parameters() -> None:
    async with sandbox("reverse", suffix="!") as inside:
        assert await inside.call(b"abc") == b"cba!"


async def test_a_sandbox_has_no_network_no_writes_and_no_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_SECRET", "x")
    async with sandbox("overstep") as inside:
        assert await inside.call(str(tmp_path / "file").encode()) == b"network file"


async def test_a_process_serves_as_many_calls_as_it_may() -> None:
    async with sandbox("process_id", calls_per_process=2) as inside:
        first, second, third = [await inside.call(b"") for _ in range(3)]
    assert first == second != third


async def test_a_call_that_takes_too_long_is_ended_and_the_next_is_served() -> None:
    async with sandbox("loop", calls_per_process=9) as inside:
        assert await inside.call(b"") == b"done"
        inside.timeout_s = 0.05
        with pytest.raises(SandboxFailed, match="time"):
            await inside.call(b"x")
        inside.timeout_s = 20
        assert await inside.call(b"") == b"done"


@pytest.mark.slow
async def test_a_call_that_loops_ends_even_without_a_waiting_caller() -> None:
    async with sandbox("loop", timeout_s=1.0) as inside:
        inside._children[0].kill = _forget  # type: ignore[method-assign]
        calling = asyncio.create_task(inside.call(b"x"))
        with pytest.raises(SandboxFailed):
            await calling
        process = inside._children[0]._process
        assert process is not None
        began = time.monotonic()
        await asyncio.wait_for(process.wait(), 20)
        assert time.monotonic() - began < 20


async def _forget() -> None:
    """Stand for a parent that died before it could end its child."""


async def test_a_call_without_memory_fails_and_the_next_is_served() -> None:
    async with sandbox("allocate", calls_per_process=9) as inside:
        with pytest.raises(SandboxFailed, match="crash"):
            await inside.call(b"900000000")
        assert await inside.call(b"3") == bytes(3)


async def test_a_function_that_does_not_exist_fails() -> None:
    async with sandbox("nothing") as inside:
        with pytest.raises(SandboxFailed, match="crash"):
            await inside.call(b"")
