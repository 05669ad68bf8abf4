"""Which grids of minimum pay are in use, on texts written for these tests."""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from ai_core.law.agreements import AgreementFinder
from ai_core.law.corpus import Corpus
from ai_core.law.ingest.sample import Sample
from ai_core.law.ingest.update import update_corpus
from ai_core.law.records import Passage
from ai_core.law.search.agreement_search import AgreementSearch
from ai_core.law.search.agreement_terms import AgreementTerms
from ai_core.law.search.stems import FrenchStemmer
from ai_core.law.versions import CorpusVersions
from shared.clock import StoppedClock

DAY = date(2026, 3, 20)
BASE = "Texte de base : Convention collective nationale de la coiffure du 10 juillet 2006"
PAY = "Textes Salaires"
NEXT_YEAR = "Avenant n° 60 du 4 mars 2026 relatif aux salaires minima"


def grid(amount: str, opening: str = "Les minima sont fixés comme suit :") -> str:
    """Return a grid of three rows, that of coefficient 140 with this amount."""
    rows = f"120\t1 850,00 €\n140\t{amount} €\n160\t2 150,00 €"
    return f"{opening}\nCoefficient\tSalaire mensuel\n{rows}"


def levels(amount: str) -> str:
    return f"Niveau\tTaux horaire\nNiveau I\t12,10 €\nNiveau II\t{amount} €\nNiveau III\t13,90 €"


CLAUSES = [
    (f"{BASE} > Titre I", "Classification", "Les emplois ont un coefficient de 120 à 160."),
    (f"{BASE} > Titre II", "Salaires", "Le salaire minimum du coefficient 140 est négocié."),
    (f"{PAY} > Avenant n° 40 du 3 mai 2012 relatif aux salaires", "Salaires", grid("1 450,00")),
    (f"{PAY} > Avenant n° 50 du 8 janvier 2024 relatif aux salaires", "Grille", grid("1 910,00")),
    (
        f"{PAY} > Avenant n° 55 du 2 février 2025 relatif aux salaires pour 2025 et 2026",
        "Annexe 1",
        grid("1 950,00", "Grille applicable au 1er janvier 2025"),
    ),
    (
        f"{PAY} > Avenant n° 55 du 2 février 2025 relatif aux salaires pour 2025 et 2026",
        "Annexe 2",
        grid("1 990,00", "Grille applicable au 1er janvier 2026"),
    ),
    (f"{PAY} > {NEXT_YEAR}", "Grille", grid("2 030,00", "Grille applicable au 1er juin 2026")),
    (
        f"{PAY} > Isère Avenant du 5 mars 2026 relatif aux salaires",
        "Grille",
        grid("2 010,00"),
    ),
    (
        f"{PAY} > Avenant n° 57 du 6 mai 2025 relatif au salaire des apprentis",
        "Salaires des apprentis",
        "Année\tPart du salaire\n1re\t820,00 €\n2e\t980,00 €\n3e\t1 140,00 €",
    ),
    (
        f"{PAY} > Accord du 9 octobre 2024 relatif aux rémunérations des esthéticiennes",
        "Annexe",
        levels("12,77"),
    ),
]


def search_of(
    data_dir: Path, clauses: Sequence[tuple[str, str, str]]
) -> tuple[AgreementFinder, AgreementSearch]:
    """Return what recognises and searches an agreement of these clauses."""
    articles: list[dict[str, Any]] = [
        {"number": str(n), "path": path, "heading": heading, "text": text}
        for n, (path, heading, text) in enumerate(clauses, start=1)
    ]
    sample = Sample.read()
    sample.agreements = [
        {
            "idcc": "2596",
            "title": "Convention collective nationale de la coiffure",
            "short_title": "Coiffure et professions connexes",
            "article": articles,
        }
    ]
    sample.write(data_dir / "archives")
    versions = CorpusVersions(data_dir)
    noon = datetime(2026, 3, 20, 12, tzinfo=UTC)
    update = update_corpus(versions, StoppedClock(noon), folder=data_dir / "archives")
    corpus = Corpus(versions.folder(update.version))
    return AgreementFinder(corpus.agreements()), AgreementSearch(corpus, FrenchStemmer())


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> "Callable[..., list[Passage]]":
    finder, search = search_of(tmp_path_factory.mktemp("grids"), CLAUSES)

    def ask(question: str, day: date = DAY) -> list[Passage]:
        return search.passages(finder.find(question, "2596"), 6, day)

    return ask


def amounts(passages: list[Passage]) -> str:
    return " ".join(one.text for one in passages)


def test_the_newest_grid_in_use_leads_and_those_before_it_are_left_out(
    found: "Callable[..., list[Passage]]",
) -> None:
    passages = found("quel est le salaire minimum au coefficient 140 ?")

    assert "1 990,00" in passages[0].text
    assert passages[0].pay_grid
    assert "1 450,00" not in amounts(passages)
    assert "1 910,00" not in amounts(passages)
    assert "1 950,00" not in amounts(passages)


def test_a_grid_counts_from_the_day_on_which_it_applies(
    found: "Callable[..., list[Passage]]",
) -> None:
    assert "2 030,00" not in amounts(found("salaire minimum coefficient 140"))
    assert "2 030,00" in found("salaire minimum coefficient 140", date(2026, 7, 1))[0].text
    assert "1 910,00" in found("salaire minimum coefficient 140", date(2024, 9, 1))[0].text


def test_a_grid_of_one_place_counts_for_who_names_it(
    found: "Callable[..., list[Passage]]",
) -> None:
    assert "2 010,00" in found("salaire minimum coefficient 140 en Isère")[0].text
    assert "2 010,00" not in amounts(found("salaire minimum coefficient 140"))


def test_the_pay_of_apprentices_is_no_grid_of_minimum_pay(
    found: "Callable[..., list[Passage]]",
) -> None:
    assert not any("820,00" in one.text for one in found("salaire minimum ?") if one.pay_grid)


def test_a_grid_of_another_trade_or_classification_is_replaced_by_none(
    found: "Callable[..., list[Passage]]",
) -> None:
    passages = found("esthéticienne niveau II, salaire minimum ?")

    assert "12,77" in passages[0].text


def test_other_questions_find_what_they_did(found: "Callable[..., list[Passage]]") -> None:
    assert not any(one.pay_grid for one in found("quelle est la valeur du point ?"))
    assert not any(one.pay_grid for one in found("quelle classification pour mon emploi ?"))


def test_amounts_set_by_place_are_told_to_be_so(tmp_path: Path) -> None:
    regions = ("Bretagne", "Normandie", "Occitanie", "Alsace", "Corse")
    local = [
        (
            f"{PAY} > {place} Accord du 4 mars 2025 relatif aux indemnités de petits déplacements",
            "Petits déplacements",
            f"Zone\tRepas\n1\t1{n},10 €\n2\t1{n},20 €\n3\t1{n},30 €",
        )
        for n, place in enumerate(regions)
    ]
    general = (f"{BASE} > Titre III", "Petits déplacements", "Ils sont fixés par région.")
    finder, search = search_of(tmp_path, [general, *local])

    def asked(question: str) -> bool:
        return search.set_by_place(finder.find(question, "2596"))

    assert asked("petits déplacements, combien pour un repas ?")
    assert not asked("petits déplacements en Bretagne, combien pour un repas ?")
    assert not asked("quel préavis de démission ?")
    match = finder.find("petits déplacements en Bretagne, repas", "2596")
    assert "10,10" not in search.passages(match, 3, DAY)[1].text
    assert "10,10" in search.passages(match, 3, DAY)[0].text


@pytest.mark.parametrize(
    "question",
    [
        "petits déplacements dans une entreprise de 8 salariés",
        "petits déplacements, boîte de 8 personnes",
        "nous sommes 8 salariés : petits déplacements ?",
    ],
)
def test_the_headcount_is_a_fact_and_no_subject(question: str) -> None:
    terms = AgreementTerms(FrenchStemmer())

    told = {phrase for term in terms.of(question) for phrase, _ in term.phrases}

    assert {("petit", "deplac")} <= told
    assert not {("entrepris",), ("salari",), ("boit",), ("person",)} & told
