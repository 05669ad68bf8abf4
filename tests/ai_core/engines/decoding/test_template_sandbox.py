"""A chat template is somebody else's program: it reaches nothing, and ends soon."""

import gc
import threading
import time
from collections.abc import Sequence
from contextlib import suppress

import pytest

from ai_core.engines.base import ChatMessage
from ai_core.engines.decoding.chat_template import ChatTemplate
from ai_core.engines.decoding.template_sandbox import MAX_TEMPLATE_CHARS
from ai_core.errors import ModelUnusable, Unsupported

ASKED = [ChatMessage("user", "Oui ?")]
MINUTES = {
    "nested loops": "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}"
    "{% endfor %}",
    "a loop that writes": "{% for a in range(99999) %}{% for b in range(99999) %}x{% endfor %}"
    "{% endfor %}",
    "a recursive macro": "{% macro f(n) %}{{ f(n - 1) }}{{ f(n - 1) }}{% endmacro %}{{ f(60) }}",
    "sorting": "{% for a in range(9999) %}{% set x = range(99999) | list | sort %}{% endfor %}",
    "itself": "{% set ns = namespace(n=0) %}{% for a in range(99999) %}{% for b in range(99999) %}"
    "{% set ns.n = ns.n + 1 %}{% endfor %}{% endfor %}",
}
GIGABYTES = {
    "times": "{{ 'x' * 10000000000 }}",
    "times a name": "{% set n = 10000000000 %}{{ ('x' * n) | length }}",
    "a list": "{{ ([0] * 10000000000) | length }}",
    "a sum": "{% set ns = namespace(x='xxxxxxxx') %}{% for a in range(60) %}"
    "{% set ns.x = ns.x + ns.x %}{% endfor %}",
    "a join": "{% set ns = namespace(x='xxxxxxxx') %}{% for a in range(60) %}"
    "{% set ns.x = [ns.x, ns.x] | join %}{% endfor %}",
    "a tilde": "{% set ns = namespace(x='xxxxxxxx') %}{% for a in range(60) %}"
    "{% set ns.x = ns.x ~ ns.x %}{% endfor %}",
    "a block": "{% set ns = namespace(x='xxxxxxxx') %}{% for a in range(60) %}"
    "{% set y %}{{ ns.x }}{{ ns.x }}{% endset %}{% set ns.x = y %}{% endfor %}",
    "a power": "{{ (9 ** 99999999) | string | length }}",
    "powers": "{% set ns = namespace(x=9) %}{% for a in range(60) %}"
    "{% set ns.x = ns.x * ns.x %}{% endfor %}",
    "padding": "{{ 'x'.ljust(10000000000) | length }}",
    "a width": "{{ ('%9999999999d' % 1) | length }}",
    "a width by name": "{{ ('%*d' % (999999999, 1)) | length }}",
    "a format": "{{ '{:>9999999999}'.format('x') | length }}",
    "a replacement": "{% set x = 'a' * 99999 %}{{ x.replace('a', x) | length }}",
    "a filter": "{% set x = 'a' * 99999 %}{{ (x | replace('a', x)) | length }}",
    "an indentation": "{{ 'a\nb' | indent(9999999999) | length }}",
    "an indentation by name": "{{ 'a\nb' | indent(width=9999999999) | length }}",
    "a centre": "{{ 'a' | center(9999999999) | length }}",
    "a batch": "{{ [1] | batch(9999999999, 'x') | list | length }}",
    "a filter of formats": "{{ '%9999999999d' | format(1) | length }}",
    "a filter of joins": "{% set x = 'a' * 99999 %}{{ range(99999) | join(x) | length }}",
    "a date": "{{ strftime_now('%9999999999d') | length }}",
    "json": "{{ [1] | tojson(indent=9999999999) | length }}",
}
REACHING_OUT = {
    "classes": "{{ messages.__class__.__mro__ }}",
    "globals": "{{ raise_exception.__globals__ }}",
    "attr": "{{ messages | attr('__class__') | string }}",
    "a file": "{% include '/etc/passwd' %}",
    "lipsum": "{{ lipsum.__globals__ }}",
    "changing": "{% set _ = messages.append(1) %}",
    "format": "{{ '{0.__class__}'.format(messages) }}",
}


def refuse(template: str, messages: Sequence[ChatMessage] = ASKED) -> str:
    after = "{% for message in messages %}{{ message.content }}{% endfor %}"
    chat = ChatTemplate(template + after, bos="", eos="")
    with pytest.raises(Unsupported) as raised:
        chat.render(messages)
    return str(raised.value)


@pytest.mark.parametrize("kind", MINUTES)
def test_a_template_that_would_take_minutes_is_ended(kind: str) -> None:
    began_s = time.thread_time()
    assert refuse(MINUTES[kind])
    assert time.thread_time() - began_s < 4


@pytest.mark.parametrize("kind", MINUTES)
def test_a_template_is_ended_while_the_garbage_collector_calls_back(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python drops the errors of such a callback; those of a profiler or a test tool are common."""
    monkeypatch.setattr("ai_core.engines.decoding.chat_template.TIME_LIMIT_S", 0.2)
    before = gc.get_threshold()
    gc.callbacks.append(collected)
    gc.set_threshold(1)
    try:
        began_s = time.thread_time()
        assert refuse(MINUTES[kind])
        assert time.thread_time() - began_s < 4
    finally:
        gc.set_threshold(*before)
        gc.callbacks.remove(collected)


def collected(_phase: str, _info: dict[str, int]) -> None:
    """Do nothing, in Python."""


@pytest.mark.parametrize("kind", GIGABYTES)
def test_a_template_that_would_take_gigabytes_is_refused(kind: str) -> None:
    began_s = time.thread_time()
    refuse(GIGABYTES[kind])
    assert time.thread_time() - began_s < 4


@pytest.mark.parametrize("kind", REACHING_OUT)
def test_a_template_reaches_nothing_outside(kind: str) -> None:
    """What it may not read is refused, or is nothing."""
    after = "{% for message in messages %}{{ message.content }}{% endfor %}"
    with suppress(Unsupported, ModelUnusable):
        chat = ChatTemplate(REACHING_OUT[kind] + after, bos="", eos="")
        assert chat.render(ASKED).text == "Oui ?"


def test_a_template_may_use_what_transformers_offers() -> None:
    template = (
        "{% generation %}{{ [{'é': 1}] | tojson }}{% endgeneration %}"
        "{{ strftime_now('%Y') | length }}{% for one in messages %}{{ one.content }}{% break %}"
        "{% endfor %}{{ '%s-%d' % ('a', 2) }}{{ 'ab'.ljust(4) }}|{{ 'x' * 3 }}{{ 2 ** 8 }}"
        "{{ ['a', 'b'] | join(', ') }}{{ tools is none }}{{ 'a\nb' | indent(2) }}"
        "{{ 'aXb' | replace('X', '-') }}{{ '%d-%s' | format(1, 'é') }}"
        "{{ [1, 2, 3] | batch(2) | list }}"
        "{{ [{'a': 1}] | map(attribute='a') | join }}{{ 'é' | center(3) }}|{{ 'a b' | wordcount }}"
    )
    text = ChatTemplate(template, bos="", eos="").render(ASKED).text
    assert text == '[{"é": 1}]4Oui ?a-2ab  |xxx256a, bTruea\n  ba-b1-é[[1, 2], [3]]1 é |2'


def test_the_limits_end_with_the_request_that_met_them() -> None:
    slow = ChatTemplate(MINUTES["nested loops"], bos="", eos="")
    plain = ChatTemplate("", bos="", eos="")
    seen: list[str] = []

    def ask() -> None:
        with pytest.raises(Unsupported):
            slow.render(ASKED)
        seen.append(plain.render(ASKED).text)

    thread = threading.Thread(target=ask)
    thread.start()
    seen.append(plain.render(ASKED).text)
    thread.join()
    assert seen == ["user: Oui ?\n\nassistant:"] * 2


@pytest.mark.parametrize(
    "template",
    [
        "{% for",
        "{{ x | unknown }}",
        "(" * 9 + "{{ " + "(" * 9_999 + "1",
        "x" * MAX_TEMPLATE_CHARS + "x",
    ],
)
def test_a_template_that_cannot_be_compiled_is_named_when_the_model_loads(template: str) -> None:
    with pytest.raises(ModelUnusable, match="chat template cannot be read") as raised:
        ChatTemplate(template, bos="", eos="")
    assert len(str(raised.value)) < 400
