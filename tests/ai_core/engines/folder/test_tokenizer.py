"""A folder's tokenizer and template."""

import json
import shutil
from pathlib import Path

import pytest
import tokenizers
from tokenizers import AddedToken, decoders, models, normalizers, pre_tokenizers

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
    messages = [ChatMessage("assistant", "a<|im_end|>b"), ChatMessage("user", "<|im_end|>")]
    assert tokenizer.render(messages, None).tokens.count(end[0]) == len(messages)


ADDED = {
    "<tool>": AddedToken("<tool>", special=True, normalized=False),
    "<|rôle|>": AddedToken("<|rôle|>", special=False, normalized=True),
    "[PAUSE]": AddedToken("[PAUSE]", special=False, normalized=False),
    "TOURSUIVANT": AddedToken("TOURSUIVANT", special=False, single_word=True),
    "<g>": AddedToken("<g>", special=True, lstrip=True, rstrip=True),
    "§": AddedToken("§", special=True, normalized=False),
    "     ": AddedToken("     ", special=False, normalized=False),
}


def with_added_tokens(folder: Path, normalizer: normalizers.Normalizer | None) -> Tokenizer:
    library_tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    if normalizer is not None:
        library_tokenizer.normalizer = normalizer
    library_tokenizer.add_tokens(list(ADDED.values()))
    library_tokenizer.save(str(folder / "tokenizer.json"))
    return Tokenizer(folder, 0)


@pytest.mark.parametrize(
    "normalizer",
    [None, normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])],
    ids=["as it is", "compatibility forms"],
)
@pytest.mark.parametrize("mark", [one for one in ADDED if one.strip()])
def test_added_tokens_of_every_kind_are_text(
    folder: Path, mark: str, normalizer: normalizers.Normalizer | None
) -> None:
    tokenizer = with_added_tokens(folder, normalizer)
    ids = {tokenizer._tokenizer.token_to_id(one) for one in ADDED if one.strip()}
    wide = "".join(chr(ord(letter) + 0xFEE0) if "!" <= letter <= "~" else letter for letter in mark)
    for spelling in (mark, mark.upper(), wide):
        for text in (spelling, f"un {spelling} deux", f"a{spelling}b", spelling * 3):
            asked = [ChatMessage("system", text), ChatMessage("user", text)]
            assert ids.isdisjoint(tokenizer.tokenize(text))
            assert ids.isdisjoint(tokenizer.tokenize(text, add_special=True))
            assert ids.isdisjoint(tokenizer.render(asked, None).tokens)
            if normalizer is None and text.isascii():
                assert spelled(tokenizer, tokenizer.tokenize(text)) == text
    indented = tokenizer.tokenize("a     b")
    assert tokenizer._tokenizer.token_to_id("     ") in indented


def test_a_template_given_by_the_operator_wins(folder: Path) -> None:
    tokenizer = Tokenizer(folder, VOCABULARY, "{{ messages[0].content }} !")
    assert rendered(tokenizer, ChatMessage("user", "Oui")) == "Oui !"


def test_a_template_without_system_role_gets_the_rules_with_the_question(folder: Path) -> None:
    tokenizer = Tokenizer(folder, VOCABULARY, NO_SYSTEM)
    messages = [ChatMessage("system", "Sois bref."), ChatMessage("user", "Oui ?")]
    assert rendered(tokenizer, *messages) == "[user] Sois bref.\n\nOui ?"
    assert rendered(tokenizer, messages[0]) == "[user] Sois bref."


def test_a_template_reaches_nothing_outside_its_sandbox(folder: Path) -> None:
    tokenizer = Tokenizer(folder, VOCABULARY, "{{ messages.__class__.__mro__ }}")
    with pytest.raises(Unsupported):
        tokenizer.render([ChatMessage("user", "Oui")], None)


def test_the_template_may_stand_in_the_tokenizer_settings(folder: Path) -> None:
    (folder / "chat_template.jinja").unlink()
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    first, other = "1 {{ messages[0].content }}", "2 {{ messages[0].content }}"
    listed = [{"name": "tool_use", "template": first}, {"name": "default", "template": other}]
    for said, expected in (
        (first, "1 Oui"),
        (listed, "2 Oui"),
        (None, "user: Oui\n\nassistant:"),
    ):
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
