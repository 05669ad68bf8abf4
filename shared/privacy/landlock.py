"""Limits what a process can open to folders it may read (Landlock, a Linux security module).

Needs no privilege, and works inside a container: https://docs.kernel.org/userspace-api/landlock.html.
The packages that wrap it know files alone, not signals, sockets and TCP (ABI 4 and 6); hence three
system calls here.
"""

import ctypes
import os
import struct
from collections.abc import Iterable
from pathlib import Path

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446  # the same on every architecture
VERSION_ASKED = 1
PATH_BENEATH = 1
READ_FILE, READ_DIR = 1 << 2, 1 << 3
FILE_RIGHTS_BY_ABI = (13, 14, 15, 15, 16)
"""How many access rights to files an ABI knows, from ABI 1 on: one bit each."""
TCP_FROM_ABI, TCP_RIGHTS = 4, 0b11
SCOPE_FROM_ABI, SCOPES = 6, 0b11
"""No TCP; no abstract Unix sockets and no signals of processes outside."""
PR_SET_NO_NEW_PRIVS = 38


def restrict(readable: Iterable[Path]) -> int:
    """Leave to this thread and its children reading below `readable`, nothing else; for good.

    What is open already stays usable. Returns the kernel's ABI version, 0 where it has no Landlock:
    then nothing is restricted. Raises OSError when the kernel refuses.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    abi = libc.syscall(CREATE_RULESET, None, 0, VERSION_ASKED)
    if abi < 1:
        return 0
    rights = (1 << FILE_RIGHTS_BY_ABI[min(abi, len(FILE_RIGHTS_BY_ABI)) - 1]) - 1
    fields = [rights]
    if abi >= TCP_FROM_ABI:
        fields.append(TCP_RIGHTS)
    if abi >= SCOPE_FROM_ABI:
        fields.append(SCOPES)
    handled = struct.pack(f"={len(fields)}Q", *fields)
    ruleset = _checked(libc.syscall(CREATE_RULESET, handled, len(handled), 0))
    try:
        for path in readable:
            _allow(libc, ruleset, path)
        _checked(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        _checked(libc.syscall(RESTRICT_SELF, ruleset, 0))
    finally:
        os.close(ruleset)
    return int(abi)


def _allow(libc: ctypes.CDLL, ruleset: int, path: Path) -> None:
    rights = READ_FILE | READ_DIR if path.is_dir() else READ_FILE
    place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        rule = struct.pack("=Qi", rights, place)
        _checked(libc.syscall(ADD_RULE, ruleset, PATH_BENEATH, rule, 0))
    finally:
        os.close(place)


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"Landlock: {os.strerror(number)}")
    return result
