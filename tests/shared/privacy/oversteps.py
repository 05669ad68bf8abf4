"""What the code that reads a file must not be able to do: tried inside a sandbox, and outside."""

import ctypes
import json
import os
import resource
import socket
from collections.abc import Callable
from typing import Any

from shared.privacy.sandbox_child import ONE_THREAD


def overstep(data: bytes) -> bytes:
    """Try what a reader of files never needs; return what succeeded, and the environment."""
    there = json.loads(data)
    return json.dumps(
        {
            "done": [name for name, attempt in attempts(there).items() if succeeds(attempt)],
            "environment": sorted(os.environ.keys() - {"LC_CTYPE", *ONE_THREAD}),
        }
    ).encode()


def attempts(there: dict[str, Any]) -> dict[str, Callable[[], object]]:
    libc = ctypes.CDLL(None, use_errno=True)
    worker, secret = there["worker"], there["secret"]
    settings = f"{there['checkout']}/pyproject.toml"

    def call(number: int, *arguments: object) -> None:
        if libc.syscall(number, *arguments) < 0:
            raise OSError(ctypes.get_errno(), "refused")

    return {
        "read the vault": lambda: read(secret),
        "list its folder": lambda: os.listdir(os.path.dirname(secret)),
        "stat and unlink it": lambda: os.unlink(secret),
        "rename it": lambda: os.rename(secret, f"{secret}.old"),
        "link it": lambda: os.link(secret, f"{secret}.link"),
        "change its mode": lambda: os.chmod(secret, 0o777),
        "write a file": lambda: os.close(os.open(f"{secret}.new", os.O_CREAT | os.O_WRONLY)),
        "truncate it": lambda: os.truncate(secret, 0),
        "make a folder": lambda: os.mkdir(f"{secret}.d"),
        "read the worker's environment": lambda: read(f"/proc/{worker}/environ"),
        "read the worker's memory": lambda: read(f"/proc/{worker}/mem", 0),
        "read the worker's command": lambda: read(f"/proc/{worker}/cmdline"),
        "read a checkout's settings": lambda: read(settings),
        "read the users": lambda: read("/etc/passwd"),
        "signal the worker": lambda: os.kill(worker, 0),
        "signal by thread": lambda: call(234, worker, worker, 0),
        "open a handle on the worker": lambda: call(434, worker, 0),
        "take a descriptor": lambda: call(438, 0, there["descriptor"], 0),
        "write the worker's memory": lambda: call(311, worker, None, 0, None, 0, 0),
        "trace the worker": lambda: call(101, 16, worker, 0, 0),
        "open a socket": lambda: socket.socket(),
        "open a Unix socket": lambda: socket.socket(socket.AF_UNIX),
        "use the worker's descriptor": lambda: os.write(there["descriptor"], b"x"),
        "start a program": lambda: os.execv("/bin/true", ["true"]),
        "start a process": os.fork,
        "start a shell": lambda: os.posix_spawn("/bin/sh", ["sh", "-c", "true"], {}),
        "set up io_uring": lambda: call(425, 1, bytes(256)),
        "load a program into the kernel": lambda: call(321, 5, bytes(128), 128),
        "make a memory file": lambda: os.memfd_create("x"),
        "become another user": lambda: os.setuid(12345),
        "mount": lambda: call(165, None, None, None, 0, None),
        "change the limits back": lambda: resource.prlimit(worker, resource.RLIMIT_AS),
    }


def succeeds(attempt: Callable[[], object]) -> bool:
    try:
        attempt()
    except OSError:
        return False
    return True


def read(path: str, size_bytes: int = 100) -> bytes:
    with open(path, "rb", buffering=0) as file:
        return file.read(size_bytes)
