"""The child of a sandbox, which `sandbox.py` starts.

Its arguments are MODULE:FUNCTION PARAMETERS MEMORY_MIB READABLE NICENESS CALL_CPU_S. It imports
the function, confines itself, reports the layers that hold in a first frame, then answers each
frame of standard input with one on standard output. PARAMETERS, a JSON object, go to every call by
name; READABLE is a JSON list of paths. An error of the function ends the process.
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
from typing import BinaryIO

from shared.privacy.confinement import confine, isolate
from shared.privacy.sandbox import LENGTH

ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS")
"""Numerical libraries start threads when they are imported, which Landlock would not cover."""


def main() -> None:
    """Answer calls until the input ends."""
    name, parameters, memory_mib, paths, niceness, call_cpu_s = sys.argv[1:]
    readable = [Path(path) for path in json.loads(paths)]
    os.nice(int(niceness))
    layers = isolate(readable)
    os.environ.update(dict.fromkeys(ONE_THREAD, "1"))
    module, _, attribute = name.partition(":")
    function: Callable[..., bytes] = getattr(importlib.import_module(module), attribute)
    call = functools.partial(function, **json.loads(parameters))
    layers += confine(int(memory_mib) * 1024 * 1024, readable)
    _write_frame(sys.stdout.buffer, json.dumps(layers).encode())
    while (data := _read_frame(sys.stdin.buffer)) is not None:
        _allow_cpu(int(call_cpu_s))
        _write_frame(sys.stdout.buffer, call(data))


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
