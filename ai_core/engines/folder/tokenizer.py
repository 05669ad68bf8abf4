"""The words of a model that is a folder: its tokenizer, its chat template, how its tokens spell.

Files as the Hub has them: `tokenizer.json` (tokenizers), `tokenizer_config.json`,
`chat_template.jinja` or the template inside the former, `config.json`, `generation_config.json`.
Neither transformers nor torch is needed to read them.
"""

import json
import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn

from jinja2 import TemplateError
from jinja2.ext import loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment
from tokenizers import Tokenizer

from ai_core.engines.base import ChatMessage
from ai_core.engines.runner import TokenizedPrompt
from ai_core.errors import ModelUnusable, Unsupported

WITHOUT_TEMPLATE = (
    "{% for message in messages %}{{ message['role'] }}: {{ message['content'] }}\n\n{% endfor %}"
    "assistant:"
)
LEAST_SHARE = 0.9
"""A tokenizer with fewer tokens than this share of the model's rows is another model's: rows are
padded to a round number, never by a tenth."""
_BYTE = re.compile(r"<0x([0-9A-Fa-f]{2})>")
_SPACE = "▁"


def read_json(path: Path) -> dict[str, Any]:
    """Return a JSON file's object, {} when there is no file. Raises ModelUnusable."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as fault:
        raise ModelUnusable(f"{path} cannot be read ({fault}); fetch it again") from fault
    if not isinstance(found, dict):
        raise ModelUnusable(f"{path} is not a JSON object; fetch it again")
    return found


class Words:
    """The tokenizer and template in `folder`, for a model with `rows` rows of logits (0: unknown).

    Raises ModelUnusable when a file is missing or damaged, or the tokenizer is another model's.
    """

    def __init__(self, folder: Path, rows: int, template: str = "") -> None:
        path = folder / "tokenizer.json"
        if not path.is_file():
            raise ModelUnusable(f"{path} is missing: put the model's own tokenizer there")
        try:
            self._tokenizer = Tokenizer.from_file(str(path))
        except Exception as fault:  # the Rust library raises this very class
            raise ModelUnusable(f"{path} cannot be read ({fault}); fetch it again") from fault
        self._settings = read_json(folder / "tokenizer_config.json")
        size = self._tokenizer.get_vocab_size(with_added_tokens=True)
        if rows and not LEAST_SHARE * rows <= size <= rows:
            raise ModelUnusable(
                f"{path} has {size} tokens and the model {rows}: it is another model's tokenizer; "
                f"put the model's own there"
            )
        added = self._tokenizer.get_added_tokens_decoder()
        self._controls = {at: token.content for at, token in added.items() if token.special}
        spelled = sorted(self._controls.values(), key=len, reverse=True)
        self._control_text = re.compile("|".join(map(re.escape, spelled)) or r"(?!)")
        self._plain = Tokenizer.from_file(str(path))
        self._plain.encode_special_tokens = True
        self._ends = self._end_tokens(folder)
        self._bytewise = '"ByteLevel"' in json.dumps(
            json.loads(self._tokenizer.to_str())["decoder"]
        )
        self.leads_with_space = not self._bytewise
        self._pieces: dict[int, bytes] = {}
        self._template = self._compile(template or self._own_template(folder))

    def tokenize(self, text: str) -> list[int]:
        """Return the tokens of `text`; nothing in it is read as a control token."""
        tokens: list[int] = self._plain.encode(text, add_special_tokens=False).ids
        return tokens

    def render(self, messages: Sequence[ChatMessage], raw: str | None) -> TokenizedPrompt:
        """Apply the chat template, or take `raw` as it is; no token is marked as shareable."""
        if raw is not None:
            return TokenizedPrompt(self._tokenizer.encode(raw, add_special_tokens=True).ids, 0)
        text = self._written(
            [ChatMessage(message.role, self._disarmed(message.content)) for message in messages]
        )
        return TokenizedPrompt(self._tokenizer.encode(text, add_special_tokens=False).ids, 0)

    def is_end(self, token: int) -> bool:
        """Tell whether a token ends what the model writes."""
        return token in self._ends

    def piece(self, token: int) -> bytes:
        """Return the bytes a token writes; none for a control token."""
        piece = self._pieces.get(token)
        if piece is None:
            piece = self._pieces[token] = self._spell(token)
        return piece

    def text_of(self, token: int) -> str:
        """Return a token as it may be shown."""
        return self.piece(token).decode("utf-8", "replace")

    def _spell(self, token: int) -> bytes:
        text = self._tokenizer.id_to_token(token)
        if text is None or token in self._controls:
            return b""
        if self._bytewise:
            codes = (_BYTES.get(sign) for sign in text)
            known = [code for code in codes if code is not None]
            return bytes(known) if len(known) == len(text) else str(text).encode()
        found = _BYTE.fullmatch(text)
        return bytes([int(found[1], 16)]) if found else str(text).replace(_SPACE, " ").encode()

    def _disarmed(self, text: str) -> str:
        """Neutralise control tokens, which would end the message or begin another."""
        return self._control_text.sub(lambda found: f"{found[0][0]}\u200b{found[0][1:]}", text)

    def _end_tokens(self, folder: Path) -> frozenset[int]:
        ends: set[int | None] = set()
        for name in ("config.json", "generation_config.json"):
            said = read_json(folder / name).get("eos_token_id")
            ends |= set(said if isinstance(said, list) else [said])
        ends.add(self._tokenizer.token_to_id(self._named("eos_token")))
        return frozenset(end for end in ends if end is not None)

    def _named(self, name: str) -> str:
        said = self._settings.get(name) or ""
        return str(said["content"] if isinstance(said, dict) else said)

    def _own_template(self, folder: Path) -> str:
        file = folder / "chat_template.jinja"
        if file.is_file():
            return file.read_text(encoding="utf-8")
        said = self._settings.get("chat_template") or WITHOUT_TEMPLATE
        if isinstance(said, list):
            said = {one["name"]: one["template"] for one in said}.get("default", WITHOUT_TEMPLATE)
        return str(said)

    def _compile(self, template: str) -> Any:
        sandbox = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols]
        )
        sandbox.filters["tojson"] = _as_json
        sandbox.globals["raise_exception"] = _refuse
        sandbox.globals["strftime_now"] = lambda form: datetime.now().astimezone().strftime(form)
        try:
            return sandbox.from_string(template)
        except TemplateError as fault:
            raise ModelUnusable(
                f"the model's chat template cannot be read ({fault}); give one in models.toml"
            ) from fault

    def _written(self, messages: Sequence[ChatMessage]) -> str:
        try:
            return self._write(messages)
        except (TemplateError, ValueError, TypeError):
            merged = _without_system(messages)
        try:
            return self._write(merged)
        except (TemplateError, ValueError, TypeError) as fault:
            raise Unsupported(
                f"the model's chat template refuses these messages: {fault}"
            ) from fault

    def _write(self, messages: Sequence[ChatMessage]) -> str:
        return str(
            self._template.render(
                messages=[
                    {"role": message.role, "content": message.content} for message in messages
                ],
                add_generation_prompt=True,
                bos_token=self._named("bos_token"),
                eos_token=self._named("eos_token"),
            )
        )


def _without_system(messages: Sequence[ChatMessage]) -> list[ChatMessage]:
    """Move the system message into the first user message, for templates without that role."""
    if len(messages) < 2 or messages[0].role != "system":
        return list(messages)
    first, second = messages[0], messages[1]
    return [ChatMessage(second.role, f"{first.content}\n\n{second.content}"), *messages[2:]]


def _refuse(reason: str) -> NoReturn:
    raise TemplateError(reason)


def _as_json(value: Any, indent: int | None = None) -> str:
    return json.dumps(value, ensure_ascii=False, indent=indent)


def _byte_signs() -> dict[str, int]:
    """Return which byte each sign of a byte-level vocabulary stands for (Radford et al. 2019).

    Bytes that print stand for themselves, the others for the code points from 256 on, in order.
    """
    printed = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1)]
    printed += range(ord("®"), ord("ÿ") + 1)
    hidden = [code for code in range(256) if code not in printed]
    signs = {chr(code): code for code in printed}
    return signs | {chr(256 + at): code for at, code in enumerate(hidden)}


_BYTES = _byte_signs()
