"""Chat templates of many families take every conversation a caller may send, and lose nothing."""

import itertools
import random

import pytest

from ai_core.engines.base import ChatMessage, Role
from ai_core.engines.decoding.chat_template import ChatTemplate, PromptText
from ai_core.errors import Unsupported
from tests.ai_core.engines.decoding.templates import FAMILIES

LETTERS: dict[str, Role] = {"s": "system", "u": "user", "a": "assistant"}
SHAPES = (
    "u", "uau", "su", "suau", "uu", "uuu", "suu", "uaau", "au", "sau", "aau", "s", "ss", "ssu",
    "usu", "suasu", "us", "sus", "uasu", "uas", "ua", "sua", "a", "sa", "uaa", "suaua", "uauasuua",
)  # fmt: skip


def template(family: str) -> ChatTemplate:
    known = FAMILIES[family]
    return ChatTemplate(known.template, bos=known.bos, eos=known.eos)


def conversation(shape: str) -> list[ChatMessage]:
    return [ChatMessage(LETTERS[letter], f"texte-{at}-{letter}") for at, letter in enumerate(shape)]


def contents(prompt: PromptText) -> list[str]:
    return [prompt.text[start:end] for start, end in prompt.contents]


def test_every_conversation_comes_out_whole(subtests: pytest.Subtests) -> None:
    for family in FAMILIES:
        for shape in SHAPES:
            with subtests.test(family=family, shape=shape):
                messages = conversation(shape)
                prompt = template(family).render(messages)
                assert sorted(contents(prompt)) == sorted(one.content for one in messages)
                questions = [one.content for one in messages if one.role == "user"]
                assert [one for one in contents(prompt) if one in questions] == questions
                assert prompt.continues == (shape[-1] == "a")
                if prompt.continues:
                    assert prompt.text.endswith(messages[-1].content)


@pytest.mark.parametrize("family", FAMILIES)
def test_what_a_template_takes_is_what_it_writes_itself(family: str) -> None:
    """The placeholders change nothing for a conversation that every template takes."""
    prompt = template(family).render(conversation("uau"))
    (first, _), (_, last) = prompt.contents[0], prompt.contents[-1]
    middle = prompt.text[first:last]
    assert middle.startswith("texte-0-u")
    assert middle.endswith("texte-2-u")
    assert "\ufdd0" not in prompt.text


def test_turns_of_one_role_are_one_turn() -> None:
    prompt = template("chatml").render(conversation("uu"))
    assert prompt.text == (
        "<|im_start|>user\ntexte-0-u\n\ntexte-1-u<|im_end|>\n<|im_start|>assistant\n"
    )


def test_a_system_turn_that_a_template_leaves_out_is_said_by_the_user() -> None:
    prompt = template("phi-3").render(conversation("su"))
    assert prompt.text == "<s><|user|>\ntexte-0-s\n\ntexte-1-u<|end|>\n<|assistant|>\n"


def test_system_turns_alone_ask_for_an_answer() -> None:
    prompt = template("mistral-tekken").render(conversation("ss"))
    assert prompt.text == "<s>[INST]texte-0-s\n\ntexte-1-s[/INST]"


def test_an_answer_begun_with_nothing_is_an_answer_to_come() -> None:
    begun = [ChatMessage("user", "a"), ChatMessage("assistant", " \n")]
    asked = template("chatml").render(begun[:1])
    assert template("chatml").render(begun).text == asked.text


def test_a_system_turn_that_a_template_knows_stays_where_it_is() -> None:
    prompt = template("chatml").render(conversation("usu"))
    assert "<|im_start|>system\ntexte-1-s<|im_end|>" in prompt.text


def test_an_answer_that_opens_is_kept_on_a_strict_template() -> None:
    prompt = template("mistral-v1").render(conversation("au"))
    assert prompt.text == "<s>[INST]  [/INST]texte-0-a</s>[INST] texte-1-u [/INST]"


def test_an_answer_is_continued_where_its_text_ends() -> None:
    begun = [ChatMessage("user", "Compte."), ChatMessage("assistant", "Six fois \n")]
    for family, ending in {
        "chatml": "<|im_start|>assistant\nSix fois",
        "mistral-v1": "[/INST]Six fois",
        "gemma-2": "<start_of_turn>model\nSix fois",
        "qwen-3": "</think>\n\nSix fois",
        "none": "assistant: Six fois",
    }.items():
        assert template(family).render(begun).text.endswith(ending)


def test_the_reasoning_of_earlier_answers_is_left_out_by_templates_that_do_so() -> None:
    messages = [
        ChatMessage("user", "a"),
        ChatMessage("assistant", "<think>long</think>\n\nbref"),
        ChatMessage("user", "b"),
    ]
    assert contents(template("qwen-3").render(messages)) == ["a", "bref", "b"]
    assert "long" in template("chatml").render(messages).text


def test_a_template_that_refuses_everything_is_refused_with_its_reason() -> None:
    strict = ChatTemplate("{{ raise_exception('Seulement ' + 'x' * 900) }}", bos="", eos="")
    with pytest.raises(Unsupported, match="Seulement xxx") as raised:
        strict.render(conversation("u"))
    assert len(str(raised.value)) < 300
    assert raised.value.status == 400
    assert [fault["field"] for fault in raised.value.faults] == ["messages"]


def test_a_refusal_repeats_nothing_of_what_was_written() -> None:
    curious = ChatTemplate("{{ raise_exception(messages[0].content) }}", bos="", eos="")
    with pytest.raises(Unsupported) as raised:
        curious.render([ChatMessage("user", "Jean Dupont, 06 12 34 56 78")])
    assert "Dupont" not in str(raised.value)


def test_a_template_that_leaves_the_question_out_is_refused() -> None:
    deaf = ChatTemplate("{{ messages[0].role }}", bos="", eos="")
    with pytest.raises(Unsupported, match="leaves part of them out"):
        deaf.render(conversation("u"))


@pytest.mark.parametrize("family", FAMILIES)
def test_what_people_write_changes_none_of_the_template_s_own_text(family: str) -> None:
    tricks = [
        "</think>",
        "<tool_response>",
        "[/INST]",
        "\ufdd0\U000f0001\ufdd1",
        "{{ 7 * 7 }}",
        "€",
    ]
    expected = [one for one, _ in literals(template(family).render(conversation("suau")))]
    for trick, at in itertools.product(tricks, range(4)):
        messages = conversation("suau")
        messages[at] = ChatMessage(messages[at].role, f"{trick} et la suite")
        prompt = template(family).render(messages)
        assert [one for one, _ in literals(prompt)] == expected


def literals(prompt: PromptText) -> list[tuple[str, int]]:
    edges = [0, *(edge for span in prompt.contents for edge in span), len(prompt.text)]
    return [(prompt.text[edges[at] : edges[at + 1]], at) for at in range(0, len(edges), 2)]


def test_the_cacheable_part_is_what_no_caller_changes() -> None:
    rules = "Réponds en citant. "
    for said in ("bonjour", "  merci", "", "Réponds"):
        messages = [ChatMessage("system", rules, len(rules)), ChatMessage("user", said)]
        prompt = template("chatml").render(messages)
        shared = prompt.text[: prompt.cacheable_chars]
        assert shared.startswith(f"<|im_start|>system\n{rules}<|im_end|>\n<|im_start|>user")
        assert said.strip() not in shared or said in {"", "Réponds"}


def test_a_message_may_begin_with_the_operator_s_text() -> None:
    law = "Article L1. "
    prompt = template("gemma-2").render([ChatMessage("user", f"{law}Et moi ?", len(law))])
    assert prompt.text[: prompt.cacheable_chars].endswith(f"user\n{law}")


@pytest.mark.parametrize("family", ["mistral-v3", "phi-3", "chatml"])
def test_a_conversation_of_two_thousand_messages_is_taken(family: str) -> None:
    prompt = template(family).render(conversation("s" + "ua" * 1_000 + "u"))
    assert len(prompt.contents) == 2_002


def test_any_white_space_around_a_text_is_taken() -> None:
    text = " \n" * 400_000 + "Et moi ?" + "\t " * 400_000
    prompt = template("gemma-2").render([ChatMessage("user", text)])
    ((start, end),) = prompt.contents
    assert "Et moi ?" in prompt.text[start:end]
    assert prompt.cacheable_chars <= start


PARTS = (
    "a", "é", "\n", " ", "\t", "<|im_end|>", "[/INST]", "<think>", "</think>", "{{ x }}", "{%",
    "\ufdd0", "\U000f0000", "\ufdd1", "</s>", "user", "0",
)  # fmt: skip


@pytest.mark.parametrize("family", FAMILIES)
def test_no_text_of_a_conversation_at_random_is_lost(family: str) -> None:
    dice, chat = random.Random(family), template(family)  # noqa: S311 - test inputs
    roles = list(LETTERS.values())
    for _ in range(150):
        messages = [
            ChatMessage(dice.choice(roles), "".join(dice.choices(PARTS, k=dice.randrange(6))))
            for _ in range(dice.randrange(1, 9))
        ]
        said = [one for one in messages if one.content.strip()]
        if not said:
            continue
        prompt = chat.render(messages)
        shown = contents(prompt)
        reasoned = [one for one in said if one.role == "assistant" and "</think>" in one.content]
        for one in said:
            assert one in reasoned or one.content.strip() in shown
