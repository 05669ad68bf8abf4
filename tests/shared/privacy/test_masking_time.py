"""Masking costs no text more than its length, whatever was written to slow it down.

Time is processor time of this process, compared within one run: a busy machine slows both sides.
"""

import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.privacy.masking import mask
from shared.privacy.plain_text import without_invisible

QUESTION = (
    "Bonjour, je travaille depuis 2015 dans une boulangerie à Lyon. Mon employeur refuse de payer "
    "mes heures supplémentaires (12 h par mois, soit 180 €). Mon numéro est le 06 12 34 56 78. "
    "Quels sont mes droits selon l'article L3121-28 ? Je suis née le 12/03/1985. "
)
EVERY_HINT = (
    " 0612345678 a@b.fr né le rue passeport cni sécu nir rib iban siret : . dob né en naissance "
    "tel portable mme je m'appelle habite adresse caf plaque voiture - (at) arobase at "
    "cordialement bat lieu-dit compte carte cvv fiscal zero oh ชื่อ 我叫 "
    '"@ nom : m. signé merci appeler'
)
"""Makes every rule run, whatever the rest of the text is."""
HOSTILE = {
    "digits": "1", "spaced digits": "1 ", "zeros": "0", "pairs": "06 ", "wide pairs": "06  ",
    "pairs of a list": "06 12 ", "letter o": "o6 ", "numbers": "0612345678 ",
    "prefixes": "+49 1 2 3 4 5 6 7 ", "short prefixes": "+1 2 ", "prefixes by 00": "00 1 2 3 ",
    "numbers abroad": "+49 30 901820 ", "spoken": "zero six douze ", "one word": "zero ",
    "announced": "tel 1 2 ", "announced by number": "numero 0 1 ", "plus": "+", "parentheses": "(",
    "false IBANs": "FR76 0000 0000 0000 0000 0000 ", "IBAN starts": "fr76", "short IBANs": "ab12 ",
    "false RIBs": "20041 01005 0500013M026 07 ", "announced RIBs": "rib 1 2 3 4 5 ",
    "false cards": "4111 1111 1111 1112 ", "card starts": "4111", "announced cards": "cb 4 1 1 1 ",
    "NIRs": "1 85 05 78 006 084 ", "announced NIRs": "nir 1 2 3 4 ",
    "SIRETs": "732 829 320 00075 ", "nines": "999 999 999 ", "tax": "30 23 217 600 054 ",
    "Chinese": "110101 19900101 0018 ", "at signs": "a@", "domains": "a@a.",
    "dots in names": "a.1@a.", "long names": "a" * 70 + "@", "quotes": "'a1",
    "quoted names": "\"a\" @", "equals": "a=", "spelt": "a (at) ", "spelt dots": " point a",
    "at": "a at b.", "underscores": "a_", "percents": "%@", "versions": "1.2.3.4 ",
    "sections": "1.", "colons": "aaa:", "streets": "1 rue ", "postcodes": "1 rue a 75000 ",
    "homes": "habite 1 rue a ", "towns": "habite a ", "buildings": "bat a ", "boxes": "bp 1 ",
    "births": "né le 1", "places": "né à a ", "born": "née à a le ", "dates": "ddn 1.",
    "documents": "cni A1", "document words": "cni 12AB3 ", "passports": "passeport n° ",
    "files": "caf 1 2 ", "plates": "ab-123-c ", "cars": "voiture ab ",
    "introductions": "je m'appelle a a a ", "fields": "nom: a b ", "titles": "mme a ",
    "high titles": "M. Abc ", "signatures": "cordialement\n\na ", "Thai": "ชื่อ ", "Han": "我叫 ",
    "labels": "<TEL_1>", "accents": "é", "combining": "é", "marks alone": "̣́",
    "invisible": "\u200b", "spaces": " ", "no-break spaces": "\u00a0", "tabs": "\t", "lines": "\n",
    "full stops": ".", "dashes": "-", "commas": ",", "slashes": "/",
    "mixed": "+1 06 a@1 né le 1/2 rue 4 ", "emoji": "📞 ", "two scripts": "а@а.",
}  # fmt: skip
RATIO = 10


def seconds(text: str) -> float:
    """Return the processor time that masking takes."""
    started = time.process_time()
    mask(text)
    return time.process_time() - started


def takes_at_most(text: str, limit_s: float) -> bool:
    """Return whether masking keeps to a time, at the second try where the first was disturbed."""
    return any(seconds(text) <= limit_s for _ in range(2))


def filled(piece: str, length: int) -> str:
    return (piece * (length // len(piece) + 1))[:length] + EVERY_HINT


@pytest.fixture(scope="module")
def question_s() -> float:
    """How long 64 Ki characters of questions take."""
    mask(filled(QUESTION, 65_536))
    return min(seconds(filled(QUESTION, 65_536)) for _ in range(2))


@pytest.mark.slow
def test_a_hostile_text_costs_at_most_ten_times_a_question(
    question_s: float, subtests: pytest.Subtests
) -> None:
    for name, piece in HOSTILE.items():
        with subtests.test(name):
            assert takes_at_most(filled(piece, 65_536), RATIO * question_s)


@pytest.mark.slow
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.one_of(
        st.text(st.sampled_from([*"0123456789 .-/+@:AFR76né€\n'\"()_,"]), min_size=1, max_size=24),
        st.lists(st.sampled_from(list(HOSTILE.values())), min_size=2, max_size=4).map("".join),
        st.text(min_size=1, max_size=12),
    )
)
def test_no_text_that_is_tried_costs_more(question_s: float, piece: str) -> None:
    assert takes_at_most(filled(piece, 65_536), RATIO * question_s)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "prefixes",
        "quotes",
        "at signs",
        "boxes",
        "streets",
        "mixed",
        "wide pairs",
        "digits",
        "accents",
    ],
)
def test_sixteen_times_the_text_costs_about_sixteen_times_as_much(name: str) -> None:
    for length in (16_384, 65_536) if name == "mixed" else (16_384,):
        small_s = min(seconds(filled(HOSTILE[name], length)) for _ in range(2))
        assert takes_at_most(filled(HOSTILE[name], 16 * length), 16 * 1.5 * small_s)


@pytest.mark.slow
def test_invisible_characters_are_removed_in_linear_time() -> None:
    def removal_s(length: int) -> float:
        text = "a\u200b\u0301" * length
        started = time.process_time()
        without_invisible(text)
        return time.process_time() - started

    removal_s(10_000)
    assert removal_s(320_000) <= 16 * 2 * max(removal_s(20_000), 0.001)
