"""Control tokens of models whose vocabulary we cannot see, by the spellings in use.

Towards a server they are taken out of what people wrote: its tokenizer may read them in a message
as the end of that message. From a server whose end-of-turn token is not one of its stop tokens they
arrive as text at the end of the answer.
"""

import re

CONTROL = re.compile(
    r"<[|｜][^<>\n]{1,48}>"  # <|im_start|>, <|eot_id|>, <｜User｜>, <|channel>
    r"|<[a-z_]{1,24}[|｜]>"  # <turn|>
    r"|<(?:start|end)_of_turn>|<(?:bos|eos|pad|unk)>|</?s>"
    r"|\[/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_RESULTS|TOOL_CALLS|THINK)\]|<</?SYS>>"
)
TURN_ENDS = (
    *("<|im_end|>", "<|eot_id|>", "<|eom_id|>", "<|end_of_turn|>", "<end_of_turn>", "<turn|>"),
    *("<|endoftext|>", "<|end_of_text|>", "<|end|>", "<|return|>", "<|eot|>", "<|user_end|>"),
    *("<|assistant_end|>", "<|END_OF_TURN_TOKEN|>", "<｜end▁of▁sentence｜>", "</s>", "<eos>"),
)
TURN_STARTS = (
    *("<|im_start|>", "<|start_header_id|>", "<start_of_turn>", "<|turn>", "<|user|>"),
    *("<|start|>user", "<|start|>system", "<|start|>developer"),
    *("<|START_OF_TURN_TOKEN|>", "<｜User｜>", "[INST]", "<|header_start|>", "<s>"),
)
_OVERRUN = re.compile(
    f"(?:{'|'.join(map(re.escape, TURN_ENDS))})\\s*(?:{'|'.join(map(re.escape, TURN_STARTS))})"
)
_LONGEST_HELD = 128


def neutralize(text: str) -> str:
    """Return `text` with a U+200B inside the spelling of every control token."""
    return CONTROL.sub(lambda found: f"{found[0][0]}\u200b{found[0][1:]}", text)


_INSERTED = re.compile(r"(?<=[<\[])(?:\u200b|\\u200b)")
_INSERTED_BEGUN = re.compile(r"[<\[](?:\\(?:u(?:2(?:00?)?)?)?)?\Z")


class SpellingRestorer:
    """Gives names and values of a schema that was neutralized their spelling back in an answer.

    Only where `neutralize` changed the schema: elsewhere the text is as it came.
    """

    def __init__(self, schema: str | None) -> None:
        self._restores = schema is not None and neutralize(schema) != schema
        self._held = ""

    def feed(self, text: str) -> str:
        """Take the next text; return what is known of it by now."""
        if not self._restores:
            return text
        text = _INSERTED.sub("", self._held + text)
        begun = _INSERTED_BEGUN.search(text, max(0, len(text) - 6))
        stop = begun.start() if begun else len(text)
        self._held = text[stop:]
        return text[:stop]

    def finish(self) -> str:
        """Return what was held back."""
        held, self._held = self._held, ""
        return held


class TurnEndFilter:
    """Drops end-of-turn tokens at the end of an answer, and a turn that begins after one.

    One in the middle of a sentence stays: an answer may be about them. `ended` once another turn
    has begun.
    """

    def __init__(self) -> None:
        self._held = ""
        self.ended = False

    def feed(self, text: str) -> str:
        """Take the next text; return what may be shown by now."""
        if self.ended:
            return ""
        text = self._held + text
        overrun = _OVERRUN.search(text)
        if overrun:
            self.ended, self._held = True, ""
            return text[: overrun.start()]
        first = max(0, len(text) - _LONGEST_HELD)
        at = next(
            (at for at in range(first, len(text)) if text[at] == "<" and _may_end(text[at:])),
            len(text),
        )
        self._held = text[at:]
        return text[:at]

    def finish(self) -> str:
        """Return what was held back, unless it is end-of-turn tokens alone."""
        held, self._held = self._held, ""
        return "" if _only_ends(held) else held


def _may_end(tail: str) -> bool:
    """Whether `tail` is end-of-turn tokens, perhaps not whole yet, or the start of a turn."""
    if not tail or any(token.startswith(tail) for token in (*TURN_ENDS, *TURN_STARTS)):
        return True
    return any(
        tail.startswith(token) and _may_end(tail[len(token) :].lstrip()) for token in TURN_ENDS
    )


def _only_ends(tail: str) -> bool:
    if not tail.strip():
        return True
    return any(
        tail.startswith(token) and _only_ends(tail[len(token) :].lstrip()) for token in TURN_ENDS
    )
