"""Tokenizer and chat template of a model folder.

Files as on the Hugging Face Hub: `tokenizer.json` (tokenizers), `tokenizer_config.json`,
`chat_template.jinja` or the template inside the former, `config.json`, `generation_config.json`.
Neither transformers nor torch is needed to read them.
"""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tokenizers

from ai_core.engines.base import ChatMessage, ToolCallFormat, ToolUse
from ai_core.engines.decoding.chat_template import ChatTemplate, PromptText
from ai_core.engines.decoding.special_tokens import SpecialTokens, as_content
from ai_core.engines.folder.files import load_json
from ai_core.engines.runner import TokenizedPrompt
from ai_core.errors import ModelUnusable

MIN_VOCABULARY_SHARE = 0.9
"""A tokenizer with a smaller share of the model's logits is another model's: vocabularies are
padded to a round number, never by a tenth."""
_BYTE_TOKEN = re.compile(r"<0x([0-9A-Fa-f]{2})>")
_SPACE = "▁"
_SEPARATOR = "\x02"


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
        self._before, self._after = _surrounding_tokens(self._tokenizer)
        self._control_tokens = {id for id, token in added.items() if token.special}
        self._marks = {id for id, token in added.items() if not token.content.isspace()}
        self._literal_tokenizer = _without_marks(self._tokenizer)
        self._end_tokens = self._read_end_tokens(folder)
        decoder = json.loads(self._tokenizer.to_str())["decoder"]
        self._byte_level = '"ByteLevel"' in json.dumps(decoder)
        self.adds_leading_space = not self._byte_level
        self._token_bytes: dict[int, bytes] = {}
        self._template = ChatTemplate(
            template or self._read_template(folder),
            bos=self._configured_token("bos_token"),
            eos=self._configured_token("eos_token"),
        )
        spellings = (token.content for token in added.values())
        self._special_tokens = SpecialTokens(spellings, self._template.role_marks())

    def tokenize(self, text: str, *, add_special: bool = False) -> list[int]:
        """Return the tokens of `text`; special tokens spelled in it are text.

        `add_special` adds those the tokenizer puts around a text.
        """
        return self._encode(as_content(text), add_special=add_special)

    @property
    def tool_call_format(self) -> ToolCallFormat | None:
        """How the chat template writes calls of functions; None where it knows none."""
        return self._template.tool_call_format

    def render(
        self, messages: Sequence[ChatMessage], raw: str | None, tool_use: ToolUse | None = None
    ) -> TokenizedPrompt:
        """Apply the chat template, or take `raw` as it is; nothing is marked as cacheable."""
        if raw is not None:
            tokens = self._encode(PromptText(raw), add_special=True)
            return TokenizedPrompt(tokens, 0, continues=True)
        prompt = self._template.render(messages, tool_use)
        tokens = self._encode(prompt, add_special=False)
        return TokenizedPrompt(tokens, 0, prompt.continues, prompt.reasoning, prompt.call_marks)

    def _encode(self, prompt: PromptText, *, add_special: bool) -> list[int]:
        """Return the tokens of a prompt; special tokens that its contents spell are text."""
        tokens: list[int] = []
        at = 0
        for piece in self._special_tokens.pieces(prompt):
            tokens += self._encode_piece(prompt.part(at, at + len(piece)), continued=at > 0)
            at += len(piece)
        return [*self._before, *tokens, *self._after] if add_special else tokens

    def _encode_piece(self, prompt: PromptText, *, continued: bool) -> list[int]:
        """Encode a text in which a content may still spell a token after normalization.

        A tokenizer that ignores case or compatibility forms (Unicode, UAX 15) finds tokens that no
        comparison of characters finds; its own offsets say where.
        """
        encoded = self._encode_plainly(self._tokenizer, prompt.text, continued=continued)
        tokens: list[int] = []
        done = taken = 0
        for at, (token, start, end) in enumerate(encoded):
            if token in self._marks and prompt.is_content(start, end):
                tokens += [one for one, _, _ in encoded[taken:at]]
                tokens += self._encode_mark(prompt.text[max(start, done) : end])
                done, taken = end, at + 1
        return tokens + [one for one, _, _ in encoded[taken:]]

    def _encode_mark(self, text: str) -> list[int]:
        """Return the tokens of a spelling of a special token as text."""
        literal = self._literal_tokenizer
        tokens = [one for one, _, _ in self._encode_plainly(literal, text, continued=True)]
        if self._marks.isdisjoint(tokens):
            return tokens
        letters = (self._encode_plainly(literal, letter, continued=True) for letter in text)
        return [one for encoded in letters for one, _, _ in encoded if one not in self._marks]

    def _encode_plainly(
        self, tokenizer: Any, text: str, *, continued: bool
    ) -> list[tuple[int, int, int]]:
        """Return each token with where it is in the text, [start, end).

        SentencePiece vocabularies put a space before a text; before one that goes on, it stands
        before a character that is dropped.
        """
        before = _SEPARATOR if continued and not self._byte_level else ""
        encoding = tokenizer.encode(f"{before}{text}", add_special_tokens=False)
        skipped = len(before)
        return [
            (token, max(0, start - skipped), end - skipped)
            for token, (start, end) in zip(encoding.ids, encoding.offsets, strict=True)
            if end > skipped or not skipped
        ]

    def is_end_token(self, token: int) -> bool:
        """Whether a token ends the generation."""
        return token in self._end_tokens

    def token_bytes(self, token: int) -> bytes:
        """Return the bytes of a token; none for a control token."""
        found = self._token_bytes.get(token)
        if found is None:
            found = self._token_bytes[token] = self._decode_token(token)
        return found

    def control_spelling(self, token: int) -> bytes:
        """Return a token as the vocabulary spells it, a control token too."""
        return str(self._tokenizer.id_to_token(token) or "").encode()

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
        configured = self._config.get("chat_template") or ""
        if isinstance(configured, list):
            by_name = {template["name"]: template["template"] for template in configured}
            configured = by_name.get("default", "")
        return str(configured)


def _without_marks(tokenizer: Any) -> Any:
    """Return the tokenizer without its added tokens, but those of white space."""
    written = json.loads(tokenizer.to_str())
    written["added_tokens"] = [one for one in written["added_tokens"] if one["content"].isspace()]
    return tokenizers.Tokenizer.from_str(json.dumps(written))


def _surrounding_tokens(tokenizer: Any) -> tuple[list[int], list[int]]:
    """Return the special tokens a tokenizer puts before and after a text."""
    bare: list[int] = tokenizer.encode("a", add_special_tokens=False).ids
    whole: list[int] = tokenizer.encode("a", add_special_tokens=True).ids
    for at in range(len(whole) - len(bare) + 1):
        if whole[at : at + len(bare)] == bare:
            return whole[:at], whole[at + len(bare) :]
    return [], []


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
