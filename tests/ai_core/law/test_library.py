"""What someone who asks the library gets, on the sample corpus."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from ai_core.errors import CorpusMissing, QueueFull, UnknownAgreement, UnknownArticle
from ai_core.law.corpus import Corpus
from ai_core.law.ingest.sample import SAMPLE_DAY, Sample, build_sample
from ai_core.law.ingest.update import update_corpus
from ai_core.law.library import Library
from ai_core.law.records import Passage, QuestionScope, SearchResult, SourceKind
from ai_core.law.search import semantic
from ai_core.law.search.indexing import build_lexical, build_semantic
from ai_core.law.versions import CorpusVersions
from shared.clock import StoppedClock

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
STEPS = 40


@pytest.fixture(scope="session")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data_dir = tmp_path_factory.mktemp("learned")
    version = build_sample(data_dir)
    build_lexical(version)
    build_semantic(version, steps=STEPS)
    return data_dir


@pytest.fixture
def data_dir(learned: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(learned, tmp_path / "data"))


@pytest.fixture
def version(data_dir: Path) -> Path:
    versions = CorpusVersions(data_dir)
    return versions.folder(versions.current() or "")


@pytest.fixture
def another_law(archives: Path) -> Path:
    """Write archives in which one article says something else."""
    sample = Sample.read()
    sample.articles = [
        {**article, "text": "La trottinette est rangée."} if article["number"] == "L1" else article
        for article in sample.articles
    ]
    sample.write(archives)
    return archives


@pytest.fixture
async def library(learned: Path) -> AsyncIterator[Library]:
    library = Library(CorpusVersions(learned))
    yield library
    await library.close()


async def ask(library: Library, question: str, **wishes: object) -> SearchResult:
    kind = wishes.get("kind", SourceKind.ARTICLE)
    assert kind is None or isinstance(kind, SourceKind)
    agreement = wishes.get("agreement")
    assert agreement is None or isinstance(agreement, str)
    return await library.search(question, limit=8, kind=kind, agreement=agreement, as_of=SAMPLE_DAY)


def numbers(found: SearchResult) -> list[str]:
    return [passage.number for passage in found.passages]


async def test_an_article_named_comes_first(library: Library) -> None:
    found = await ask(library, "Que dit l'article L3121-27 ?")
    assert numbers(found)[0] == "L3121-27"
    assert found.exact == ("L3121-27",)


async def test_what_surrounds_an_article_named_is_about_its_subject(library: Library) -> None:
    found = await ask(library, "Que dit l'article L3121-27 ?", kind=SourceKind.FICHE)
    assert found.passages[0].title.startswith("La durée légale du travail")


async def test_a_search_reads_all_its_passages_at_once(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[int] = []
    read = Corpus.passages_at

    def counted(corpus: Corpus, rows: Sequence[int]) -> tuple[Passage, ...]:
        reads.append(len(rows))
        return read(corpus, rows)

    monkeypatch.setattr(Corpus, "passages_at", counted)
    found = await ask(library, "Combien de jours de congés payés ?", kind=None)
    assert {passage.kind for passage in found.passages} == {SourceKind.ARTICLE, SourceKind.FICHE}
    assert len(reads) == 1
    assert reads[0] >= len(found.passages)


async def test_articles_named_come_in_order_and_the_rest_follows(library: Library) -> None:
    found = await ask(library, "Comparer art. l 3141-3 et L. 1237-1")
    assert numbers(found)[:2] == ["L3141-3", "L1237-1"]
    assert len(found.passages) > 2


async def test_an_article_that_does_not_exist_is_reported_missing(library: Library) -> None:
    found = await ask(library, "Que dit l'article L9999-1 ?")
    assert found.missing == ("L9999-1",)
    assert found.exact == ()


async def test_an_article_of_another_code_is_not_ours(library: Library) -> None:
    found = await ask(library, "Que dit l'article L1234-1 du code de la santé publique ?")
    assert found.exact == ()
    assert found.other_code


@pytest.mark.parametrize(
    ("question", "number"),
    [
        ("Combien de temps de préavis si je démissionne ?", "L1237-1"),
        ("Mon patron peut-il renouveler mon essai ?", "L1221-21"),
        ("Combien de jours de vacances j'acquiers par mois ?", "L3141-3"),
        ("Est-ce dangereux ? je veux quitter mon poste", "L4131-1"),
        ("Combien je touche d'indemnités si je suis licencié ?", "L1234-9"),
    ],
)
async def test_everyday_words_find_the_article(
    library: Library, question: str, number: str
) -> None:
    assert number in numbers(await ask(library, question))[:3]


async def test_an_article_of_the_future_is_not_found_today(library: Library) -> None:
    assert "R9902-1" not in numbers(await ask(library, "règle s'appliquera plus tard"))


async def test_each_kind_can_be_asked_for_alone(library: Library) -> None:
    fiches = await ask(library, "préavis de démission", kind=SourceKind.FICHE)
    assert {passage.kind for passage in fiches.passages} == {SourceKind.FICHE}
    assert fiches.passages[0].title
    assert not (await ask(library, "préavis de démission", kind=SourceKind.AGREEMENT)).passages


async def test_an_agreement_named_leads(library: Library) -> None:
    found = await ask(library, "préavis de démission dans la convention HCR", kind=None)
    assert found.agreement is not None
    assert found.agreement.idcc == "1979"
    assert found.passages[0].kind is SourceKind.AGREEMENT
    assert found.passages[0].number.startswith("IDCC 1979")


async def test_an_agreement_can_be_given_by_its_idcc(library: Library) -> None:
    found = await ask(library, "préavis", kind=SourceKind.AGREEMENT, agreement="1486")
    assert found.agreement is not None
    assert all(passage.number.startswith("IDCC 1486") for passage in found.passages)
    with pytest.raises(UnknownAgreement):
        await ask(library, "préavis", agreement="0001")


@pytest.mark.parametrize(
    ("question", "scope"),
    [
        ("Quel préavis en cas de démission ?", QuestionScope.LABOUR_LAW),
        ("Que dit L1234-1 ?", QuestionScope.LABOUR_LAW),
        ("mon chef m'a insulté devant tout le monde", QuestionScope.LABOUR_LAW),
        ("j'ai pas été payé ce mois ci", QuestionScope.LABOUR_LAW),
        ("on m'a viré par sms", QuestionScope.LABOUR_LAW),
        ("la prime de Noël est-elle obligatoire ?", QuestionScope.LABOUR_LAW),
        ("chariot élévateur sans permis", QuestionScope.LABOUR_LAW),
        ("GPS sur ma voiture de société", QuestionScope.LABOUR_LAW),
        ("objectifs de prime changés", QuestionScope.LABOUR_LAW),
        ("Animalerie / jardinerie : majoration du dimanche", QuestionScope.LABOUR_LAW),
        ("Animalerie / jardinerie : où acheter un chat", QuestionScope.OUTSIDE),
        ("Quelle est la capitale de l'Australie ?", QuestionScope.OUTSIDE),
        ("Mon wifi ne marche plus", QuestionScope.OUTSIDE),
        ("Comment renouveler mon passeport à la mairie ?", QuestionScope.OUTSIDE),
        ("Je suis fonctionnaire, quel est mon congé ?", QuestionScope.NEIGHBOUR),
        ("Bonjour !", QuestionScope.UNCLEAR),
        ("?", QuestionScope.UNCLEAR),
        ("zzqx", QuestionScope.UNCLEAR),
    ],
)
async def test_the_scope_of_a_question(
    library: Library, question: str, scope: QuestionScope
) -> None:
    assert (await ask(library, question)).scope is scope


async def test_a_greeting_before_an_unclear_question_finds_nothing(library: Library) -> None:
    assert not (await ask(library, "Bonjour, comment faire une tarte aux pommes ?")).passages


async def test_a_neighbouring_law_is_named(library: Library) -> None:
    found = await ask(library, "Combien de trimestres pour ma retraite à taux plein ?")
    assert found.neighbour == "pension"


async def test_an_article_can_be_read_however_it_is_spelled(library: Library) -> None:
    article = await library.article("l. 3121-27", SAMPLE_DAY)
    assert article.number == "L3121-27"
    assert await library.article(article.id, SAMPLE_DAY) == article
    assert await library.fiches_citing(article.cid)
    with pytest.raises(UnknownArticle):
        await library.article("L9999-1", SAMPLE_DAY)


async def test_without_a_corpus_every_read_raises(tmp_path: Path) -> None:
    library = Library(CorpusVersions(tmp_path))
    with pytest.raises(CorpusMissing):
        await ask(library, "préavis")
    await library.close()


async def test_it_serves_lexically_until_the_embedding_is_learned(
    data_dir: Path, version: Path
) -> None:
    learned = (version / semantic.FOLDER).rename(version / "aside")
    library = Library(CorpusVersions(data_dir))
    assert not (await library.status()).semantic
    assert "L1237-1" in numbers(await ask(library, "préavis de démission"))
    learned.rename(version / semantic.FOLDER)
    assert (await library.status()).semantic
    assert "L1237-1" in numbers(await ask(library, "Je veux démissionner, quel préavis ?"))
    await library.close()


async def test_a_new_corpus_is_picked_up_without_restart(data_dir: Path, another_law: Path) -> None:
    library = Library(CorpusVersions(data_dir))
    before = await library.status()
    await asyncio.to_thread(
        update_corpus,
        CorpusVersions(data_dir),
        StoppedClock(NOON),
        folder=another_law,
        prepare=build_lexical,
    )
    assert (await library.status()).version != before.version
    assert numbers(await ask(library, "trottinette"))[0] == "L1"
    await library.close()


async def test_a_crowd_is_turned_away(learned: Path) -> None:
    library = Library(CorpusVersions(learned), most_waiting=3)
    answers = await asyncio.gather(
        *(ask(library, "préavis") for _ in range(6)), return_exceptions=True
    )
    assert sum(isinstance(answer, QueueFull) for answer in answers) == 3
    assert await ask(library, "préavis")
    await library.close()


async def test_the_same_seed_gives_the_same_ranking(
    data_dir: Path, version: Path, library: Library
) -> None:
    await asyncio.to_thread(build_semantic, version, steps=STEPS)
    twin = Library(CorpusVersions(data_dir))
    question = "Que me doit mon patron s'il me renvoie ?"
    assert await ask(library, question) == await ask(twin, question)
    await twin.close()


def test_a_day_before_the_law_finds_nothing(learned: Path) -> None:
    async def search() -> SearchResult:
        library = Library(CorpusVersions(learned))
        found = await library.search("préavis", kind=SourceKind.ARTICLE, as_of=date(1900, 1, 1))
        await library.close()
        return found

    assert asyncio.run(search()).passages == ()
