"""The sample corpus, imported once for the tests that only read it."""

from pathlib import Path

import pytest

from ai_core.law.corpus import Corpus
from ai_core.law.ingest.sample import build_sample


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return Corpus(build_sample(tmp_path_factory.mktemp("data")))


@pytest.fixture
def archives(tmp_path: Path) -> Path:
    return tmp_path / "archives"
