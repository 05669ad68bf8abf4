"""How models, and the chat templates that begin their answers, mark reasoning.

Tags by the name of what they enclose, in any case (DeepSeek-R1, Qwen, Magistral, Seed, Kimi, Gemma,
Command, Apertus), and the channels of gpt-oss (https://github.com/openai/harmony), of which only
`final` is for readers.
"""

import re
from enum import Enum, auto

_NAMES = ("think", "thinking", "thought", "thoughts", "reasoning", "reflection", "seed:think")


class Mark(Enum):
    """What a mark does: `HEADER` begins a turn's or channel's name, which `CONTENT` ends."""

    OPENS = auto()
    CLOSES = auto()
    HEADER = auto()
    CONTENT = auto()
    ENDS = auto()


SPELLINGS = {
    **{f"<{name}>": Mark.OPENS for name in _NAMES},
    **{f"</{name}>": Mark.CLOSES for name in _NAMES},
    "[think]": Mark.OPENS,
    "[/think]": Mark.CLOSES,
    "◁think▷": Mark.OPENS,
    "◁/think▷": Mark.CLOSES,
    "<|channel>thought": Mark.OPENS,
    "<channel|>": Mark.CLOSES,
    "<|start_thinking|>": Mark.OPENS,
    "<|end_thinking|>": Mark.CLOSES,
    "<|begin_of_thought|>": Mark.OPENS,
    "<|end_of_thought|>": Mark.CLOSES,
    "<|inner_prefix|>": Mark.OPENS,
    "<|inner_suffix|>": Mark.CLOSES,
    "<|channel|>": Mark.HEADER,
    "<|start|>": Mark.HEADER,
    "<|message|>": Mark.CONTENT,
    "<|end|>": Mark.ENDS,
    "<|call|>": Mark.ENDS,
    "<|return|>": Mark.ENDS,
}
"""Every mark in lower case."""
OPENING = "<think>"
CHANNEL = "<|channel|>"
FINAL_CHANNEL = "final"
MARK = re.compile("|".join(map(re.escape, SPELLINGS)), re.IGNORECASE)
MAX_MARK_CHARS = max(map(len, SPELLINGS))
_CONTROL_TOKENS = frozenset(
    spelling for spelling, mark in SPELLINGS.items() if mark is not Mark.ENDS
) | {"<|channel>"}


def kind_of(spelling: str) -> Mark:
    """Return what a match of `MARK` does."""
    return SPELLINGS[spelling.lower()]


def unfinished_chars(text: str) -> int:
    """Return how many of the last characters may be the beginning of a mark."""
    tail = text[1 - MAX_MARK_CHARS :].lower()
    for at, letter in enumerate(tail):
        if letter in "<[◁" and any(one.startswith(tail[at:]) for one in SPELLINGS):
            return len(tail) - at
    return 0


def is_reasoning_token(spelling: str) -> bool:
    """Whether a control token, which is no part of an answer, tells its reasoning apart."""
    return spelling.lower() in _CONTROL_TOKENS


def opened_at_end(prompt: str, *, continues: bool) -> str:
    """Return the end of a prompt from the mark that opens the answer's reasoning, "" without one.

    An answer that goes on with words of the prompt may have opened it some words before.
    """
    marks = list(MARK.finditer(prompt))
    opened = ""
    for found in marks:
        kind = kind_of(found[0])
        if kind is Mark.OPENS or found[0].lower() == CHANNEL:
            opened = prompt[found.start() :]
        elif kind in {Mark.CLOSES, Mark.ENDS}:
            opened = ""
    if continues or MARK.sub("", opened).strip() in {"", "analysis", "commentary"}:
        return opened
    return ""


def begins_with_mark(text: str) -> bool:
    """Whether the first word of an answer is a mark, whole."""
    found = MARK.match(text.lstrip())
    return found is not None and kind_of(found[0]) in {Mark.OPENS, Mark.HEADER}
