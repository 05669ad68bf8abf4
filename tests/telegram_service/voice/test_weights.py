"""The weights of the model that transcribes, and the hashes that pin them."""

from pathlib import Path

import pytest

from shared.settings import WrongSettings
from telegram_service.__main__ import main
from telegram_service.voice.weights import check_weights, write_sums
from tests.servers.hub import FakeHub, serving
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


def test_weights_come_from_a_hub_checked_and_with_the_settings_to_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    made, folder = tmp_path / "made", tmp_path / "voice"
    made.mkdir()
    files = {path.name: path.read_bytes() for path in write_model(made).iterdir()}
    with serving(FakeHub({**files, "README.md": b"# A model"})) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.address)
        command = ["voice-model", "hf:owner/repo", "--to", str(folder)]
        assert main(command) == 0
        model, sha256 = (
            line.partition("=")[2] for line in capsys.readouterr().out.splitlines()[-2:]
        )
        assert model == str(folder)
        check_weights(folder, sha256)
        assert not (folder / "README.md").exists()

        (folder / "model.bin").unlink()
        hub.corrupt = True
        assert main(command) == 2
        assert "model.bin arrived damaged" in capsys.readouterr().err
        hub.files = {"model.gguf": b"GGUF"}
        assert main(command) == 2
        assert "it has no model.bin, config.json, tokenizer.json" in capsys.readouterr().err


def test_a_folder_of_weights_is_adopted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = write_model(tmp_path)
    assert main(["voice-model", str(folder)]) == 0
    check_weights(folder, capsys.readouterr().out.split("SHA256=")[1].strip())
    assert main(["voice-model", str(tmp_path / "nowhere")]) == 2
    assert "it holds no Whisper model" in capsys.readouterr().err
