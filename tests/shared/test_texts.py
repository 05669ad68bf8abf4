from datetime import date
from pathlib import Path

import pytest

from shared.languages import LANGUAGES
from shared.texts import Texts, date_in_words


def test_says_the_sentence_in_the_language_asked_with_its_facts(tmp_path: Path) -> None:
    file = tmp_path / "texts.toml"
    versions = {"fr": "Bonjour", "en": "Hello", "th": "สวัสดี", "zh": "您好"}
    lines = [f'{language} = "{hello} {{name}}"' for language, hello in versions.items()]
    file.write_text("\n".join(["[hello]", *lines]), encoding="utf-8")
    texts = Texts.read(file)
    assert texts.say("hello", "fr", name="Zoé") == "Bonjour Zoé"
    assert texts.say("hello", "en", name="Zoé") == "Hello Zoé"
    assert texts.say("hello", "th", name="Zoé") == "สวัสดี Zoé"
    assert texts.say("hello", "zh", name="Zoé") == "您好 Zoé"


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_sentence_that_lacks_a_language_is_refused(tmp_path: Path, language: str) -> None:
    file = tmp_path / "texts.toml"
    others = [f'{one} = "Hello"' for one in LANGUAGES if one != language]
    file.write_text("\n".join(["[hello]", *others]), encoding="utf-8")
    with pytest.raises(KeyError, match="hello"):
        Texts.read(file)


def test_the_first_of_a_month_is_written_as_the_french_do() -> None:
    assert date_in_words(date(2026, 5, 1), "fr") == "1er mai 2026"
    assert date_in_words(date(2026, 8, 20), "fr") == "20 août 2026"
    assert date_in_words(date(2026, 5, 1), "en") == "1 May 2026"
    assert date_in_words(date(2026, 5, 1), "th") == "1 พฤษภาคม ค.ศ. 2026"
    assert date_in_words(date(2026, 5, 1), "zh") == "2026年5月1日"
