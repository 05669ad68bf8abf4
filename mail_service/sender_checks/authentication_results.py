"""A parser of the Authentication-Results field (RFC 8601, 2.2), strict where forgers write.

Many values in the field are chosen by the sender: the envelope address, the HELO name, `i=` and
`s=` of a signature. So `method=result` counts at the head of a statement only, a value ends at
white space or `;` only (`victim.example(.evil.example` is no value followed by a comment), and a
field of which anything is unreadable counts for nothing.
"""

import re
from dataclasses import dataclass

from mail_service.sender_checks.domain_names import a_labels
from mail_service.sender_checks.from_address import LOCAL_PART
from mail_service.sender_checks.header_tokens import Token, tokens
from mail_service.sender_checks.raw_header import MalformedHeader

VERSION = b"1"
KEYWORD = re.compile(rb"[A-Za-z0-9-]+")
METHOD = re.compile(rb"([A-Za-z0-9-]+)(?: ?/ ?1)?")
PROPERTY_NAME = re.compile(rb"[A-Za-z0-9_-]+(?: ?\. ?[A-Za-z0-9_-]+)*")


@dataclass(frozen=True, slots=True)
class MethodResult:
    """What one method said, such as `dkim=pass header.d=example.org`; all names in lower case."""

    method: str
    result: str
    properties: tuple[tuple[str, bytes], ...]

    def domain(self, name: str) -> str | None:
        """Return the host name in a property, as A-labels: `host`, `@host` or `local@host`.

        None when the property is absent, stands twice, or is anything else.
        """
        values = [value for key, value in self.properties if key == name]
        if len(values) != 1:
            return None
        try:
            local_part, at, host = values[0].decode("utf-8").rpartition("@")
        except UnicodeDecodeError:
            return None
        if at and local_part and LOCAL_PART.fullmatch(local_part) is None:
            return None
        return a_labels(host)


@dataclass(frozen=True, slots=True)
class AuthenticationResults:
    """A field: who wrote it, and its results in their order; none for `none`."""

    authserv_id: str
    results: tuple[MethodResult, ...]

    def of(self, method: str) -> tuple[MethodResult, ...]:
        """Return the results of one method."""
        return tuple(each for each in self.results if each.method == method)


def read_authserv_id(value: bytes) -> str:
    """Return who says they wrote the unfolded field, in lower case; "" when nothing is readable."""
    try:
        found = _words(tokens(value, b";="))
    except MalformedHeader:
        found = _readable_start(value)
    first = found[0] if found else Token("special", b"", False)
    joined = len(found) > 1 and not found[1].spaced and found[1].text != b";"
    return "" if first.kind == "special" or joined else _text(first.text)


def read_results(value: bytes) -> AuthenticationResults:
    """Return what the unfolded field says; raises MalformedHeader, also for an unknown version."""
    head, *statements = _statements(tokens(value, b";="))
    words = _words(head)
    kinds = [token.kind in ("word", "quoted") for token in words]
    if not kinds or not all(kinds) or [token.text for token in words[1:]] not in ([], [VERSION]):
        raise MalformedHeader("the results begin with no name of a server or an unknown version")
    said = [each for each in statements if _words(each)]
    results = () if _is_none(said) else tuple(_result(each) for each in said)
    return AuthenticationResults(_text(words[0].text), results)


def _readable_start(value: bytes) -> list[Token]:
    """Return the tokens before the first `;`: a broken field is still its author's."""
    try:
        return _words(tokens(value.split(b";")[0], b"="))
    except MalformedHeader:
        return []


def _statements(found: list[Token]) -> list[list[Token]]:
    pieces: list[list[Token]] = [[]]
    for token in found:
        if token.kind == "special" and token.text == b";":
            pieces.append([])
        else:
            pieces[-1].append(token)
    return pieces


def _is_none(said: list[list[Token]]) -> bool:
    return len(said) == 1 and [token.text.lower() for token in _words(said[0])] == [b"none"]


def _result(statement: list[Token]) -> MethodResult:
    """Read `method[/version]=result` and the properties, comments and white space between them."""
    sign = _next_sign(statement, 0)
    head = METHOD.fullmatch(b" ".join(token.text for token in _words(statement[:sign])))
    after = _words(statement[sign + 1 :])[:1]
    if head is None or not after or after[0].kind != "word" or not KEYWORD.fullmatch(after[0].text):
        raise MalformedHeader("a statement of the results names no method and its result")
    rest = statement[statement.index(after[0], sign) + 1 :]
    return MethodResult(_text(head[1]), _text(after[0].text), _properties(rest))


def _properties(found: list[Token]) -> tuple[tuple[str, bytes], ...]:
    """Read `name=value` pairs; a value is a run of tokens that touch."""
    for index, token in enumerate(found):
        touches = index > 0 and not token.spaced
        if touches and "comment" in (token.kind, found[index - 1].kind):
            raise MalformedHeader("a comment touches a value in the results")
    words, pairs, at = _words(found), [], 0
    if words and not words[0].spaced and found[0].kind != "comment":
        raise MalformedHeader("something touches a result")
    while at < len(words):
        sign = _next_sign(words, at)
        name = b" ".join(token.text for token in words[at:sign])
        if PROPERTY_NAME.fullmatch(name) is None:
            raise MalformedHeader("a property of the results has no name")
        at = min(sign + 2, len(words))
        while at < len(words) and not words[at].spaced:
            at += 1
        value = b"".join(token.text for token in words[sign + 1 : at])
        pairs.append((_text(name.replace(b" ", b"")), value))
    return tuple(pairs)


def _next_sign(found: list[Token], at: int) -> int:
    for index in range(at, len(found)):
        if found[index].kind == "special":
            return index
    raise MalformedHeader("a statement of the results has no equals sign")


def _words(found: list[Token]) -> list[Token]:
    return [token for token in found if token.kind != "comment"]


def _text(word: bytes) -> str:
    return word.decode("utf-8", "replace").lower()
