import tomllib
from pathlib import Path

import pytest

import ai_core.law.agreements
from ai_core.law.agreements import AgreementFinder
from ai_core.law.records import Agreement

SHORT_TITLES = {
    "0016": "Transports routiers et activités auxiliaires du transport",
    "0086": "Entreprises de la publicité et assimilées",
    "0176": "Industrie pharmaceutique",
    "0413": "Handicapés : établissements et services",
    "0675": "Maisons à succursales de vente au détail d'habillement",
    "1351": "Entreprises de prévention et de sécurité",
    "1483": "Commerce de détail de l'habillement et des articles textiles",
    "1486": "Bureaux d'études techniques",
    "1501": "Restauration rapide",
    "1516": "Organismes de formation",
    "1596": "Bâtiment Ouvriers (jusqu'à 10 salariés)",
    "1597": "Bâtiment Ouvriers (plus de 10 salariés)",
    "1702": "Travaux publics (Ouvriers)",
    "1979": "Hôtels, cafés, restaurants",
    "1996": "Pharmacie d'officine",
    "2120": "Banque",
    "2420": "Bâtiment Cadres",
    "2511": "Sport",
    "2596": "Coiffure et professions connexes",
    "2609": "Bâtiment ETAM",
    "2614": "Travaux publics (ETAM)",
    "3043": "Entreprises de propreté et services associés",
    "3239": "Particuliers employeurs et emploi à domicile",
    "3248": "Métallurgie",
}


@pytest.fixture(scope="module")
def finder() -> AgreementFinder:
    return AgreementFinder(
        Agreement(f"KALICONT{idcc}", idcc, f"Convention collective nationale {title}", title, "")
        for idcc, title in SHORT_TITLES.items()
    )


@pytest.mark.parametrize(
    ("question", "idcc"),
    [
        ("préavis IDCC 1979", "1979"),
        ("idcc1486 : période d'essai", "1486"),
        ("IDCC n° 16", "0016"),
        ("Quel préavis ? (IDCC: 413)", "0413"),
        ("convention collective n° 3248", "3248"),
        ("Quel préavis dans les HCR ?", "1979"),
        ("prime de vacances Syntec", "1486"),
        ("Je travaille dans le nettoyage, quelles primes ?", "3043"),
        ("je bosse dans un fast-food", "1501"),
        ("restauration rapide : prime du dimanche", "1501"),
        ("Convention coiffure", "2596"),
        ("je suis coiffeuse, ai-je droit au dimanche ?", "2596"),
        ("convention collective de la métallurgie", "3248"),
        ("convention de 66", "0413"),
        ("convetion collective pharmacie", "1996"),
        ("CCN des pharmacies d'officine", "1996"),
        ("convention collective des banques", "2120"),
        ("je travaille dans la sécurité comme vigile", "1351"),
        ("Je suis salarié d'un club de sport", "2511"),
        ("convention collective des laboratoires pharmaceutiques", "0176"),
        ("convention collective organismes de formation", "1516"),
        ("agence de publicité, quel préavis ?", "0086"),
    ],
)
def test_an_agreement_is_found_as_people_name_it(
    finder: AgreementFinder, question: str, idcc: str
) -> None:
    found = finder.find(question)
    assert found is not None
    assert found.idcc == idcc


@pytest.mark.parametrize(
    ("question", "idcc"),
    [
        ("bâtiment jusqu'à 10 salariés", "1596"),
        ("ouvrier du bâtiment, moins de 10 salariés", "1596"),
        ("bâtiment + de 10", "1597"),
        ("ouvrier du bâtiment dans une boîte de plus de 10", "1597"),
        ("convention du BTP", "1597"),
        ("cadre du bâtiment", "2420"),
        ("ETAM du bâtiment", "2609"),
        ("convention collective des travaux publics", "1702"),
        ("ouvrier TP", "1702"),
        ("ETAM travaux publics", "2614"),
        ("convention habillement", "1483"),
        ("maison à succursales, vente d'habillement", "0675"),
        ("convention restauration rapide et non HCR", "1501"),
    ],
)
def test_agreements_with_similar_titles_are_distinguished(
    finder: AgreementFinder, question: str, idcc: str
) -> None:
    found = finder.find(question)
    assert found is not None
    assert found.idcc == idcc


@pytest.mark.parametrize(
    "question",
    [
        "convention de rupture",
        "rupture conventionnelle : quel délai ?",
        "convention de forfait en jours",
        "convention de formation professionnelle",
        "quelle est ma convention collective ?",
        "accord de branche et convention collective applicable",
        "un congé pour pratiquer un sport",
        "un prêt à la banque",
        "la sécurité au travail",
        "Sécurité : que doit afficher l'employeur ?",
        "se former pendant son temps de travail : formation ou congé ?",
        "Particulier employeur : comment déclarer une garde ?",
        "travail de nuit dans un hôpital",
        "IDCC 9998",
        "article L1979-1",
        "mon salaire de 1979 euros",
        "",
    ],
)
def test_ordinary_words_name_no_agreement(finder: AgreementFinder, question: str) -> None:
    assert finder.find(question) is None


def test_an_agreement_the_corpus_lacks_is_not_found() -> None:
    assert AgreementFinder([]).find("convention Syntec") is None


def test_every_agreement_of_the_pinned_release_has_aliases() -> None:
    path = Path(ai_core.law.agreements.__file__).with_name("data") / "agreement_aliases.toml"
    aliases = tomllib.loads(path.read_text(encoding="utf-8"))
    assert len(aliases) == 49
    for idcc, by_reach in aliases.items():
        assert len(idcc) == 4
        assert by_reach.keys() <= {"names", "trades", "topics"}
        assert sum(map(len, by_reach.values())) > 2
