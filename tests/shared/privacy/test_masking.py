"""Personal data are found and masked; the law is left alone."""

import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from stdnum import luhn
from stdnum.fr import nir

from shared.privacy.masking import (
    KINDS,
    LABELS,
    LONGEST_LOGGED,
    contains_personal_data,
    mask,
    redact_event,
    unmask,
)

PERSONAL = {
    "email": [
        "jean.dupont+test@example.com",
        "O'Brien@mail.example.co.uk",
        "hélène@exämple.fr",
    ],
    "phone": [
        "06 12 34 56 78",
        "0612345678",
        "06.12.34.56.78",
        "06-12-34-56-78",
        "06/12/34/56/78",
        "06\u00a012\u00a034\u00a056\u00a078",
        "0712345678",
        "0 612 345 678",
        "0612 345 678",
        "06 1234 5678",
        "+33 6 12 34 56 78",
        "+33 (0)6 12 34 56 78",
        "+33(0)612345678",
        "0033 6 12 34 56 78",
        "0590 12 34 56",
        "0692123456",
        "+262 692 12 34 56",
        "+32 470 12 34 56",
        "+41 22 730 51 11",
        "+352 621 123 456",
        "+212 6 12 34 56 78",
        "+1 (212) 555-0100",
    ],
    "nir": [
        "2 95 10 99 126 111 93",
        "295109912611193",
        "253072A07300443",
        "2 53 07 2B 073 004 70",
        "1.85.05.78.006.084.91",
        "1 85 05 78 006 084",
        "1 85 05 78 006 084 99",
        "1 85 05 78 006 084 clé 91",
    ],
    "iban": [
        "FR76 3000 6000 0112 3456 7890 189",
        "fr7630006000011234567890189",
        "DE89 3704 0044 0532 0130 00",
        "GB29 NWBK 6016 1331 9268 19",
        "LU28-0019-4006-4475-0000",
    ],
    "card": [
        "4111 1111 1111 1111",
        "4111111111111111",
        "5555-5555-5555-4444",
        "2223 0031 2200 3222",
        "3782 822463 10005",
    ],
    "tax_number": ["3023217600053", "30 23 217 600 053"],
    "ip_address": ["82.64.112.5", "192.168.1.12", "2001:db8::1", "2a01:e0a:1:2::3"],
    "postal_address": [
        "12 rue de la Paix 75002 Paris",
        "12 bis, avenue du 8 mai 1945, 69100 Villeurbanne",
        "3 place de la République\n35000 Rennes",
        "5 allée des Saules, 97400 Saint-Denis",
    ],
}
AFTER_THEIR_WORDS = {
    "birth_date": [
        ("Je suis né le ", "12/03/1985"),
        ("Enchantée, née le ", "1er septembre 1961"),
        ("né(e) le ", "3 mai 2000"),
        ("Date de naissance : ", "12.03.85"),
        ("I was born on ", "12 March 1985"),
        ("DOB: ", "1985-03-12"),
    ],
    "identity_document": [
        ("mon passeport n° ", "12AB34567"),
        ("ma CNI est la ", "X4RTBPFW4"),
        ("carte d'identité n° ", "123456789012"),
        ("titre de séjour numéro ", "9912345678"),
    ],
    "nir": [("mon numéro de sécu est ", "1850578006084"), ("NIR : ", "185057800608499")],
    "ip_address": [("depuis l'adresse IP ", "82.64.12.5")],
}
LAW = [
    "articles L. 1234-1, L1234-1-2, R*4228-20 et D. 3121-5 à D. 3121-12 du code du travail",
    "articles L. 4121 4122 4131 4132",
    "IDCC 1486, 2216 et 0016",
    "IDCC 2264 2098 2120 2216",
    "Cass. soc., 12 oct. 2022, n° 21-14.178 et 06-12.345 06-12.346",
    "ECLI:FR:CCASS:2022:SO01089, RG n° 21/01234",
    "loi n° 2017-1387 du 22 septembre 2017, JORF n°0223 du 23 septembre 2017",
    "KALITEXT000005678903 et LEGIARTI000006900785",
    "1 234 567,89 €, 12 345 678 900 euros, +12 345 678 900 €",
    "la suite 603 (537 + 66) 607 611 615",
    "du 01/02/2023 au 03/04/2024, puis 01 02 24 03 04 24",
    "35 heures 00 minutes, 218 jours, 1 607 h, 12:30:45",
    "2024-01-02T03:04:05.123456Z",
    "SIREN 732 829 320, TVA FR 83 404833048, 732 829 320 00075 et 36252187900035",
    "appelez le 3939, le 0 806 000 126 ou le 08 00 12 34 56",
    "l'article 4.2.1.3 de l'accord, section 12.31.5.6, produit 10.51.30.30",
    "la créance née le 12 mars 2020 et le litige né le 3/4/2021",
    "les enfants nés le 1er janvier 2012",
    "3 cours de formation par mois à 12000 Euros",
    "le passeport de prévention, prévu depuis 2022",
    "550e8400-e29b-41d4-a716-446655440000",
    "semaines 01 02 03 04 05 06",
]


def examples() -> Iterator[tuple[str, str, str]]:
    for kind, values in PERSONAL.items():
        yield from ((kind, "", value) for value in values)
        yield from ((kind, "Bonjour, voici : ", value) for value in values)
    for kind, pairs in AFTER_THEIR_WORDS.items():
        yield from ((kind, before, value) for before, value in pairs)


def test_personal_data_become_a_label(subtests: pytest.Subtests) -> None:
    for kind, before, value in examples():
        with subtests.test(kind=kind, before=before, value=value):
            after = "; merci." if before else ""
            masked = mask(before + value + after)
            label = next(LABELS[one] for one in KINDS if one == kind)
            assert masked.text == f"{before}<{label}_1>{after}"
            assert masked.found.counts == {kind: 1}
            assert masked.found.originals == {f"<{label}_1>": value}
            assert contains_personal_data(before + value + after)


@pytest.mark.parametrize("text", LAW)
def test_the_law_is_not_personal(text: str) -> None:
    assert mask(text).text == text
    assert not contains_personal_data(text)


ARTICLE = st.builds(
    "{}{}{}{}{}".format,
    st.sampled_from(["L", "R", "D", "R*", "L.", "R. ", "D ", "art. L. ", "article "]),
    st.integers(1, 9999),
    st.sampled_from(["-", " ", "."]),
    st.integers(1, 200),
    st.sampled_from(["", "-1", "-12", " et suivants"]),
)
AMOUNT = st.builds(
    lambda units, cents, gap, unit: f"{units:,}".replace(",", gap) + cents + unit,
    st.integers(0, 10**12),
    st.sampled_from(["", ",00", ",5", ".99"]),
    st.sampled_from([" ", "\u202f", "\u00a0", ".", ""]),
    st.sampled_from([" €", "€", " euros", " EUR", " € brut", " k€"]),
)
DAY = st.dates(date(1950, 1, 1), date(2060, 1, 1))
DAY_WRITTEN = st.builds(
    lambda day, form: day.strftime(form),
    DAY,
    st.sampled_from(["%d/%m/%Y", "%d-%m-%Y", "%d.%m.%Y", "%Y-%m-%d", "%d %m %Y", "%d/%m/%y"]),
)
DURATION = st.builds(
    "{} {}".format,
    st.integers(0, 9999),
    st.sampled_from(["h", "heures", "jours", "h 30", "mois", "ans", "min", "%"]),
)
IDCC = st.builds("IDCC {:04d}".format, st.integers(1, 9999))
APPEAL = st.builds("n° {:02d}-{:02d}.{:03d}".format, *[st.integers(0, 99)] * 2, st.integers(0, 999))
SIREN = st.integers(10**7, 10**8 - 1).map(lambda n: f"{n}{luhn.calc_check_digit(str(n))}")
SIRET = st.builds(
    lambda siren, place, gap: gap.join(
        [siren[:3], siren[3:6], siren[6:], place + luhn.calc_check_digit(siren + place)]
    ),
    SIREN,
    st.integers(0, 9999).map("{:04d}".format),
    st.sampled_from([" ", "", "\u00a0"]),
)


@given(SIRET)
def test_a_siret_is_masked_however_it_is_grouped(number: str) -> None:
    assert mask(f"mon SIRET est {number}.").text == "mon SIRET est <SIRET_1>."


@given(
    st.lists(
        st.one_of(ARTICLE, AMOUNT, DAY_WRITTEN, DURATION, IDCC, APPEAL, SIREN),
        min_size=1,
        max_size=8,
    ),
    st.sampled_from([", ", " ; ", " et ", " à ", "\n", " ("]),
)
def test_no_reference_amount_date_or_company_is_ever_personal(
    pieces: list[str], between: str
) -> None:
    text = between.join(pieces)
    assert mask(text).text == text


@given(
    st.sampled_from("12"),
    st.integers(0, 99),
    st.integers(1, 12),
    st.sampled_from([*(f"{n:02d}" for n in range(1, 96) if n != 20), "2A", "2B"]),
    st.integers(1, 990),
    st.integers(1, 999),
    st.booleans(),
)
def test_every_valid_nir_is_masked(
    sex: str, year: int, month: int, department: str, town: int, order: int, spaced: bool
) -> None:
    body = f"{sex}{year:02d}{month:02d}{department}{town:03d}{order:03d}"
    number = body + nir.calc_check_digits(body)
    written = nir.format(number) if spaced else number
    assert mask(f"mon numéro {written}.").text == "mon numéro <NIR_1>."


@given(st.sampled_from("1234567"), st.integers(0, 10**8 - 1), st.sampled_from(" .-/"))
def test_every_french_telephone_number_is_masked(area: str, rest: int, gap: str) -> None:
    digits = f"0{area}{rest:08d}"
    pairs = gap.join(digits[i : i + 2] for i in range(0, 10, 2))
    assert mask(f"au {digits} ou {pairs}").text == "au <TEL_1> ou <TEL_1>"


def test_four_numbers_under_100_are_an_address_only_where_nothing_else_fits() -> None:
    assert mask("82.64.12.5").text == "<IP_1>"
    assert mask("82.64.12.5:53211 GET /").text == "<IP_1>:53211 GET /"
    assert mask("produit 82.64.12.5").text == "produit 82.64.12.5"
    assert mask("écoute sur 127.0.0.1:8000").text == "écoute sur 127.0.0.1:8000"


def test_one_value_has_one_label_however_it_is_written() -> None:
    masked = mask("06 12 34 56 78, soit +33612345678, mais pas 06 98 76 54 32")
    assert masked.text == "<TEL_1>, soit <TEL_1>, mais pas <TEL_2>"
    assert masked.found.counts == {"phone": 3}


def test_two_numbers_side_by_side_are_two_numbers() -> None:
    assert mask("06 12 34 56 78 01 23 45 67 89").text == "<TEL_1> <TEL_2>"
    assert mask("0612345678 0123456789").text == "<TEL_1> <TEL_2>"


def test_words_after_a_number_stay() -> None:
    text = "RIB FR76 3000 6000 0112 3456 7890 189 MERCI, +33 6 12 34 56 78 2 enfants"
    assert mask(text).text == "RIB <IBAN_1> MERCI, <TEL_1> 2 enfants"


def test_an_identifier_with_a_wrong_check_digit_is_no_card_and_no_iban() -> None:
    text = "4111 1111 1111 1112 et FR76 3000 6000 0112 3456 7890 188"
    assert mask(text).text == text


def test_unmask_gives_the_text_back() -> None:
    text = "Écrivez à jean@example.fr ou au 06 12 34 56 78."
    masked = mask(text)
    assert unmask(masked.text, masked.found) == text
    assert unmask("Je réponds à <EMAIL_1>, pas à <EMAIL_2>.", masked.found) == (
        "Je réponds à jean@example.fr, pas à <EMAIL_2>."
    )


VALUES = [value for values in PERSONAL.values() for value in values]


@given(
    st.lists(
        st.one_of(st.sampled_from([*LAW, "<TEL_1>", "<EMAIL_2>", "\x00"]), st.sampled_from(VALUES)),
        max_size=6,
        unique=True,
    )
)
def test_masking_then_unmasking_changes_nothing(pieces: list[str]) -> None:
    text = " ; ".join(pieces)
    masked = mask(text)
    once_each = len(masked.found.originals) == sum(masked.found.counts.values())
    assert unmask(masked.text, masked.found) == text or not once_each


@given(st.text(st.sampled_from([*"0123456789 .-/+@:AFR76né€\n"]), max_size=80))
def test_a_masked_text_holds_nothing_more_to_mask_in_any_text(text: str) -> None:
    masked = mask(text)
    assert contains_personal_data(text) == bool(masked.found.counts)
    assert all(original in text for original in masked.found.originals.values())


def test_a_label_already_in_the_text_is_not_given_again() -> None:
    masked = mask("<TEL_1> est un label, 06 12 34 56 78 un numéro")
    assert masked.text == "<TEL_1> est un label, <TEL_2> un numéro"


def test_printing_what_was_found_shows_counts_only() -> None:
    assert "0612345678" not in repr(mask("0612345678"))


HOSTILE = {
    "digits": "1",
    "spaced digits": "1 ",
    "pairs": "06 ",
    "telephone numbers": "0612345678 ",
    "international prefixes": "+1 2 3 4 5 6 7 ",
    "false IBANs": "FR76 0000 0000 0000 0000 0000 ",
    "false cards": "4111 1111 1111 1112 ",
    "at signs": "a@",
    "dots": "a.1@a.",
    "quotes": "'a1",
    "colons": "aaa:",
    "streets": "1 rue ",
    "births": "né le 1",
    "documents": "cni A1",
}


def calls_to_mask(text: str) -> int:
    """How many functions, ours and the libraries', run to mask the text."""
    calls = 0

    def count(frame: object, event: str, argument: object) -> None:
        nonlocal calls
        calls += event in {"call", "c_call"}

    previous = sys.getprofile()
    sys.setprofile(count)
    try:
        mask(text)
    finally:
        sys.setprofile(previous)
    return calls


@pytest.mark.slow
@pytest.mark.parametrize("piece", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_text_costs_no_more_than_its_length(piece: str) -> None:
    every_rule = " 0612345678 a@b.fr né rue passeport cni sécu : . dob"
    half = calls_to_mask(piece * (20_000 // len(piece)) + every_rule)
    whole = calls_to_mask(piece * (40_000 // len(piece)) + every_rule)
    assert whole <= 2.2 * half + 100
    assert whole <= 50 * 40_000


def test_a_log_event_is_masked_at_every_depth() -> None:
    with structlog.testing.capture_logs(processors=[redact_event]) as events:
        structlog.get_logger().warning(
            "mail refused",
            sender="jean@example.fr",
            request_id="0612345678",
            attempts=3,
            hint=None,
            path="/chat?tel=0612345678",
            reasons=["too big", {"to": "marie@example.fr", "n": (1, 2.5)}],
            error=ValueError("bad address jean@example.fr"),
        )
    assert events == [
        {
            "event": "mail refused",
            "log_level": "warning",
            "sender": "<EMAIL_1>",
            "request_id": "0612345678",
            "attempts": 3,
            "hint": None,
            "path": "/chat?tel=<TEL_1>",
            "reasons": ["too big", {"to": "<EMAIL_1>", "n": [1, 2.5]}],
            "error": "bad address <EMAIL_1>",
        }
    ]


@given(st.from_regex(r"[A-Za-z_./-]{1,64}", fullmatch=True))
def test_one_word_without_a_digit_holds_no_personal_data(word: str) -> None:
    assert mask(word).text == word


def test_what_structlog_keeps_for_itself_passes_untouched() -> None:
    record = object()
    event = {
        "event": "x",
        "_record": record,
        "exc_info": True,
        "at": datetime(2026, 1, 2, tzinfo=UTC),
    }
    redacted = redact_event(None, "info", event)
    assert redacted["_record"] is record
    assert redacted["exc_info"] is True
    assert redacted["at"] == "2026-01-02 00:00:00+00:00"


def test_a_long_log_line_is_cut_without_showing_half_a_number() -> None:
    line = "x" * (LONGEST_LOGGED - 7) + " 06 12 34 56 78"
    redacted = redact_event(None, "info", {"event": line})["event"]
    assert len(redacted) < LONGEST_LOGGED
    assert set(redacted) == {"x", "…"}
