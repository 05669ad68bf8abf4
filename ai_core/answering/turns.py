"""What a conversation keeps of an answer: its short answer and what it asks back.

Models copy what stands in their history: the date of the law, the notice and the quotations are
left out of it.
"""

from shared.ai.contract import GenerateReply


def kept_turn(reply: GenerateReply) -> str:
    """Return the turn that a conversation keeps of a reply."""
    asked = reply.clarification.question if reply.clarification else ""
    said = reply.summary or _without_closing(reply.response, (reply.notice, asked))
    return "\n\n".join(part for part in (said, asked) if part)


def _without_closing(response: str, closing: tuple[str, ...]) -> str:
    """Return an answer without its closing paragraphs and without quoted lines."""
    paragraphs = [
        paragraph
        for paragraph in response.split("\n\n")
        if not any(line and line in paragraph for line in closing)
    ]
    lines = "\n\n".join(paragraphs).split("\n")
    return "\n".join(line for line in lines if not line.startswith("> ")).strip()
