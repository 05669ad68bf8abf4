"""The bodies of upstreams' responses: bounded bytes, and JSON values of the type wanted."""

import asyncio
import json
import math
import zlib
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any

import httpx2
import orjson

from ai_core.errors import UpstreamFailed

MAX_BODY_BYTES = 32 * 1024 * 1024
"""Decoded bytes of a body that is no answer: 256 vectors of 4,096 numbers are 20 MiB."""
_INFLATED_BYTES = 64 * 1024


async def decoded_chunks(response: httpx2.Response, max_bytes: int) -> AsyncIterator[bytes]:
    """Yield the bytes of a response, inflated piece by piece. Raises UpstreamFailed.

    httpx2 would inflate each network chunk whole: 64 KiB of gzip are 64 MiB of zeros.
    """
    coding = response.headers.get("content-encoding", "").strip().lower()
    if coding not in {"", "identity", "gzip", "x-gzip", "deflate"}:
        raise UpstreamFailed("its answer is in an encoding we did not ask for")
    inflate = zlib.decompressobj(zlib.MAX_WBITS | 32) if coding not in {"", "identity"} else None
    total_bytes = 0
    async for chunk in response.aiter_raw():
        for piece in _inflated(inflate, chunk) if inflate else (chunk,):
            total_bytes += len(piece)
            if total_bytes > max_bytes:
                raise UpstreamFailed(f"its answer is longer than {max_bytes} bytes")
            yield piece
            if inflate:
                await asyncio.sleep(0)  # a small chunk may hold many pieces


def _inflated(inflate: Any, chunk: bytes) -> Iterator[bytes]:
    try:
        while chunk and not inflate.eof:
            yield inflate.decompress(chunk, _INFLATED_BYTES)
            chunk = inflate.unconsumed_tail
    except zlib.error:
        raise UpstreamFailed("its answer is not the gzip it says it is") from None


async def read_body(response: httpx2.Response, max_bytes: int = MAX_BODY_BYTES) -> bytes:
    """Return the whole body of a response. Raises UpstreamFailed when it is too long."""
    return b"".join([chunk async for chunk in decoded_chunks(response, max_bytes)])


def parse_json(text: str | bytes) -> object:
    """Return the JSON value of `text`. Raises UpstreamFailed.

    orjson refuses half a surrogate pair, which servers send when a character is cut in two tokens;
    the standard library reads it.
    """
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        pass
    try:
        return json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise UpstreamFailed("its answer is not JSON") from None


def parse_object(text: str | bytes) -> Mapping[str, Any]:
    """Return the JSON object of `text`. Raises UpstreamFailed for anything else."""
    parsed = parse_json(text)
    if not isinstance(parsed, dict):
        raise UpstreamFailed("its answer is not a JSON object")
    return parsed


def _no_number(name: str) -> float:
    raise ValueError(name)


def whole_number(value: object, most: int) -> int:
    """Return a count of 0 to `most`, also from a float or text; 0 for anything else."""
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 16:
        value = int(value)
    if isinstance(value, float) and math.isfinite(value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return 0
    return min(max(value, 0), most)


def number(value: object) -> float | None:
    """Return a finite number, None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def json_object(value: object) -> Mapping[str, Any]:
    """Return a JSON object, an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def json_list(value: object) -> Sequence[Any]:
    """Return a JSON array, an empty one for anything else."""
    return value if isinstance(value, list) else ()
