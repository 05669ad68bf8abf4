"""Finds what a reader's program would turn into a link: addresses, mentions, Markdown targets.

Mail programs and messengers make links of far more than "https://": any scheme, a host without one,
a mail address, "@name". An answer links only to its sources, so everything found here that is not
one of their addresses is taken out (OWASP LLM05:2025).
"""

import re
from collections.abc import Collection, Iterable, Iterator
from functools import cached_property
from unicodedata import normalize

from publicsuffixlist import PublicSuffixList

Change = tuple[int, int, str]
"""Where a text changes, as text[start:stop], and what stands there then."""

_STYLED_LETTERS = (range(0x2100, 0x2190), range(0x2460, 0x2500), range(0x1D400, 0x1D800))
"""Letterlike, circled and mathematical letters, which IDNA reads as plain ones (UTS 46)."""
_LOOKALIKES = str.maketrans(
    {chr(0xFEE0 + code): chr(code) for code in range(0x21, 0x7F)}  # full-width forms of ASCII
    | dict.fromkeys("⁄∕⧸", "/")
    | dict.fromkeys("꞉ː∶︓﹕", ":")
    | dict.fromkeys("․﹒｡", ".")
    | dict.fromkeys("﹫", "@")
    | {
        code: plain
        for codes in _STYLED_LETTERS
        for code in codes
        if len(plain := normalize("NFKC", chr(code))) == 1
    }
)
_STOP_OF_A_NAME = re.compile(r"(?<=[A-Za-z0-9])。(?=[A-Za-z0-9])")  # IDNA reads it as a dot
_END = r"[^\s<>\[\]()«»\"“”]"
_PARENTHESES = rf"(?:{_END}|\({_END}*\))"
_SCHEMES = (
    "https?|ftps?|sftp|file|mailto|tel|sms|smsto|callto|tg|whatsapp|viber|line|skype|facetime|geo|maps|market"
    "|intent|itms|javascript|vbscript|data|blob|view-source|magnet|ipfs|xmpp|sips?|matrix|signal|webcal|ws|wss"
)
_OCTET = r"(?:25[0-5]|2[0-4]\d|1\d\d|\d?\d)"
_HIGH_OCTET = r"(?:\d{1,3}\.){0,3}(?:3[2-9]|[4-9]\d|[12]\d\d)\b"
"""A number that no section of an agreement ("4.2.1.3") reaches."""
_LINK = re.compile(
    r"!?\[(?P<words>[^\[\]\n]{0,200})\]\((?P<target>[^()\n]{0,500}(?:\([^()\n]*\)[^()\n]*)?)\)"
)
_ADDRESS = re.compile(
    rf"""
      [a-z][a-z0-9+.-]{{1,20}}:[\\/]{{2}}(?:\[[\da-f:.]{{2,45}}\])?{_PARENTHESES}*
    | (?<!\w)(?:{_SCHEMES}):(?=\S){_PARENTHESES}*
    | (?<![\w:/\\])(?:/{{2,}}|\\{{2,}})(?=\w|\[){_PARENTHESES}+
    | (?<![\w.%+-])[\w.%+-]{{1,64}}@(?=[\w.-]{{1,253}}\.\w)[\w.-]{{1,253}}\w
    | (?<![\w@])@[A-Za-z]\w{{3,31}}\b
    | (?<!\w)(?:\d{{1,3}}\.){{3}}\d{{1,3}}(?::\d{{1,5}})?/{_PARENTHESES}*
    | (?<![\w.])(?={_HIGH_OCTET})(?:{_OCTET}\.){{3}}{_OCTET}(?!\w|\.\d)(?::\d{{1,5}})?
    | (?<![\w:])(?=[\da-f]{{0,4}}(?::[\da-f]{{1,4}}){{0,6}}::|(?:[\da-f]{{1,4}}:){{7}})
      (?:[\da-f]{{0,4}}:){{2,7}}[\da-f]{{1,4}}(?!\w)
    """,
    re.VERBOSE | re.IGNORECASE,
)
_HOST = re.compile(
    rf"(?<![^\W_])(?<![.@/])(?P<host>(?:[^\W_](?:[\w-]{{0,62}})?\.){{1,8}}(?P<tld>[^\W\d_]{{2,63}}|xn--[\w-]{{2,59}}))"
    rf"(?![^\W_]|[_-]+[^\W_])(?P<rest>(?::\d{{1,5}})?(?:[/?\#]{_PARENTHESES}*)?)"
)
_BLANKS = " \n\t\u00a0\u202f"
_RESERVED = {"example", "invalid", "localhost", "local", "onion", "test"}  # RFC 6761, RFC 7686
_AFTER = ".,;:!?'’"  # belongs to the sentence, not to the address
ADDRESS_SIGNS = r":/\\@：／＠∶﹕꞉ː\].．․。｡"
"""Without one of these characters a text holds no address; part of a class of characters."""
_SOME = re.compile(r"[:/\\@：／＠∶﹕꞉ː]|\]\(|[.．․。｡]\S")
_OPEN_LINK = re.compile(
    r"!?\[[^\[\]\n]{0,200}"
    r"(?:\](?:\([^()\n]{0,500}(?:\([^()\n]{0,200}(?:\)[^()\n]{0,200})?)?)?)?\Z"
)


def open_link(text: str) -> int | None:
    """Return where the word begins that holds a Markdown link the text does not end, or None."""
    if "[" not in text:
        return None
    found = _OPEN_LINK.search(text, max(0, len(text) - 1_100))
    if not found:
        return None
    return max(text.rfind(blank, 0, found.start()) for blank in _BLANKS) + 1


def before_link(text: str, cut: int) -> int:
    """Return `cut`, or where the Markdown link begins that it would split."""
    if "](" not in text:
        return cut
    split = (link.start() for link in _LINK.finditer(text) if link.start() < cut < link.end())
    return next(split, cut)


class AddressFilter:
    """Knows the addresses an answer may show; finds the others."""

    def __init__(self, urls: Collection[str], texts: Iterable[str]) -> None:
        self._urls = frozenset(urls)
        self._texts = texts

    @cached_property
    def _known(self) -> frozenset[str]:
        """The addresses of the sources, their hosts, and what stands in their texts.

        Read only once an answer holds an address, which is rare.
        """
        hosts = {host for url in self._urls for host in _hosts_of(url)}
        written = {
            found[0].rstrip(_AFTER).lower()
            for text in map(_plain, self._texts)
            for pattern in (_ADDRESS, _HOST)
            for found in pattern.finditer(text)
        }
        return self._urls | hosts | written

    def changes(self, text: str) -> Iterator[Change]:
        """Yield what must go, or be written apart, in `text`. Linear in the text."""
        if not _SOME.search(text):
            return
        plain = _plain(text)
        for link in _LINK.finditer(plain):
            if not self._is_known(link["target"].strip().partition(" ")[0].strip("<>")):
                yield link.start(), link.start("words"), ""
                yield link.end("words"), link.end(), ""
        prose = _LINK.sub(lambda link: link[0].replace(link["target"], _spaces(link[2])), plain)
        for address in _ADDRESS.finditer(prose):
            stop = address.start() + len(address[0].rstrip(_AFTER))
            if not self._is_known(plain[address.start() : stop]):
                yield address.start(), stop, ""
        for name in _HOST.finditer(self.blanked(prose)):
            yield from self._host_changes(name)

    @staticmethod
    def blanked(text: str) -> str:
        """Return the text with spaces for every address, so that their figures are no numbers."""
        if not _SOME.search(text):
            return text
        return _ADDRESS.sub(lambda address: _spaces(address[0]), text)

    def _host_changes(self, name: re.Match[str]) -> Iterator[Change]:
        """Take out the name of a host; a full stop without its space gets the space."""
        tld = name["tld"]
        if self._is_known(name[0].rstrip(f"/{_AFTER}")) or not (
            name["rest"] or tld.lower() in _RESERVED or _is_suffix(tld)
        ):
            return
        if name["rest"] or not tld.istitle():
            yield name.start(), name.end(), ""
            return
        for dot in re.finditer(r"\.(?=\w{2})", name["host"]):
            yield name.start() + dot.start(), name.start() + dot.end(), ". "

    def _is_known(self, address: str) -> bool:
        return address in self._urls or address.lower() in self._known


_SUFFIXES = PublicSuffixList(accept_unknown=False, only_icann=True)


def _is_suffix(tld: str) -> bool:
    return _SUFFIXES.publicsuffix(tld.lower()) is not None


def _hosts_of(url: str) -> Iterator[str]:
    host = url.partition("://")[2].partition("/")[0].lower()
    if host:
        yield host
        yield host.removeprefix("www.")


def _plain(text: str) -> str:
    """Replace what looks like a character of an address by it; every character keeps its place."""
    return _STOP_OF_A_NAME.sub(".", text.translate(_LOOKALIKES))


def _spaces(text: str) -> str:
    return " " * len(text)
