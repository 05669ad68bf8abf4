"""The grammar of an answer that follows a JSON schema, enforced token by token by llguidance.

llguidance (https://github.com/guidance-ai/llguidance) reads a schema lazily, with derivatives of
regular expressions and an Earley parser, each with a limit: what it cannot do in time ends the
one answer that asked for it. docs/decisions/0112 has the figures.
"""

import json
import time
from collections import OrderedDict
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt
from llguidance import LLMatcher, LLParserLimits, LLTokenizer, TokenizerWrapper

from ai_core.engines.schemas.rewriting import enforced
from ai_core.errors import UnsupportedSchema

MAX_COMPILED = 64
"""Grammars kept; one takes tens of kilobytes."""
STEP_CPU_S = 0.1
"""Processor time a token's grammar may take in one step."""
TOTAL_CPU_S, TOTAL_CPU_S_PER_TOKEN = 1.0, 0.005
"""Processor time the grammar of a whole answer may take, and what each token adds to that."""
_LIMITS = LLParserLimits(
    max_items_in_row=8_000,
    initial_lexer_fuel=1_000_000,
    step_lexer_fuel=200_000,
    step_max_items=50_000,
    max_lexer_states=20_000,
    max_grammar_size=100_000,
    verbose_errors=False,
)
"""Ceilings of llguidance's own counters: about 20 ms to compile, 15 ms for a token."""
_ESCAPES = 'nrtbf"\\'
"""Without \\uXXXX a character has one spelling: a length counts characters, and a property's name
cannot hide from the schema behind another."""
_BLANKS = r"[ ]|\n[ ]{0,20}"
"""A model that writes nothing but blanks never ends."""


class Vocabulary(Protocol):
    """What a grammar has to know of a model's tokens."""

    def token_bytes(self, token: int) -> bytes:
        """Return the bytes of a token; none for a control token."""
        ...

    def is_end_token(self, token: int) -> bool:
        """Whether a token ends the generation."""
        ...


class GrammarCompiler:
    """Compiles the schemas of one model's answers, and keeps the latest.

    `size` is the number of logits. Building llguidance's tokenizer takes 0.2 s and 34 MiB for
    128,000 tokens, so it waits for the first schema. One thread uses a compiler.
    """

    def __init__(self, vocabulary: Vocabulary, size: int) -> None:
        self._vocabulary = vocabulary
        self._size = size
        self._tokenizer: LLTokenizer | None = None
        self._compiled: OrderedDict[str, LLMatcher] = OrderedDict()

    def compile(self, schema: str) -> "Grammar":
        """Return a new grammar of a checked schema. Raises UnsupportedSchema."""
        matcher = self._compiled.get(schema) or self._new_matcher(schema)
        self._compiled[schema] = matcher
        self._compiled.move_to_end(schema)
        if len(self._compiled) > MAX_COMPILED:
            self._compiled.popitem(last=False)
        return Grammar(matcher.deep_copy(), self._size)

    def _new_matcher(self, schema: str) -> LLMatcher:
        if self._tokenizer is None:
            self._tokenizer = _new_tokenizer(self._vocabulary, self._size)
        try:
            written = LLMatcher.grammar_from_json_schema(
                json.dumps(enforced(json.loads(schema))),
                overrides={
                    "lenient": False,
                    "coerce_one_of": False,
                    "json_allowed_escapes": _ESCAPES,
                    "whitespace_pattern": _BLANKS,
                },
            )
        except ValueError as error:
            raise UnsupportedSchema("complex", field="json_schema") from error
        matcher = LLMatcher(self._tokenizer, written, log_level=0, limits=_LIMITS)
        if matcher.is_error():
            # Its message quotes the schema; only its kind may be told.
            unsatisfiable = matcher.get_error().startswith("Unsatisfiable")
            reason = "unsatisfiable" if unsatisfiable else "complex"
            raise UnsupportedSchema(reason, field="json_schema")
        return matcher


class Grammar:
    """Where one answer stands in its grammar. Every method raises UnsupportedSchema at its limits.

    Its cost is its own: processor time of the calling thread, not time that others take.
    """

    def __init__(self, matcher: LLMatcher, size: int) -> None:
        self._matcher = matcher
        self._mask = np.zeros((size + 31) // 32, dtype=np.int32)
        self._size = size
        self._left_s = TOTAL_CPU_S

    def allows(self, token: int) -> bool:
        """Whether the answer may go on with a token; the end of the answer is a token too."""
        began_s = time.thread_time()
        allowed = self._matcher.validate_tokens([token]) == 1
        self._charge(began_s)
        return allowed

    def allowed_tokens(self) -> npt.NDArray[np.bool_]:
        """Return which tokens the answer may go on with, [vocabulary]."""
        began_s = time.thread_time()
        self._matcher.unsafe_compute_mask_ptr(self._mask.ctypes.data, self._mask.nbytes)
        self._charge(began_s)
        bits = np.unpackbits(self._mask.view(np.uint8), count=self._size, bitorder="little")
        allowed = bits.view(np.bool_)
        if not allowed.any():
            raise UnsupportedSchema("unsatisfiable", field="json_schema")
        return allowed

    def accept(self, token: int) -> None:
        """Go on with an allowed token."""
        began_s = time.thread_time()
        self._matcher.consume_token(token)
        self._left_s += TOTAL_CPU_S_PER_TOKEN
        self._charge(began_s)

    def _charge(self, began_s: float) -> None:
        spent_s = time.thread_time() - began_s
        self._left_s -= spent_s
        if self._matcher.is_error() or spent_s > STEP_CPU_S or self._left_s < 0:
            raise UnsupportedSchema("complex", field="json_schema")


class _Tokens:
    """A vocabulary as llguidance reads one.

    Where a schema leaves one text only, llguidance asks for its tokens. It gets the longest ones
    that fit: a model's own tokenizer may be slow, or worse, on texts that callers wrote.
    """

    tokenizer: LLTokenizer

    def __init__(self, tokens: Sequence[bytes], end_tokens: Sequence[int]) -> None:
        self.tokens = tokens
        self.special_token_ids = end_tokens
        self.eos_token_id = end_tokens[0]
        self.bos_token_id = None

    def __call__(self, text: str) -> list[int]:
        """Return the tokens of a text; the library tries bytes first, which are refused."""
        if not isinstance(text, str):
            raise TypeError("a text")
        return self.tokenizer.greedy_tokenize(text)


def _new_tokenizer(vocabulary: Vocabulary, size: int) -> LLTokenizer:
    ends = [token for token in range(size) if vocabulary.is_end_token(token)]
    if not ends:
        raise UnsupportedSchema("no_end", field="json_schema")
    tokens = [vocabulary.token_bytes(token) for token in range(size)]
    for token in ends:
        tokens[token] = b"\xff" + str(token).encode()  # how llguidance writes a control token
    wrapped = _Tokens(tokens, ends)
    # Without slices, tables for common strings, it is built three times as fast, and a token
    # takes 0.13 ms in place of 0.03.
    wrapped.tokenizer = LLTokenizer(
        TokenizerWrapper(wrapped), n_vocab=size, eos_token=ends, slices=[]
    )
    return wrapped.tokenizer
