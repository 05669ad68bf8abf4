"""Rules that recognize personal data in French and English, and validate candidates.

A family of rules, one or two per kind; `shared.privacy.masking` is what the services call. A number
is taken on its check digits or on its usual grouping, never on its length alone: article numbers,
IDCC, pourvois, amounts, dates and durations are not personal data. It is one long table, so that
the order in which the rules apply can be read in one place.
"""

import ipaddress
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

import phonenumbers
from stdnum import iban, luhn
from stdnum.fr import nif, nir, siret


class Kind(StrEnum):
    """Kind of personal data; the value is its name in counts and metrics."""

    EMAIL = "email"
    IBAN = "iban"
    NIR = "nir"
    CARD = "card"
    PHONE = "phone"
    TAX_NUMBER = "tax_number"
    IDENTITY_DOCUMENT = "identity_document"
    IP_ADDRESS = "ip_address"
    BIRTH_DATE = "birth_date"
    POSTAL_ADDRESS = "postal_address"
    SIRET = "siret"


@dataclass(frozen=True)
class _Reading:
    """A validated candidate: its canonical spelling, and where it ends in the text."""

    value: str
    end: int


@dataclass(frozen=True)
class Span:
    """Position of one piece of personal data, and its canonical spelling."""

    kind: Kind
    value: str
    start: int
    end: int


@dataclass(frozen=True)
class _Rule:
    """Pattern of one kind, and the validation of its candidates.

    `hints`: the pattern is tried only on texts that contain one of these, in lower case; without
    hints, only on texts where seven digits stand close together. Every repetition in `pattern` has
    a bound, so that one attempt costs the same in any text. A group called `value` limits what is
    masked.
    """

    kind: Kind
    pattern: re.Pattern[str]
    read: Callable[[re.Match[str]], _Reading | None]
    hints: tuple[str, ...] = ()


_GAP = "[ .\\-/\u00a0\u202f]"
_DIGITS_CLOSE_TOGETHER = re.compile("[0-9](?:[^0-9A-Za-z\n]{0,3}[0-9]){6}")


def _letters_and_digits(text: str) -> str:
    return re.sub("[^0-9A-Z]", "", text.upper())


def _group(match: re.Match[str]) -> int | str:
    return "value" if "value" in match.re.groupindex else 0


def _as_written(match: re.Match[str]) -> _Reading:
    group = _group(match)
    return _Reading(" ".join(match[group].lower().split()), match.end(group))


def _ends(match: re.Match[str]) -> Iterator[int]:
    """Where the candidate may stop, farthest first: its own end, then before each gap in it."""
    yield match.end()
    for place in range(match.end() - 1, match.start(), -1):
        if not match.string[place].isalnum() and match.string[place - 1].isalnum():
            yield place


# RFC 5321 §4.5.3.1 gives the lengths; quoted local parts and address literals are not looked for.
_EMAIL = re.compile(
    r"(?<![\w.%+-])[\w.%+-][\w.%+'-]{0,63}@(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.){1,8}[^\W\d_]{2,24}(?![\w-])"
)


_SHORTEST_IBAN = 15  # Norway
_IBAN = re.compile(r"(?<![0-9A-Za-z])[A-Za-z]{2}[0-9]{2}(?:[ \-\u00a0\u202f]?[0-9A-Za-z]){11,30}")


def _read_iban(match: re.Match[str]) -> _Reading | None:
    for end in _ends(match):
        number = _letters_and_digits(match.string[match.start() : end])
        if len(number) < _SHORTEST_IBAN:
            return None
        if iban.is_valid(number, check_country=False):
            return _Reading(number, end)
    return None


# Sex, year, month (over 12 when it is not known), department, town, order, key:
# https://www.insee.fr/fr/metadonnees/definition/c1409
_NIR = re.compile(
    rf"(?<![0-9A-Za-z])[1-478]{_GAP}?[0-9]{{2}}{_GAP}?(?:0[1-9]|[1-9][0-9]){_GAP}?"
    rf"(?:[0-9]{{2}}|2[ABab]){_GAP}?[0-9]{{3}}{_GAP}?[0-9]{{3}}"
    rf"(?:{_GAP}{{0,3}}(?:cl[ée] ?:? ?)?[0-9]{{2}})?(?![0-9])"
)
_NIR_SPACED = re.compile(
    rf"[0-9]{_GAP}[0-9]{{2}}{_GAP}[0-9]{{2}}{_GAP}[0-9AB]{{2}}{_GAP}[0-9]{{3}}{_GAP}[0-9]{{3}}\b",
    re.IGNORECASE,
)
_NIR_NAMED = re.compile(
    r"(?i:s[ée]curit[ée] sociale|s[ée]cu\b|\bnir\b|social security)[^0-9\n]{0,30}"
    rf"(?P<value>[1-478](?:{_GAP}?[0-9ABab]){{12}}(?:(?:{_GAP}{{0,3}}[0-9]){{2}})?)(?![0-9])"
)


def _read_nir(match: re.Match[str]) -> _Reading | None:
    number = re.sub("CL[EÉ]", "", match[0].upper())
    number = _letters_and_digits(number)
    if nir.is_valid(number) or _NIR_SPACED.match(match[0]):
        return _Reading(number[:13], match.end())
    return None


def _read_named_nir(match: re.Match[str]) -> _Reading:
    return _Reading(_letters_and_digits(match["value"])[:13], match.end("value"))


# Nine digits of the business, five of its establishment (INSEE). A sole trader's names a person.
_SIRET = re.compile(
    rf"(?<![0-9A-Za-z])(?<![0-9]{_GAP})[0-9]{{3}}(?P<gap>{_GAP}?)[0-9]{{3}}(?P=gap)[0-9]{{3}}"
    rf"{_GAP}?[0-9]{{5}}(?![0-9])"
)


def _read_siret(match: re.Match[str]) -> _Reading | None:
    number = _letters_and_digits(match[0])
    return _Reading(number, match.end()) if siret.is_valid(number) else None


# Visa, Mastercard, American Express, Discover, JCB, UnionPay and Maestro, ISO/IEC 7812. Fourteen
# digits are left out: a SIRET has fourteen and satisfies the same check.
_CARD = re.compile(
    rf"(?<![0-9A-Za-z])(?<![0-9]{_GAP})(?:"
    rf"(?:4|5[0-8]|6[0-9]|35|2[2-7])[0-9]{{2,3}}(?<=[0-9]{{4}})(?P<gap>{_GAP}?)[0-9]{{4}}"
    rf"(?P=gap)[0-9]{{4}}(?P=gap)[0-9]{{4}}(?:(?P=gap)[0-9]{{3}})?"
    rf"|3[47][0-9]{{2}}(?P<wide>{_GAP}?)[0-9]{{6}}(?P=wide)[0-9]{{5}}"
    r")(?![0-9])"
)
_LAW_BEFORE = re.compile(
    r"(?:\b[lrda]\*?\.? ?|\barticles? |\bart\.? ?|\bidcc ?(?:n° ?|: ?)?)$", re.IGNORECASE
)


def _after_words_of_law(match: re.Match[str]) -> bool:
    return _LAW_BEFORE.search(match.string, max(0, match.start() - 12), match.start()) is not None


def _read_card(match: re.Match[str]) -> _Reading | None:
    number = _letters_and_digits(match[0])
    if luhn.is_valid(number) and not _after_words_of_law(match):
        return _Reading(number, match.end())
    return None


# National numbers in the groupings people use. Two-digit groups that go on past the tenth digit
# are a list or two dates, unless another full telephone number follows.
_PAIR = f"{_GAP}[0-9]{{2}}"
_PHONE_IN_FRANCE = re.compile(
    rf"(?<![0-9A-Za-z_])(?:"
    rf"0[1-9][0-9]{{8}}"
    rf"|(?:(?<![0-9]{{2}}{_GAP})|(?<=0[1-9]{_PAIR}{_PAIR}{_PAIR}{_PAIR}{_GAP}))"
    rf"0[1-9](?P<pair>{_GAP})[0-9]{{2}}(?:(?P=pair)[0-9]{{2}}){{3}}"
    rf"(?:(?!(?P=pair)[0-9]{{2}}(?![0-9]))|(?=(?P=pair)0[1-9](?:(?P=pair)[0-9]{{2}}){{4}}))"
    rf"|0{_GAP}?[1-9][0-9]{{2}}(?P<triple>{_GAP})[0-9]{{3}}(?P=triple)[0-9]{{3}}"
    rf"|0[1-9][0-9]{{2}}(?P<island>{_GAP})[0-9]{{2}}(?P=island)[0-9]{{2}}(?P=island)[0-9]{{2}}"
    rf"|0[1-9](?P<four>{_GAP})[0-9]{{4}}(?P=four)[0-9]{{4}}"
    rf")(?![0-9])"
)
# A plus between two numbers is a sum, and an amount is no telephone number.
_PHONE_ABROAD = re.compile(
    rf"(?<![0-9A-Za-z+])(?:\+|(?<![0-9])(?<![0-9]{_GAP})(?:\+ |00 ?))[1-9][0-9]{{0,2}}"
    rf"(?:{_GAP}?\([0-9]{{1,4}}\))?(?:{_GAP}{{0,2}}[0-9]){{4,13}}(?![0-9])"
    r"(?![ \u00a0\u202f]?(?:€|%|[Ee]uros?\b|EUR\b|k€))"
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


def _e164(number: phonenumbers.PhoneNumber) -> str:
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _read_phone_in_france(match: re.Match[str]) -> _Reading | None:
    digits = _letters_and_digits(match[0])
    if digits.startswith("08"):
        return None
    readings = (phonenumbers.parse(digits, region) for region in _REGIONS)
    number = next(filter(phonenumbers.is_valid_number, readings), None)
    return _Reading(_e164(number or phonenumbers.parse(digits, "FR")), match.end())


def _read_phone_abroad(match: re.Match[str]) -> _Reading | None:
    for end in _ends(match):
        try:
            number = phonenumbers.parse(match.string[match.start() : end], "FR")
        except phonenumbers.NumberParseException:
            return None
        # The library learns new French ranges late, so the length decides; abroad the range does.
        french = number.country_code in _FRENCH_CODES
        length = phonenumbers.is_possible_number_with_reason(number)
        possible = length == phonenumbers.ValidationResult.IS_POSSIBLE
        if possible and (french or phonenumbers.is_valid_number(number)):
            service = phonenumbers.number_type(number) in _SERVICE_TYPES
            return None if service else _Reading(_e164(number), end)
        if not possible and length != phonenumbers.ValidationResult.TOO_LONG:
            return None
    return None


# https://www.impots.gouv.fr: thirteen digits, the first 0 to 3, written 2-2-3-3-3.
_TAX_NUMBER = re.compile(
    r"(?<![0-9A-Za-z])(?<![0-9][ \u00a0\u202f])[0-3][0-9](?P<gap>[ \u00a0\u202f]?)[0-9]{2}"
    r"(?P=gap)[0-9]{3}(?P=gap)[0-9]{3}(?P=gap)[0-9]{3}(?![0-9])"
)


def _read_tax_number(match: re.Match[str]) -> _Reading | None:
    number = _letters_and_digits(match[0])
    return _Reading(number, match.end()) if nif.is_valid(number) else None


# Old and new identity card, passport and driving licence, residence permit. Nine digits alone
# would be a SIREN.
_IDENTITY_DOCUMENT = re.compile(
    r"(?i:\bpasseport|\bpassport|\bcartes? (?:nationale )?d['’]identit[ée]|\bcni\b|\bidentity card"
    r"|\bpermis de conduire|\bdriving licen[cs]e|\b(?:titre|carte) de s[ée]jour"
    r"|\bresidence permit)[^\n]{0,30}?(?<![0-9A-Za-z])"
    r"(?P<value>[0-9]{12}|[0-9]{10}|[0-9]{2}[A-Z]{2}[0-9]{5}"
    r"|(?=[A-Z0-9]{0,8}[A-Z])(?=(?:[A-Z]{0,8}[0-9]){2})[A-Z0-9]{9})(?![0-9A-Za-z])"
)


_IP_4 = re.compile(r"(?<![\w.])(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?![\w]|\.[0-9])")
_IP_6 = re.compile(r"(?<![\w:.])[0-9A-Fa-f]{3,4}:[0-9A-Fa-f:]{2,34}[0-9A-Fa-f](?!\w)")
_IP_BEFORE = re.compile(r"\bip(?:v4)?\b[^0-9\n]{0,12}$", re.IGNORECASE)
_PORT_AFTER = re.compile(":[0-9]{2,5}")


def _read_ip_4(match: re.Match[str]) -> _Reading | None:
    """Four numbers under 100 are a section of an agreement ("4.2.1.3") or a product code.

    They are an address all the same after "IP", before a port, or when the text is nothing else.
    """
    try:
        address = ipaddress.IPv4Address(match[0])
    except ValueError:
        return None
    text, start, end = match.string, match.start(), match.end()
    sure = (
        max(address.packed) >= 100
        or match[0] == text.strip()
        or _IP_BEFORE.search(text, max(0, start - 20), start)
        or _PORT_AFTER.match(text, end)
    )
    if not sure or address.is_loopback or address.is_unspecified or _after_words_of_law(match):
        return None
    return _Reading(match[0], end)


def _read_ip_6(match: re.Match[str]) -> _Reading | None:
    try:
        address = ipaddress.IPv6Address(match[0])
    except ValueError:
        return None
    return _Reading(str(address), match.end())


_MONTH = (
    "(?:janv|f[ée]v|mars|avr|mai|juin|juil|ao[uû]t|sept|oct|nov|d[ée]c"
    r"|jan|feb|mar|apr|may|june?|july?|aug|sep|dec)[a-zéû]{0,7}\.?"
)
_DATE = (
    r"(?:(?:0?[1-9]|[12][0-9]|3[01]) ?[/.\- ] ?(?:0?[1-9]|1[0-2]) ?[/.\- ] ?(?:(?:19|20)?[0-9]{2})"
    r"|(?:19|20)[0-9]{2}-[01][0-9]-[0-3][0-9]"
    rf"|(?:1er|[12]?[0-9](?:st|nd|rd|th)?|3[01](?:st)?) (?:of )?{_MONTH},? (?:19|20)[0-9]{{2}}"
    rf"|{_MONTH} [0-9]{{1,2}}(?:st|nd|rd|th)?,? (?:19|20)[0-9]{{2}})"
)
_BIRTH_DATE = re.compile(
    r"(?:\bn(?:é|e|ée|ee|é\(e\)|é·e|é\.e) le|\bdate de naissance|\bdate of birth|\bdob\b|\bborn on"
    r"|\bborn)[ \u00a0]{0,2}[:=]?(?: est le| is| le)?[ \u00a0]{0,2}"
    rf"(?P<value>{_DATE})(?![0-9])",
    re.IGNORECASE,
)
_THING_BEFORE = re.compile(
    r"\b(?:cr[ée]ance|dette|litige|droit|obligation|diff[ée]rend|conflit|contrat|dommage"
    r"|pr[ée]judice|action|situation|contentieux) $",
    re.IGNORECASE,
)


def _read_birth_date(match: re.Match[str]) -> _Reading | None:
    """A claim or a dispute is "née le" too; only people are masked."""
    if _THING_BEFORE.search(match.string, max(0, match.start() - 16), match.start()):
        return None
    return _as_written(match)


_STREETS = (
    *("rue", "avenue", "av.", "av ", "boulevard", "bd", "impasse", "allée", "allee", "chemin"),
    *("route", "place", "quai", "cours", "square", "passage", "résidence", "residence"),
    *("lotissement", "sentier", "promenade"),
)
_POSTAL_ADDRESS = re.compile(
    r"(?<![0-9A-Za-z])[0-9]{1,4}(?: ?(?:bis|ter|quater|[A-D]\b))?,? "
    r"(?i:rue|avenue|av\.?|boulevard|bd\.?|impasse|all[ée]es?|chemin|route|place|quai|cours|square"
    r"|passage|r[ée]sidence|lotissement|sentier|promenade) "
    r"[^\n;:€]{2,60}?[,\n ][ \n]?(?:F-)?(?:0[1-9]|[1-8][0-9]|9[0-8])[0-9]{3} "
    r"(?!(?:Euros?|EUR|Francs?|Salariés?|Heures?|Brut|Net)\b)"
    r"[A-ZÀ-Ý][\w'’]{1,30}(?:-[\w'’]{1,30}| [A-ZÀ-Ý][\w'’-]{1,30}){0,4}"
)

_RULES = (
    _Rule(Kind.EMAIL, _EMAIL, _as_written, ("@",)),
    _Rule(Kind.IBAN, _IBAN, _read_iban),
    _Rule(Kind.NIR, _NIR, _read_nir),
    _Rule(Kind.NIR, _NIR_NAMED, _read_named_nir, ("sécu", "secu", "nir", "social security")),
    _Rule(Kind.SIRET, _SIRET, _read_siret),
    _Rule(Kind.CARD, _CARD, _read_card),
    _Rule(Kind.PHONE, _PHONE_ABROAD, _read_phone_abroad),
    _Rule(Kind.PHONE, _PHONE_IN_FRANCE, _read_phone_in_france),
    _Rule(Kind.TAX_NUMBER, _TAX_NUMBER, _read_tax_number),
    _Rule(
        Kind.IDENTITY_DOCUMENT,
        _IDENTITY_DOCUMENT,
        _as_written,
        ("pass", "identit", "cni", "permis", "licen", "jour", "permit"),
    ),
    _Rule(Kind.IP_ADDRESS, _IP_4, _read_ip_4, (".",)),
    _Rule(Kind.IP_ADDRESS, _IP_6, _read_ip_6, (":",)),
    _Rule(
        Kind.BIRTH_DATE,
        _BIRTH_DATE,
        _read_birth_date,
        ("né", "ne le", "nee le", "nais", "birth", "dob", "born"),
    ),
    _Rule(Kind.POSTAL_ADDRESS, _POSTAL_ADDRESS, _as_written, _STREETS),
)


def spans(text: str) -> Iterator[Span]:
    """Return every piece of personal data in the text, rule by rule, without overlaps."""
    lowered = text.lower()
    dense = _DIGITS_CLOSE_TOGETHER.search(text) is not None
    left = text
    for rule in _RULES:
        if any(hint in lowered for hint in rule.hints) if rule.hints else dense:
            found = list(_spans_of(rule, left))
            yield from found
            left = _blanked(left, found)


def _spans_of(rule: _Rule, text: str) -> Iterator[Span]:
    place = 0
    while match := rule.pattern.search(text, place):
        reading = rule.read(match)
        if reading is None:
            place = match.start() + 1
        else:
            yield Span(rule.kind, reading.value, match.start(_group(match)), reading.end)
            place = reading.end


def _blanked(text: str, found: list[Span]) -> str:
    """Return the text with the spans found blanked out, at unchanged offsets."""
    pieces, place = [], 0
    for span in found:
        pieces += [text[place : span.start], "\x00" * (span.end - span.start)]
        place = span.end
    return "".join([*pieces, text[place:]])
