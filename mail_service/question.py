"""What ai_core is asked: the mail and its thread, with personal data masked before they leave.

Attached texts are quoted as data after the question. Everything is one user turn per mail; nothing
the sender wrote becomes an instruction of ours. What masking does not find (names) leaves.
"""

from mail_service.ledger.store import Thread
from mail_service.reading.message import Mail
from shared.ai.contract import MAX_PROMPT_CHARACTERS, ChatRequest, Message
from shared.privacy.masking import Found, mask

MAX_QUESTION_CHARACTERS = 12_000
MAX_FILE_CHARACTERS = 6_000
BETWEEN_TURNS = "\n\x1e\n"


def question_of(mail: Mail, thread: Thread, model: str | None) -> tuple[ChatRequest, Found]:
    """Return the request for a mail, and what its labels stand for.

    All turns are masked as one text, so that a label means the same everywhere.
    """
    roles = [turn.role for turn in thread.turns] + ["user"]
    texts = [turn.text for turn in thread.turns] + [asked(mail)]
    whole = BETWEEN_TURNS.join(text.replace("\x1e", " ") for text in texts)
    masked = mask(whole)
    messages = [
        Message(role=role, content=text[:MAX_PROMPT_CHARACTERS])
        for role, text in zip(roles, masked.text.split(BETWEEN_TURNS), strict=True)
        if text.strip()
    ]
    return ChatRequest(messages=messages, model=model), masked.found


def asked(mail: Mail) -> str:
    """Return the sender's question with the subject and the texts of attached files."""
    question = mail.question.strip()[:MAX_QUESTION_CHARACTERS]
    pieces = [mail.subject.strip(), question] if len(question) < MAX_QUESTION_CHARACTERS else []
    pieces = [piece for piece in pieces if piece] or [question]
    room = MAX_PROMPT_CHARACTERS // 2
    for file in mail.attachments:
        text = file.text.strip()[: min(MAX_FILE_CHARACTERS, room)]
        if text:
            room -= len(text)
            quoted = "\n".join(f"> {line}" for line in text.splitlines())
            pieces.append(f"[{file.name}]\n{quoted}")
    return "\n\n".join(pieces)
