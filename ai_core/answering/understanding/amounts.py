"""Amounts told in a sentence: seniority, pay, headcount, over folded text."""

import re
from collections.abc import Iterator
from datetime import date

from ai_core.answering.understanding.owners import CLAUSE, NEAR_CHARACTERS, Fact
from ai_core.answering.understanding.quantities import (
    DAY,
    DURATION,
    NUMBER,
    months_of,
    months_since,
    number_of,
)

_MONTHS_A_YEAR = 12
_LONGEST_MONTHS = 70 * _MONTHS_A_YEAR
_HOURS_A_MONTH = 151.67
"""35 hours a week, as payslips write it (Code du travail, L3121-27)."""
_LEAST_YEARLY_EUR = 12_000
_LEAST_MONTHLY_EUR, _MOST_MONTHLY_EUR = 200, 60_000
_BOUND_CHARACTERS = 20
_BEFORE_CHARACTERS = 45
_AFTER_CHARACTERS = 40

_ABOUT = (
    r"(?:(?:less than|more than|over|under|nearly|almost|about|au moins|plus d'|plus de|moins de"
    r"|environ|presque|bientot|quasi|deja) ?)*"
)
_AFTER_HIRING = re.compile(
    rf"\b(?:depuis|ca fait|cela fait|fait|since|for|il y a) {_ABOUT}(?:{DURATION})"
)
_HIRED = (
    r"(?:embauchee?|entree?|recrutee?|engagee?|commence|arrivee?|hired|started)"
    r"(?: \w+){0,3}? (?:le|en|on|in|depuis)"
)
_SINCE_DAY = re.compile(
    rf"\b(?:depuis|since|{_HIRED}) (?:(?:le|fin|debut|mi|courant|the) )?(?:{DAY})"
)
_OF_SENIORITY = re.compile(
    rf"\b(?:{DURATION}) (?:d'|de |d |of )?"
    r"(?:anciennete|boite|maison|seniority|service|presence)\b"
    rf"|\banciennete (?:est |etait |: |= |de |d'|d |c'est )*{_ABOUT}(?P<at>(?=\S))"
)
_DURATION = re.compile(rf"\b{_ABOUT}(?:{DURATION})")
_UNIT = r"(?:ans?|mois|years?|months?)\b"
_BETWEEN = re.compile(
    rf"\b(?:entre|between|from|de) (?:{DURATION}) (?:et|a|and|to) {NUMBER} ?{_UNIT}"
    rf"|\b(?:entre|between) (?P<low>{NUMBER}) (?:et|and) {NUMBER} ?(?P<unit>{_UNIT})"
)
_OF_SERVICE = re.compile(r"anciennete|seniority|service")
_LESS_THAN = re.compile(r"\b(?:moins d[e']|under|less than) ?$")
_OF_ELSE_BEFORE = re.compile(
    r"\b(?:cdd|contrats?(?: a duree determinee)?|missions?|stage|preavis|(?:periode d')?essai|delai"
    r"|fixed.term contract|contract|assignment|notice|trial period) (?:de |d'|of )?$"
)
_OF_ELSE_AFTER = re.compile(
    r" ?(?:de |d'|of )(?:salaires?|preavis|cdd|essai|stage|mission|notice|pay\b|wages|trial)"
)
"""What a duration may be of besides the time with the employer."""
_WORKED = re.compile(
    rf"\b(?:{DURATION}) (?:dans (?:l'|la|cette|une|ma|mon)|chez|in this|in the|here"
    r"|que (?:je|j')|qu'on)"
)
_AT_WORK = re.compile(
    r"\b(?:travail|boss|employ|embauch|salari|en poste|en place|emploi|taf|job|chez|cdi|cdd"
    r"|entreprise|boite|societe|magasin|y suis|suis|etais|work|hired|been|interim|apprenti"
    r"|anciennete)"
)
_NOT_AT_WORK = re.compile(
    r"\b(?:arret|malad|conge|chomage|pas (?:ete )?pay|impay|enceinte|absen|harcel|syndiq|mari[ee]"
    r"|pacs|suspendu|retraite|formation|greve|accident|sick|pregnan|leave|unpaid|unemployed"
    r"|divorc|separe|sans emploi|grossesse|mise a pied|invalid|inapt|recherche|attend|dispos)"
)

_AMOUNT = (
    r"(?P<amount>\d{1,3}(?:[ .]\d{3})+(?:,\d{1,2})?|\d{3,6}(?:[.,]\d{1,2})?"
    r"|\d{1,3}(?:[.,]\d{1,3})? ?k"
    r"|\d{2}(?:[.,]\d{1,2})?(?= ?(?:€|euros?) ?(?:bruts? |nets? )?(?:/|de l'|par )h))"
)
_PAY_WORD = (
    r"\b(?:salaire|gagne|touche|paye[es]*|paie|remunere?e?|remuneration|earn|earning|paid|salary"
    r"|wage|pay|brut|net|gross)\b"
)
_PERIOD = (
    r"(?: (?:bruts?|nets?|gross|net)| ?(?:/|par|per|a|an?) ?(?:mois|month|an\b|annee|year)"
    r"| mensuels?| annuels?| monthly| yearly)*"
)
_PAY = re.compile(
    rf"(?P<named>{_PAY_WORD}[^.;!?\n\d]{{0,30}})?(?<![\d,.]){_AMOUNT}"
    rf"(?: ?(?:€|euros?|eur|balles))?(?P<per>{_PERIOD})"
    r"(?P<hourly> ?(?:/|de l'|par |an |per |a l')(?:h\b|heure|hour))?"
)
_NOT_PAY = re.compile(
    r"\b(?:primes?|indemnites?|dommages|amende|bonus|rappel|doit|rembours\w+|facture|solde|cheque"
    r"|treizieme|avance|acompte|trop.percu|fine|owes)\b[^,;]{0,25}$"
)
_OTHER_UNIT = re.compile(
    r" ?(?:ans|mois|jours|heures|h\b|salari|personnes|employ|km|years|months|people)"
)
_MONTHLY = re.compile(r"brut|net|gross|mois|month")
_YEARLY = re.compile(r"\ban\b|annuel|annee|year")
_NET = re.compile(r"\bnets?\b")

_LOWER = r"moins de|under|fewer than|less than"
_HIGHER = r"plus de|over|more than"
_HEADCOUNT = re.compile(
    rf"\b(?:(?P<lower>{_LOWER})|(?P<higher>{_HIGHER}))? ?\b(?P<count>\d{{1,3}}(?: ?\d{{3}})*)"
    r"(?: (?:et|a|and|to|-) \d+)? (?:salarie[es]*|employe[es]*|personnes|collaborateurs?"
    r"|employees|people|workers|staff)\b(?: ou plus| or more)?"
)


def amounts(sentence: str, today: date, *, reply_to: str | None) -> Iterator[Fact]:
    """Yield the amounts of a sentence; `reply_to`: the field that the message is asked for."""
    if not any(character.isdigit() for character in sentence) and not _DURATION.search(sentence):
        return
    for found, months in _seniorities(sentence, today, reply_to=reply_to):
        if months is not None and months <= _LONGEST_MONTHS:
            yield Fact("seniority_months", months, found.start(), found.end())
    for found in _PAY.finditer(sentence):
        if fact := _pay(sentence, found, reply_to=reply_to):
            yield fact
    for found in _HEADCOUNT.finditer(sentence):
        count = int(found["count"].replace(" ", ""))
        count += (found["higher"] is not None) - (found["lower"] is not None and count > 0)
        yield Fact("headcount", count, found.start(), found.end())


def _seniorities(
    sentence: str, today: date, *, reply_to: str | None
) -> Iterator[tuple[re.Match[str], int | None]]:
    """Yield where a sentence tells a time with the employer, and its months."""
    if reply_to or _OF_SERVICE.search(sentence):
        yield from ((found, _lower_bound(found)) for found in _BETWEEN.finditer(sentence))
    for found in _durations(sentence, reply_to=reply_to):
        if not _is_of_else(sentence, found):
            yield found, _months(sentence, found)
    for found in _SINCE_DAY.finditer(sentence):
        if _is_about_work(sentence, found):
            yield found, months_since(found, today)


def _durations(sentence: str, *, reply_to: str | None) -> Iterator[re.Match[str]]:
    for found in _OF_SENIORITY.finditer(sentence):
        ahead = found if found["at"] is None else _DURATION.match(sentence, found.end())
        if ahead:
            yield ahead
    yield from _WORKED.finditer(sentence)
    for found in _AFTER_HIRING.finditer(sentence):
        if _is_about_work(sentence, found):
            yield found
    if reply_to:
        for found in _DURATION.finditer(sentence):
            if not _NOT_AT_WORK.search(sentence[: found.start()]):
                yield found


def _is_of_else(sentence: str, found: re.Match[str]) -> bool:
    """Whether a duration is that of a contract, a notice or a pay ("un CDD de huit mois")."""
    number = min((at for at, _ in found.regs[1:] if at >= 0), default=found.start())
    before = sentence[max(0, number - _BEFORE_CHARACTERS) : number]
    return bool(_OF_ELSE_BEFORE.search(before) or _OF_ELSE_AFTER.match(sentence, found.end()))


def _months(sentence: str, found: re.Match[str]) -> int:
    """Return the months of a duration; "moins de six mois" is five."""
    number = min(at for at, _ in found.regs[1:] if at >= 0)
    months = months_of(found)
    less = _LESS_THAN.search(sentence[max(0, number - _BOUND_CHARACTERS) : number])
    return max(0, months - 1) if less else months


def _lower_bound(found: re.Match[str]) -> int:
    """Return the months that "entre six mois et deux ans" begins with."""
    if found["low"]:
        months = 1 if found["unit"].startswith("mo") else _MONTHS_A_YEAR
        return round(number_of(found["low"]) * months)
    return months_of(found)


def _is_about_work(sentence: str, found: re.Match[str]) -> bool:
    """Whether "depuis 3 ans" counts the time with the employer: "depuis" what is said nearby."""
    start = max(0, found.start() - NEAR_CHARACTERS)
    for cut in CLAUSE.finditer(sentence, start, found.start()):
        start = cut.end()
    after = sentence[found.end() : found.end() + _AFTER_CHARACTERS]
    near = f"{sentence[start : found.start()]} {after}"
    if _NOT_AT_WORK.search(near):
        return False
    return bool(_AT_WORK.search(f"{near} {found[0]}")) or not near.strip(" ?.!")


def _pay(sentence: str, found: re.Match[str], *, reply_to: str | None) -> Fact | None:
    """Return the pay that a sum tells, by the month; None when it is another sum.

    What is called neither gross nor net is taken as gross, as contracts and the law say it.
    """
    at = found.start("amount")
    says_pay = found["named"] or found["hourly"] or _MONTHLY.search(found["per"])
    if not (says_pay or _answers_pay(found[0], reply_to)) or _OTHER_UNIT.match(
        sentence, found.end()
    ):
        return None
    if _NOT_PAY.search(sentence[max(0, at - NEAR_CHARACTERS) : at]):
        return None
    basis = f"{found['named'] or ''} {found['per']}"
    euros = _euros(found["amount"])
    if found["hourly"]:
        euros *= _HOURS_A_MONTH
    elif _YEARLY.search(basis) or euros >= _LEAST_YEARLY_EUR:
        euros /= _MONTHS_A_YEAR
    if not _LEAST_MONTHLY_EUR <= euros <= _MOST_MONTHLY_EUR:
        return None
    field = "monthly_net_pay_eur" if _NET.search(basis) else "monthly_gross_pay_eur"
    return Fact(field, round(euros, 2), found.start(), found.end())


def _answers_pay(words: str, reply_to: str | None) -> bool:
    return reply_to == "monthly_gross_pay_eur" or (reply_to is not None and "€" in words)


def _euros(written: str) -> float:
    """Return a sum: "1 850", "1.850", "1850,50", "1.9k"."""
    digits = written.replace(" ", "")
    if digits.endswith("k"):
        return float(digits[:-1].replace(",", ".")) * 1_000
    if re.fullmatch(r"\d{1,3}(?:\.\d{3})+(?:,\d+)?", digits):
        digits = digits.replace(".", "")
    return float(digits.replace(",", "."))
