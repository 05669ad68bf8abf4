"""The request to ai_core: the mail and its conversation, with personal data masked.

One user message per mail; the texts of attachments are quoted after the question, as data. The
sender's own name is masked too (sender_names.py); of others those that shared/privacy finds. The
thread is in the request, so ai_core is told to store nothing: there is nothing of a person to erase
there (decision 0105).
"""

from dataclasses import dataclass, replace
from typing import Literal

from mail_service.ledger.records import Conversation
from mail_service.processing.forwarded_questions import question_of
from mail_service.processing.sender_names import NAME_LABEL, without_names
from mail_service.reading.formulas import without_formulas
from mail_service.reading.message import Mail
from mail_service.reply.formatting import clean_subject
from shared.ai.contract import MAX_PROMPT_CHARACTERS, ChatRequest, Message
from shared.privacy.masking import Found, Masked, unmask

MAX_QUESTION_CHARACTERS = 12_000
MAX_FILE_CHARACTERS = 6_000
WITHHELD = "[…]"
"""What stands for personal data in a reply to somebody who may be somebody else."""
SEPARATOR = "\n\x1e\n"
"""Between messages while they are masked; the ASCII record separator is removed from texts."""
_PART = "\x1d"
"""Around the question while names are looked for: they are told by the formulas around it."""


@dataclass(frozen=True, slots=True)
class MaskedRequest:
    """A request, and the personal data that its labels replace."""

    request: ChatRequest
    found: Found
    sender_name: str = ""

    def with_data(self, answer: str) -> str:
        """Return an answer with the data in the place of their labels."""
        return unmask(answer, self.found).replace(NAME_LABEL, self.sender_name or NAME_LABEL)

    def without_data(self, answer: str) -> str:
        """Return an answer with WITHHELD in the place of every label."""
        withheld = replace(self.found, originals=dict.fromkeys(self.found.originals, WITHHELD))
        return unmask(answer, withheld).replace(NAME_LABEL, WITHHELD)


@dataclass(frozen=True, slots=True)
class UnmaskedRequest:
    """The messages of a request as one text, so that a label means the same in each of them."""

    text: str
    roles: tuple[Literal["user", "assistant"], ...]
    sender_name: str

    def masked(self, masked: Masked, model: str | None) -> MaskedRequest:
        """Return the request; `masked` is the text, masked."""
        messages = [
            Message(role=role, content=text[:MAX_PROMPT_CHARACTERS])
            for role, text in zip(self.roles, masked.text.split(SEPARATOR), strict=True)
            if text.strip()
        ]
        request = ChatRequest(messages=messages, model=model, store=False)
        return MaskedRequest(request, masked.found, self.sender_name)


def join_messages(mail: Mail, conversation: Conversation) -> UnmaskedRequest:
    """Return the conversation and the question of a mail, without the sender's name.

    The question stands without greeting, closing formula and signature: a search reads all words.
    """
    roles = (*(message.role for message in conversation.messages), "user")
    texts = [_plain(message.text) for message in conversation.messages]
    subject, question, files = (_plain(part) for part in _parts(mail))
    joined = SEPARATOR.join([*texts, _PART.join((subject, question, files))])
    nameless, name = without_names(joined, mail.sender.name)
    before, asked, after = nameless.split(_PART)
    asked = without_formulas(asked, NAME_LABEL.strip("[]"))
    last_break = before.rfind(SEPARATOR) + len(SEPARATOR) if SEPARATOR in before else 0
    head, subject = before[:last_break], before[last_break:]
    return UnmaskedRequest(head + _joined(subject, asked, after), roles, name)


def question_text(mail: Mail) -> str:
    """Return the subject, the sender's question and the texts of attachments."""
    return _joined(*_parts(mail))


def _joined(*parts: str) -> str:
    return "\n\n".join(part for part in parts if part)


def _plain(text: str) -> str:
    return text.replace("\x1e", " ").replace(_PART, " ")


def _parts(mail: Mail) -> tuple[str, str, str]:
    """Return the subject, the question and the texts of attachments, each perhaps empty."""
    question = question_of(mail).strip()[:MAX_QUESTION_CHARACTERS]
    subject = clean_subject(mail.subject) if len(question) < MAX_QUESTION_CHARACTERS else ""
    files: list[str] = []
    budget_characters = MAX_PROMPT_CHARACTERS // 2
    for file in mail.attachments:
        text = file.text.strip()[: min(MAX_FILE_CHARACTERS, budget_characters)]
        if text:
            budget_characters -= len(text)
            quoted = "\n".join(f"> {line}" for line in text.splitlines())
            files.append(f"[{file.name}]\n{quoted}")
    return subject, question, "\n\n".join(files)
