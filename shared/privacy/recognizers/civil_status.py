"""Dates of birth, identity documents, files at public bodies, number plates."""

import re

from shared.privacy.folding import fold
from shared.privacy.recognizers.rule import (
    Candidate,
    Kind,
    Reading,
    Rule,
    after_words_of_law,
    as_digits,
    as_written,
    compact,
    cues,
)


def _words(*words: str) -> str:
    """Return an alternation of words as folding leaves them."""
    return "|".join(re.escape(fold(word).folded) for word in words)


_MONTH = (
    "(?:janv|fev|mars|avr|mai|juin|juil|aout|sept|oct|nov|dec"
    "|jan|feb|mar|apr|may|june?|july?|aug|sep)[a-z]{0,7}\\.?"
)
_MONTHS_THAI = _words(
    *("มกราคม", "กุมภาพันธ์", "มีนาคม", "เมษายน", "พฤษภาคม", "มิถุนายน", "กรกฎาคม", "สิงหาคม"),
    *("กันยายน", "ตุลาคม", "พฤศจิกายน", "ธันวาคม"),
    *(
        "ม.ค.",
        "ก.พ.",
        "มี.ค.",
        "เม.ย.",
        "พ.ค.",
        "มิ.ย.",
        "ก.ค.",
        "ส.ค.",
        "ก.ย.",
        "ต.ค.",
        "พ.ย.",
        "ธ.ค.",
    ),
)
_BORN_THAI_CHINESE = _words(
    *("เกิดวันที่", "เกิดเมื่อ", "วันเกิด", "วันเดือนปีเกิด", "เกิด "),
    *("出生日期", "出生于", "出生", "生日", "生于"),
)
_DAY_WORD = (
    "(?:premier|deux|trois|quatre|cinq|six|sept|huit|neuf|dix(?:[ -](?:sept|huit|neuf))?|onze|douze"
    "|treize|quatorze|quinze|seize|(?:vingt|trente)(?:[ -](?:et[ -])?[a-z]{2,6})?)"
)
_WEEKDAY = "(?: (?:lundi|mardi|mercredi|jeudi|vendredi|samedi|dimanche))?"
_DATE = (
    r"(?:(?:0?[1-9]|[12][0-9]|3[01]) ?[/.\- ,_] ?(?:0?[1-9]|1[0-2]) ?[/.\- ,_] ?"
    r"(?:(?:19|20|2[45])?[0-9]{2})"
    r"|(?:0[1-9]|[12][0-9]|3[01])(?:0[1-9]|1[0-2])(?:19|20)[0-9]{2}"
    r"|(?:19|20|2[45])[0-9]{2} ?[/.-] ?[01]?[0-9] ?[/.-] ?[0-3]?[0-9]"
    rf"|(?:1er|[0-3]?[0-9](?:st|nd|rd|th)?)[ -]?(?:of )?{_MONTH}(?:,?[ -]?(?:19|20)?[0-9]{{2}})?"
    rf"|{_DAY_WORD} {_MONTH}"
    "(?: (?:19|20)?[0-9]{2}| mil(?:le)? neuf[a-z -]{5,40}| deux mille[a-z -]{0,20})?"
    rf"|{_MONTH} [0-9]{{1,2}}(?:st|nd|rd|th)?(?:,? (?:19|20)[0-9]{{2}})?"
    rf"|{_MONTH} (?:19|20)?[0-9]{{2}}"
    rf"|[0-3]?[0-9] ?(?:{_MONTHS_THAI}) ?(?:พ\.?ศ\.? ?)?[0-9]{{2,4}}"
    r"|(?:19|20)?[0-9]{2} ?年(?: ?[01]?[0-9] ?月(?: ?[0-3]?[0-9] ?[日号])?)?"
    r"|(?:19|20)[0-9]{2}|mil(?:le)? neuf cent[a-z -]{4,40})"
)
_PLACE = r"(?:,? (?:a|au|aux|dans|in|at) [^\n0-9;:.!?]{2,40}?(?: ?\([0-9ab]{2,3}\))?)?"
_BIRTH_DATE = re.compile(
    r"(?:n(?<![0-9a-z].)e(?:e|\(e\)|[.-]e|/ee|/e)?(?: ?\(e\))?(?![a-z0-9])"
    rf"{_PLACE},?(?: le| un|,? en| :|:| (?=[0-9]{{1,2}}[/.-][0-9]{{1,2}}[/.-])){_WEEKDAY}"
    rf"|d(?<![0-9a-z].)n(?![a-z]) ?:?(?= ?[0-9]{{1,2}}[/.-][0-9]{{1,2}}[/.-])"
    rf"|n(?<![0-9a-z].)aiss(?:ance|\.)|d(?<![0-9a-z].)\.? ?[do]\.? ?[nb](?![a-z])\.?"
    rf"|a(?<![0-9a-z].)nniversaire(?![a-z])|d(?<![0-9a-z].)ate of birth"
    rf"|b(?<![0-9a-z].)(?:irth ?(?:date|day)|orn(?![a-z]){_PLACE}(?: on)?(?: in| the)?)"
    rf"|{_BORN_THAI_CHINESE}) {{0,2}}[:=(-]?"
    rf"(?: ?est le| ?est| is| ?le| ?(?:{_words('คือ', 'วันที่', '是', '为')})| du| en)?[ :]{{0,3}}"
    rf"(?P<value>{_DATE})(?![0-9])"
)
_THING_BEFORE = re.compile(
    r"\b(?:creance|dette|litige|droit|obligation|differend|conflit|contrat|dommage|prejudice|action"
    r"|situation|contentieux|difficulte|accord|regime|demande|infraction)(?: est)? $"
)
_EVERYBODY_BEFORE = re.compile(
    r"\b(?:un|une|tout|toute|chaque|le|la|du|de la|au) (?:enfant|salariee?|personne|assuree?"
    r"|travailleur|agent|jeune|beneficiaire|interessee?|participant) $"
    r"|\b(?:l'|d')(?:enfant|assuree?|agent|interesse) $"
)


def _read_birth_date(candidate: Candidate) -> Reading | None:
    """A claim or a dispute is "née le" too, and a law speaks of whoever is "né en 1961".

    Only people are masked.
    """
    before = candidate.before(30)
    if _THING_BEFORE.search(before) or _EVERYBODY_BEFORE.search(before):
        return None
    year_alone = re.fullmatch("[0-9]{4}", candidate.text) is not None
    if year_alone and "naissance" in candidate.match[0]:
        return None
    return as_written(candidate)


# Old and new identity card, passport and driving licence, residence permit, foreign passports.
_IDENTITY_DOCUMENT = re.compile(
    cues(
        "passe?port",
        "cartes? (?:nationale )?d'identite",
        "cni(?![a-z])",
        "identity card",
        "id card",
        "permis",
        "driv(?:ing|er'?s?) licen[cs]e",
        "titres? (?:de )?(?:sejour|resident)",
        "cartes? (?:de )?(?:sejour|resident)",
        "pieces? d'identite",
        "recepisses?(?![a-z])",
        "autorisations? (?:provisoires? )?de (?:sejour|travail)",
        "attestations? de (?:demande|prolongation|decision)(?![a-z])",
        "aps(?![a-z])",
        "residence permit",
        "agdref",
        "numero etranger",
        "visa(?![a-z])",
        *_words("หนังสือเดินทาง", "พาสปอร์ต", "บัตรประชาชน", "护照", "身份证", "居留证").split("|"),
    )
    + r"[^\n]{0,30}?(?=[a-z]{0,3}[ .-]?[0-9])"
    r"(?P<value>[0-9a-z](?<![0-9a-z].)(?:[ .-]?[0-9a-z]){6,17})(?![0-9a-z])"
)
_DOCUMENT_SHAPES = re.compile(
    "[0-9]{12}|[0-9]{10}|[0-9]{9}|[0-9]{2}[A-Z]{2}[0-9]{5}|(?=.*[0-9].*[0-9])(?=.*[A-Z])[A-Z0-9]{9}"
    "|[A-Z]{1,3}[0-9]{6,9}|[0-9]{13}|[0-9]{17}[0-9X]"
)


def _read_document(candidate: Candidate) -> Reading | None:
    """Take the first and longest run of groups that has the shape of a document's number."""
    text = candidate.text
    groups = [group.span() for group in re.finditer("[0-9a-z]+", text)]
    for first, (start, _) in enumerate(groups):
        for _, end in reversed(groups[first:]):
            words = re.findall(r"(?<![0-9a-z])[a-z]+(?![0-9a-z])", text[start:end])
            number = compact(text[start:end])
            few = not words or (len(words) == 1 and len(words[0]) <= 3)
            if few and _DOCUMENT_SHAPES.fullmatch(number):
                return Reading(number, candidate.start + start, candidate.start + end)
    return None


# Allowances office (seven digits, a letter), France Travail (seven or eight, a letter, or eleven
# digits), sickness insurance, staff numbers: only after their own words.
_FILE_NUMBER = re.compile(
    cues(
        "caf",
        "allocataire",
        "msa",
        "pole emploi",
        "france travail",
        "demandeur d'emploi",
        "cpam",
        "ameli",
        "matricule",
        "staff number",
        "employee (?:number|id)",
        "numero (?:de )?salarie",
        "numero client",
    )
    + r"(?![a-z])"
    r"[^0-9\n]{0,30}?(?P<value>(?:[a-z]{1,3}[ -]?)?[0-9](?<![0-9a-z].)(?:[ .-]?[0-9]){4,11}"
    r"(?: ?[a-z](?![0-9a-z]))?)(?![0-9a-z])"
    r"(?! {0,2}(?:€|%|euros?\b|eur\b|salaries?\b|heures?\b))"
)
_NO_DATE = re.compile(
    r"[0-9]{1,2}[ ./-][0-9]{1,2}[ ./-](?:19|20)?[0-9]{2}\b|(?:19|20)[0-9]{2}[ ./-]"
)


def _read_file_number(candidate: Candidate) -> Reading | None:
    if _NO_DATE.match(candidate.text) or after_words_of_law(candidate, candidate.start):
        return None
    return as_digits(candidate)


# Since 2009: two letters, three digits, two letters, without I, O and U; before: digits, letters,
# department. https://www.securite-routiere.gouv.fr
_SIV = "[a-hj-np-tv-z]{2}"
_PLATE = re.compile(rf"[a-hj-np-tv-z](?<![0-9a-z-].)[a-hj-np-tv-z]-[0-9]{{3}}-{_SIV}(?![0-9a-z-])")
_PLATE_CAPITALS = re.compile(
    rf"[a-hj-np-tv-z](?<![0-9a-z-].)[a-hj-np-tv-z](?P<gap> ?)[0-9]{{3}}(?P=gap){_SIV}(?![0-9a-z-])"
)


def _read_plate(candidate: Candidate) -> Reading | None:
    """Without hyphens, in capitals only."""
    return as_digits(candidate) if candidate.cased.isupper() else None


_PLATE_NAMED = re.compile(
    cues(
        "plaques?",
        "immatricul[a-z]*",
        "voitures?",
        "vehicules?",
        "camion",
        "scooter",
        "moto",
        "car",
        "plate",
    )
    + r"(?![a-z])[^0-9\n]{0,30}?"
    r"(?P<value>[0-9a-z](?<![0-9a-z].)"
    rf"(?:(?<=[a-hj-np-tv-z])[a-hj-np-tv-z][ -]?[0-9]{{3}}[ -]?{_SIV}"
    r"|(?<=[0-9])[0-9]{0,3}[ -]?[a-z]{2,3}[ -]?(?:[0-9]{2}|2[ab]|97[1-6])))(?![0-9a-z])"
)

RULES = (
    Rule(
        Kind.IDENTITY_DOCUMENT,
        _IDENTITY_DOCUMENT,
        _read_document,
        (
            *("pass", "identi", "cni", "permis", "licen", "sejour", "resident", "permit", "agdref"),
            *(
                "etranger",
                "visa",
                *("recepisse", "autorisation", "attestation", "aps"),
                "id card",
                *_words("หนังสือเดินทาง", "พาสปอร์ต", "บัตร", "护照", "身份证", "居留证").split("|"),
            ),
        ),
    ),
    Rule(
        Kind.FILE_NUMBER,
        _FILE_NUMBER,
        _read_file_number,
        (
            "caf",
            "allocataire",
            "emploi",
            "france travail",
            "cpam",
            "ameli",
            "msa",
            "matricule",
            "staff",
            "employee",
            "numero salarie",
            "numero de salarie",
            "numero client",
        ),
    ),
    Rule(
        Kind.BIRTH_DATE,
        _BIRTH_DATE,
        _read_birth_date,
        (
            *(
                " le",
                " en",
                " un",
                "/",
                "dn ",
                ":",
                "nais",
                "ddn",
                "d.d",
                "d d n",
                "birth",
                "dob",
                "d.o",
                "d o b",
                "born",
            ),
            *("anniv", *_words("เกิด", "出生", "生日", "生于").split("|")),
        ),
    ),
    Rule(Kind.PLATE, _PLATE, as_digits, ("-",)),
    Rule(Kind.PLATE, _PLATE_CAPITALS, _read_plate, tuple("0123456789")),
    Rule(
        Kind.PLATE,
        _PLATE_NAMED,
        as_digits,
        ("plaque", "immatric", "voiture", "vehicule", "camion", "scooter", "moto", "car ", "plate"),
    ),
)
