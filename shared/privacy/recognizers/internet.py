"""E-mail addresses, spelt out or not, and IP addresses."""

import ipaddress
import re

from shared.privacy.recognizers.rule import (
    LAW_LIST_BEFORE,
    Candidate,
    Kind,
    Reading,
    Rule,
    after_words_of_law,
    as_written,
)

_TLD = "(?:com|fr|net|org|eu|be|ch|re|lu|ca|th|cn|de|es|it|pt|uk|ma|dz|tn|sn|info|io|co)"
_AROBASE = "(?:ar{1,2}obas(?:e|que)?|ar{1,2}obaze)"
_AT_WORD = f"(?:at|a|chez|aux?|{_AROBASE}|@)"
_AT_BRACKETED = rf" ?[\[({{<] ?{_AT_WORD} ?[\])}}>] ?"
_AT_SPOKEN = f" {_AROBASE} "
_DOT_WORD = "(?:point|dot)"
_DOT = (
    rf"(?:\.| ?[\[({{<] ?(?:{_DOT_WORD}|\.) ?[\])}}>] ?"
    rf"| {_DOT_WORD} (?={_TLD}\b|[\w-]{{1,63}} {_DOT_WORD} )| ?\. ?(?={_TLD}\b))"
)
_PROVIDER = (
    "(?:gmail|hotmail|outlook|yahoo|orange|wanadoo|free|laposte|sfr|icloud|live|protonmail|gmx)"
)
_LABEL = r"[\w-]{1,63}"
_DOMAIN = rf"{_LABEL}(?:{_DOT}{_LABEL}){{1,6}}"
_LOCAL = r"[\w.+](?<![\w.+-].)[\w.+-]*+(?:['*=][\w.+-]++){0,3}+"
_LOCAL_GOES_ON = (
    rf"(?:(?: (?:{_DOT_WORD}|tiret|underscore|\.) | ?[\[({{<] ?(?:{_DOT_WORD}|\.) ?[\])}}>] ?)"
    r"[\w+-]{1,64}){0,3}"
)
_AT = "(?: {0,2}@{1,2} {0,2}|%40|&#0?64;|&commat;| ?-at- ?)"
# RFC 5321 §4.5.3.1 gives lengths of 64 and 255; longer ones are masked too. The local part is taken
# whole and never given back, so that a text of "a@a@a@" costs each letter once.
_EMAIL = re.compile(rf"{_LOCAL}(?:{_AT}{_DOMAIN}|@(?:\[[0-9a-f:.]{{3,40}}\]|{_PROVIDER}\b))")
_EMAIL_QUOTED = re.compile(rf"\"[^\"\n@]{{1,64}}\" ?@ ?{_DOMAIN}")
_EMAIL_SPELT = re.compile(
    rf"{_LOCAL}{_LOCAL_GOES_ON}(?:{_AT_BRACKETED}|{_AT_SPOKEN}|{_AT}){_DOMAIN}"
)
# The name alone would be taken as far as a word goes, hence over the "_at_" in it.
_MARK = "[-_*/|~=:]{1,2}"
_AT_MARKED = f"(?:at|chez|{_AROBASE})"
_EMAIL_MARKED = re.compile(
    rf"[a-z0-9](?<![\w.+-].)(?:[a-z0-9.+]|[-_](?!{_AT_MARKED}[-_]))*+ ?{_MARK}{_AT_MARKED}{_MARK} ?"
    rf"[a-z0-9-]{{1,63}}(?:[._-](?:(?:dot|point)[._-])?[a-z0-9-]{{1,63}}){{0,4}}?"
    rf"(?:\.|[._-](?:dot|point)[._-]){_TLD}(?![\w-])"
)
# "at" is a word of English: the address must show elsewhere that it is one.
_EMAIL_AT = re.compile(
    rf"{_LOCAL}{_LOCAL_GOES_ON} at "
    rf"[\w-]{{1,63}}(?:\.| {_DOT_WORD} ){_TLD}\b"
)


def _read_email_at(candidate: Candidate) -> Reading | None:
    local, _, domain = candidate.text.rpartition(" at ")
    sure = re.search("[0-9._]", local) or re.search(f" {_DOT_WORD} ", candidate.text)
    return as_written(candidate) if sure and domain else None


_IP_4 = re.compile(r"[0-9](?<![\w.].)[0-9]{0,2}\.(?:[0-9]{1,3}\.){2}[0-9]{1,3}(?![\w]|\.[0-9])")
_IP_6 = re.compile(r"[0-9a-f](?<![\w:.].)[0-9a-f]{2,3}:[0-9a-f:]{1,34}[0-9a-f](?!\w)")
_IP_BEFORE = re.compile(r"\bip(?:v4)?\b[^0-9\n]{0,12}$")
_PORT_AFTER = re.compile(":[0-9]{2,5}")


def _is_the_whole_text(candidate: Candidate) -> bool:
    text = candidate.match.string
    return len(text) < len(candidate.text) + 16 and text.strip() == candidate.text


def _read_ip_4(candidate: Candidate) -> Reading | None:
    """Four numbers under 100 are a section of an agreement ("4.2.1.3") or a product code.

    They are an address all the same after "IP", before a port, or when the text is nothing else.
    """
    try:
        address = ipaddress.IPv4Address(candidate.text)
    except ValueError:
        return None
    if LAW_LIST_BEFORE.search(candidate.before(50)):
        return None
    sure = (
        max(address.packed) >= 100
        or _is_the_whole_text(candidate)
        or _IP_BEFORE.search(candidate.before(20))
        or _PORT_AFTER.match(candidate.after(6))
    )
    if not sure or address.is_loopback or address.is_unspecified or after_words_of_law(candidate):
        return None
    return Reading(candidate.text, candidate.start, candidate.end)


def _read_ip_6(candidate: Candidate) -> Reading | None:
    try:
        address = ipaddress.IPv6Address(candidate.text)
    except ValueError:
        return None
    return Reading(str(address), candidate.start, candidate.end)


RULES = (
    Rule(
        Kind.EMAIL,
        _EMAIL_MARKED,
        as_written,
        tuple(
            f"{mark}{word}"
            for mark in "-_*/|~=:"
            for word in ("at", "chez", "arobas", "arrobas", "arobaz", "arrobaz")
        ),
    ),
    Rule(Kind.EMAIL, _EMAIL_QUOTED, as_written, ('"@', '" @')),
    Rule(
        Kind.EMAIL,
        _EMAIL_SPELT,
        as_written,
        (
            *(
                "arob",
                "arrob",
                *("[chez", "(chez", "{chez", "<chez", "[ chez", "( chez"),
                *("[au", "(au", "{au", "<au", "[ au", "( au"),
                "[at",
                "(at",
                "{at",
                "<at",
                "[ at",
                "( at",
                "(a)",
                "[a]",
                "( a ",
                "[ a ",
            ),
            *("[@", "(@", "{@", "<@", "( @", "[ @", " . "),
        ),
    ),
    Rule(Kind.EMAIL, _EMAIL, as_written, ("@", "%40", "64;", "&commat;", "-at-")),
    Rule(Kind.EMAIL, _EMAIL_AT, _read_email_at, (" at ",)),
)
IP_RULES = (
    Rule(Kind.IP_ADDRESS, _IP_4, _read_ip_4, (".",)),
    Rule(Kind.IP_ADDRESS, _IP_6, _read_ip_6, (":",)),
)
