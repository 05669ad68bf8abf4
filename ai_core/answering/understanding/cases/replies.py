"""Replies to what we ask of a case that is no input of a calculator by itself."""

import re
from dataclasses import replace
from datetime import date
from fractions import Fraction

from ai_core.answering.understanding.cases.facts import CaseFacts
from ai_core.answering.understanding.cases.measures import measures
from ai_core.answering.understanding.cases.reading import script_of
from ai_core.answering.understanding.cases.working_times import (
    WorkingTimeTold,
    basis_told,
    share_told,
)
from ai_core.answering.understanding.subjects import content_of, has_verb, without_courtesy
from ai_core.law.search.stems import fold

AGREEMENT = "agreement"
SHARE = "working_time_share"
LENGTH = "part_time_length"
PAY_BASIS = "pay_basis"
YEARS = "years_unclear"
_MONTHS_A_YEAR = 12
_SERVICE = re.compile(r"anciennete|service|seniority|worked|อายุงาน|工龄|司龄")
DOES_NOT_KNOW = re.compile(
    r"\b(?:sais pas|sait pas|sais plus|connais pas|aucune idee|pas la moindre idee|ignore|pas sure?"
    r"|don't know|do not know|no idea|not sure|dunno)\b"
    r"|ไม่รู้|ไม่ทราบ|ไม่แน่ใจ|不知道|不清楚|不确定|不太清楚"
)
YES = re.compile(
    r"\W*(?:(?:oui|ouais|exact\w*|c'est (?:ca|bien ca|elle)|yes|yep|right|correct)\b"
    r"|ใช่(?!ไหม|หรือ)|ถูกต้อง|是(?!否|不是)|对|對|没错)"
)
_NO = re.compile(r"\W*(?:(?:non|pas|aucune?|no|nope|none|not)\b|ไม่|不|没|都不是|否)")
_GOES_ON = re.compile(
    r"\W*(?:ok\W+)?(?:on |nous |je |let's |please )*(?:reprend\w*|reprenons|repartons|continu\w*"
    r"|poursui\w+|la suite|allez-y|allons-y|vas-y|go on|carry on|resume)\b|继续|ทำต่อ|ต่อเลย"
)
_FEW_WORDS = 6
_FEW_UNSPACED_CHARACTERS = 12
_LATIN = re.compile(r"[a-z]")
_AGE = re.compile(r"\bage\b|อายุ(?!งาน)|年龄|岁")


def case_of_reply(
    told: CaseFacts, message: str, input_asked: str, before: CaseFacts, today: date
) -> CaseFacts:
    """Return what a message tells of the case, as a reply to a question of ours.

    `told` is what it tells by itself, `before` the case until then.
    """
    if input_asked == PAY_BASIS:
        basis = basis_told(script_of(message).text, script_of(message).lexicon)
        return replace(told, working_times=None, pay_basis=basis) if basis else told
    if input_asked == SHARE:
        share = share_told(script_of(message).text, script_of(message).lexicon)
        return told if share is None else replace(told, working_times=(WorkingTimeTold(share),))
    if input_asked == LENGTH:
        return _with_length(told, message, today)
    if input_asked == YEARS and before.years_unclear is not None:
        return _with_years(told, message, before.years_unclear)
    return told


def _with_length(told: CaseFacts, message: str, today: date) -> CaseFacts:
    """Return the case with the one duration, or the one day, of a message as that of part time."""
    script = script_of(message)
    found = [
        one
        for one in measures(script.text, script.lexicon, today)
        if one.kind in ("duration", "date") and not one.weeks
    ]
    if len(found) != 1:
        return told
    length = WorkingTimeTold(None, found[0].value or None, found[0].day or None)
    return replace(
        told, seniority_months=None, entry=None, years_unclear=None, working_times=(length,)
    )


def _with_years(told: CaseFacts, message: str, years: int) -> CaseFacts:
    """Return the case with the years of the message before, which a reply calls by their name."""
    if told.seniority_months is not None or told.age is not None:
        return told
    text = script_of(message).text
    is_service, is_age = bool(_SERVICE.search(text)), bool(_AGE.search(text))
    if is_service and not is_age:
        return replace(told, seniority_months=Fraction(_MONTHS_A_YEAR * years))
    return replace(told, age=years) if is_age and not is_service else told


def surely_replies(message: str, input_asked: str) -> bool:
    """Whether a message that tells no fact is by its form a reply to our question for an input.

    An agreement is named in words of any form: only the law in service can tell its name.
    """
    if content_of(message).subjects:
        return False
    plain = fold(message)
    if DOES_NOT_KNOW.search(plain) or any(one.match(plain) for one in (YES, _NO, _GOES_ON)):
        return True
    return input_asked != AGREEMENT and any(sign.isdigit() for sign in message)


def is_brief(message: str) -> bool:
    """Whether a message is a few words without a verb: a reply, though one that nothing knows."""
    plain = fold(without_courtesy(message)).strip()
    if content_of(message).subjects or has_verb(plain):
        return False
    if _LATIN.search(plain):
        return len(plain.split()) <= _FEW_WORDS
    return len(plain) <= _FEW_UNSPACED_CHARACTERS
