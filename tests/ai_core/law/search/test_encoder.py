"""Questions in other languages, by the encoder that compares them with our everyday questions."""

import asyncio
import shutil
from pathlib import Path

import pytest

from ai_core.law.ingest.sample import SAMPLE_DAY, build_sample
from ai_core.law.library import Library
from ai_core.law.records import QuestionScope, SearchResult
from ai_core.law.search import encoder
from ai_core.law.search.indexing import build_encoder, build_lexical, build_semantic, missing
from ai_core.law.versions import CorpusVersions

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data_dir = tmp_path_factory.mktemp("encoder")
    version = build_sample(data_dir)
    build_lexical(version)
    build_semantic(version, steps=20)
    build_encoder(version)
    return data_dir


def search(data_dir: Path, question: str) -> SearchResult:
    async def ask() -> SearchResult:
        library = Library(CorpusVersions(data_dir))
        found = await library.search(question, limit=10, as_of=SAMPLE_DAY)
        await library.close()
        return found

    return asyncio.run(ask())


@pytest.mark.parametrize(
    ("question", "number"),
    [
        ("I want to resign from my job, how long is the notice period?", "L1237-1"),
        ("我想辞职，需要提前多久通知老板？", "L1237-1"),
        ("ฉันได้วันหยุดพักร้อนกี่วันต่อปี", "L3141-3"),
        ("How many days of paid holiday do I get each month?", "L3141-3"),
    ],
)
def test_a_question_in_another_language_finds_the_article(
    data_dir: Path, question: str, number: str
) -> None:
    found = search(data_dir, question)

    assert found.scope is QuestionScope.LABOUR_LAW
    assert number in [passage.number for passage in found.passages[:5]]


def test_several_terms_of_labour_law_are_enough_in_another_language(data_dir: Path) -> None:
    """A trade seldom told weighs more in a question's meaning than what is asked of it."""
    asked = "A nanny sings songs in a family's flat. No paid leave, true?"

    assert search(data_dir, asked).scope is QuestionScope.LABOUR_LAW


@pytest.mark.parametrize(
    "question",
    ["How do you bake a good apple pie at home?", "如何更换护照？护照丢了怎么办？"],
)
def test_a_question_in_another_language_may_be_out_of_scope(data_dir: Path, question: str) -> None:
    assert search(data_dir, question).scope is QuestionScope.OUTSIDE


def test_without_the_package_the_words_still_find_the_article(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoder, "installed", lambda: False)

    found = search(data_dir, "Quel préavis pour une démission ?")

    assert "L1237-1" in [passage.number for passage in found.passages[:3]]
    version = CorpusVersions(data_dir)
    assert [name for name, _ in missing(version.folder(version.current() or ""))] == ["agreements"]


def test_the_encoder_is_taken_up_once_its_vectors_are_there(data_dir: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(data_dir, tmp_path / "data"))
    versions = CorpusVersions(copy)
    version = versions.folder(versions.current() or "")
    vectors = (version / encoder.FOLDER).rename(version / "aside")
    question = "我想辞职，需要提前多久通知老板？"

    async def ask() -> tuple[str, SearchResult, str, SearchResult]:
        library = Library(versions)
        without = (await library.status()).index_version
        before = await library.search(question, limit=10, as_of=SAMPLE_DAY)
        vectors.rename(version / encoder.FOLDER)
        with_ = (await library.status()).index_version
        after = await library.search(question, limit=10, as_of=SAMPLE_DAY)
        await library.close()
        return without, before, with_, after

    without, before, with_, after = asyncio.run(ask())

    assert "L1237-1" in [passage.number for passage in before.passages]  # by its French words
    assert after.passages[0].score != before.passages[0].score
    assert without != with_


@pytest.mark.parametrize(
    ("question", "barely"),
    [
        ("j'ai droit à une chaise à la caisse ?", True),
        ("on me demande d'être joignable le soir", True),
        ("mon voisin a un chien qui aboie la nuit", False),
        ("how to renew my passport", False),
        ("How long is my notice?", False),
    ],
)
def test_a_short_question_without_a_word_of_labour_law_is_barely_outside(
    data_dir: Path, question: str, barely: bool
) -> None:
    found = search(data_dir, question)

    assert found.borderline is barely
    assert not (barely and found.scope is not QuestionScope.OUTSIDE)
