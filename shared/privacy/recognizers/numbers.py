"""Numbers with check digits or a grouping of their own: bank accounts, cards, NIR, tax, SIRET."""

import re
from functools import lru_cache

from stdnum import iban, luhn, numdb
from stdnum.cn import ric
from stdnum.exceptions import ValidationError
from stdnum.fr import nif, nir, siret
from stdnum.th import pin

from shared.privacy.recognizers.rule import (
    GAP,
    NOT_INSIDE,
    Candidate,
    Kind,
    Reading,
    Rule,
    after_words_of_law,
    as_digits,
    compact,
    cues,
)

_CUE = r"[^0-9\n]{0,30}?"
"""Between a word that announces a number and the number."""
_OUTSIDE_REGISTRY = {
    **dict.fromkeys(("AO", "CV", "MZ", "GW"), 25),
    **dict.fromkeys(("DZ", "IR"), 26),
    **dict.fromkeys(("CM", "CG", "GA", "MG", "KM", "CF", "TD", "GQ", "DJ"), 27),
    **dict.fromkeys(("MA", "SN", "CI", "ML", "BF", "BJ", "TG", "NE", "HN", "NI"), 28),
}
"""Lengths of IBANs that banks use and SWIFT's registry does not list."""


@lru_cache(maxsize=1024)
def _iban_length(country: str) -> int | None:
    """Return how long the IBANs of a country are (SWIFT's IBAN registry), None if it has none."""
    _, facts = numdb.get("iban").info(country + "00")[0]
    sizes = re.findall("([0-9]+)!", facts.get("bban", ""))
    return 4 + sum(map(int, sizes)) if sizes else _OUTSIDE_REGISTRY.get(country)


def _place_after(text: str, count: int) -> int:
    """Return the place after the first `count` letters and digits of the text."""
    for place, character in enumerate(text):
        count -= character.isalnum()
        if count == 0:
            return place + 1
    return len(text)


_IBAN = re.compile(
    rf"[a-z](?:(?<![0-9a-z].)|(?<=iban.)|(?<=rib.)) ?[a-z]{GAP}?[0-9] ?[0-9]"
    rf"(?:{GAP}{{0,2}}[0-9a-z]){{11,30}}"
)
_IBAN_NAMED = re.compile(
    cues("iban") + rf"\b{_CUE}(?P<value>[a-z]{{2}}[0-9]{{2}}(?:{GAP}{{0,2}}[0-9a-z]){{11,30}})"
)


def _iban_of(candidate: Candidate) -> tuple[str, int] | None:
    """Return the letters and digits of an IBAN's length, and where they end."""
    number = compact(candidate.text)
    length = _iban_length(number[:2])
    if length is None or len(number) < length:
        return None
    end = candidate.start + _place_after(candidate.text, length)
    following = candidate.match.string[end : end + 1]
    return None if following.isdigit() else (number[:length], end)


def _read_iban(candidate: Candidate) -> Reading | None:
    found = _iban_of(candidate)
    if found is None:
        return None
    number, end = found
    listed = number[:2] not in _OUTSIDE_REGISTRY
    valid = iban.is_valid(number, check_country=False) if listed else _mod_97(number)
    return Reading(number, candidate.start, end) if valid else None


def _read_named_iban(candidate: Candidate) -> Reading | None:
    """After its own word, a slip in an IBAN does not hide it."""
    found = _iban_of(candidate)
    return None if found is None else Reading(found[0], candidate.start, found[1])


def _mod_97(number: str) -> bool:
    """Whether the check digits are right (ISO 13616)."""
    return int("".join(str(int(sign, 36)) for sign in number[4:] + number[:4])) % 97 == 1


_RIB = re.compile(
    rf"[0-9]{NOT_INSIDE}[0-9]{{4}}(?P<gap>{GAP}{{0,2}})[0-9]{{5}}(?P=gap)"
    rf"[0-9a-z]{{11}}(?P=gap)[0-9]{{2}}(?![0-9a-z])"
)
_RIB_NAMED = re.compile(
    cues("rib", "releve[a-z]* d'identite bancaire", "compte", "bank account") + r"\b"
    rf"{_CUE}(?P<value>[0-9](?:{GAP}{{0,3}}[0-9]){{9}}(?:{GAP}{{0,3}}[0-9a-z]){{11}}"
    rf"(?:{GAP}{{0,3}}[0-9]){{2}})(?![0-9a-z])"
)
_ACCOUNT = re.compile(
    cues("compte", "account") + rf"(?![a-z]){_CUE}(?P<value>[0-9]{{2}}[0-9a-z]{{9}})(?![0-9a-z])"
)
_RIB_LETTERS = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "12345678912345678923456789")


def _read_rib(candidate: Candidate) -> Reading | None:
    """Bank, branch, account, key: the key makes 89 b + 15 g + 3 c + k a multiple of 97.

    Comité français d'organisation et de normalisation bancaires; letters count as digits.
    """
    written = compact(candidate.text)
    number = written.translate(_RIB_LETTERS)
    bank, branch, account, key = number[:5], number[5:10], number[10:21], number[21:]
    if (89 * int(bank) + 15 * int(branch) + 3 * int(account) + int(key)) % 97:
        return None
    return Reading(written, candidate.start, candidate.end)


# Sex, year, month (over 12 when it is not known), department, town, order, key:
# https://www.insee.fr/fr/metadonnees/definition/c1409
_NIR_GAP = " {0,2}[._/-]? {0,2}"
_NIR_NAMED_GAP = f"{GAP}{{0,3}}"
_NIR_DEPARTMENT = "(?:0[1-9]|1[0-9]|2[1-9ab]|[3-9][0-9])"
_NIR = re.compile(
    rf"[1-478](?:(?<![0-9a-z].)|(?<=nir.)|(?<=secu.))(?:{_NIR_GAP})[0-9]{{2}}{_NIR_GAP}"
    rf"(?P<month>0[1-9]|[1-9][0-9]){_NIR_GAP}{_NIR_DEPARTMENT}{_NIR_GAP}[0-9]{{3}}{_NIR_GAP}"
    rf"[0-9]{{3}}(?P<key>[ ,(/.-]{{0,3}}(?:(?:clef?|key) ?:? ?)?[0-9]{{2}})?(?![0-9])"
)
_NIR_NAMED = re.compile(
    cues(
        "securite sociale",
        "secu",
        "nir",
        "n°? ?ss",
        "numero ss",
        "vitale",
        "insee",
        "social security",
    )
    + rf"(?![a-z]){_CUE}"
    rf"(?P<value>[1-478](?:{_NIR_NAMED_GAP}[0-9ab]){{12}}"
    rf"(?:[ ,(/.-]{{0,3}}(?:(?:clef?|key) ?:? ?)?[0-9]{GAP}?[0-9])?)(?![0-9])"
)


def _read_nir(candidate: Candidate) -> Reading | None:
    """The key decides; without one, sex, month and department do."""
    marks = set(re.findall("[._/-]", candidate.text.partition("cle")[0]))
    if len(marks) > 1:
        return None
    number = compact(re.sub("clef?|key", "", candidate.text))
    keyed = len(number) == 15
    month = int(candidate.match["month"])
    plain_month = month <= 12 or month == 20 or 30 <= month <= 42
    if (keyed and nir.is_valid(number)) or (number[0] in "12" and plain_month):
        return Reading(number[:13], candidate.start, candidate.end)
    return None


def _read_named_nir(candidate: Candidate) -> Reading:
    number = compact(re.sub("clef?|key", "", candidate.text))
    return Reading(number[:13], candidate.start, candidate.end)


# Nine digits of the business, five of its establishment (INSEE). A sole trader's names a person.
_SIRET = re.compile(
    rf"[0-9]{NOT_INSIDE}(?<![0-9]{GAP}.)[0-9]{{2}}(?P<gap>{GAP}{{0,2}})[0-9]{{3}}(?P=gap)[0-9]{{3}}"
    rf"{GAP}{{0,2}}[0-9]{{2,3}}{GAP}?[0-9]{{2,3}}(?![0-9])"
)
_SIRET_NAMED = re.compile(
    cues("siret") + rf"\b{_CUE}(?P<value>[0-9](?:{GAP}{{0,2}}[0-9]){{13}})(?![0-9])"
)


_AMOUNT_GOES_ON = re.compile(r"[ .]?[0-9]{3}(?![0-9])| {0,2}(?:€|%|euros?\b|eur\b|k€)")


def _read_siret(candidate: Candidate) -> Reading | None:
    """Take fourteen digits by their check, but not a SIREN and the amount after it."""
    number = compact(candidate.text)
    listed = ", " in candidate.text or _AMOUNT_GOES_ON.match(candidate.after(8))
    if siret.is_valid(number) and not listed:
        return Reading(number, candidate.start, candidate.end)
    return None


# Visa, Mastercard, American Express, Discover, JCB, UnionPay and Maestro, ISO/IEC 7812. Fourteen
# digits are left out: a SIRET has fourteen and satisfies the same check.
_CARD_GAP = f"{GAP}{{0,3}}"
_CARD = re.compile(
    rf"[2-6]{NOT_INSIDE}(?<![0-9]{GAP}.)(?:"
    rf"(?:(?<=[46])[0-9]|(?<=5)[0-8]|(?<=3)[05689]|(?<=2)[2-7])[0-9]{{2}}(?P<gap>{_CARD_GAP})[0-9]{{4}}"
    rf"(?P=gap)[0-9]{{4}}(?P=gap)[0-9]{{4}}(?:(?P=gap)[0-9]{{3}})?"
    rf"|(?<=3)[47][0-9]{{2}}(?P<wide>{_CARD_GAP})[0-9]{{6}}(?P=wide)[0-9]{{5}}"
    r")(?![0-9])"
)
_CARD_NAMED = re.compile(
    cues(
        "cb",
        "carte (?:bancaire|bleue|de credit|visa)",
        "visa",
        "mastercard",
        "amex",
        "credit card",
        "debit card",
        "bank card",
    )
    + rf"(?![a-z]){_CUE}(?P<value>[2-6](?:{GAP}{{0,3}}[0-9]){{14,15}})(?![0-9])"
)
_CARD_CODE = re.compile(
    cues("cvv", "cvc", "cryptogramme") + r"2?[^0-9\n]{0,15}(?P<value>[0-9]{3,4})(?![0-9])"
)


def _read_card(candidate: Candidate) -> Reading | None:
    number = compact(candidate.text)
    if luhn.is_valid(number) and not after_words_of_law(candidate):
        return Reading(number, candidate.start, candidate.end)
    return None


# https://www.impots.gouv.fr: thirteen digits, the first 0 to 3, written 2-2-3-3-3.
_TAX_NUMBER = re.compile(
    rf"[0-3]{NOT_INSIDE}(?<![0-9] .)[0-9](?P<gap>[ .-]?)[0-9]{{2}}"
    r"(?P=gap)[0-9]{3}(?P=gap)[0-9]{3}(?P=gap)[0-9]{3}(?![0-9])"
)
_TAX_NUMBER_NAMED = re.compile(
    cues("fiscale?", "impots?", "spi", "tax number", "tax id")
    + rf"(?![a-z]){_CUE}(?P<value>[0-3](?:{GAP}{{0,2}}[0-9]){{12}})(?![0-9])"
)


def _read_tax_number(candidate: Candidate) -> Reading | None:
    number = compact(candidate.text)
    return Reading(number, candidate.start, candidate.end) if nif.is_valid(number) else None


# Thai national identity: thirteen digits, written 1-4-5-2-1, the last one a check digit.
_THAI_IDENTITY = re.compile(
    rf"[1-9]{NOT_INSIDE}{GAP}?[0-9]{{4}}{GAP}?[0-9]{{5}}{GAP}?[0-9]{{2}}{GAP}?[0-9](?![0-9])"
)
# Chinese resident identity (GB 11643): county, date of birth, order, check character.
_CHINESE_IDENTITY = re.compile(
    rf"[1-9]{NOT_INSIDE}[0-9]{{5}}{GAP}?(?:18|19|20)[0-9]{{2}}{GAP}?(?:0[1-9]|1[0-2]){GAP}?[0-3][0-9]{GAP}?"
    r"[0-9]{3}[0-9x](?![0-9a-z])"
)


def _read_thai_identity(candidate: Candidate) -> Reading | None:
    number = compact(candidate.text)
    return Reading(number, candidate.start, candidate.end) if pin.is_valid(number) else None


def _read_chinese_identity(candidate: Candidate) -> Reading | None:
    """The counties change with the years, so only the date and the check character decide."""
    number = compact(candidate.text)
    try:
        ric.get_birth_date(number)
    except ValidationError:
        return None
    if ric.calc_check_digit(number) != number[-1]:
        return None
    return Reading(number, candidate.start, candidate.end)


RULES = (
    Rule(Kind.IBAN, _IBAN_NAMED, _read_named_iban, ("iban",)),
    Rule(Kind.IBAN, _IBAN, _read_iban),
    Rule(Kind.IBAN, _RIB_NAMED, as_digits, ("rib", "bancaire", "compte", "bank account")),
    Rule(Kind.IBAN, _ACCOUNT, as_digits, ("compte", "account")),
    Rule(Kind.IBAN, _RIB, _read_rib),
    Rule(
        Kind.NIR,
        _NIR_NAMED,
        _read_named_nir,
        ("secu", "nir", "social security", " ss", "°ss", "nss", "vitale", "insee"),
    ),
    Rule(Kind.TAX_NUMBER, _TAX_NUMBER_NAMED, as_digits, ("fiscal", "impot", "spi", "tax ")),
    Rule(Kind.SIRET, _SIRET_NAMED, as_digits, ("siret",)),
    Rule(Kind.CARD, _CARD_NAMED, as_digits, ("cb", "carte", "visa", "card", "amex")),
    Rule(Kind.CARD, _CARD_CODE, as_digits, ("cvv", "cvc", "cryptogramme")),
    Rule(Kind.NIR, _NIR, _read_nir),
    Rule(Kind.IDENTITY_DOCUMENT, _CHINESE_IDENTITY, _read_chinese_identity),
    Rule(Kind.SIRET, _SIRET, _read_siret),
    Rule(Kind.CARD, _CARD, _read_card),
)
"""In the order in which they apply."""
LAST_RULES = (
    Rule(Kind.TAX_NUMBER, _TAX_NUMBER, _read_tax_number),
    Rule(Kind.IDENTITY_DOCUMENT, _THAI_IDENTITY, _read_thai_identity),
)
"""Those whose check one number in ten passes by chance: after telephones."""
