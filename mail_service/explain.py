"""The story of one mail, for an operator's terminal: steps, reasons and letters, no content."""

from collections.abc import Iterator

from mail_service.ledger.store import File


def explain(file: File) -> str:
    """Return what happened to a mail, a line per step."""
    return "\n".join(_lines(file)) + "\n"


def _lines(file: File) -> Iterator[str]:
    entry = file.entry
    yield f"mail {entry.id} ({entry.mailbox}, {entry.size_bytes} bytes): {entry.state}"
    if entry.reason:
        yield f"  reason   {entry.reason}"
    if entry.fired:
        yield f"  rules    {', '.join(entry.fired)}"
    if file.mail is not None:
        attached = ", ".join(f"{each.kind} {each.state}" for each in file.mail.attachments)
        yield f"  read     {len(file.mail.text)} characters written now, {attached or 'no file'}"
        if file.mail.hidden_text:
            yield f"  hidden   {len(file.mail.hidden_text)} characters only a machine would see"
    for event in file.events:
        yield f"  {event.at:%Y-%m-%d %H:%M:%S}  {event.step:<16} {event.reason}".rstrip()
    for sent in file.sent:
        when = f" at {sent.sent_at:%Y-%m-%d %H:%M:%S}" if sent.sent_at else ""
        yield f"  letter   {sent.kind} {sent.state}{when} {sent.last_answer} {sent.message_id}"
