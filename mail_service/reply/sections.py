"""The sections of a letter: which stand whole, which are shortened, which are left out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from mail_service.reply.blocks import Block
from mail_service.reply.length import ANSWER_WORDS, LETTER_WORDS, fitting, word_count
from shared.ai.contract import AnswerSection

SEVERAL = 2


@dataclass(frozen=True, slots=True)
class LetterSection:
    """A titled part of a letter."""

    title: str
    blocks: tuple[Block, ...]


def letter_sections(
    blocks: Callable[[str], tuple[Block, ...]], sections: Sequence[AnswerSection]
) -> tuple[LetterSection, ...]:
    """Return the sections that have something to show."""
    written = (LetterSection(section.title, blocks(section.text)) for section in sections)
    return tuple(section for section in written if section.blocks)


def read_first(
    blocks: Callable[[str], tuple[Block, ...]],
    sections: Sequence[AnswerSection],
    lead: Sequence[Block],
) -> tuple[tuple[LetterSection, ...], bool]:
    """Return the sections that everybody reads, and whether special cases were left out.

    Of conditions and exceptions the first ones stay while the answer is short; the rest is whole.
    Of what to do the first step of each question stays where there are several questions.
    """
    written = [
        (section.kind, LetterSection(section.title, _read(section.kind, blocks(section.text))))
        for section in sections
    ]
    others = [block for kind, one in written if kind != "conditions" for block in one.blocks]
    room, kept, left_out = ANSWER_WORDS - word_count([*lead, *others]), [], False
    for kind, section in written:
        shown = section
        if kind == "conditions":
            shown = LetterSection(section.title, _conditions(section.blocks, room))
            left_out = left_out or len(shown.blocks) < len(section.blocks)
        if shown.blocks:
            kept.append(shown)
    return tuple(kept), left_out


def _read(kind: str, blocks: tuple[Block, ...]) -> tuple[Block, ...]:
    """Return the blocks of a section: of the steps of several questions, the first of each.

    A step says what it is about, and its question stands above with the answer.
    """
    if kind != "steps" or sum(block.kind == "paragraph" for block in blocks) < SEVERAL:
        return blocks
    return tuple(
        block
        for before, block in pairwise((None, *blocks))
        if block and block.kind == "item" and (before is None or before.kind != "item")
    )


def _conditions(blocks: tuple[Block, ...], words: int) -> tuple[Block, ...]:
    """Return the first condition and those that fit; of several questions' only what fits.

    There each question stands as a title above its conditions, and never alone.
    """
    if blocks and blocks[0].kind == "paragraph" and any(each.kind == "item" for each in blocks):
        return fitting(blocks, words)
    first = blocks[:1]
    return first + fitting(blocks[1:], words - word_count(first))


def shortened(
    quotations: tuple[LetterSection, ...],
    lead: Sequence[Block],
    sections: Sequence[LetterSection],
) -> tuple[tuple[LetterSection, ...], bool]:
    """Return the quotations that fit below the answer, and whether any was left out.

    The first one stays where a letter has nothing else to say.
    """
    answered = word_count([*lead, *(block for section in sections for block in section.blocks)])
    room, kept = LETTER_WORDS - answered, []
    if not sections:
        room = max(room, LETTER_WORDS // 2)
    for section in quotations:
        blocks = fitting(section.blocks, room)
        room -= word_count(blocks)
        if blocks:
            kept.append(LetterSection(section.title, blocks))
    before = sum(len(section.blocks) for section in quotations)
    return tuple(kept), sum(len(section.blocks) for section in kept) < before
