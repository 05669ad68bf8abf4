"""Parses a raw mail to JSON, as bytes on both sides: the functions that run in the sandbox."""

import base64
import json

from pydantic import TypeAdapter

from mail_service.reading.message import Mail, read_mail

MAX_SCAN_BYTES = 12 * 1024 * 1024
"""Of the pictures of one mail together; those that do not fit are told as not read."""

MAILS = TypeAdapter(Mail)


def read(raw: bytes) -> bytes:
    """Return the JSON of the mail read from `raw`."""
    return MAILS.dump_json(read_mail(raw))


def scans_of(raw: bytes) -> bytes:
    """Return the pictures and scanned documents of a mail as JSON, by number of the attachment."""
    left_bytes = MAX_SCAN_BYTES
    scans = {}
    for number, file in enumerate(read_mail(raw).attachments):
        if file.content and len(file.content) <= left_bytes:
            left_bytes -= len(file.content)
            content = base64.b64encode(file.content).decode()
            scans[number] = {"kind": file.kind, "content": content}
    return json.dumps(scans).encode()
