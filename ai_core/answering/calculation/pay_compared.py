"""Whether the gross pay that a question tells reaches the minimum wage of the day.

Only where it is asked, and up to the legal week: beyond it overtime is paid at rates of its own.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from ai_core.answering.calculation.minimum_wage import minimum_wage
from ai_core.calculators.records import decimal
from ai_core.engines.extractive.words import fold
from shared.ai.contract import Profile
from shared.languages import Language
from shared.texts import date_in_words

LEGAL_WEEK_HOURS = 35
_ASKED = re.compile(
    r"\bsmic\b|salaire minimum|\bmini(?:mum)? legal|assez payee?|payee? assez|sous[- ]payee?"
    r"|minimum wage|paid enough|underpaid"
)
_HOURS = re.compile(r"\b(\d{1,2}(?:[.,]\d{1,2})?)\s?(?:h\b|heures?\b|hours?\b)")


@dataclass(frozen=True, slots=True)
class PayCompared:
    """A month's gross pay, the minimum for the same weekly hours, and whether hours were told."""

    pay_eur: Fraction
    minimum_eur: Fraction
    hourly_eur: Fraction
    hours: Fraction
    hours_told: bool
    since: date

    @property
    def missing_eur(self) -> Fraction:
        """Return what the pay lacks; zero or less where it reaches the minimum."""
        return self.minimum_eur - self.pay_eur


def pay_compared(question: str, profile: Profile, day: date) -> PayCompared | None:
    """Compare the pay told with the minimum wage, None where that is not asked or not known."""
    folded = fold(question)
    wage, pay = minimum_wage(day), profile.monthly_gross_pay_eur
    if wage is None or pay is None or not _ASKED.search(folded):
        return None
    told = _HOURS.search(folded)
    if told is None and profile.working_time is not None and profile.working_time != "full_time":
        return None
    hours = Fraction(told[1].replace(",", ".")) if told else Fraction(LEGAL_WEEK_HOURS)
    if not 0 < hours <= LEGAL_WEEK_HOURS:
        return None
    minimum = wage.monthly_eur * hours / LEGAL_WEEK_HOURS
    return PayCompared(
        *(Fraction(str(pay)), minimum, wage.hourly_eur, hours), told is not None, wage.since
    )


def said(compared: PayCompared, say: Callable[..., str], language: Language) -> str:
    """Return the comparison in a sentence; `say` says one by its name."""
    below = compared.missing_eur > 0
    facts = {
        "pay": _euros(compared.pay_eur, language),
        "minimum": _euros(compared.minimum_eur, language),
        "hourly": _euros(compared.hourly_eur, language),
        "hours": f"{decimal(compared.hours):f}".replace(".", "," if language == "fr" else "."),
        "missing": _euros(abs(compared.missing_eur), language),
        "day": date_in_words(compared.since, language),
    }
    key = "pay_below_minimum_wage" if below else "pay_reaches_minimum_wage"
    sentence = say(key, language, **facts)
    return sentence if compared.hours_told else f"{sentence} {say('hours_assumed', language)}"


def _euros(amount: Fraction, language: Language) -> str:
    written = f"{float(amount):,.2f}".removesuffix(".00")
    if language != "fr":
        return f"€{written}"
    return f"{written.replace(',', chr(0x202F)).replace('.', ',')}\u00a0€"
