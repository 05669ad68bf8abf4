import tomllib
from pathlib import Path

import pytest

import ai_core.law.agreements
from ai_core.errors import UnknownAgreement
from ai_core.law.agreements import AgreementFinder
from ai_core.law.records import Agreement, AgreementMatch, MatchBasis
from ai_core.law.search.tokens import read_table

SHORT_TITLES = {
    "0016": "Transports routiers et activités auxiliaires du transport",
    "0029": "Hospitalisation privée : établissements à but non lucratif",
    "0086": "Entreprises de la publicité et assimilées",
    "0176": "Industrie pharmaceutique",
    "0413": "Handicapés : établissements et services",
    "0675": "Maisons à succursales de vente au détail d'habillement",
    "1266": "Restauration de collectivités",
    "1351": "Entreprises de prévention et de sécurité",
    "1483": "Commerce de détail de l'habillement et des articles textiles",
    "1486": "Bureaux d'études techniques",
    "1501": "Restauration rapide",
    "1505": "Commerce de détail alimentaire non spécialisé",
    "1516": "Organismes de formation",
    "1596": "Bâtiment Ouvriers (jusqu'à 10 salariés)",
    "1597": "Bâtiment Ouvriers (plus de 10 salariés)",
    "1606": "Bricolage (vente au détail en libre-service)",
    "1702": "Travaux publics (Ouvriers)",
    "1979": "Hôtels, cafés, restaurants",
    "1996": "Pharmacie d'officine",
    "2120": "Banque",
    "2216": "Commerce de détail et de gros à prédominance alimentaire",
    "2264": "Hospitalisation privée",
    "2420": "Bâtiment Cadres",
    "2511": "Sport",
    "2596": "Coiffure et professions connexes",
    "2609": "Bâtiment ETAM",
    "2614": "Travaux publics (ETAM)",
    "2941": "Aide, accompagnement, soins et services à domicile",
    "3043": "Entreprises de propreté et services associés",
    "3127": "Entreprises de services à la personne",
    "3239": "Particuliers employeurs et emploi à domicile",
    "3248": "Métallurgie",
}


@pytest.fixture(scope="module")
def finder() -> AgreementFinder:
    return AgreementFinder(
        Agreement(f"KALICONT{idcc}", idcc, f"Convention collective nationale {title}", title, "")
        for idcc, title in SHORT_TITLES.items()
    )


def taken(finder: AgreementFinder, question: str) -> AgreementMatch:
    found = finder.find(question)
    assert found is not None, question
    return found


@pytest.mark.parametrize(
    ("question", "idcc", "basis"),
    [
        ("préavis IDCC 1979", "1979", MatchBasis.IDCC),
        ("idcc1486 : période d'essai", "1486", MatchBasis.IDCC),
        ("IDCC n° 16", "0016", MatchBasis.IDCC),
        ("Quel préavis ? (IDCC: 413)", "0413", MatchBasis.IDCC),
        ("convention collective n° 3248", "3248", MatchBasis.IDCC),
        ("la 1486", "1486", MatchBasis.IDCC),
        ("1486", "1486", MatchBasis.IDCC),
        ("je relève de la 2596, quel préavis ?", "2596", MatchBasis.IDCC),
        ("mon IDCC est le 1597", None, None),
        ("IDCC 2111, quel préavis ?", "3239", MatchBasis.IDCC),
        ("Quel préavis dans les HCR ?", "1979", MatchBasis.NAME),
        ("prime de vacances Syntec", "1486", MatchBasis.NAME),
        ("3 ans et demi, convention Syntec, cadre", "1486", MatchBasis.NAME),
        ("convention sintec", "1486", MatchBasis.NAME),
        ("Convention coiffure", "2596", MatchBasis.NAME),
        ("convention collective de la métallurgie", "3248", MatchBasis.NAME),
        ("convention de 66", "0413", MatchBasis.NAME),
        ("CCN51 ancienneté", "0029", MatchBasis.NAME),
        ("convetion collective pharmacie", "1996", MatchBasis.NAME),
        ("CCN des pharmacies d'officine", "1996", MatchBasis.NAME),
        ("convention collective des banques", "2120", MatchBasis.NAME),
        ("convention collective des laboratoires pharmaceutiques", "0176", MatchBasis.NAME),
        ("convention collective organismes de formation", "1516", MatchBasis.NAME),
        ("Particulier employeur : quel préavis pour ma salariée ?", "3239", MatchBasis.NAME),
        ("Je travaille dans le nettoyage, quelles primes ?", "3043", MatchBasis.TRADE),
        ("je bosse dans un fast-food", "1501", MatchBasis.TRADE),
        ("je bosse dans la metalurgie", "3248", MatchBasis.TRADE),
        ("Dans la métallurgie, combien dure l'essai ?", "3248", MatchBasis.TRADE),
        ("prime d'ancienneté métallurgie", "3248", MatchBasis.TRADE),
        ("je suis coiffeuse, ai-je droit au dimanche ?", "2596", MatchBasis.TRADE),
        ("Préavis coifeuse", "2596", MatchBasis.TRADE),
        ("je travaille dans la sécurité comme vigile", "1351", MatchBasis.TRADE),
        ("SSIAP en poste de nuit", "1351", MatchBasis.NAME),
        ("Je suis salarié d'un club de sport", "2511", MatchBasis.TRADE),
        ("agence de publicité, quel préavis ?", "0086", MatchBasis.TRADE),
        ("Employée depuis peu dans une pharmacie, quel essai ?", "1996", MatchBasis.TRADE),
        ("je travaille depuis trois ans dans un restorant", "1979", MatchBasis.TRADE),
        ("aide à domicile dans une association", "2941", MatchBasis.TRADE),
        ("auxiliaire de vie payée en CESU", "3239", MatchBasis.NAME),
        ("magasin de bricolage : préavis", "1606", MatchBasis.TRADE),
    ],
)
def test_an_agreement_is_found_as_people_name_it(
    finder: AgreementFinder, question: str, idcc: str | None, basis: MatchBasis | None
) -> None:
    found = finder.find(question)
    agreement = found.agreement if found else None
    assert (agreement.idcc if agreement else None) == idcc
    assert (found.basis if found else None) == basis


@pytest.mark.parametrize(
    ("question", "idcc"),
    [
        ("ouvrier du bâtiment jusqu'à 10 salariés", "1596"),
        ("bâtiment + de 10", "1597"),
        ("maçon, nous sommes 6", "1596"),
        ("maçon dans une boîte de plus de 10 salariés", "1597"),
        ("plombier, entreprise de 45 salariés", "1597"),
        ("cadre du bâtiment", "2420"),
        ("je suis cadre dans le BTP", "2420"),
        ("ETAM du bâtiment", "2609"),
        ("agent de maîtrise dans le BTP", "2609"),
        ("ouvrier TP", "1702"),
        ("ETAM travaux publics", "2614"),
        ("convention habillement", "1483"),
        ("maison à succursales, vente d'habillement", "0675"),
        ("convention restauration rapide et non HCR", "1501"),
        ("infirmière en EHPAD associatif", "0029"),
    ],
)
def test_agreements_with_similar_titles_are_distinguished(
    finder: AgreementFinder, question: str, idcc: str
) -> None:
    found = taken(finder, question).agreement
    assert found is not None
    assert found.idcc == idcc


@pytest.mark.parametrize(
    ("question", "idccs"),
    [
        ("caissière depuis 5 ans, je démissionne", ["1505", "2216"]),
        ("convention du BTP", ["1596", "1597", "2420", "2609"]),
        ("ouvrier dans le BTP, quel préavis ?", ["1596", "1597"]),
        ("je suis maçon", ["1596", "1597"]),
        ("HCR ou restauration rapide ?", ["1501", "1979"]),
        ("je travaille dans la restauration", ["1266", "1501", "1979"]),
        ("aide à domicile, je veux partir", ["2941", "3127", "3239"]),
        ("infirmière dans un EHPAD", ["0029", "2264"]),
    ],
)
def test_where_several_agreements_fit_they_are_asked_for(
    finder: AgreementFinder, question: str, idccs: list[str]
) -> None:
    found = taken(finder, question)
    assert found.agreement is None
    assert sorted(one.idcc for one in found.alternatives) == idccs


def test_a_likely_agreement_is_taken_with_the_other_one_told(finder: AgreementFinder) -> None:
    found = taken(finder, "je suis serveuse, je démissionne")
    assert found.agreement is not None
    assert found.agreement.idcc == "1979"
    assert [one.idcc for one in found.alternatives] == ["1501"]
    assert found.words == "serveuse"


def test_a_company_is_a_question_and_never_overrules_what_was_written(
    finder: AgreementFinder,
) -> None:
    alone = taken(finder, "Je travaille chez Décathlon, combien de congés ?")
    assert alone.agreement is None
    assert alone.basis is MatchBasis.COMPANY
    assert [(one.idcc, one.held) for one in alone.alternatives] == [("1557", False)]
    cashier = taken(finder, "caissière chez Décathlon, quel préavis ?")
    assert cashier.agreement is None
    assert cashier.alternatives[0].idcc == "1557"
    guard = taken(finder, "je suis vigile chez Carrefour")
    assert {one.idcc for one in guard.alternatives} == {"1351", "2216"}
    named = taken(finder, "chez Carrefour nous avons la convention Syntec")
    assert named.agreement is not None
    assert named.agreement.idcc == "1486"


@pytest.mark.parametrize(
    ("question", "idcc"),
    [
        ("convention du notariat : préavis", "2205"),
        ("je suis esthéticienne, quel préavis ?", "3032"),
        ("IDCC 1557", "1557"),
        ("cadre des travaux publics, préavis", "3212"),
        ("assistante dentaire, combien de congés ?", "1619"),
    ],
)
def test_an_agreement_that_is_not_held_is_said(
    finder: AgreementFinder, question: str, idcc: str
) -> None:
    found = taken(finder, question)
    assert found.agreement is None
    assert found.not_held is not None
    assert found.not_held.idcc == idcc
    assert found.not_held.title
    assert not found.not_held.held


def test_an_idcc_that_no_agreement_has_is_said(finder: AgreementFinder) -> None:
    found = taken(finder, "Quel préavis ? IDCC 9998")
    assert (found.agreement, found.not_held, found.unknown_idcc) == (None, None, "9998")


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
        "travail de nuit dans un hôpital",
        "article L1979-1",
        "mon salaire de 1979 euros",
        "embauché en 1996, ai-je droit à une prime ?",
        "1486 euros de salaire, est-ce légal ?",
        "le serveur est en panne, suis-je payé ?",
        "une panne du serveur informatique m'empêche de travailler",
        "j'ai eu un accident en allant au restaurant avec un client",
        "un rendez-vous chez le coiffeur pendant mes heures",
        "j'étais à la pharmacie quand le contrôleur est passé",
        "mes tickets restaurant ont été supprimés",
        "le nettoyage de ma tenue est-il payé ?",
        "l'employeur peut-il reporter mes congés ?",
        "frais de transport domicile travail",
        "mon médecin du travail m'a vu",
        "ma charte informatique a changé",
        "",
    ],
)
def test_ordinary_words_name_no_agreement(finder: AgreementFinder, question: str) -> None:
    assert finder.find(question) is None


def test_few_everyday_questions_speak_of_an_agreement(finder: AgreementFinder) -> None:
    questions = [row[0] for row in read_table("everyday_questions.tsv")]
    found = [question for question in questions if finder.find(question)]
    assert len(found) < 0.03 * len(questions)


@pytest.mark.parametrize(
    ("question", "rest"),
    [
        ("préavis cadre, convention Syntec, 3 ans", {"préavis", "cadre", "3", "ans"}),
        ("idcc 2596 : prime d'ancienneté", {"prime", "d", "ancienneté"}),
        ("je suis cadre du bâtiment, quel préavis ?", {"suis", "cadre", "préavis"}),
        ("cadre Syntec idcc 1486 : préavis", {"cadre", "préavis"}),
    ],
)
def test_naming_words_leave_the_question_and_facts_stay(
    finder: AgreementFinder, question: str, rest: set[str]
) -> None:
    words = set(taken(finder, question).rest.replace("'", " ").replace(",", " ").split())
    assert rest <= words
    assert not words & {"Syntec", "convention", "idcc", "2596", "bâtiment"}


def test_a_chosen_agreement_holds_until_the_question_names_another(
    finder: AgreementFinder,
) -> None:
    chosen = finder.find("quel préavis ?", "1486")
    assert chosen is not None
    assert (chosen.basis, chosen.agreement and chosen.agreement.idcc) == ("chosen", "1486")
    trade = finder.find("ma sœur est serveuse, quel préavis ?", "1486")
    assert trade is not None
    assert trade.agreement is not None
    assert trade.agreement.idcc == "1486"
    other = finder.find("et dans la convention HCR ?", "1486")
    assert other is not None
    assert (other.basis, other.agreement and other.agreement.idcc) == ("name", "1979")


def test_a_chosen_agreement_that_is_not_held_is_said_and_an_unknown_one_refused(
    finder: AgreementFinder,
) -> None:
    found = finder.find("quel préavis ?", "2205")
    assert found is not None
    assert found.not_held is not None
    assert found.not_held.idcc == "2205"
    with pytest.raises(UnknownAgreement):
        finder.find("quel préavis ?", "9999")


def test_an_agreement_the_corpus_lacks_is_known_but_not_held() -> None:
    found = AgreementFinder([]).find("convention Syntec")
    assert found is not None
    assert found.agreement is None
    assert found.not_held is not None
    assert found.not_held.idcc == "1486"


def test_every_agreement_of_the_pinned_release_has_aliases() -> None:
    data = Path(ai_core.law.agreements.__file__).with_name("data")
    aliases = tomllib.loads((data / "agreement_aliases.toml").read_text(encoding="utf-8"))
    others = tomllib.loads((data / "agreements_not_held.toml").read_text(encoding="utf-8"))
    del aliases["ordinary"]
    assert len(aliases) == 49
    assert not aliases.keys() & others.keys()
    for idcc, entry in (aliases | others).items():
        assert len(idcc) == 4
        assert entry["title"]
        assert entry.keys() - {"title", "former", "facets"} <= {
            *("names", "sectors", "trades", "places", "topics", "companies")
        }
        assert any(isinstance(names, list) for names in entry.values()), idcc
