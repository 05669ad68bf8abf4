"""The length of a letter: what answers stands whole, texts quoted at length only while they fit.

A letter cannot fold. Its sources are linked, so a quotation is left out where the letter would be
longer than a page on a phone.
"""

import re
from collections.abc import Sequence

from mail_service.reply.blocks import Block

ANSWER_WORDS = 130
"""Of the answer with its conditions: with greeting, sources and closing a letter has about 250."""
LETTER_WORDS = 100
"""Of the answer with texts quoted at length."""
WORD = re.compile(r"[^\W\d_]+|\d+")
LETTERS_A_WORD = 4
"""Thai and Chinese are written without spaces."""


def word_count(blocks: Sequence[Block]) -> int:
    """Return about how many words blocks have, addresses left out."""
    texts = [block.text for block in blocks if block.kind != "link"]
    return sum(_words(text) for text in texts)


def fitting(blocks: Sequence[Block], words: int) -> tuple[Block, ...]:
    """Return the first quotations, each with its title, that have at most so many words in all."""
    kept: list[Block] = []
    waiting: list[Block] = []
    for block in blocks:
        waiting.append(block)
        if block.kind in {"quote", "item"}:
            if word_count((*kept, *waiting)) > words:
                break
            kept += waiting
            waiting = []
    return tuple(kept)


def _words(text: str) -> int:
    return sum(
        1 if word.isascii() or len(word) < 2 * LETTERS_A_WORD or _is_latin(word) else
        len(word) // LETTERS_A_WORD
        for word in WORD.findall(text)
    )  # fmt: skip


def _is_latin(word: str) -> bool:
    return all(character < "\u0300" for character in word)
