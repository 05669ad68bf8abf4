"""Evaluates the chat template of a model's files, which are untrusted: somebody else wrote them.

Jinja's sandbox keeps a template from the rest of the process. It does not limit time or memory
(https://jinja.palletsprojects.com/en/stable/sandbox/#security-considerations), so this one counts
CPU time, the process's growth and the length of every text that a template multiplies. It offers
what transformers offers a template: `raise_exception`, `strftime_now`, `tojson` without escapes,
`break` and `continue`, and `generation` blocks.
"""

import json
import os
import re
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import wraps
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from jinja2 import TemplateError, nodes
from jinja2.exceptions import SecurityError
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from ai_core.errors import ModelUnusable

PLAIN, IN_JSON, PLACEHOLDER_END = "\ufdd0", "\ufdd2", "\ufdd1"
"""What begins a placeholder of a text, what begins one that a template wrote as JSON, and what ends
both: noncharacters, which no text is interchanged with (Unicode 16, 23.7)."""
MAX_TEMPLATE_CHARS = 500_000
MAX_TEXT_CHARS = 1_000_000
"""Of any one text a template makes; messages are placeholders of a few characters meanwhile."""
MAX_PADDING_CHARS = 1_000
MAX_NUMBER_BITS = 256
MAX_GROWTH_BYTES = 256 * 1024 * 1024
TIME_LIMIT_S = 1.0
"""CPU seconds of all evaluations for one request; one takes about a millisecond."""
TIME_LIMIT_PER_MESSAGE_S = 0.002
_MEMORY_AFTER_S = 0.05
"""No honest template takes so long, so what another thread allocates meanwhile is not held against
one."""
_MEMORY_EVERY_S = 0.005
_TEMPLATE_FILE = "<template>"  # what Jinja calls the file of a template that came as a string
_PADDING = frozenset({"center", "expandtabs", "ljust", "rjust", "zfill"})
_FORMATTING = frozenset({"format", "format_map"})
_SIZED_FILTERS = frozenset({"batch", "center", "indent", "slice", "truncate", "wordwrap"})
_BOUNDED_FILTERS = _SIZED_FILTERS | {"format", "join", "replace"}
_LARGE_WIDTH = re.compile(r"\*|\d{4}")
_FAILURES = (
    TemplateError,
    ArithmeticError,
    AttributeError,
    LookupError,
    MemoryError,
    RecursionError,
    TypeError,
    ValueError,
)
"""What an evaluation may raise: Jinja passes on what the template's own expressions raise."""
REASON_CHARS = 200


class TemplateRefusal(Exception):
    """The template raised an error on these messages; its text is the reason, one short line."""


class TemplateOverrun(Exception):
    """The template took more time or memory than a template may.

    No refusal: who tries another arrangement after one must not after this, for the watch is gone.
    """


class ChatSandbox:
    """A compiled template; `variables` are the tokens it may name (`bos_token` and others)."""

    def __init__(self, source: str, variables: Mapping[str, str]) -> None:
        if len(source) > MAX_TEMPLATE_CHARS:
            raise _unusable(f"it has {len(source):,} characters")
        self.source = source
        self._variables = dict(variables)
        try:
            self._template = _Environment().from_string(source)
        except (*_FAILURES, SyntaxError) as error:
            raise _unusable(_one_line(error)) from error

    def evaluate(
        self,
        messages: Sequence[Mapping[str, Any]],
        *,
        generation_prompt: bool,
        tools: Sequence[Mapping[str, Any]] = (),
    ) -> str:
        """Return the prompt text. Raises TemplateRefusal, TemplateOverrun; run it in `limited`."""
        pieces: list[str] = []
        chars = 0
        try:
            for piece in self._template.generate(
                messages=[dict(message) for message in messages],
                add_generation_prompt=generation_prompt,
                tools=list(tools) or None,
                documents=None,
                **self._variables,
            ):
                chars += len(piece)
                _require_length(chars)
                pieces.append(piece)
        except TemplateOverrun:
            raise
        except _FAILURES as error:
            raise TemplateRefusal(_one_line(error)) from error
        return "".join(pieces)


@contextmanager
def limited(limit_s: float = TIME_LIMIT_S) -> Iterator[None]:
    """Limit the CPU time and the memory of the evaluations inside, in this thread.

    The thread is traced, line by line of the template's own code: nothing else stops a loop that
    writes nothing. Raises TemplateOverrun.
    """
    watch = _Watch(limit_s)
    before = sys.gettrace()
    sys.settrace(watch)
    try:
        yield
    finally:
        sys.settrace(before)


class _Watch:
    """A trace function (`sys.settrace`) that ends what takes too much."""

    def __init__(self, limit_s: float) -> None:
        self._end_s = time.thread_time() + limit_s
        self._memory_at_s = time.thread_time() + _MEMORY_AFTER_S
        self._start_bytes = _resident_bytes()

    def __call__(self, frame: FrameType, _event: str, _arg: object) -> "_Watch | None":
        # in a callback of the garbage collector the error would be dropped, and tracing end
        if frame.f_code.co_filename != _TEMPLATE_FILE:
            return None
        now_s = time.thread_time()
        if now_s > self._end_s:
            raise TemplateOverrun("it takes too long")
        if now_s > self._memory_at_s:
            self._memory_at_s = now_s + _MEMORY_EVERY_S
            if _resident_bytes() - self._start_bytes > MAX_GROWTH_BYTES:
                raise TemplateOverrun("it takes too much memory")
        return self


class _GenerationTag(Extension):
    """Writes what is inside `{% generation %}`, which only training gives a meaning."""

    tags = {"generation"}  # noqa: RUF012 - as Extension declares it

    def parse(self, parser: Parser) -> list[nodes.Node]:
        """Return the statements inside the tag."""
        parser.stream.skip(1)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


class _Environment(ImmutableSandboxedEnvironment):
    """Jinja's sandbox with bounded operators, methods and filters; constants are not folded."""

    intercepted_binops = frozenset({"*", "**", "%", "+"})

    def __init__(self) -> None:
        super().__init__(
            trim_blocks=True,
            lstrip_blocks=True,
            optimized=False,
            extensions=[_GenerationTag, loopcontrols],
        )
        bounded = {name: _bounded_filter(name, self.filters[name]) for name in _BOUNDED_FILTERS}
        self.filters = {**self.filters, **bounded, "tojson": _to_json}
        offered = ("range", "namespace", "dict", "cycler", "joiner")
        self.globals = {name: self.globals[name] for name in offered}
        self.globals |= {"raise_exception": _raise_exception, "strftime_now": _strftime_now}

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Compute an operator whose result is not too long."""
        _check_operator(operator, left, right)
        return super().call_binop(context, operator, left, right)

    def call(self, context: Context, function: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Call a function or a method whose result is not too long."""
        method = getattr(function, "__wrapped__", function)  # as the sandbox wraps str.format
        text = getattr(method, "__self__", None)
        if isinstance(text, str):
            _check_method(text, str(getattr(method, "__name__", "")), args)
        return super().call(context, function, *args, **kwargs)


def _check_operator(operator: str, left: Any, right: Any) -> None:
    if isinstance(left, int) and isinstance(right, int):
        _check_numbers(operator, left, right)
    elif operator == "**":
        raise SecurityError("a power of these is not computed")
    elif operator == "%" and isinstance(left, str) and _LARGE_WIDTH.search(left):
        raise SecurityError("a width of that size is not written")
    elif operator == "+":
        _require_length(_length(left) + _length(right))
    elif operator == "*":
        _require_length(_length(left) * _times(right))
        _require_length(_length(right) * _times(left))


def _check_numbers(operator: str, left: int, right: int) -> None:
    bits = left.bit_length() * abs(right) if operator == "**" else left.bit_length()
    if bits > MAX_NUMBER_BITS or right.bit_length() > MAX_NUMBER_BITS:
        raise SecurityError("a number of that size is not computed")


def _length(value: Any) -> int:
    return len(value) if isinstance(value, str | list | tuple) else 0


def _times(value: Any) -> int:
    return value if isinstance(value, int) else 0


def _check_method(text: str, name: str, args: Sequence[Any]) -> None:
    if name in _PADDING:
        _check_padding(args)
    if name in _FORMATTING and _LARGE_WIDTH.search(text):
        raise SecurityError("a width of that size is not written")
    if name == "replace" and len(args) > 1:
        _check_replacement(text, *args[:2])
    if name == "join" and args:
        _check_join(text, args[0])


def _bounded_filter(name: str, function: Any) -> Any:
    """Return Jinja's filter with a check before it of how long its result will be."""
    takes_context = getattr(function, "jinja_pass_arg", None) is not None

    @wraps(function)
    def bounded(*args: Any, **options: Any) -> Any:
        context, (value, *more) = args[:takes_context], args[takes_context:]
        if name == "join":
            value = list(value)
        _check_filter(name, value, [*more, *options.values()])
        return function(*context, value, *more, **options)

    return bounded


def _check_filter(name: str, value: Any, options: Sequence[Any]) -> None:
    if name in _SIZED_FILTERS:
        _check_padding(options)
    elif name == "format" and _LARGE_WIDTH.search(str(value)):
        raise SecurityError("a width of that size is not written")
    elif name == "replace" and len(options) > 1:
        _check_replacement(str(value), *options[:2])
    elif name == "join":
        _check_join(str(options[0]) if options else "", value)


def _check_padding(options: Sequence[Any]) -> None:
    if any(isinstance(one, int) and one > MAX_PADDING_CHARS for one in options):
        raise SecurityError("a width of that size is not written")


def _check_replacement(text: str, old: object, new: object) -> None:
    _require_length(text.count(str(old)) * len(str(new)))


def _check_join(separator: str, parts: Any) -> None:
    _require_length(sum(len(separator) + len(str(part)) for part in parts))


def _require_length(chars: int) -> None:
    if chars > MAX_TEXT_CHARS:
        raise TemplateOverrun("its text is too long")


def _raise_exception(reason: object) -> NoReturn:
    raise TemplateError(str(reason))


def _strftime_now(form: str) -> str:
    if _LARGE_WIDTH.search(form):
        raise SecurityError("a width of that size is not written")
    return datetime.now().astimezone().strftime(form)


def _to_json(value: Any, indent: int | None = None, **_options: object) -> str:
    _check_padding([indent])
    return json.dumps(value, ensure_ascii=False, indent=indent).replace(PLAIN, IN_JSON)


def _one_line(error: BaseException) -> str:
    """Return the first line of an error's message that a reader can read, at most 200 characters.

    It is the template's text or Jinja's: the messages are placeholders, so none of them is in it.
    """
    line = (str(error).strip() or type(error).__name__).partition("\n")[0]
    return "".join(filter(str.isprintable, line))[:REASON_CHARS]


def _unusable(reason: str) -> ModelUnusable:
    return ModelUnusable(
        f"the model's chat template cannot be read ({reason}); give one in models.toml"
    )


def _resident_bytes() -> int:
    """Return the memory of this process (proc_pid_statm(5)); 0 where there is no /proc."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0
