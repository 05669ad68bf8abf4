"""The law is not personal data: masking leaves the articles of a corpus as they are.

The sample corpus is always read; the one in `.neo` where `./neo run` or `./neo corpus update` put
one, and a test that lacks it says so among the skipped ones.
"""

import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from ai_core.law.corpus import Corpus
from shared.privacy.identifiers import Kind
from shared.privacy.masking import mask

ROOT = Path(__file__).parents[3]
VERSIONS = ROOT / ".neo/ai_core/corpus"
CONTACT = {Kind.EMAIL, Kind.POSTAL_ADDRESS, Kind.PHONE, Kind.NAME}
"""What fiches and agreements do name: offices, unions and those who signed."""


def test_the_sample_of_the_law_stays_as_it_is(sample: Corpus) -> None:
    passages = list(sample.passages())
    assert passages
    for passage in passages:
        assert mask(passage.text).text == passage.text


def texts(path: Path, query: str) -> Iterator[str]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        yield from (text for (text,) in database.execute(query))


@pytest.mark.slow
def test_fewer_than_one_article_in_ten_thousand_is_changed() -> None:
    current = VERSIONS / "current"
    if not current.exists():
        pytest.skip("no corpus in .neo; ./neo corpus update brings one")
    law = VERSIONS / current.read_text().strip()
    law = law if law.suffix == ".sqlite" else law / "law.sqlite"
    articles = list(texts(law, "SELECT text FROM article"))
    changed = [text for text in articles if mask(text).found.counts]
    assert len(changed) * 10_000 < len(articles)

    others = [*texts(law, "SELECT text FROM fiche_section")]
    others += texts(law, "SELECT text FROM agreement_article WHERE row % 10 = 0")
    kinds: Counter[Kind] = Counter()
    for text in others:
        kinds.update(mask(text).found.counts.keys() - CONTACT)
    assert sum(kinds.values()) * 10_000 <= len(others)
