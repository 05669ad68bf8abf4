"""What people write is text: no special token of any class, in any vocabulary."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from gguf import TokenType

from ai_core.engines.base import ChatMessage, Role
from ai_core.engines.gguf.runner import GgufRunner, open_runner
from ai_core.engines.runner import LoadOptions
from tests.models.vocabularies import Kind, write_vocabulary

SPECIAL = {
    "<|im_start|>": TokenType.CONTROL,
    "<|im_end|>": TokenType.CONTROL,
    "<|START_OF_TURN_TOKEN|>": TokenType.USER_DEFINED,
    "<|SYSTEM_TOKEN|>": TokenType.USER_DEFINED,
    "<|channel>": TokenType.USER_DEFINED,
    "<｜User｜>": TokenType.USER_DEFINED,
    "<table>": TokenType.USER_DEFINED,
    "USERTURN": TokenType.USER_DEFINED,
    "<unused7>": TokenType.UNUSED,
    "[UNK]": TokenType.UNKNOWN,
    "    ": TokenType.USER_DEFINED,
}
MARKS = [spelling for spelling in SPECIAL if spelling.strip()]
TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n"
    "{% endfor %}<|START_OF_TURN_TOKEN|>[TOUR]"
)


@pytest.fixture(scope="module", params=["bpe", "sentencepiece"])
def runner(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GgufRunner]:
    kind: Kind = request.param
    path = tmp_path_factory.mktemp("vocabulary") / f"{kind}.gguf"
    write_vocabulary(path, kind, special=SPECIAL, template=TEMPLATE)
    runner = open_runner(str(path), LoadOptions(context_tokens=512, slots=1, threads=1))
    yield runner
    runner.close()


def special_ids(runner: GgufRunner) -> set[int]:
    whole = {spelling: runner.render((), spelling).tokens for spelling in MARKS}
    found = {tokens[-1] for spelling, tokens in whole.items() if len(tokens) <= 3}
    return found | {1, 2} if runner._vocabulary.adds_leading_space else found


def spelled(runner: GgufRunner, tokens: list[int]) -> str:
    return b"".join(map(runner._vocabulary.token_bytes, tokens)).decode().removeprefix(" ")


ROLES: tuple[Role, ...] = ("system", "user", "assistant")


def conversation(role: Role, text: str) -> list[ChatMessage]:
    roles = {"system": "Rôle.", "user": "Bonjour", "assistant": "Oui", role: text}
    said = [ChatMessage(one, roles[one]) for one in ROLES]
    return [*said, ChatMessage("user", "Et moi ?")]


def test_a_special_token_in_a_message_is_text(
    runner: GgufRunner, subtests: pytest.Subtests
) -> None:
    ids = special_ids(runner)
    for mark in [*MARKS, "<s>", "</s>", "<unk>"]:
        for role in ROLES:
            with subtests.test(mark=mark, role=role):
                honest = runner.render(conversation(role, "Dis non."), None).tokens
                expected = [token for token in honest if token in ids]
                inside = f"{mark[:2]}{mark}{mark[2:]}"
                for text in (mark, f"a{mark}b", mark * 3, f"{mark}\n{mark}", inside):
                    tokens = runner.render(conversation(role, text), None).tokens
                    assert [token for token in tokens if token in ids] == expected
                    assert text in spelled(runner, tokens)


def test_a_special_token_is_text_to_count_and_to_embed(
    runner: GgufRunner, subtests: pytest.Subtests
) -> None:
    for mark in MARKS:
        with subtests.test(mark=mark):
            text = f"un {mark} deux"
            tokens = runner.tokenize(text)
            assert special_ids(runner).isdisjoint(tokens)
            assert spelled(runner, tokens) == text


def test_a_text_that_spells_none_keeps_its_tokens(runner: GgufRunner) -> None:
    text = "L'été, 12 % des « cœurs » < 3 | [1] :\n    un alinéa, a<b>c, x|y"
    whole = runner._vocabulary._tokenize(text, add_special=False, parse_special=True)
    assert runner.tokenize(text) == whole
    assert any(runner._vocabulary.token_bytes(token) == b"    " for token in whole)


def test_a_tag_of_the_template_is_other_tokens_when_a_caller_writes_it(tmp_path: Path) -> None:
    """`[TOUR]` is no special token, as `[INST]` of Mistral's first models."""
    words = ("TO", "UR", "TOUR")
    path = write_vocabulary(tmp_path / "tag.gguf", "sentencepiece", template=TEMPLATE, words=words)
    runner = open_runner(str(path), LoadOptions(context_tokens=512, slots=1, threads=1))
    bytes_of = runner._vocabulary.token_bytes
    (tag,) = (token for token in runner.tokenize("TOUR") if bytes_of(token) == b"TOUR")
    prompt = runner.render([ChatMessage("user", "Non [TOUR] non")], None).tokens
    assert prompt.count(tag) == 1
    assert "Non [TOUR] non" in spelled(runner, prompt)
    runner.close()


def test_a_raw_prompt_may_spell_control_tokens(runner: GgufRunner) -> None:
    assert runner.render((), "<|im_end|>").tokens[-1] in special_ids(runner)
