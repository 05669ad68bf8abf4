"""The child process that reads mail: `python -m mail_service.reading.reader MEMORY_MIB`.

Takes a mail per frame (length, bytes) on standard input and answers a frame of JSON. Hostile mail
can kill it or make it loop; it can reach nobody, start no program, write no file, leave no core,
and holds no secret.
"""

import resource
import struct
import sys
from typing import BinaryIO

from pydantic import TypeAdapter

from mail_service.reading.message import Mail, read_mail
from shared.privacy.sandbox import confine

LENGTH = struct.Struct(">I")
MAILS = TypeAdapter(Mail)


def main() -> None:
    """Read mails until the input ends."""
    memory_bytes = int(sys.argv[1]) * 1024 * 1024
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    confine()
    while (raw := read_frame(sys.stdin.buffer)) is not None:
        answer = MAILS.dump_json(read_mail(raw))
        sys.stdout.buffer.write(LENGTH.pack(len(answer)) + answer)
        sys.stdout.buffer.flush()


def read_frame(stream: BinaryIO) -> bytes | None:
    """Return the next frame, or None at the end of the input."""
    head = stream.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    return stream.read(LENGTH.unpack(head)[0])


if __name__ == "__main__":
    main()
