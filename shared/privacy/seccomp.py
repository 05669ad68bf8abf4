"""Denies network access and the starting of programs to a process that parses untrusted files.

A seccomp filter (https://docs.kernel.org/userspace-api/seccomp_filter.html) needs no privilege and
works inside a container, where a new network namespace usually does not.
"""

import ctypes
import errno
import os
import platform
import struct
import sys
from dataclasses import dataclass

PR_SET_SECCOMP = 22
PR_SET_NO_NEW_PRIVS = 38
SECCOMP_MODE_FILTER = 2
ALLOW = 0x7FFF0000
REFUSE = 0x00050000 | errno.EACCES
LOAD, JUMP_IF_EQUAL, JUMP_IF_AT_LEAST, RETURN = 0x20, 0x15, 0x35, 0x06
CALL_NUMBER, ARCHITECTURE = 0, 4
"""Offsets in the kernel's struct seccomp_data."""
FIRST_X32_CALL = 0x40000000


@dataclass(frozen=True, slots=True)
class Machine:
    """A processor architecture as the kernel names it, and its denied system calls."""

    audit_arch: int
    refused: tuple[int, ...]


MACHINES = {  # socket, connect, execve, execveat, ptrace, io_uring_setup
    "x86_64": Machine(0xC000003E, (41, 42, 59, 322, 101, 425)),
    "aarch64": Machine(0xC00000B7, (198, 203, 221, 281, 117, 425)),
}


class NotConfined(Exception):
    """The kernel rejects the filter, or this processor architecture is unknown here."""


def confine() -> None:
    """Deny new connections and programs to this thread and those it starts, permanently.

    Such a call then fails with PermissionError. Raises NotConfined.
    """
    machine = MACHINES.get(platform.machine())
    if machine is None or sys.platform != "linux":
        raise NotConfined(f"no filter is known for {sys.platform} on {platform.machine()}")
    steps = b"".join(_steps(machine))
    program = ctypes.create_string_buffer(steps, len(steps))
    header = struct.pack("@HP", len(steps) // 8, ctypes.addressof(program))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(
        PR_SET_SECCOMP, SECCOMP_MODE_FILTER, header, 0, 0
    ):
        raise NotConfined(os.strerror(ctypes.get_errno()))


def _steps(machine: Machine) -> list[bytes]:
    """Return the filter: another architecture's calls are refused too, whatever their number."""
    calls = machine.refused
    last = len(calls)
    checks = [_step(JUMP_IF_EQUAL, call, last - at, 0) for at, call in enumerate(calls)]
    return [
        _step(LOAD, ARCHITECTURE),
        _step(JUMP_IF_EQUAL, machine.audit_arch, 0, last + 3),
        _step(LOAD, CALL_NUMBER),
        _step(JUMP_IF_AT_LEAST, FIRST_X32_CALL, last + 1, 0),
        *checks,
        _step(RETURN, ALLOW),
        _step(RETURN, REFUSE),
    ]


def _step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("@HBBI", code, if_true, if_false, value)
