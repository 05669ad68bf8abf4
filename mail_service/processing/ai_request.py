"""The request to ai_core: the mail and its conversation, with personal data masked.

One user message per mail; the texts of attachments are quoted after the question, as data. Masking
does not find names: they reach ai_core.
"""

from mail_service.ledger.records import Conversation
from mail_service.reading.message import Mail
from shared.ai.contract import MAX_PROMPT_CHARACTERS, ChatRequest, Message
from shared.privacy.masking import Found, mask

MAX_QUESTION_CHARACTERS = 12_000
MAX_FILE_CHARACTERS = 6_000
SEPARATOR = "\n\x1e\n"
"""Between messages while they are masked; the ASCII record separator is removed from texts."""


def build_request(
    mail: Mail, conversation: Conversation, model: str | None
) -> tuple[ChatRequest, Found]:
    """Return the request for a mail, and the values its labels replace.

    All messages are masked as one text, so that a label means the same in each of them.
    """
    roles = [message.role for message in conversation.messages] + ["user"]
    texts = [message.text for message in conversation.messages] + [question_text(mail)]
    masked = mask(SEPARATOR.join(text.replace("\x1e", " ") for text in texts))
    messages = [
        Message(role=role, content=text[:MAX_PROMPT_CHARACTERS])
        for role, text in zip(roles, masked.text.split(SEPARATOR), strict=True)
        if text.strip()
    ]
    return ChatRequest(messages=messages, model=model), masked.found


def question_text(mail: Mail) -> str:
    """Return the subject, the sender's question and the texts of attachments."""
    question = mail.question.strip()[:MAX_QUESTION_CHARACTERS]
    parts = [mail.subject.strip(), question] if len(question) < MAX_QUESTION_CHARACTERS else []
    parts = [part for part in parts if part] or [question]
    budget_characters = MAX_PROMPT_CHARACTERS // 2
    for file in mail.attachments:
        text = file.text.strip()[: min(MAX_FILE_CHARACTERS, budget_characters)]
        if text:
            budget_characters -= len(text)
            quoted = "\n".join(f"> {line}" for line in text.splitlines())
            parts.append(f"[{file.name}]\n{quoted}")
    return "\n\n".join(parts)
