"""Confines the process that parses untrusted files: what it may open, call, and see of others.

Five layers, each of which holds alone: another user where the process is root, namespaces of its
own (user, network, IPC), Landlock, a list of allowed system calls, limits of memory, time and file
size. Namespaces and Landlock are not everywhere (old kernels, some containers): `confine` says
which layers hold. Without the list of system calls nothing is read at all.
"""

import ctypes
import os
import resource
import signal
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal

from shared.privacy.landlock import restrict
from shared.privacy.seccomp import NotConfined, allow_reading_only, load_libseccomp

Layer = Literal["user", "namespaces", "landlock", "system_calls"]
LAYERS: tuple[Layer, ...] = ("user", "namespaces", "landlock", "system_calls")
NOBODY = 65534
PR_SET_PDEATHSIG = 1
CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWNET = 0x08000000, 0x10000000, 0x40000000
PYTHONS_OWN = ("stdlib", "platstdlib", "purelib", "platlib")
SYSTEM_FOLDERS = (
    "/lib", "/lib64", "/usr/lib", "/usr/local/lib", "/usr/share/zoneinfo", "/etc/ld.so.cache",
    "/etc/localtime", "/dev/null", "/dev/urandom",
)  # fmt: skip
"""Shared libraries, time zones, and the two devices that libraries open."""


def isolate(readable: Sequence[Path] = ()) -> list[Layer]:
    """Leave the worker's user and namespaces, and die with it; call it before any thread starts.

    `readable` is what it reads beside its code. Returns the layers that hold.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    os.closerange(3, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
    sys.dont_write_bytecode = True
    layers: list[Layer] = []
    if os.getuid():
        layers.append("user")  # the worker's own, which is not root
    elif all(map(_readable_by_all, (*code_folders(), *readable))):
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)  # a change of user clears it
        layers.append("user")
    if libc.unshare(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWIPC) == 0:
        layers.append("namespaces")
    return layers


def confine(memory_bytes: int, readable: Sequence[Path] = ()) -> list[Layer]:
    """Apply the limits, Landlock and the list of system calls, permanently.

    `readable` stays open for reading beside the code. Returns the layers that hold. Raises
    NotConfined when the list of system calls cannot be applied, or when a thread runs that Landlock
    would leave out.
    """
    libseccomp = load_libseccomp()
    if sum(1 for _ in Path("/proc/self/task").iterdir()) > 1:
        raise NotConfined("a thread was started before the process was confined")
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    layers: list[Layer] = ["landlock"] if restrict((*code_folders(), *readable)) else []
    allow_reading_only(libseccomp)
    return [*layers, "system_calls"]


def code_folders() -> list[Path]:
    """Return what a Python process reads while it runs: its code and libraries, no data.

    Of a folder on the import path that is not Python's own, only the packages in it: a checkout
    also holds settings, keys and the stores of `./neo run`.
    """
    own = {
        Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib", "purelib", "platlib")
    }
    imported = (Path(entry) for entry in sys.path if entry)
    packages = (
        place
        for entry in imported
        if entry.is_dir() and not any(entry.is_relative_to(folder) for folder in own)
        for place in _packages_in(entry)
    )
    return [place for place in (*own, *packages, *map(Path, SYSTEM_FOLDERS)) if place.exists()]


def _packages_in(folder: Path) -> Iterator[Path]:
    for place in folder.iterdir():
        if place.suffix in {".py", ".so"} or (place / "__init__.py").exists():
            yield place


def _readable_by_all(place: Path) -> bool:
    """Whether another user gets to a file or folder: it and all above it are open to everybody."""
    steps: Iterable[Path] = (place, *place.resolve().parents)
    return all(step.stat().st_mode & 0o005 == 0o005 or not step.is_dir() for step in steps)
