"""Full and part time, and years of age or of service, as people tell them in four languages.

All sentences are ours; shares are written as percentages of full time.
"""

from datetime import date
from fractions import Fraction

import pytest

from ai_core.answering.understanding.cases.facts import merged_cases
from ai_core.answering.understanding.cases.reading import read_case

TODAY = date(2026, 11, 20)
Told = list[tuple[float | None, int | str | None]]
HALF, FOUR_FIFTHS, FULL = 50.0, 80.0, 100.0

STRETCHES: list[tuple[str, int, Told]] = [
    ("3 ans d'ancienneté, 1.9k brut, mi-temps depuis 1 an, licencié", 36, [(HALF, 12)]),
    ("licenciée après 8 ans, 80 % depuis 3 ans, 2 100 € brut", 96, [(FOUR_FIFTHS, 36)]),
    ("6 ans de boîte dont 2 ans à mi-temps, 1500 brut, licencié", 72, [(HALF, 24)]),
    ("5 ans dont 2 à mi-temps, 1900 brut, licencié", 60, [(HALF, 24)]),
    (
        "10 ans d'ancienneté, temps plein puis temps partiel depuis 1 an, 1700 brut",
        120,
        [(FULL, None), (None, 12)],
    ),
    ("4 ans temps plein puis 2 ans à 28h par semaine, 1 400 €", 72, [(FULL, 48), (80.0, 24)]),
    ("passée à 28 h/semaine il y a 18 mois, 9 ans d'ancienneté, 1650 €", 108, [(80.0, 18)]),
    (
        "mi-temps au début pendant 2 ans puis temps plein depuis 4 ans, 2200 brut",
        72,
        [(HALF, 24), (FULL, 48)],
    ),
    ("7 ans, 1500 brut, je suis à 80% depuis le 1er janvier 2024", 84, [(80.0, "2024-01-01")]),
    (
        "12 ans d'ancienneté dont 4 ans à 50 % au début, aujourd'hui temps plein 2400 brut",
        144,
        [(HALF, 48), (FULL, None)],
    ),
    (
        "9 ans d'ancienneté, mi-temps du 1er janvier 2019 au 31 décembre 2021 puis temps plein",
        108,
        [(HALF, 36), (FULL, None)],
    ),
    ("I worked 5 years, part-time (80%) for the last 2 years, 2000 gross", 60, [(80.0, 24)]),
    ("went part-time (50%) 2 years ago, 7 years of service, 1800 gross", 84, [(HALF, 24)]),
    ("3 years full-time then 2 years half-time, 1200 gross", 60, [(FULL, 36), (HALF, 24)]),
    ("工作5年，最近两年兼职50%，税前2000欧", 60, [(HALF, 24)]),
    ("前3年全职，后2年半职，月薪1500欧", 60, [(FULL, 36), (HALF, 24)]),
    ("工作8年，从2024年1月起兼职80%，税前1800", 96, [(80.0, "2024-01")]),
    ("ทำงาน 5 ปี ทำงานพาร์ทไทม์ครึ่งเวลา 2 ปี เงินเดือน 2000", 60, [(HALF, 24)]),
    ("ทำงานมา 6 ปี 2 ปีสุดท้ายทำครึ่งเวลา เงินเดือน 1200 ยูโร", 72, [(HALF, 24)]),
    ("ทำงานเต็มเวลา 3 ปี แล้วพาร์ทไทม์ 80% 2 ปี เงินเดือน 1800", 60, [(FULL, 36), (80.0, 24)]),
]


@pytest.mark.parametrize(("sentence", "service", "told"), STRETCHES)
def test_the_stretches_of_part_time_are_no_second_service(
    sentence: str, service: int, told: Told
) -> None:
    case = read_case(sentence, TODAY, asked="severance_pay")

    assert case.seniority_months == service
    assert [
        (None if one.share is None else float(one.share) * 100, one.months or one.since)
        for one in case.working_times or ()
    ] == told


@pytest.mark.parametrize(
    ("sentence", "service"),
    [
        ("7 ans à mi-temps, 1200 brut, licencié", 84),
        ("je travaille à mi-temps depuis 3 ans, 1100 brut, viré", 36),
        ("licencié, temps partiel 7 ans 1200 € brut", 84),
        ("mi-temps thérapeutique depuis 6 mois, 5 ans d'ancienneté, 2000 brut, licencié", 60),
        ("augmentation de 10% depuis 2 ans, 8 ans d'ancienneté, 2000 brut, licencié", 96),
        ("pas à temps partiel, 7 ans, 2300 brut, licencié", 84),
    ],
)
def test_part_time_all_along_and_what_is_none_leaves_the_service(
    sentence: str, service: int
) -> None:
    case = read_case(sentence, TODAY, asked="severance_pay")

    assert case.seniority_months == service
    assert all(one.months in (None, service) for one in case.working_times or ())


@pytest.mark.parametrize(
    ("sentence", "basis"),
    [
        ("licencié, 6 ans, 2000 brut à temps plein, mi-temps depuis 1 an", "full_time"),
        ("6 ans d'ancienneté, à mi-temps depuis 1 an, équivalent temps plein 2000 €", "full_time"),
        ("6 years of service, half-time for the last year, full-time pay 2000 gross", "full_time"),
        ("工作6年，最近1年半职，全职工资2000欧", "full_time"),
        ("6 ans d'ancienneté, mi-temps depuis 1 an, 2000 brut", None),
    ],
)
def test_the_pay_may_be_said_to_be_that_of_full_time(sentence: str, basis: str | None) -> None:
    case = read_case(sentence, TODAY, asked="severance_pay")

    assert case.pay_basis == basis
    assert case.gross_monthly == 2000
    assert len(case.working_times or ()) == 1


def test_a_share_told_later_belongs_to_the_part_time_told_before() -> None:
    first = read_case("licencié, 6 ans, temps partiel depuis 2 ans", TODAY, asked="severance_pay")
    later = read_case("non, c'était 60 %", TODAY, asked="severance_pay")

    (period,) = merged_cases((first, later)).working_times or ()
    assert (period.share, period.months) == (Fraction(3, 5), Fraction(24))


@pytest.mark.parametrize(
    ("sentence", "age", "service"),
    [
        ("12 ans, 3 800 brut, 52 ans, licencié éco", 52, 144),
        ("52 ans, 12 ans, 3800 brut, licencié", 52, 144),
        ("j'ai 52 ans, 12 ans, 3 800 brut, viré", 52, 144),
        ("12 ans d'ancienneté, 52 ans, 3800 brut, licencié", 52, 144),
        ("âgé de 52 ans, 12 ans de maison, licencié", 52, 144),
        ("licencié après 32 ans, 2500 brut", None, 384),
        ("20 ans, 4500 brut, licencié", None, 240),
        ("licencié, 61 ans, 3000 brut", 61, None),
        ("I'm 52, 12 years, 3800 gross, made redundant", 52, 144),
        ("12 years, 52 years old, 3800 gross, fired", 52, 144),
        ("fired at 52 after 12 years, 3800 gross", 52, 144),
        ("12年 3800 52岁 被解雇", 52, 144),
        ("52岁，工作12年，税前3800，被解雇", 52, 144),
        ("52 ปี 12 ปี 3800 ยูโร ถูกเลิกจ้าง", 52, 144),
        ("อายุ 52 ปี ทำงาน 12 ปี เงินเดือน 3800 ถูกเลิกจ้าง", 52, 144),
    ],
)
def test_an_age_is_told_from_a_service(sentence: str, age: int | None, service: int | None) -> None:
    case = read_case(sentence, TODAY, asked="severance_pay")

    assert (case.age, case.seniority_months) == (age, service)


def test_years_that_may_be_either_are_neither() -> None:
    for sentence in (
        "licencié, 40 ans, 2300 brut",
        "40 years, 2300 gross, fired",
        "40 ปี 2300 ถูกเลิกจ้าง",
    ):
        case = read_case(sentence, TODAY, asked="severance_pay")
        assert (case.age, case.seniority_months, case.years_unclear) == (None, None, 40), sentence
    embauche = read_case("embauché le 3 mars 2014, 52 ans, 3800 brut", TODAY, asked="severance_pay")
    assert (embauche.age, embauche.entry) == (52, "2014-03-03")


def test_years_left_unclear_are_the_other_thing_once_one_is_told() -> None:
    first = read_case("licencié, 40 ans, 2300 brut", TODAY, asked="severance_pay")
    service = merged_cases((first, read_case("12 ans d'ancienneté", TODAY, asked="severance_pay")))
    assert (service.age, service.seniority_months, service.years_unclear) == (
        40,
        Fraction(144),
        None,
    )
    age = merged_cases((first, read_case("j'ai 58 ans", TODAY, asked="severance_pay")))
    assert (age.age, age.seniority_months) == (58, Fraction(480))


@pytest.mark.parametrize(
    "sentence",
    [
        "ถูกเลิกจ้าง 2 ปี " + "ทำงาน" * 300 + " x พาร์ทไทม์",
        "被解雇 2年" + "做了" * 800 + "x 兼职",
        "兼职" + "已经" * 800 + "x 2年被解雇",
        "licencié 2 ans " + "d'un " * 380 + "x mi-temps",
        "licencié, mi-temps " + "a de at " * 240 + "x 2 ans",
        "licencié 2000 brut " + "a un mon le " * 150 + "x temps plein",
    ],
)
def test_a_text_made_to_be_read_slowly_is_read_at_once(sentence: str) -> None:
    """A pattern that gave back what it took would need years for these."""
    case = read_case(sentence, TODAY, asked="severance_pay")

    assert all(one.months is None for one in case.working_times or ())
