"""Leaves a process the system calls that reading a file needs, and no others.

A seccomp filter (https://docs.kernel.org/userspace-api/seccomp_filter.html) needs no privilege and
works inside a container. libseccomp knows the numbers of the calls on each processor; Debian's apt
depends on it.
"""

import errno
import os
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyseccomp import SyscallFilter

ALWAYS = (
    "read", "readv", "pread64", "write", "writev", "close", "fstat", "newfstatat", "statx", "lseek",
    "stat", "lstat", "access", "faccessat", "faccessat2", "readlink", "readlinkat", "getcwd",
    "getdents64", "dup", "fcntl", "ioctl", "poll", "ppoll", "select", "pselect6",
    "brk", "mmap", "munmap", "mremap", "mprotect", "madvise", "membarrier",
    "futex", "futex_waitv", "sched_yield", "sched_getaffinity", "set_robust_list", "rseq",
    "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack", "restart_syscall",
    "clock_gettime", "clock_getres", "clock_nanosleep", "nanosleep", "gettimeofday", "time",
    "times", "getrandom", "getpid", "gettid", "getppid", "getuid", "geteuid", "getgid",
    "getegid", "getrusage", "getrlimit", "setrlimit", "sysinfo", "uname", "exit", "exit_group",
)  # fmt: skip
CLONE_THREAD = 0x10000
THIS_PROCESS = 0


class NotConfined(Exception):
    """The kernel rejects the filter, or this system has no libseccomp."""


def load_libseccomp() -> ModuleType:
    """Load the library; the search for it starts `ldconfig`, so do it before `confine`.

    Raises NotConfined where there is none.
    """
    try:
        import pyseccomp  # here: only the child of a sandbox needs it
    except (ImportError, OSError, RuntimeError) as error:
        raise NotConfined("libseccomp is not installed: apt-get install libseccomp2") from error
    library: ModuleType = pyseccomp
    return library


def allow_reading_only(library: ModuleType) -> None:
    """Refuse every other system call of this process and its threads, permanently.

    Files may be opened for reading alone, threads may be started, processes may not. A refused call
    fails with PermissionError. Raises NotConfined.
    """
    try:
        rules = library.SyscallFilter(library.ERRNO(errno.EACCES))
        rules.set_attr(library.Attr.CTL_TSYNC, 1)  # threads that run already, too
        _add_rules(library, rules)
        rules.load()
    except (OSError, RuntimeError, ValueError) as error:
        raise NotConfined(str(error)) from error


def _add_rules(library: ModuleType, rules: "SyscallFilter") -> None:
    reading = (library.MASKED_EQ, os.O_ACCMODE, os.O_RDONLY)
    thread = (library.MASKED_EQ, CLONE_THREAD, CLONE_THREAD)
    calls = [(name, ()) for name in ALWAYS] + [
        ("open", (library.Arg(1, *reading),)),
        ("openat", (library.Arg(2, *reading),)),
        ("prlimit64", (library.Arg(0, library.EQ, THIS_PROCESS),)),
        ("clone", (library.Arg(0, *thread),)),
    ]
    for name, arguments in calls:
        if _is_known(library, name):
            rules.add_rule(library.ALLOW, name, *arguments)
    # its flags are in memory, where a filter cannot look: libc falls back to `clone`
    rules.add_rule(library.ERRNO(errno.ENOSYS), "clone3")


def _is_known(library: ModuleType, name: str) -> bool:
    """Whether this processor has the call, and this libseccomp its number."""
    try:
        return int(library.resolve_syscall(library.Arch.NATIVE, name)) >= 0
    except (OSError, ValueError):
        return False
