"""What a function does inside a sandbox, and what becomes of one that misbehaves."""

import asyncio
import contextlib
import ctypes
import importlib
import json
import os
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from shared.privacy.sandbox import Sandbox, SandboxFailed
from tests.shared.privacy.oversteps import attempts, succeeds

ROOT = Path(__file__).resolve().parents[3]


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


def imports_late(data: bytes) -> bytes:
    """Use a module and a codec that nothing has imported, as parsers do."""
    module = importlib.import_module("wave")
    return f"{module.__name__} {data.decode('iso2022_jp')}".encode()


def content_of(data: bytes) -> bytes:
    try:
        return Path(data.decode()).read_bytes()
    except PermissionError:
        return b"refused"


def never_ends(data: bytes) -> bytes:
    time.sleep(600)
    return data


def sandbox(function: str, **options: float | str | list[str]) -> Sandbox:
    settings: dict[str, object] = {"timeout_s": 20.0, "memory_mib": 512, **options}
    return Sandbox(f"{__name__}:{function}", **settings)  # type: ignore[arg-type]


async def test_a_function_runs_in_another_process_with_its_parameters() -> None:
    async with sandbox("reverse", suffix="!") as inside:
        assert await inside.call(b"abc") == b"cba!"


async def test_a_sandbox_reaches_nothing_of_the_worker_or_the_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_SECRET", "x")
    secret = tmp_path / "vault"
    secret.write_bytes(b"key")
    ours, theirs = socket.socketpair()
    os.set_inheritable(ours.fileno(), True)
    there = {
        "worker": os.getpid(),
        "secret": str(secret),
        "checkout": str(ROOT),
        "descriptor": ours.fileno(),
    }
    outside = {name for name, attempt in harmless(attempts(there)).items() if succeeds(attempt)}
    assert len(outside) >= 8  # here they succeed: the test can tell

    module = "tests.shared.privacy.oversteps"
    async with Sandbox(f"{module}:overstep", timeout_s=20, memory_mib=512) as inside:
        found = json.loads(await inside.call(json.dumps(there).encode()))

    ours.close()
    theirs.close()
    assert found == {"done": [], "environment": []}
    assert secret.read_bytes() == b"key"
    assert await asyncio.to_thread(names_in, tmp_path) == ["vault"]


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def harmless(all_of_them: dict[str, Callable[[], object]]) -> dict[str, Callable[[], object]]:
    reading = ("read", "list", "signal")
    return {name: attempt for name, attempt in all_of_them.items() if name.startswith(reading)}


async def test_every_layer_this_machine_has_holds() -> None:
    landlock = ctypes.CDLL(None).syscall(444, None, 0, 1) > 0
    async with sandbox("reverse") as inside:
        await inside.call(b"")
        layers = set(inside._children[0].layers)
    assert "system_calls" in layers
    assert ("landlock" in layers) == landlock


async def test_code_that_is_imported_late_is_there() -> None:
    async with sandbox("imports_late") as inside:
        assert await inside.call(b"abc") == b"wave abc"


async def test_what_is_named_can_be_read_and_nothing_beside_it(readable_by_all: Path) -> None:
    named, beside = readable_by_all / "named", readable_by_all / "beside"
    names = [str(named / "weights").encode(), str(beside / "weights").encode()]
    async with Sandbox(
        f"{__name__}:content_of",
        timeout_s=20,
        memory_mib=512,
        readable=[named],
        calls_per_process=9,
    ) as inside:
        found = [await inside.call(name) for name in names]
        has_landlock = "landlock" in inside._children[0].layers
    assert found == [b"named", b"refused" if has_landlock else b"beside"]


@pytest.fixture
def readable_by_all(tmp_path: Path) -> Path:
    for name in ("named", "beside"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "weights").write_text(name)
    return tmp_path


async def test_a_child_gives_way_to_other_processes() -> None:
    settings = {"timeout_s": 20, "memory_mib": 512, "niceness": 3, "calls_per_process": 2}
    async with Sandbox(f"{__name__}:process_id", **settings) as inside:  # type: ignore[arg-type]
        child = psutil.Process(int(await inside.call(b"")))
        assert child.nice() == min(os.getpriority(os.PRIO_PROCESS, 0) + 3, 19)


@pytest.mark.slow
async def test_a_child_ends_with_its_worker() -> None:
    program = (
        "import asyncio, sys\n"
        "from tests.shared.privacy.test_sandbox import sandbox\n"
        "async def main():\n"
        "    async with sandbox('never_ends', timeout_s=600) as inside:\n"
        "        calling = asyncio.create_task(inside.call(b''))\n"
        "        while not (process := inside._children[0]._process): await asyncio.sleep(0.01)\n"
        "        print(process.pid, flush=True)\n"
        "        await calling\n"
        "asyncio.run(main())\n"
    )
    worker = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    assert worker.stdout
    child = int(await asyncio.wait_for(worker.stdout.readline(), 30))
    worker.kill()
    await worker.wait()
    with contextlib.suppress(psutil.NoSuchProcess):
        await asyncio.to_thread(psutil.Process(child).wait, 20)


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


async def test_a_process_ends_with_its_last_call() -> None:
    async with sandbox("process_id", calls_per_process=1) as inside:
        child = int(await inside.call(b""))
        with contextlib.suppress(psutil.NoSuchProcess):
            await asyncio.to_thread(psutil.Process(child).wait, 20)


def remember(word: str) -> None:
    _REMEMBERED.append(word)


def remembered(data: bytes, *, word: str) -> bytes:
    return f"{data.decode()} {word} {_REMEMBERED}".encode()


_REMEMBERED: list[str] = []


async def test_what_a_function_needs_is_prepared_inside() -> None:
    name = f"{__name__}:remember"
    async with sandbox("remembered", prepare=name, word="seul") as inside:
        assert await inside.call(b"mot") == b"mot seul ['seul']"


async def test_a_folder_may_be_read_beside_the_code(tmp_path: Path) -> None:
    (tmp_path / "weights").write_bytes(b"numbers")
    path = str(tmp_path / "weights").encode()
    async with sandbox("contents", readable=[str(tmp_path)]) as inside:
        assert await inside.call(path) == b"numbers"


def contents(data: bytes) -> bytes:
    return Path(data.decode()).read_bytes()
