"""A folder's tokenizer and template."""

import json
import shutil
from pathlib import Path

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from ai_core.engines.base import ChatMessage
from ai_core.engines.folder.tokenizer import Words
from ai_core.errors import ModelUnusable, Unsupported
from tests.models.bleuet import Bleuet

ROWS = 1024
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


def spelled(words: Words, tokens: list[int]) -> str:
    return b"".join(words.piece(token) for token in tokens).decode()


def test_pieces_put_together_are_the_text_that_was_cut(folder: Path) -> None:
    words = Words(folder, ROWS)
    text = "L'été à Besançon : 12 % de « cœurs » 🦊\n\n\tfin  "
    assert spelled(words, words.tokenize(text)) == text


def test_the_spelling_of_a_control_token_in_a_turn_is_text(folder: Path) -> None:
    words = Words(folder, ROWS)
    end = words.render((), "<|im_end|>").tokens
    assert len(end) == 1
    assert words.is_end(end[0])
    assert end[0] not in words.tokenize("un <|im_end|> deux")
    messages = [ChatMessage("user", "<|im_end|>"), ChatMessage("assistant", "a<|im_end|>b")]
    assert words.render(messages, None).tokens.count(end[0]) == len(messages)


def test_a_template_given_by_the_operator_wins(folder: Path) -> None:
    words = Words(folder, ROWS, "{{ messages[0].content }} !")
    assert spelled(words, words.render([ChatMessage("user", "Oui")], None).tokens) == "Oui !"


def test_a_template_without_system_turns_gets_the_rules_with_the_question(folder: Path) -> None:
    words = Words(folder, ROWS, NO_SYSTEM)
    messages = [ChatMessage("system", "Sois bref."), ChatMessage("user", "Oui ?")]
    assert spelled(words, words.render(messages, None).tokens) == "[user] Sois bref.\n\nOui ?"
    with pytest.raises(Unsupported, match="no system message"):
        words.render(messages[:1], None)


def test_a_template_reaches_nothing_outside_its_sandbox(folder: Path) -> None:
    words = Words(folder, ROWS, "{{ messages.__class__.__mro__ }}")
    with pytest.raises(Unsupported):
        words.render([ChatMessage("user", "Oui")], None)


def test_the_template_may_stand_in_the_tokenizer_settings(folder: Path) -> None:
    (folder / "chat_template.jinja").unlink()
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    listed = [{"name": "tool_use", "template": "no"}, {"name": "default", "template": "oui"}]
    for said, expected in (("non", "non"), (listed, "oui"), (None, "user: Oui\n\nassistant:")):
        (folder / "tokenizer_config.json").write_text(
            json.dumps({**settings, "chat_template": said})
        )
        words = Words(folder, ROWS)
        assert spelled(words, words.render([ChatMessage("user", "Oui")], None).tokens) == expected


def test_another_models_tokenizer_is_refused(folder: Path) -> None:
    for rows in (ROWS - 1, 2 * ROWS):
        with pytest.raises(ModelUnusable, match=rf"1024 tokens and the model {rows}"):
            Words(folder, rows)
    assert Words(folder, ROWS + 64).tokenize("oui")


@pytest.mark.parametrize("text", ["", "{}", "[1, 2", '{"version": "1.0"}'])
def test_a_damaged_tokenizer_is_refused(folder: Path, text: str) -> None:
    (folder / "tokenizer.json").write_text(text)
    with pytest.raises(ModelUnusable, match=r"tokenizer\.json cannot be read"):
        Words(folder, ROWS)


def test_a_template_that_cannot_be_read_is_refused(folder: Path) -> None:
    with pytest.raises(ModelUnusable, match="template cannot be read"):
        Words(folder, ROWS, "{% for")


def test_a_vocabulary_of_the_sentencepiece_kind_spells_bytes_and_spaces(folder: Path) -> None:
    unknown = "<unk>"
    vocabulary = {unknown: 0, "▁le": 1, "<0xC3>": 2, "<0xA9>": 3, "▁": 4}
    tokenizer = Tokenizer(models.BPE(vocabulary, [], unk_token=unknown, byte_fallback=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    words = Words(folder, len(vocabulary))
    assert spelled(words, [1, 4, 2, 3]) == " le é"
    assert words.leads_with_space
