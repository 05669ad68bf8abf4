"""Parses a raw mail to JSON, as bytes on both sides: the function that runs in the sandbox."""

from pydantic import TypeAdapter

from mail_service.reading.message import Mail, read_mail

MAILS = TypeAdapter(Mail)


def read(raw: bytes) -> bytes:
    """Return the JSON of the mail read from `raw`."""
    return MAILS.dump_json(read_mail(raw))
