"""Which clause of an agreement comes first, on an agreement written for these tests."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from ai_core.law.agreement_texts import describe
from ai_core.law.agreements import AgreementFinder
from ai_core.law.corpus import Corpus
from ai_core.law.ingest.sample import Sample
from ai_core.law.ingest.update import update_corpus
from ai_core.law.records import Passage, TextRank
from ai_core.law.search.agreement_search import AgreementSearch
from ai_core.law.search.indexing import build_agreements
from ai_core.law.search.stems import FrenchStemmer
from ai_core.law.titles import title_of
from ai_core.law.versions import CorpusVersions
from shared.clock import StoppedClock

TODAY = date(2026, 3, 20)
BASE = "Texte de base : Convention collective nationale de la coiffure du 10 juillet 2006"
SIDE = "Textes Attachés"
PAY = "Textes Salaires"

CLAUSES = [
    (
        "1",
        f"{BASE} > Titre I",
        "Champ d'application",
        "Les salons de coiffure appliquent ce texte.",
    ),
    (
        "2",
        f"{BASE} > Titre II : Embauche",
        "Période d'essai",
        "L'essai d'un coiffeur dure un mois.",
    ),
    (
        "3",
        f"{BASE} > Titre III : Rupture",
        "Durée du préavis",
        "Le préavis de démission ou de licenciement est fixé ainsi :\n"
        "Catégorie\tMoins de 2 ans\tPlus de 2 ans\nEmployé\t1 mois\t2 mois\nCadre\t3 mois\t3 mois",
    ),
    (
        "4",
        f"{BASE} > Titre III : Rupture > Retraite",
        "Préavis de départ à la retraite",
        "Le salarié qui part à la retraite respecte un préavis de deux mois.",
    ),
    (
        "5",
        f"{BASE} > Titre IV : Congés",
        "Congés pour événements familiaux",
        "Le coiffeur qui se marie a cinq jours, deux jours pour un décès.",
    ),
    (
        "1",
        f"{SIDE} > Isère Accord du 3 mars 1995 relatif au préavis de démission",
        "Préavis de démission",
        "Dans l'Isère, le préavis de démission est de huit jours.",
    ),
    (
        "1",
        f"{SIDE} > Avenant n° 9 du 4 juin 2015 relatif au préavis",
        "Modification de l'article 3 « Durée du préavis »",
        "Le préavis de démission de l'article 3 est modifié.",
    ),
    (
        "2",
        f"{SIDE} > Accord du 12 mai 2009 relatif au travail du dimanche",
        "Travail du dimanche",
        "Chaque dimanche travaillé donne une prime d'un vingt-quatrième du mois.",
    ),
    (
        "2",
        f"{SIDE} > Accord du 16 avril 2018 relatif au travail du dimanche",
        "Travail du dimanche",
        "Chaque dimanche travaillé donne une prime d'un vingtième du mois.",
    ),
    (
        "1",
        f"{SIDE} > Annexe II : Cadres",
        "Période d'essai",
        "L'essai d'un cadre dure quatre mois.",
    ),
    (
        "1",
        f"{PAY} > Avenant n° 30 du 5 février 2014 relatif aux salaires minima",
        "Salaires minima",
        "Le salaire minimum d'un coiffeur débutant est de 1 450 euros.",
    ),
    (
        "1",
        f"{PAY} > Avenant n° 50 du 8 janvier 2024 relatif aux salaires minima",
        "Salaires minima",
        "Le salaire minimum d'un coiffeur débutant est de 1 790 euros.",
    ),
    (
        "40",
        f"{BASE} > Titre V",
        "Rémunération",
        "40.1. Prime de fin de saison\nElle est de 90 euros.\n"
        + "Les salons tiennent un registre des rémunérations versées à chacun.\n" * 40
        + "40.2. Travail de nuit\nLes heures de nuit sont majorées de 15 %.",
    ),
    (
        "41",
        f"{BASE} > Titre V",
        "Astreintes",
        "Les astreintes sont prévues par un planning.\n"
        + "Le planning est affiché dans le salon et remis à chaque coiffeur.\n" * 40
        + "Chaque nuit d'astreinte donne lieu au versement de 12 euros.",
    ),
    (
        "3",
        f"{SIDE} > Accord du 6 mai 2012 relatif aux astreintes",
        "",
        "Le présent accord est conclu pour une durée indéterminée.",
    ),
    (
        "4",
        f"{SIDE} > Annexe VIII : Perruquiers de théâtre",
        "Travail de nuit",
        "Les heures de nuit des perruquiers sont majorées de 60 %.",
    ),
    (
        "9",
        f"{SIDE} > Annexe IX : Cadres",
        "Mutation",
        "Un cadre muté garde son salaire deux ans.",
    ),
    (
        "43",
        f"{BASE} > Titre VI",
        "Prime d'ancienneté",
        "Le montant de la prime d'ancienneté est de 12 euros par mois.",
    ),
    (
        "3",
        f"{PAY} > Avenant n° 51 du 9 mai 2024 relatif à la prime d'ancienneté",
        "Prime d'ancienneté",
        "Le montant de la prime d'ancienneté est de 21 euros par mois.",
    ),
    (
        "5",
        f"{SIDE} > Avenant n° 3 du 5 février 2010 relatif à la durée du travail",
        "Taux de majoration des heures effectuées au-delà de 35 heures",
        "Les heures effectuées à partir de la 36e sont majorées de 10 %.",
    ),
    (
        "6",
        f"{SIDE} > Avenant n° 12 du 9 mars 2016 relatif au temps de travail sur l'année",
        "Limites pour le décompte des heures supplémentaires",
        "Constituent des heures supplémentaires les heures au-delà de 1 607 heures par an.",
    ),
    ("42", f"{BASE} > Titre VI", "Mutation", "Le salarié muté garde son salaire un an."),
]

AMENDED: dict[str, dict[str, Any]] = {
    "Congés pour événements familiaux": {"since": date(2018, 12, 1)},
    "Salaires minima": {"extended": False},
}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    data_dir = tmp_path_factory.mktemp("agreements")
    sample = Sample.read()
    articles: list[dict[str, Any]] = [
        {"number": number, "path": path, "heading": heading, "text": text}
        for number, path, heading, text in CLAUSES
    ]
    sample.agreements = [
        {
            "idcc": "2596",
            "title": "Convention collective nationale de la coiffure",
            "short_title": "Coiffure et professions connexes",
            "article": [one | AMENDED.get(one["heading"], {}) for one in articles],
        }
    ]
    sample.write(data_dir / "archives")
    versions = CorpusVersions(data_dir)
    noon = datetime(2026, 11, 20, 12, tzinfo=UTC)
    update = update_corpus(versions, StoppedClock(noon), folder=data_dir / "archives")
    return Corpus(versions.folder(update.version))


@pytest.fixture(scope="module")
def ask(corpus: Corpus) -> "Ask":
    return Ask(corpus)


class Ask:
    """Asks the agreement a question, as the search does."""

    def __init__(self, corpus: Corpus) -> None:
        self._finder = AgreementFinder(corpus.agreements())
        self._search = AgreementSearch(corpus, FrenchStemmer())

    def __call__(self, question: str, chosen: str | None = None) -> list[Passage]:
        return self._search.passages(self._finder.find(question, chosen), 5, TODAY)

    def bounds(self, question: str) -> dict[str, str]:
        found = self._search.bounds_of(self._finder.find(question, None))
        return {number: bound.value for number, bound in found.items()}


@pytest.mark.parametrize(
    ("question", "first"),
    [
        ("Préavis coiffeuse, 3 ans d'ancienneté", "Durée du préavis"),
        ("idcc 2596 convention coiffure : je démissionne, quel préavis ?", "Durée du préavis"),
        ("Je suis coiffeur et je pars en retraite, préavis ?", "Préavis de départ à la retraite"),
        ("coiffeur, combien de jours pour mon mariage ?", "Congés pour événements familiaux"),
        ("coiffure : travail le dimanche", "Travail du dimanche"),
    ],
)
def test_the_clause_asked_for_comes_first_whatever_names_the_agreement(
    ask: Ask, question: str, first: str
) -> None:
    assert ask(question)[0].section_path[-1] == first


def test_the_base_text_comes_before_side_agreements_and_the_country_before_a_place(
    ask: Ask,
) -> None:
    found = ask("préavis de démission", "2596")
    texts = [one.agreement_text for one in found]
    assert texts[0] is not None
    assert texts[0].rank is TextRank.BASE
    local = [n for n, text in enumerate(texts) if text and text.territory == "Isère"]
    national = [n for n, text in enumerate(texts) if text and text.rank is TextRank.BASE]
    assert all(place > max(national[:1]) for place in local)
    assert ask("préavis de démission dans l'Isère", "2596")[0].agreement_text is not None
    here = ask("préavis de démission dans l'Isère", "2596")[0].agreement_text
    assert here is not None
    assert here.territory == "Isère"


def test_newer_texts_come_first_and_show_their_date(ask: Ask) -> None:
    sundays = [one for one in ask("travail du dimanche", "2596") if "dimanche" in one.text]
    assert [one.updated for one in sundays[:2]] == [date(2018, 4, 16), date(2009, 5, 12)]
    assert "16 avril 2018" in title_of(sundays[0])
    pay = ask("quel est le salaire minimum ?", "2596")[0]
    assert "1 790" in pay.text
    assert pay.updated == date(2024, 1, 8)


def test_a_category_told_brings_its_clauses_first(ask: Ask) -> None:
    assert "cadre" in ask("période d'essai d'un cadre", "2596")[0].text
    assert "coiffeur" in ask("période d'essai", "2596")[0].text


def test_a_clause_whose_titles_name_a_category_leads_only_for_it(ask: Ask) -> None:
    assert "un an" in ask("garde-t-on son salaire après une mutation ?", "2596")[0].text
    assert "deux ans" in ask("cadre, garde-t-on son salaire après mutation ?", "2596")[0].text


def test_a_side_agreement_that_a_later_one_replaces_is_marked(ask: Ask) -> None:
    sundays = [one for one in ask("travail du dimanche", "2596") if "dimanche" in one.text]
    assert [(one.updated.year, one.outdated) for one in sundays[:2] if one.updated] == [
        (2018, False),
        (2009, True),
    ]
    assert not ask("durée du préavis", "2596")[0].outdated


def test_a_trial_period_agreed_before_the_law_of_2008_no_longer_counts(ask: Ask) -> None:
    trial = ask("coiffeur : durée de la période d'essai")
    own = next(one for one in trial if "dure un mois" in one.text)
    assert own.outdated
    assert own.score < 0.5  # the law that bounds it goes before it
    assert not any(one.outdated for one in ask("coiffeur : prime d'ancienneté"))


@pytest.mark.parametrize(
    "question",
    [
        "coiffeuse, comment sont majorées mes heures supplémentaires ?",
        "coiffure : taux de majoration des heures supplémentaires",
        "coiffeur, combien sont payées les heures sup ?",
    ],
)
def test_rates_of_overtime_are_found_under_a_title_that_does_not_name_it(
    ask: Ask, question: str
) -> None:
    assert "majorées de 10 %" in ask(question)[0].text


def test_the_numbered_part_of_a_clause_is_found_by_its_own_title(ask: Ask) -> None:
    [night, *others] = ask("majoration du travail de nuit", "2596")
    assert "majorées de 15 %" in night.text
    assert night.section_path[-1] == "Rémunération"
    assert any("perruquiers" in one.text for one in others)
    assert "60 %" in ask("perruquier : majoration du travail de nuit", "2596")[0].text


def test_parts_of_the_best_clause_are_read_beside_the_one_with_the_words_asked(ask: Ask) -> None:
    found = ask("astreintes : comment est le planning ?", "2596")
    texts = [one.text for one in found if one.section_path[-1] == "Astreintes"]
    assert any("planning" in text for text in texts)
    assert any("12 euros" in text for text in texts)


def test_what_ends_or_dates_an_agreement_comes_after_what_it_grants(ask: Ask) -> None:
    found = ask("accord relatif aux astreintes", "2596")
    assert found[0].section_path[-1] == "Astreintes"
    formal = [one for one in found if "durée indéterminée" in one.text]
    assert all(one.score < found[0].score / 2 for one in formal)


def test_the_event_named_tells_apart_clauses_on_events(ask: Ask) -> None:
    with_event = ask("congé pour un décès", "2596")[0]
    assert "décès" in with_event.text
    assert with_event.score > ask("congé pour un déménagement", "2596")[0].score


@pytest.mark.parametrize(
    ("question", "bounds"),
    [
        ("coiffeuse, congé pour un décès", {"L3142-4": "minimum"}),
        ("coiffeur : durée du préavis de licenciement", {"L1234-1": "minimum"}),
        ("coiffeur : période d'essai", {"L1221-19": "limit"}),
        ("coiffeur : majoration des heures supplémentaires", {"L3121-36": "default"}),
        ("coiffeur : prime de vacances", {}),
        ("coiffeur : préavis de démission", {}),
    ],
)
def test_what_the_law_says_at_least_or_at_most_is_known(
    ask: Ask, question: str, bounds: dict[str, str]
) -> None:
    assert ask.bounds(question) == bounds


def test_amounts_are_those_of_the_latest_text_on_pay(ask: Ask) -> None:
    [first, *others] = ask("montant de la prime d'ancienneté", "2596")
    assert "21 euros" in first.text
    assert any("12 euros par mois" in one.text for one in others)


def test_scores_are_shares_of_what_is_asked(ask: Ask) -> None:
    precise, vague = ask("durée du préavis", "2596"), ask("préavis et trottinette", "2596")
    assert precise[0].score > 0.8
    assert vague[0].score < 0.7
    assert ask("une trottinette électrique", "2596") == []
    assert all(0 < one.score <= 1 for one in (*precise, *vague))


def test_a_clause_has_the_day_of_its_amendment_or_of_its_text(ask: Ask) -> None:
    [amended, *_] = ask("congés pour mariage", "2596")
    assert (amended.in_force_since, amended.updated) == (date(2018, 12, 1), date(2018, 12, 1))
    [first, *_] = ask("durée du préavis", "2596")
    assert (first.in_force_since, first.updated) == (None, date(2006, 7, 10))


def test_a_text_that_is_not_extended_is_marked(ask: Ask) -> None:
    texts = {
        one.section_path[-1]: one.agreement_text
        for question in ("salaire minimum", "durée du préavis")
        for one in ask(question, "2596")
    }
    pay, notice = texts["Salaires minima"], texts["Durée du préavis"]
    assert pay is not None
    assert notice is not None
    assert (pay.extended, notice.extended) == (False, True)


@pytest.mark.parametrize(
    ("title", "territory"),
    [
        ("Isère Accord du 3 mars 1995 relatif aux salaires", "Isère"),
        ("Provence-Alpes-Côte d'Azur - Avenant du 26 juin 2007", "Provence-Alpes-Côte d'Azur"),
        ("Drôme et Ardèche Accord du 19 novembre 2009", "Drôme et Ardèche"),
        ("Isère et Hautes-Alpes (ex-IDCC 2221) Convention collective", "Isère et Hautes-Alpes"),
        ("Accord du 5 mai 1995 relatif aux astreintes dans la région Centre", "Centre"),
        ("Avenant départemental Corrèze du 25 avril 1991", "Corrèze"),
        ("Accord du 17 décembre 2020 relatif au dimanche (Seine-Maritime)", "Seine-Maritime"),
        ("Accord du 3 mars 1995 relatif aux salaires", None),
        ("Avenant du 15 mars 1990 relatif à la presse hebdomadaire régionale", None),
        ("National Accord du 3 mars 1995", None),
    ],
)
def test_the_place_of_a_local_text_is_read_from_its_title(
    title: str, territory: str | None
) -> None:
    assert describe((SIDE, title)).territory == territory


@pytest.mark.parametrize(
    ("title", "signed"),
    [
        ("Accord du 1er février 2010 relatif à l'égalité", date(2010, 2, 1)),
        ("Annexe II : Cadres", None),
        ("Accord du 31 février 2010", None),
    ],
)
def test_the_day_of_a_text_is_read_from_its_title(title: str, signed: date | None) -> None:
    assert describe((SIDE, title)).signed == signed


def test_an_index_made_ahead_finds_what_one_made_on_demand_does(corpus: Corpus, ask: Ask) -> None:
    questions = ("Préavis coiffeuse, 3 ans d'ancienneté", "coiffure : travail le dimanche")
    on_demand = [ask(question) for question in questions]

    build_agreements(corpus.directory)

    assert [Ask(corpus)(question) for question in questions] == on_demand
    assert all(on_demand)
