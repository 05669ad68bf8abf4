"""From a request to its admitted, parsed and masked body; what costs least is checked first.

1. The key, and whether Redis refused the caller a moment ago, in memory. 2. The size of the body,
   as it arrives: it holds nothing meanwhile. 3. The limits of the caller, for a body over
   SMALL_BODY_BYTES or with texts that take long to mask; those of another are checked together with
   the cache, in one round trip: reading it costs less than one more. 4. Its JSON, its length, its
   masking.
"""

import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import BaseModel
from starlette.requests import Request

from ai_core.access.gate import Caller, Gate, Permit
from ai_core.access.keys import Scope
from ai_core.answering.answer_line import AnswerLine
from ai_core.answering.masking import TextMasking
from ai_core.answering.prompts import CHARS_A_TOKEN
from ai_core.answering.question import DEFAULT_NEW_TOKENS, Mask
from ai_core.api.direct_routes import SMALL_BODY_BYTES, parse_body, processing_slot, read_body
from ai_core.errors import TextTooLong
from shared.ai.contract import MAX_PROMPT_CHARACTERS
from shared.errors import TooLarge

MAX_BODY_BYTES = {Scope.PUBLISHABLE: 256 * 1024}
"""By scope, where it is less than `AI_CORE_SERVER__MAX_BODY_BYTES`: the characters below, each
escaped in JSON, and the other fields."""
MAX_CHARACTERS = {
    Scope.PUBLISHABLE: MAX_PROMPT_CHARACTERS,
    Scope.INFERENCE: 400_000,
    Scope.ADMIN: 400_000,
}
"""Of all texts of a request together, by scope; 400,000 are 100,000 tokens."""

Body = TypeVar("Body", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Admitted(Generic[Body]):
    """A request's body, as sent (`content`) and parsed; `mask` masks its texts."""

    content: bytes
    body: Body
    mask: Mask
    permit: Permit


@asynccontextmanager
async def admitted(
    request: Request,
    caller: Caller,
    model: type[Body],
    texts_of: Callable[[Body], Sequence[str]],
    field: str,
) -> AsyncIterator[Admitted[Body]]:
    """Yield the body; whoever answers enters the permit. An error before that gives it back.

    `texts_of` returns the texts that callers wrote, which stand in `field`. Raises what reading,
    parsing, masking and the limits raise, and TextTooLong.
    """
    gate, _ = _gate_and_masking(request)
    gate.raise_if_refused(request, caller)
    content = await read_body(request, max_body_bytes(caller.scope))
    async with admitted_content(request, caller, content, model, texts_of, field) as found:
        yield found


@asynccontextmanager
async def admitted_content(
    request: Request,
    caller: Caller,
    content: bytes,
    model: type[Body],
    texts_of: Callable[[Body], Sequence[str]],
    field: str,
) -> AsyncIterator[Admitted[Body]]:
    """Yield a body that was received already, as `admitted` does. Raises TooLarge as well."""
    gate, masking = _gate_and_masking(request)
    gate.raise_if_refused(request, caller)
    if len(content) > max_body_bytes(caller.scope):
        raise TooLarge(limit=f"{max_body_bytes(caller.scope) // 1024} KiB")
    permit = gate.admit(request, caller)
    slot = processing_slot(request)
    try:
        if len(content) > SMALL_BODY_BYTES:
            await _enter_early(permit, content)
        else:
            await slot.acquire()
            if slot.contended:  # to read it would cost more than a third of its answer
                line: AnswerLine = request.scope["state"]["answer_line"]
                line.raise_if_full(caller.subject)
        body = parse_body(content, model)
        texts = texts_of(body)
        require_length(texts, caller.scope, field)
        if permit.decision is None and not masking.is_immediate(texts):
            slot.release()
            await _enter_early(permit, content)
        mask = await masking.prepare(texts, field, caller.subject)
        await slot.acquire()
        yield Admitted(content, body, mask, permit)
    except BaseException:
        await permit.leave()
        raise


def require_length(texts: Sequence[str], scope: Scope, field: str) -> None:
    """Raise TextTooLong, with the limit and the field, for longer texts than the scope allows."""
    limit = MAX_CHARACTERS[scope]
    if sum(map(len, texts)) > limit:
        raise TextTooLong(field=field, limit=f"{limit:_}".replace("_", " "))


def max_body_bytes(scope: Scope) -> int:
    """Return the longest body of a caller; that of every body holds besides."""
    return MAX_BODY_BYTES.get(scope, sys.maxsize)


def _gate_and_masking(request: Request) -> tuple[Gate, TextMasking]:
    state = request.scope["state"]
    return state["gate"], state["masking"]


async def _enter_early(permit: Permit, content: bytes) -> None:
    """Enter with a guess of the tokens; until the answer begins, none are charged."""
    permit.cost_tokens = len(content) // CHARS_A_TOKEN + DEFAULT_NEW_TOKENS
    await permit.enter()
    permit.spend(0)
