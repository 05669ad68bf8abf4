"""Whoever wrote personal data is told, in their language, which kinds were masked."""

from pathlib import Path

import pytest

from shared.languages import Language
from shared.privacy.disclosure import TEXT_FILE, masked_in_words
from shared.privacy.identifiers import Kind
from shared.privacy.masking import LABELS, label_counts, mask
from shared.texts import Texts
from tests.shared.privacy.personal_strings import PERSONAL


@pytest.mark.parametrize("language", ["fr", "en"])
def test_every_kind_has_words_and_a_label(language: Language) -> None:
    texts = Texts.read(Path(TEXT_FILE))
    words = [masked_in_words(texts, {kind: 2}, language) for kind in Kind]
    assert all(text.startswith("2 × ") for text in words)
    assert len(set(words)) == len(set(LABELS.values())) == len(Kind) == len(PERSONAL)


def test_labels_count_what_was_masked() -> None:
    masked = mask("06 12 34 56 78, 07 12 34 56 78 et jean@exemple.fr")
    assert label_counts(masked.text) == masked.found.counts == {"phone": 2, "email": 1}
    assert label_counts("aucune donnée, <AUTRE_1>") == {}
