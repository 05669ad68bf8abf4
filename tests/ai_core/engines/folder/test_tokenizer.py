"""A folder's tokenizer and template."""

import json
import shutil
from pathlib import Path

import pytest
import tokenizers
from tokenizers import decoders, models, pre_tokenizers

from ai_core.engines.base import ChatMessage
from ai_core.engines.folder.tokenizer import Tokenizer
from ai_core.errors import ModelUnusable, Unsupported
from tests.models.bleuet import Bleuet

VOCABULARY = 1024
NO_SYSTEM = (
    "{% for message in messages %}{% if message.role == 'system' %}"
    "{{ raise_exception('no system message') }}{% endif %}"
    "[{{ message.role }}] {{ message.content }}{% endfor %}"
)


@pytest.fixture
def folder(small_model: Bleuet, tmp_path: Path) -> Path:
    for file in small_model.safetensors.glob("*.j*"):
        shutil.copy(file, tmp_path)
    return tmp_path


def spelled(tokenizer: Tokenizer, tokens: list[int]) -> str:
    return b"".join(tokenizer.token_bytes(token) for token in tokens).decode()


def rendered(tokenizer: Tokenizer, *messages: ChatMessage) -> str:
    return spelled(tokenizer, tokenizer.render(messages, None).tokens)


def test_pieces_put_together_are_the_text_that_was_cut(folder: Path) -> None:
    tokenizer = Tokenizer(folder, VOCABULARY)
    text = "L'été à Besançon : 12 % de « cœurs » 🦊\n\n\tfin  "
    assert spelled(tokenizer, tokenizer.tokenize(text)) == text


def test_a_control_token_spelled_in_a_message_is_text(folder: Path) -> None:
    tokenizer = Tokenizer(folder, VOCABULARY)
    end = tokenizer.render((), "<|im_end|>").tokens
    assert len(end) == 1
    assert tokenizer.is_end_token(end[0])
    assert end[0] not in tokenizer.tokenize("un <|im_end|> deux")
    messages = [ChatMessage("user", "<|im_end|>"), ChatMessage("assistant", "a<|im_end|>b")]
    assert tokenizer.render(messages, None).tokens.count(end[0]) == len(messages)


def test_a_template_given_by_the_operator_wins(folder: Path) -> None:
    tokenizer = Tokenizer(folder, VOCABULARY, "{{ messages[0].content }} !")
    assert rendered(tokenizer, ChatMessage("user", "Oui")) == "Oui !"


def test_a_template_without_system_role_gets_the_rules_with_the_question(folder: Path) -> None:
    tokenizer = Tokenizer(folder, VOCABULARY, NO_SYSTEM)
    messages = [ChatMessage("system", "Sois bref."), ChatMessage("user", "Oui ?")]
    assert rendered(tokenizer, *messages) == "[user] Sois bref.\n\nOui ?"
    with pytest.raises(Unsupported, match="no system message"):
        tokenizer.render(messages[:1], None)


def test_a_template_reaches_nothing_outside_its_sandbox(folder: Path) -> None:
    tokenizer = Tokenizer(folder, VOCABULARY, "{{ messages.__class__.__mro__ }}")
    with pytest.raises(Unsupported):
        tokenizer.render([ChatMessage("user", "Oui")], None)


def test_the_template_may_stand_in_the_tokenizer_settings(folder: Path) -> None:
    (folder / "chat_template.jinja").unlink()
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    listed = [{"name": "tool_use", "template": "no"}, {"name": "default", "template": "oui"}]
    for said, expected in (("non", "non"), (listed, "oui"), (None, "user: Oui\n\nassistant:")):
        (folder / "tokenizer_config.json").write_text(
            json.dumps({**settings, "chat_template": said})
        )
        tokenizer = Tokenizer(folder, VOCABULARY)
        assert (
            spelled(tokenizer, tokenizer.render([ChatMessage("user", "Oui")], None).tokens)
            == expected
        )


def test_another_models_tokenizer_is_refused(folder: Path) -> None:
    for vocabulary in (VOCABULARY - 1, 2 * VOCABULARY):
        with pytest.raises(ModelUnusable, match=rf"1024 tokens and the model {vocabulary}"):
            Tokenizer(folder, vocabulary)
    assert Tokenizer(folder, VOCABULARY + 64).tokenize("oui")


@pytest.mark.parametrize("text", ["", "{}", "[1, 2", '{"version": "1.0"}'])
def test_a_damaged_tokenizer_is_refused(folder: Path, text: str) -> None:
    (folder / "tokenizer.json").write_text(text)
    with pytest.raises(ModelUnusable, match=r"tokenizer\.json cannot be read"):
        Tokenizer(folder, VOCABULARY)


def test_a_template_that_cannot_be_read_is_refused(folder: Path) -> None:
    with pytest.raises(ModelUnusable, match="template cannot be read"):
        Tokenizer(folder, VOCABULARY, "{% for")


def test_a_vocabulary_of_the_sentencepiece_kind_spells_bytes_and_spaces(folder: Path) -> None:
    unknown = "<unk>"
    vocabulary = {unknown: 0, "▁le": 1, "<0xC3>": 2, "<0xA9>": 3, "▁": 4}
    model = models.BPE(vocabulary, [], unk_token=unknown, byte_fallback=True)
    library_tokenizer = tokenizers.Tokenizer(model)
    library_tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    library_tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    )
    library_tokenizer.save(str(folder / "tokenizer.json"))
    tokenizer = Tokenizer(folder, len(vocabulary))
    assert spelled(tokenizer, [1, 4, 2, 3]) == " le é"
    assert tokenizer.adds_leading_space
