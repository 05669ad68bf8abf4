"""Telephone numbers: French ones in every grouping, foreign ones after + or 00, spoken ones."""

import re

import phonenumbers

from shared.privacy.recognizers.rule import (
    GAP,
    Candidate,
    Kind,
    Reading,
    Rule,
    after_words_of_law,
    compact,
    cues,
)

_REGIONS = ("FR", "GP", "MQ", "GF", "RE", "YT", "PM")
_FRENCH_CODES = frozenset(map(phonenumbers.country_code_for_region, (*_REGIONS, "NC", "PF", "WF")))
_SERVICE_TYPES = frozenset(
    {
        phonenumbers.PhoneNumberType.TOLL_FREE,
        phonenumbers.PhoneNumberType.PREMIUM_RATE,
        phonenumbers.PhoneNumberType.SHARED_COST,
        phonenumbers.PhoneNumberType.UAN,
    }
)
_LONGEST_E164 = 15

# National numbers in the groupings people use: one separator throughout, however many spaces are
# around it. Two-digit groups that go on past the tenth digit are a list or two dates, unless
# another full telephone number follows.
_MARK = r" {0,2}(?P<mark>[._,/|:;*'+~=-]{1,2}) {0,2}"
_SAME = r" {0,2}(?P=mark) {0,2}"
_SPACES = "(?: {1,4}| {0,2}\n{1,2} {0,2})"
_ONE_GAP = "[ .,/|\n-]"
_MIXED_GAP = " {0,2}[ ._/|-] {0,2}"
_PAIR = "[0-9]{2}"
_BEGIN = r"[0o](?<![0-9a-z_].)(?<!\+ .)(?:(?<=\(0)\) ?)?"
_GROUPINGS = (
    "1333",
    "433",
    "4222",
    "244",
    "334",
    "2332",
    "2233",
    "55",
    "3322",
    "28",
    "46",
    "64",
    "2422",
)


def _grouped(sizes: str, name: str) -> str:
    """Return the pattern of ten digits in groups of these sizes, after the first one."""
    first, *rest = map(int, sizes)
    start = "(?<=0)" if first == 1 else f"[1-9][0-9]{{{first - 2}}}"
    head, *tail = rest
    lead = f"[1-9][0-9]{{{head - 1}}}" if first == 1 else f"[0-9]{{{head}}}"
    later = "".join(f"(?P={name})[0-9]{{{size}}}" for size in tail)
    return f"{start}(?P<{name}>[ .\n-]|  ){lead}{later}"


def _ends_after(gap: str) -> str:
    """Return the condition that no sixth pair follows, or that another number does."""
    return f"(?:(?!{gap}{_PAIR}(?![0-9]))|(?={gap}0[1-9](?:{gap}{_PAIR}){{4}}))"


_IN_FRANCE = re.compile(
    rf"{_BEGIN}(?:"
    rf"[1-9][0-9]{{8}}"
    rf"|[1-9]\)?(?:(?<!{_PAIR}{_ONE_GAP}..)|(?<=0[1-9]{4 * (_ONE_GAP + _PAIR)}{_ONE_GAP}..))"
    rf"(?:{_SPACES}{_PAIR}(?:{_SPACES}{_PAIR}){{3}}{_ends_after(_SPACES)}"
    rf"|{_MARK}{_PAIR}(?:{_SAME}{_PAIR}){{3}}{_ends_after(_SAME)})"
    rf"|(?<=0)(?P<one>[ \n])[67](?:(?P=one)[0-9]){{8}}(?!(?P=one)[0-9])"
    rf"|[67](?P<mixed>(?:{_MIXED_GAP}{_PAIR}){{4}})(?!{_MIXED_GAP}{_PAIR})"
    + "".join(f"|{_grouped(sizes, f'g{sizes}')}" for sizes in _GROUPINGS)
    + r")(?![0-9])"
)
_QUANTITY_AFTER = re.compile(
    r" {0,2}(?:mois|ans?|annees?|jours?|semaines?|heures?|h|min|minutes?|points?|euros?|eur|€|%|k€"
    r"|francs?|salarie[es]*|sont|etaient|seront|doivent|correspondent|codes?|articles?|months?"
    r"|years?|days?|weeks?|hours?|are|were|km|m2|m²|kg|fois|pour cent)(?![a-z])"
)
_LIST_BEFORE = re.compile(
    r"\b(?:horaires?|coefficients?|codes?|articles?|art\.?|echelons?|niveaux?|mois|semaines?|jours?"
    r"|tranches?|paliers?|indices?|lignes?|pages?|departements?|idcc|heures?|positions?|durees?"
    r"|valeurs?|groupes?|categories?|grades?|classes?|annexes?|alineas?|series?|suites?|tomes?"
    r"|pourvois?|decrets?|lois?)(?: (?:de|du|des|n°|numeros?|suivante?s?))? ?:? ?$"
)


def _is_a_list(candidate: Candidate) -> bool:
    """Whether the words around the groups make them durations, codes or times of day."""
    return (
        _QUANTITY_AFTER.match(candidate.after(16)) is not None
        or _LIST_BEFORE.search(candidate.before(30)) is not None
        or after_words_of_law(candidate)
    )


def _is_a_date_and_a_time(pairs: str) -> bool:
    """Whether separators change as they do in "06/07/23 12.30" or in "06 12.50 13.75"."""
    marks = [gap.strip() or " " for gap in re.findall("[^0-9]+", pairs)]
    if len(set(marks)) < 2:
        return False
    first, second, third, fourth = marks
    return (first == second != third and first != " ") or (first == third and second == fourth)


def _e164(number: phonenumbers.PhoneNumber) -> str:
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _read_in_france(candidate: Candidate) -> Reading | None:
    digits = "0" + compact(candidate.text)[1:]
    refused = digits.startswith("08") or ", " in candidate.text or _is_a_list(candidate)
    if refused or _is_a_date_and_a_time(candidate.match["mixed"] or ""):
        return None
    readings = (phonenumbers.parse(digits, region) for region in _REGIONS)
    number = next(filter(phonenumbers.is_valid_number, readings), None)
    value = _e164(number or phonenumbers.parse(digits, "FR"))
    return Reading(value, candidate.start, candidate.end)


# A plus between two numbers is a sum, and an amount is no telephone number.
_WIDE_GAP = "[ ._,/|()-]{0,3}"
_NOT_MONEY = r"(?![0-9])(?! {0,2}(?:€|%|euros?\b|eur\b|k€))"
_ABROAD = re.compile(
    rf"[+0](?<![0-9a-z+].)(?:(?<=\+)(?! )|(?<![0-9]{GAP}.)(?:(?<=0)0|(?<=\+))) {{0,2}}"
    rf"\(?[1-9](?:{_WIDE_GAP}[0-9]){{6,16}}{_NOT_MONEY}"
)
_ABROAD_IN_LINES = re.compile(
    r"[+0](?<![0-9a-z+].)(?:(?<=\+)|0(?=[1-9]))[1-9][0-9]{0,2}"
    rf"(?: {{0,2}}\n {{0,2}}[0-9]{{1,4}}){{3,8}}{_NOT_MONEY}"
)
_FRENCH_WITHOUT_PLUS = re.compile(
    rf"3(?<![0-9a-z].)(?<![0-9]{GAP}.)3{GAP}{{0,2}}(?:\(0\){GAP}?)?[1-7](?P<gap>{GAP})[0-9]{{2}}"
    rf"(?:(?P=gap)[0-9]{{2}}){{3}}{_NOT_MONEY}(?!{GAP}[0-9]{{2}}(?![0-9]))"
)
_THAI = re.compile(
    rf"0(?<![0-9a-z].)(?<![0-9]{GAP}.)(?:[689][0-9](?P<gap>[ .-])[0-9]{{3}}(?P=gap)[0-9]{{4}}"
    r"|[689][0-9](?P<mark>[ .-])[0-9]{7})(?![0-9])"
)
_CHINESE = re.compile(
    rf"1(?<![0-9a-z].)(?<![0-9]{GAP}.)[3-9][0-9](?P<gap>[ .-]?)[0-9]{{4}}(?P=gap)[0-9]{{4}}"
    rf"{_NOT_MONEY}"
)


def _read_abroad(candidate: Candidate) -> Reading | None:
    """Take the longest number that exists: groups after it are something else."""
    text = re.sub(r"\( ?0 ?\)", "   ", candidate.text)
    for end in _ends(text):
        digits = compact(text[:end]).removeprefix("00")
        if len(digits) > _LONGEST_E164:
            continue
        try:
            number = phonenumbers.parse("+" + digits)
        except phonenumbers.NumberParseException:
            return None
        # The library learns new French ranges late, so the length decides; abroad the range does.
        french = number.country_code in _FRENCH_CODES
        length = phonenumbers.is_possible_number_with_reason(number)
        possible = length == phonenumbers.ValidationResult.IS_POSSIBLE
        if possible and (french or phonenumbers.is_valid_number(number)):
            service = phonenumbers.number_type(number) in _SERVICE_TYPES
            return (
                None if service else Reading(_e164(number), candidate.start, candidate.start + end)
            )
        if not possible and length != phonenumbers.ValidationResult.TOO_LONG:
            return None
    return None


def _ends(text: str) -> list[int]:
    """Return where a number may stop, farthest first: at its end, then before each gap in it."""
    before_gaps = [gap.start() for gap in re.finditer("[^0-9+(]+", text) if gap.start() > 3]
    return [len(text), *reversed(before_gaps)]


def _read_mobile(candidate: Candidate) -> Reading | None:
    if _is_a_list(candidate):
        return None
    return Reading(compact(candidate.text), candidate.start, candidate.end)


_NAMED = re.compile(
    cues(
        "tel(?:ephone|eph|s)?",
        "portable",
        "mobile",
        "gsm",
        "phone",
        "whats ?app",
        "sms",
        "cell",
        "num(?:ero)?",
        "joindre",
        "joignable",
        "appele[rz]",
        "rappele[rz]",
        "โทร[^0-9]{0,9}",
        "เบอร์[^0-9]{0,9}",
        "มือถือ",
        "电话",
        "手机",
        "手機",
        "電話",
    )
    + r"(?![a-z])[^0-9+(\n]{0,25}?"
    r"(?P<value>[+(0-9][0-9(]?(?:[ ._,/|()-]{0,3}[0-9]){6,14})(?![0-9])"
)
_DATE_LIKE = re.compile(r"[0-9]{1,2}[ ./-][0-9]{1,2}[ ./-](?:19|20)[0-9]{2}|(?:19|20)[0-9]{2}[./-]")
_WEAK = re.compile(r"(?:num|numero|joindre|joignable|r?appele[rz])\b")
_NINE_DIGITS = re.compile(r"[67](?:[ ._,/|-]{1,3}[0-9]{2}){4}")
_AFTER_MONEY = re.compile(r" {0,2}(?:€|%|euros?\b|eur\b|k€)")


def _read_named(candidate: Candidate) -> Reading | None:
    """After its own word, a number of eight to thirteen digits in any grouping.

    After a word that also announces other numbers ("numéro"), a French one or one after a plus.
    """
    text, digits = candidate.text, compact(candidate.text)
    if _DATE_LIKE.match(text) or _AFTER_MONEY.match(candidate.after(8)):
        return None
    if _WEAK.match(candidate.match[0]) and not (
        (digits[0] == "0" and len(digits) == 10) or text[0] == "+" or _NINE_DIGITS.fullmatch(text)
    ):
        return None
    thai = "\u0e00" <= candidate.match[0][0] <= "\u0e7f"  # where mobiles begin with 08
    service = digits.startswith("08") and not thai
    if service or not 8 <= len(digits) <= 14:
        return None
    return Reading(_canonical(digits, text), candidate.start, candidate.end)


def _canonical(digits: str, text: str) -> str:
    if text[0] == "+" or digits.startswith("00"):
        return "+" + digits.removeprefix("00")
    if len(digits) == 10 and digits[0] == "0":
        return "+33" + digits[1:]
    return "+33" + digits if len(digits) == 9 and digits[0] != "0" else digits


_DIGIT = "(?:un|deux|trois|quatre|cinq|six|sept|huit|neuf)"
_TEEN = "(?:dix(?:[ -](?:sept|huit|neuf))?|onze|douze|treize|quatorze|quinze|seize)"
_SPOKEN_PAIR = (
    rf"(?:[0-9]{{2}}|zero[ -]{_DIGIT}|zero[ -]zero"
    rf"|(?:soixante|quatre[ -]vingts?)(?:[ -](?:et[ -])?(?:{_TEEN}|{_DIGIT}))?"
    rf"|(?:vingt|trente|quarante|cinquante|septante|octante|huitante|nonante)"
    rf"(?:[ -](?:et[ -])?{_DIGIT})?|{_TEEN})"
)
_SPOKEN_GAP = "[ ,./-]{1,3}"
_SPOKEN = re.compile(
    rf"(?:z(?<![a-z].)ero{_SPOKEN_GAP}(?:{_DIGIT}|[1-9])|0(?<![0-9a-z].)[1-9])"
    rf"(?:{_SPOKEN_GAP}{_SPOKEN_PAIR}){{4}}(?![0-9a-z])"
)
_ONE = f"(?:{_DIGIT}|zero|oh|one|two|three|four|five|seven|eight|nine|[0-9])"
_SPOKEN_ONE_BY_ONE = re.compile(
    cues("zero", "oh") + rf"{_SPOKEN_GAP}{_ONE}(?:{_SPOKEN_GAP}{_ONE}){{8}}(?![0-9a-z])"
)


def _read_spoken(candidate: Candidate) -> Reading | None:
    if not re.search("[a-z]", candidate.text):
        return None
    return Reading(" ".join(re.split("[ ,./-]+", candidate.text)), candidate.start, candidate.end)


_TEN_WORDS = ("zero", "douze", "vingt", "trente", "quarante", "cinquante", "soixante", "onze")
RULES = (
    Rule(Kind.PHONE, _ABROAD, _read_abroad),
    Rule(
        Kind.PHONE,
        _NAMED,
        _read_named,
        (
            *("tel", "portable", "mobile", "gsm", "phone", "whats", "sms", "cell", "num", "joi"),
            *("appele", "โทร", "เบอร", "มือถือ", "电话", "手机", "手機", "電話"),
        ),
    ),
    Rule(Kind.PHONE, _ABROAD_IN_LINES, _read_abroad),
    Rule(Kind.PHONE, _IN_FRANCE, _read_in_france),
    Rule(Kind.PHONE, _FRENCH_WITHOUT_PLUS, _read_mobile),
    Rule(Kind.PHONE, _THAI, _read_mobile),
    Rule(Kind.PHONE, _CHINESE, _read_mobile),
    Rule(Kind.PHONE, _SPOKEN, _read_spoken, _TEN_WORDS),
    Rule(Kind.PHONE, _SPOKEN_ONE_BY_ONE, _read_spoken, ("zero", "oh ")),
)
