"""One list of articles and fiche sections, as someone who asks the library gets it."""

import asyncio
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from ai_core.law.ingest.sample import SAMPLE_DAY, Sample, build_sample
from ai_core.law.ingest.update import update_corpus
from ai_core.law.library import Library
from ai_core.law.records import Confidence, QuestionScope, SearchResult, SourceKind
from ai_core.law.search.indexing import build_lexical
from ai_core.law.versions import CorpusVersions
from shared.clock import StoppedClock

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)

NOTICE = (
    "Le salarié qui démissionne respecte un délai de préavis dont la durée résulte de la "
    "convention collective de son entreprise, ou des usages de la profession et de la localité."
)


@pytest.fixture(scope="module")
def sample_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data_dir = tmp_path_factory.mktemp("one-list")
    build_lexical(build_sample(data_dir))
    return data_dir


def search(data_dir: Path, question: str, **wishes: object) -> SearchResult:
    async def ask() -> SearchResult:
        library = Library(CorpusVersions(data_dir))
        agreement = wishes.get("agreement")
        assert agreement is None or isinstance(agreement, str)
        found = await library.search(question, limit=16, agreement=agreement, as_of=SAMPLE_DAY)
        await library.close()
        return found

    return asyncio.run(ask())


def build(data_dir: Path, change: Callable[[Sample], None]) -> None:
    sample = Sample.read()
    change(sample)
    sample.write(data_dir / "archives")
    versions = CorpusVersions(data_dir)
    clock = StoppedClock(NOON)
    update_corpus(versions, clock, folder=data_dir / "archives", prepare=build_lexical)


def fiche(
    title: str, day: str, section: str, text: str, cites: tuple[str, ...] = ()
) -> dict[str, object]:
    sections = [{"title": section, "text": text, "cites": list(cites)}]
    return {"title": title, "date": day, "intro": f"Présentation : {title}.", "section": sections}


def test_every_kind_stands_in_one_list_by_relevance(sample_dir: Path) -> None:
    found = search(sample_dir, "Quel préavis pour une démission ?")

    scores = [passage.score for passage in found.passages]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 for score in scores)
    assert {passage.kind for passage in found.passages} == {SourceKind.ARTICLE, SourceKind.FICHE}


def test_a_text_printed_under_two_titles_is_shown_once_the_later_one(tmp_path: Path) -> None:
    def print_twice(sample: Sample) -> None:
        sample.fiches += [
            fiche("Quitter son emploi", "03/02/2020", "Quel préavis ?", NOTICE),
            fiche("Partir de l'entreprise", "07/05/2025", "Le préavis", NOTICE),
        ]

    build(tmp_path, print_twice)
    found = search(tmp_path, "Quelle est la durée du préavis du salarié qui démissionne ?")

    same = [passage for passage in found.passages if passage.text == NOTICE]
    assert [passage.title for passage in same] == ["Partir de l'entreprise"]


def test_a_fiche_older_than_the_article_it_explains_comes_after_it_and_is_marked(
    tmp_path: Path,
) -> None:
    def change_the_law(sample: Sample) -> None:
        sample.articles = [
            {**article, "since": date(2024, 3, 1)} if article["number"] == "L1221-19" else article
            for article in sample.articles
        ]
        sample.fiches.append(
            fiche(
                "Essai d'un ouvrier",
                "06/01/2009",
                "Durée de la période d'essai d'un ouvrier",
                "La période d'essai d'un ouvrier ou d'un employé dure au plus quinze jours.",
                ("L1221-19",),
            )
        )

    build(tmp_path, change_the_law)
    found = search(tmp_path, "Quelle est la durée de la période d'essai d'un ouvrier ?")

    places = {passage.title: place for place, passage in enumerate(found.passages)}
    old = found.passages[places["Essai d'un ouvrier"]]
    article = next(p for p in found.passages if p.number == "L1221-19")
    assert old.outdated
    assert old.updated == date(2009, 1, 6)
    assert found.passages.index(article) < found.passages.index(old)
    assert not article.outdated


@pytest.mark.parametrize(
    ("question", "number"),
    [
        ("kel preavi pr une demision", "L1237-1"),
        ("convien t il de rspecter un préaviss si je demissione", "L1237-1"),
        ("conbien de jour de conjés payé par moi", "L3141-3"),
        ("g ete licensié c koi mn indemnitée", "L1234-9"),
        ("mon patron peu til renouveller la periode dessai", "L1221-21"),
    ],
)
def test_misspelt_and_shortened_words_find_the_article(
    sample_dir: Path, question: str, number: str
) -> None:
    found = search(sample_dir, question)

    assert number in [passage.number for passage in found.passages[:4]]
    assert found.scope is QuestionScope.LABOUR_LAW


@pytest.mark.parametrize(
    ("question", "number"),
    [
        ("Je veux claquer la porte, je dois rester combien de temps ?", "L1237-1"),
        ("On m'a mis à la porte, à combien j'ai droit ?", "L1234-9"),
        ("J'ai droit à combien de jours de vacances ?", "L3141-3"),
    ],
)
def test_everyday_words_find_what_the_law_calls_otherwise(
    sample_dir: Path, question: str, number: str
) -> None:
    found = search(sample_dir, question)

    assert number in [passage.number for passage in found.passages[:4]]


@pytest.mark.parametrize(
    "question",
    [
        "Comment faire une tarte aux pommes ?",
        "Quelle est la capitale de l'Australie ?",
        "Mon wifi ne marche plus",
    ],
)
def test_an_agreement_chosen_does_not_make_a_question_labour_law(
    sample_dir: Path, question: str
) -> None:
    found = search(sample_dir, question, agreement="1979")

    assert found.scope is not QuestionScope.LABOUR_LAW
    assert found.confidence is Confidence.NONE


@pytest.mark.parametrize(
    ("question", "scope"),
    [
        ("Serveur dans un restaurant, échelon 2, quel salaire minimum ?", QuestionScope.LABOUR_LAW),
        ("hôtel restaurant : prime pour un serveur échelon 3 ?", QuestionScope.LABOUR_LAW),
        ("Je suis fonctionnaire, échelon 3, quel salaire ?", QuestionScope.NEIGHBOUR),
        ("serveur N2, quel taux horaire ?", QuestionScope.LABOUR_LAW),
    ],
)
def test_steps_of_a_grid_are_of_the_agreement_where_one_works(
    sample_dir: Path, question: str, scope: QuestionScope
) -> None:
    assert search(sample_dir, question).scope is scope


def test_words_that_no_text_holds_lower_the_confidence(sample_dir: Path) -> None:
    plain = search(sample_dir, "Quelle est la durée de la période d'essai d'un cadre ?")
    strange = search(sample_dir, "Mon patron me doit-il un aquarium et une mandoline ?")

    assert strange.passages[0].score < plain.passages[0].score
    assert strange.confidence in (Confidence.LOW, Confidence.NONE)


def test_a_clause_alone_never_makes_the_answer_sure(sample_dir: Path) -> None:
    found = search(sample_dir, "convention Syntec : préavis de démission")

    assert found.passages[0].kind is SourceKind.AGREEMENT
    assert found.confidence is Confidence.LOW
