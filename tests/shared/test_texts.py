from pathlib import Path

import pytest

from shared.texts import Texts


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
