"""The child of a sandbox, which `sandbox.py` starts with a task: a JSON object.

It imports the functions, confines itself, prepares what is needed, reports the layers that hold in
a first frame, then answers each frame of standard input with one on standard output. The task's
parameters go to every call by name. An error of a function ends the process.
"""

import functools
import importlib
import json
import math
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from shared.privacy.confinement import confine, isolate
from shared.privacy.sandbox import LENGTH

ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS")
"""Numerical libraries start threads when they are imported, which Landlock would not cover."""


def main() -> None:
    """Answer calls until the input ends."""
    task = json.loads(sys.argv[1])
    readable = [path for path in map(Path, task["readable"]) if path.exists()]
    os.nice(task["niceness"])
    layers = isolate(readable)
    os.environ.update(dict.fromkeys(ONE_THREAD, "1"))
    call = functools.partial(_found(task["function"]), **task["parameters"])
    prepare = _found(task["prepare"]) if task["prepare"] else None
    layers += confine(task["memory_mib"] * 1024 * 1024, readable)
    if prepare:
        prepare(**task["parameters"])
    _write_frame(sys.stdout.buffer, json.dumps(layers).encode())
    while (data := _read_frame(sys.stdin.buffer)) is not None:
        _allow_cpu(task["call_cpu_s"])
        _write_frame(sys.stdout.buffer, call(data))


def _found(name: str) -> Callable[..., Any]:
    """Return the function named `module:function`."""
    module, _, attribute = name.partition(":")
    function: Callable[..., Any] = getattr(importlib.import_module(module), attribute)
    return function


def _allow_cpu(seconds: int) -> None:
    """Have the kernel end this process if the call loops, even when its parent is gone."""
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(time.process_time()) + seconds, hard))


def _read_frame(stream: BinaryIO) -> bytes | None:
    """Return the next frame, or None at the end of the input."""
    head = stream.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    return stream.read(LENGTH.unpack(head)[0])


def _write_frame(stream: BinaryIO, data: bytes) -> None:
    stream.write(LENGTH.pack(len(data)) + data)
    stream.flush()


if __name__ == "__main__":
    main()
