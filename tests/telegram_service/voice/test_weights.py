"""The weights of the model that transcribes, and the hashes that pin them."""

from pathlib import Path

import pytest

from shared.settings import WrongSettings
from telegram_service.voice.weights import check_weights, write_sums
from tests.telegram_service.voice.tiny_whisper import write_model


def refusal(folder: Path, sha256: str = "") -> str:
    with pytest.raises(WrongSettings) as refused:
        check_weights(folder, sha256)
    return str(refused.value)


def test_weights_that_are_not_what_was_pinned_are_refused(tmp_path: Path) -> None:
    folder = write_model(tmp_path)
    assert "./neo telegram voice-model" in refusal(folder)
    pinned = write_sums(folder)
    check_weights(folder, pinned)
    assert "TELEGRAM_VOICE__SHA256" in refusal(folder, "0" * 64)
    (folder / "vocabulary.json").write_text("[]")
    assert "vocabulary.json is not what SHA256SUMS names" in refusal(folder, pinned)
    (folder / "preprocessor_config.json").write_text("{}")
    assert "does not name preprocessor_config.json" in refusal(folder, pinned)
    (folder / "preprocessor_config.json").unlink()
    (folder / "vocabulary.json").unlink()
    assert "vocabulary.json is not what SHA256SUMS names" in refusal(folder)
    write_sums(folder)
    assert "TELEGRAM_VOICE__SHA256" in refusal(folder, pinned)  # a list of other files


def test_a_folder_without_a_model_gets_no_list(tmp_path: Path) -> None:
    with pytest.raises(WrongSettings, match=r"no model\.bin, config\.json, tokenizer\.json in"):
        write_sums(tmp_path)
    assert "no SHA256SUMS" in refusal(tmp_path)
