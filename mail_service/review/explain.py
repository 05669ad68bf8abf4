"""The history of one mail for an operator's terminal: steps, reasons, replies; no content."""

from collections.abc import Iterator

from mail_service.ledger.records import MailRecord


def explain(record: MailRecord) -> str:
    """Return what happened to a mail, a line per step."""
    return "\n".join(_lines(record)) + "\n"


def _lines(record: MailRecord) -> Iterator[str]:
    entry, mail = record.entry, record.mail
    yield f"mail {entry.id} ({entry.mailbox}, {entry.size_bytes} bytes): {entry.state}"
    if entry.reason:
        yield f"  reason   {entry.reason}"
    if entry.fired:
        yield f"  rules    {', '.join(entry.fired)}"
    if mail is not None:
        attached = ", ".join(f"{each.kind} {each.state}" for each in mail.attachments)
        yield f"  read     {len(mail.text)} characters written now, {attached or 'no file'}"
        if mail.hidden_text:
            yield f"  hidden   {len(mail.hidden_text)} characters only a machine would see"
    for event in record.events:
        yield f"  {event.at:%Y-%m-%d %H:%M:%S}  {event.step:<16} {event.reason}".rstrip()
    for outgoing in record.outgoing:
        when = f" at {outgoing.sent_at:%Y-%m-%d %H:%M:%S}" if outgoing.sent_at else ""
        delivery = f"{outgoing.kind} {outgoing.state}{when} {outgoing.last_answer}"
        yield f"  letter   {delivery} {outgoing.message_id}"
