"""Tokenizer and chat template of a model folder.

Files as on the Hugging Face Hub: `tokenizer.json` (tokenizers), `tokenizer_config.json`,
`chat_template.jinja` or the template inside the former, `config.json`, `generation_config.json`.
Neither transformers nor torch is needed to read them.
"""

import json
import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn

import tokenizers
from jinja2 import TemplateError
from jinja2.ext import loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

from ai_core.engines.base import ChatMessage
from ai_core.engines.decoding.chat_template import (
    PLAIN_TEMPLATE,
    ControlTokenFilter,
    apply_template,
    template_unusable,
)
from ai_core.engines.folder.files import load_json
from ai_core.engines.runner import TokenizedPrompt
from ai_core.errors import ModelUnusable

MIN_VOCABULARY_SHARE = 0.9
"""A tokenizer with a smaller share of the model's logits is another model's: vocabularies are
padded to a round number, never by a tenth."""
_BYTE_TOKEN = re.compile(r"<0x([0-9A-Fa-f]{2})>")
_SPACE = "▁"


class Tokenizer:
    """The tokenizer and chat template in `folder`, for a model with `vocabulary` logits.

    0 stands for as many as there are tokens.

    Raises ModelUnusable when a file is missing or damaged, or the tokenizer is another model's.
    """

    def __init__(self, folder: Path, vocabulary: int, template: str = "") -> None:
        path = folder / "tokenizer.json"
        if not path.is_file():
            raise ModelUnusable(f"{path} is missing: put the model's own tokenizer there")
        try:
            self._tokenizer = tokenizers.Tokenizer.from_file(str(path))
        except Exception as error:  # the Rust library raises this very class
            raise ModelUnusable(f"{path} cannot be read ({error}); fetch it again") from error
        self._config = load_json(folder / "tokenizer_config.json")
        size = self._tokenizer.get_vocab_size(with_added_tokens=True)
        if vocabulary and not MIN_VOCABULARY_SHARE * vocabulary <= size <= vocabulary:
            raise ModelUnusable(
                f"{path} has {size} tokens and the model {vocabulary}: it is another model's "
                "tokenizer; put the model's own there"
            )
        self.vocabulary = vocabulary or size
        added = self._tokenizer.get_added_tokens_decoder()
        self._control_tokens = {id: token.content for id, token in added.items() if token.special}
        self._filter = ControlTokenFilter(self._control_tokens.values())
        self._literal_tokenizer = tokenizers.Tokenizer.from_file(str(path))
        self._literal_tokenizer.encode_special_tokens = True
        self._end_tokens = self._read_end_tokens(folder)
        decoder = json.loads(self._tokenizer.to_str())["decoder"]
        self._byte_level = '"ByteLevel"' in json.dumps(decoder)
        self.adds_leading_space = not self._byte_level
        self._token_bytes: dict[int, bytes] = {}
        self._template = _compile(template or self._read_template(folder))

    def tokenize(self, text: str) -> list[int]:
        """Return the tokens of `text`; control tokens in it are taken literally."""
        tokens: list[int] = self._literal_tokenizer.encode(text, add_special_tokens=False).ids
        return tokens

    def render(self, messages: Sequence[ChatMessage], raw: str | None) -> TokenizedPrompt:
        """Apply the chat template, or take `raw` as it is; nothing is marked as cacheable."""
        if raw is not None:
            return TokenizedPrompt(self._tokenizer.encode(raw, add_special_tokens=True).ids, 0)
        neutralized = [
            ChatMessage(message.role, self._filter.neutralize(message.content))
            for message in messages
        ]
        text = apply_template(self._evaluate_template, neutralized)
        return TokenizedPrompt(self._tokenizer.encode(text, add_special_tokens=False).ids, 0)

    def is_end_token(self, token: int) -> bool:
        """Whether a token ends the generation."""
        return token in self._end_tokens

    def token_bytes(self, token: int) -> bytes:
        """Return the bytes of a token; none for a control token."""
        found = self._token_bytes.get(token)
        if found is None:
            found = self._token_bytes[token] = self._decode_token(token)
        return found

    def _decode_token(self, token: int) -> bytes:
        text = self._tokenizer.id_to_token(token)
        if text is None or token in self._control_tokens:
            return b""
        if self._byte_level:
            codes = (_BYTES.get(character) for character in text)
            known = [code for code in codes if code is not None]
            return bytes(known) if len(known) == len(text) else str(text).encode()
        byte = _BYTE_TOKEN.fullmatch(text)
        return bytes([int(byte[1], 16)]) if byte else str(text).replace(_SPACE, " ").encode()

    def _read_end_tokens(self, folder: Path) -> frozenset[int]:
        tokens: set[int | None] = set()
        for name in ("config.json", "generation_config.json"):
            configured = load_json(folder / name).get("eos_token_id")
            tokens |= set(configured if isinstance(configured, list) else [configured])
        tokens.add(self._tokenizer.token_to_id(self._configured_token("eos_token")))
        return frozenset(token for token in tokens if token is not None)

    def _configured_token(self, name: str) -> str:
        configured = self._config.get(name) or ""
        return str(configured["content"] if isinstance(configured, dict) else configured)

    def _read_template(self, folder: Path) -> str:
        file = folder / "chat_template.jinja"
        if file.is_file():
            return file.read_text(encoding="utf-8")
        configured = self._config.get("chat_template") or PLAIN_TEMPLATE
        if isinstance(configured, list):
            by_name = {template["name"]: template["template"] for template in configured}
            configured = by_name.get("default", PLAIN_TEMPLATE)
        return str(configured)

    def _evaluate_template(self, messages: list[dict[str, str]]) -> str:
        return str(
            self._template.render(
                messages=messages,
                add_generation_prompt=True,
                bos_token=self._configured_token("bos_token"),
                eos_token=self._configured_token("eos_token"),
            )
        )


def _compile(template: str) -> Any:
    """Compile a template with the filters and functions transformers offers it."""
    sandbox = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols]
    )
    sandbox.filters["tojson"] = _to_json
    sandbox.globals["raise_exception"] = _raise_exception
    sandbox.globals["strftime_now"] = lambda form: datetime.now().astimezone().strftime(form)
    try:
        return sandbox.from_string(template)
    except TemplateError as error:
        raise template_unusable(error) from error


def _raise_exception(reason: str) -> NoReturn:
    raise TemplateError(reason)


def _to_json(value: Any, indent: int | None = None) -> str:
    return json.dumps(value, ensure_ascii=False, indent=indent)


def _byte_level_alphabet() -> dict[str, int]:
    """Return the byte of each character of a byte-level vocabulary (Radford et al. 2019).

    Printable bytes map to themselves, the others to the code points from 256 on, in order.
    """
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1)]
    printable += range(ord("®"), ord("ÿ") + 1)
    others = [code for code in range(256) if code not in printable]
    alphabet = {chr(code): code for code in printable}
    return alphabet | {chr(256 + at): code for at, code in enumerate(others)}


_BYTES = _byte_level_alphabet()
