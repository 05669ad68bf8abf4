"""What a confined process can no longer do."""

import subprocess
import sys

TRY = """
import subprocess, socket, sys
from shared.privacy.seccomp import allow_reading_only, load_libseccomp
allow_reading_only(load_libseccomp())
print(sum(range(10)))
for name, attempt in {
    "socket": lambda: socket.socket(),
    "unix": lambda: socket.socket(socket.AF_UNIX),
    "program": lambda: subprocess.run(["/bin/true"]),
    "read": lambda: open("/proc/self/status").read(),
}.items():
    try:
        attempt()
        print(name, "worked")
    except PermissionError:
        print(name, "refused")
"""


def test_a_confined_process_computes_and_reads_but_has_no_network_and_starts_no_program() -> None:
    done = subprocess.run(
        [sys.executable, "-c", TRY],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.stderr == ""
    assert done.stdout.split("\n")[:-1] == [
        "45",
        "socket refused",
        "unix refused",
        "program refused",
        "read worked",
    ]
