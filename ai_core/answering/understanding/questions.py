"""Splits a message into its questions, at most three; what is told before one stays with it."""

import re
from dataclasses import dataclass

from ai_core.answering.understanding.subjects import content_of, is_follow_up, telling_words
from ai_core.law.search.stems import fold

MAX_QUESTIONS = 3
_LONGEST_READ = 2_000
_BEGINNING = 5
"""Letters in which forms of a word are mostly alike ("payés", "payer")."""
_SENTENCE = re.compile(r"[^.!?。！？\n]+(?:\.(?=\S)[^.!?。！？\n]+)*[.!?。！？\n]*")
_ITEM = re.compile(r"^\s*(?:\d{1,2}\s?[.)°]|[-•*–]|[a-c]\))\s+", re.MULTILINE)
_NUMBER = re.compile(r"^(?:\d{1,2}\s?[.)°])\s+(?=\S)")
_ASKING = (
    r"(?:(?:(?:dans|a|à|de|pour|avec|en|sous|depuis|jusqu'à) )?"
    r"(?:quel(?:le)?s?\b|qui\b|quand\b|combien)"
    r"|est-ce qu|comment|pourquoi|où\b|[\w']+-(?:t-)?(?:je|tu|il|elle|on|nous|vous|ils|elles)\b"
    r"|how (?:much|many|long|do|can)|what|when|who|where|which"
    r"|(?:can|do|does|am|is|are|must|should|may|will) (?:i|we|he|she|they|it|my)\b"
    r"|(?:wie|wann|wer|was|welche\w*|muss|darf|kann|bekomme|¿|cómo|cuánt\w+|quant\w+|como|cum|câ[tț]\w*)\b)"
)
_JOINED = re.compile(
    rf",?\s+(?:et|and|ainsi que|et aussi|and also|und|e|și)\s+(?=(?:aussi |also )?{_ASKING})"
    r"|,?\s+y\s+(?=¿|c[oó]mo\b|cu[aá]nt\w+|qu[eé]\b|puedo\b|pueden?\b)"
    r"|[.,;]?\s+(?:et aussi|autre question|deuxi[eè]me question|seconde question|par ailleurs"
    r"|also|another question|second question)\s*[:,]?\s+",
    re.IGNORECASE,
)


_RELATIVE = re.compile(r"\bqui\b", re.IGNORECASE)
"""Twice in a sentence that does not begin with it: « un salarié qui ne vient plus et qui … »."""

_LEAST_LETTER = 120
_LONGEST_TITLE = 80
_LONGEST_SENTENCE, _SHORTEST_CLAUSE, _SHORT_OF_LONG = 24, 7, 14
"""Words of a sentence that is read whole, of a clause that says enough, of a longer one's end."""
_THAI = re.compile(r"[\u0e00-\u0e7f]")
_LONGEST_IN_THAI, _CLAUSES_IN_THAI = 60, 2
"""Characters; Thai parts clauses, not words, by spaces."""
_CLAUSE = re.compile(r"[,;:] | (?:et|mais|and|but|alors|donc) ")
_ENDS_IN_THAI = re.compile(
    r"(?:ไหม|มั้ย|หรือไม่|หรือเปล่า|อย่างไร|ยังไง|เท่าไร|เท่าไหร่)(?:ครับ|คะ|ค่ะ|นะ)*(?=\s|$)"
)
_BEGINS_UNMARKED = re.compile(
    r"\b(?:est[- ]ce qu|combien |comment |puis[- ]je|peut[- ]on|ai[- ]je|dois[- ]je|que faire"
    r"|quels? |quelles? |can i |do i |how (?:do|much|long|many) )",
    re.IGNORECASE,
)


def split_questions(text: str) -> tuple[str, ...]:
    """Return the questions of a message in its own words; one that stands for all if in doubt.

    A question that is only asked of the one before it ("C'est légal ?", "Que faire ?") stays with
    it, and so does one that names no other subject and no other aspect.
    """
    if len(text) > _LONGEST_READ:
        return (text,)
    kept: list[str] = []
    for piece in _pieces(text):
        if (kept and not _is_another(piece, kept[-1])) or len(kept) == MAX_QUESTIONS:
            kept[-1] = f"{kept[-1]} {piece}"
        else:
            kept.append(piece)
    return tuple(kept) if len(kept) > 1 else (text,)


@dataclass(frozen=True, slots=True)
class QuestionAsked:
    """One question of a message, in its own words and with what is told before all of them.

    `alone` has what is told between the question before and this one. `follows`: it does not say
    by itself what it is asked of; `of_subject` then has only the subjects that the story names.
    """

    sentence: str
    alone: str
    with_story: str
    follows: bool = False
    of_subject: str = ""

    def stands_in(self, text: str) -> bool:
        """Whether a text has this question; its own mark and capital may be ours."""
        return fold(self.sentence).rstrip(" ?.") in fold(text)


def questions_asked(message: str) -> tuple[QuestionAsked, ...]:
    """Return each question of a message, whether or not they differ; at most three."""
    pieces = _pieces(_marked(message[:_LONGEST_READ]))[:MAX_QUESTIONS]
    story = _told_and_asked(pieces[0])[0] if pieces else ""
    content = content_of(story)
    subjects = sorted({word for _, word in content.subjects})
    named = " ".join([*subjects, *sorted(content.aspects)]) if subjects else ""
    asked: list[QuestionAsked] = []
    for number, piece in enumerate(pieces):
        sentence = _told_and_asked(piece)[1]
        follows = number > 0 and is_follow_up(sentence, pieces[number - 1])
        whole = piece if number == 0 else f"{story} {piece}".strip()
        of_subject = f"{named} {sentence}" if follows and named else ""
        asked.append(QuestionAsked(sentence, piece, whole, follows, of_subject))
    return tuple(asked)


def title_of(message: str) -> str:
    """Return the first paragraph of a longer message where it is short: a letter's subject."""
    first, _, rest = message.partition("\n\n")
    title = " ".join(first.split())
    longer = len(rest) > len(title) > 0
    return title if longer and len(title) <= _LONGEST_TITLE and "?" not in title else ""


def _marked(text: str) -> str:
    """Return a text with a mark after each question that Thai ends by a word, or nothing ends.

    Without any mark, what begins as a question does in a long message is one.
    """
    text = _ENDS_IN_THAI.sub(r"\g<0>?", text)
    if "?" in text or "？" in text or len(text) < _LEAST_LETTER:
        return text
    begins = _BEGINS_UNMARKED.search(text)
    if begins is None:
        return text
    return f"{text[: begins.start()].rstrip(' .,;')}. {text[begins.start() :].rstrip()} ?"


def speaks_of(said: str, question: str) -> bool:
    """Whether an answer has every telling word of a question, by its beginning."""
    telling = {word[:_BEGINNING] for word in telling_words(question)}
    plain = fold(said)
    return bool(telling) and all(re.search(rf"\b{word}", plain) for word in telling)


def _told_and_asked(piece: str) -> tuple[str, str]:
    """Return what a question tells before it asks, and the sentence that asks."""
    sentences = [sentence.strip() for sentence in _SENTENCE.findall(piece)]
    at = next(
        (n for n, one in enumerate(sentences) if "?" in one or "？" in one), len(sentences) - 1
    )
    told, asks = sentences[:at], sentences[at]
    clause = _last_clause(asks)
    return " ".join([*told, asks.removesuffix(clause).strip()]).strip(), clause


def _last_clause(sentence: str) -> str:
    """Return the end of a sentence that runs on, from its last comma or joining word."""
    if _THAI.search(sentence) and len(sentence) > _LONGEST_IN_THAI:
        return " ".join(sentence.split(" ")[-_CLAUSES_IN_THAI:])
    if len(sentence.split()) <= _LONGEST_SENTENCE:
        return sentence
    starts = [found.end() for found in _CLAUSE.finditer(sentence)]
    fitting = [at for at in starts if len(sentence[at:].split()) >= _SHORTEST_CLAUSE]
    if fitting and len(sentence[fitting[-1] :].split()) <= _LONGEST_SENTENCE:
        return sentence[fitting[-1] :]
    return " ".join(sentence.split(" ")[-_SHORT_OF_LONG:])


def _pieces(text: str) -> list[str]:
    """Return the sentences of a text grouped by the question that ends each group."""
    pieces: list[str] = []
    told = ""
    for sentence in _SENTENCE.findall(_ITEM.sub("", text)):
        told = _NUMBER.sub("", f"{told} {sentence.strip()}".strip())
        if "?" in sentence or "？" in sentence:
            pieces += _unjoined(told)
            told = ""
    if told and pieces:
        pieces[-1] = f"{pieces[-1]} {told}"
    return pieces


def _unjoined(question: str) -> list[str]:
    """Split "combien …, et est-ce que … ?" where each side asks of a subject."""
    first, *rest = _JOINED.split(question, maxsplit=1)
    second = rest[0] if rest else ""
    if not second or content_of(first).empty or content_of(second).empty:
        return [question]
    if _RELATIVE.match(second) and _RELATIVE.search(first, 1):
        return [question]
    first = first.strip()
    return [first if first.endswith("?") else f"{first} ?", second[0].upper() + second[1:]]


def _is_another(question: str, before: str) -> bool:
    """Whether a question asks of another subject or aspect than the one before it."""
    content, earlier = content_of(question), content_of(before)
    if not is_follow_up(question, before):
        return bool(content.subjects or content.aspects)
    return bool(content.subjects - earlier.subjects) or bool(content.aspects - earlier.aspects)
