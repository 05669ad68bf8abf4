from datetime import date
from pathlib import Path

import pytest

from shared.texts import Texts, date_in_words


def test_says_the_sentence_in_the_language_asked_with_its_facts(tmp_path: Path) -> None:
    file = tmp_path / "texts.toml"
    file.write_text('[hello]\nfr = "Bonjour {name}"\nen = "Hello {name}"\n', encoding="utf-8")
    texts = Texts.read(file)
    assert texts.say("hello", "fr", name="Zoé") == "Bonjour Zoé"
    assert texts.say("hello", "en", name="Zoé") == "Hello Zoé"


def test_a_sentence_without_its_french_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "texts.toml"
    file.write_text('[hello]\nen = "Hello"\n', encoding="utf-8")
    with pytest.raises(KeyError, match="hello"):
        Texts.read(file)


def test_the_first_of_a_month_is_written_as_the_french_do() -> None:
    assert date_in_words(date(2026, 5, 1), "fr") == "1er mai 2026"
    assert date_in_words(date(2026, 8, 20), "fr") == "20 août 2026"
    assert date_in_words(date(2026, 5, 1), "en") == "1 May 2026"
