"""Signs that Markdown would take for markup although the text means them: escaped, so they show.

An answer about pay writes `1/4*2000*10`, `demeurant <adresse>`, `le __/__/____`, `+ 500 €`.
CommonMark reads emphasis, HTML, a thematic break, a list (sections 6.2, 6.6, 4.1, 5.3), and drops
the signs, or the words with them. What is plainly markup stays markup. Code and addresses are left
as they are.
"""

import re
from collections.abc import Iterator

FENCE = re.compile(r"^ {0,3}(```+|~~~+)")
SKIPPED = re.compile(
    r"\\[!-/:-@\[-`{-~]"  # escaped already
    r"|(`+)(?:(?!\1).)+?\1(?!`)"  # a code span
    r"|<(?:https?://|mailto:)[^\s<>]*>|<[\w.+-]+@[\w.-]+>"  # an autolink
    r"|\]\([^()\s]*(?:\([^()\s]*\))?[^()\s]*\)",  # the address of a link
    re.DOTALL,
)
STARS, UNDERSCORES, TILDES = re.compile(r"\*+"), re.compile(r"_+"), re.compile(r"~+")
BREAK_TAG = re.compile(r"<br ?/?>", re.IGNORECASE)
FORMATTING_TAG = re.compile(r"</?(b|strong|i|em|u|s|del|sub|sup)>", re.IGNORECASE)
DEFINITION = re.compile(r"^( {0,3})\[(?=[^\]\n]+\]:)")
ORDERED = re.compile(r"^([> ]*)(\d{1,9})([.)])(?=\s|$)")
SUM_LINE = re.compile(r"^ {0,3}[-*](?= ?\d)")
PLUS_LINE = re.compile(r"^ {0,3}\+(?=\s)")
COMPARISON = re.compile(r"^ {0,3}>(?=\s?\d|=)")
TABLE = re.compile(r"^ {0,3}\|?[ :|-]*-[ :|-]*\|[ :|-]*$", re.MULTILINE)
RULE = re.compile(r"^ {0,3}(?:(?:\*[ \t]*){3,}|(?:-[ \t]*){3,}|(?:_[ \t]*){3,})$")
NUMERIC = re.compile(r"[\d\s.,/%€()+-]+")
MAX_LIST_DIGITS = 2
"""A longer number before a point is a year or a sum, not the place in a list."""
BLANK_NEIGHBOURS = frozenset(" \t\n/.-,;:()[]|\u00a0\u202f")
FACTOR_ENDS, FACTOR_BEGINS = frozenset(")]%€"), frozenset("([")


def with_literal_signs(markdown: str) -> str:
    """Return Markdown in which every sign that is no markup is escaped."""
    shown: list[str] = []
    for block, is_code in _blocks(markdown):
        shown.append(block if is_code else _in_block(block))
    return "".join(shown)


def _blocks(markdown: str) -> Iterator[tuple[str, bool]]:
    """Yield the text in blocks between blank lines, each with whether it is fenced code."""
    block: list[str] = []
    fence = ""
    for line in markdown.splitlines(keepends=True):
        found = FENCE.match(line)
        if fence:
            block.append(line)
            if found and found[1].startswith(fence):
                yield "".join(block), True
                block, fence = [], ""
        elif found:
            yield "".join(block), False
            block, fence = [line], found[1]
        else:
            block.append(line)
            if not line.strip():
                yield "".join(block), False
                block = []
    yield "".join(block), bool(fence)


def _in_block(block: str) -> str:
    lines = block.splitlines(keepends=True)
    sums = any(line.lstrip().startswith("=") for line in lines)
    numbers: dict[str, int] = {}
    escaped = []
    for number, line in enumerate(lines):
        before = lines[number - 1] if number else ""
        escaped.append(_line_start(line, before, numbers, in_sum=sums))
    return _inline("".join(escaped))


def _line_start(line: str, before: str, numbers: dict[str, int], *, in_sum: bool) -> str:
    """Escape what would make a list, a quotation or a definition of a line that is none."""
    line = DEFINITION.sub(r"\1\\[", line)
    if PLUS_LINE.match(line) or (in_sum and SUM_LINE.match(line)):
        return _escaped_first(line)
    if COMPARISON.match(line) and (">=" in line[:5] or _is_prose(before)):
        return _escaped_first(line)
    if ordered := ORDERED.match(line):
        indent, digits, closing = ordered.groups()
        expected = numbers.get(indent)
        numbers[indent] = int(digits)
        in_order = expected is None or int(digits) == expected + 1
        if closing == ")" or not in_order or len(digits) > MAX_LIST_DIGITS:
            return f"{indent}{digits}\\{closing}{line[ordered.end() :]}"
    return line


def _is_prose(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith(">")


def _escaped_first(line: str) -> str:
    bare = line.lstrip(" ")
    return f"{line[: len(line) - len(bare)]}\\{bare}"


def _inline(text: str) -> str:
    """Escape the signs inside the lines of a block."""
    closed_tags = {each[1].lower() for each in FORMATTING_TAG.finditer(text) if each[0][1] == "/"}
    table = bool(TABLE.search(text))
    open_stars: dict[int, int] = {}
    shown: list[str] = []
    at = 0
    while at < len(text):
        if skipped := SKIPPED.match(text, at):
            shown.append(skipped[0])
            at = skipped.end()
            continue
        piece = _piece(text, at, closed_tags, open_stars, table=table)
        shown.append(piece[0])
        at = piece[1]
    return "".join(shown)


def _piece(
    text: str, at: int, closed_tags: set[str], open_stars: dict[int, int], *, table: bool
) -> tuple[str, int]:
    """Return the next sign or run of signs as it is to be written, and where the text goes on."""
    sign = text[at]
    if sign == "<":
        return _angle(text, at, closed_tags)
    if sign == "[" and text.startswith("[^", at):
        return "\\[", at + 1
    if sign == "|" and not table and text.startswith("||", at):
        return "\\|\\|", at + 2
    for pattern, literal in (
        (STARS, _are_factors), (UNDERSCORES, _is_blank), (TILDES, _joins_numbers),
    ):  # fmt: skip
        if run := pattern.match(text, at):
            if _is_rule(text, at) or not literal(text, run, open_stars):
                return run[0], run.end()
            return "".join(f"\\{each}" for each in run[0]), run.end()
    return sign, at + 1


def _is_rule(text: str, at: int) -> bool:
    """Whether a run of stars is a line of its own: a thematic break."""
    start, end = text.rfind("\n", 0, at) + 1, text.find("\n", at)
    line = text[start : end if end >= 0 else len(text)]
    return text[at] == "*" and bool(RULE.match(line))


def _angle(text: str, at: int, closed_tags: set[str]) -> tuple[str, int]:
    """Return a tag that formats and is closed, or is a line break, as it is; `<` escaped else."""
    if tag := BREAK_TAG.match(text, at):
        return tag[0], tag.end()
    tag = FORMATTING_TAG.match(text, at)
    if tag and tag[1].lower() in closed_tags:
        return tag[0], tag.end()
    return "\\<", at + 1


def _around(text: str, run: re.Match[str]) -> tuple[str, str]:
    return text[run.start() - 1 : run.start()], text[run.end() : run.end() + 1]


def _are_factors(text: str, run: re.Match[str], open_stars: dict[int, int]) -> bool:
    """Whether stars multiply: between two factors, and no end of an emphasis that began before."""
    before, after = _around(text, run)
    length = len(run[0])
    left = before.isalnum() or before in FACTOR_ENDS
    right = after.isalnum() or after in FACTOR_BEGINS
    if before and after and left and right:
        if before.isalpha() and after.isalpha() and open_stars.get(length):
            open_stars[length] -= 1
            return False
        return True
    if after and not after.isspace() and (not before or not before.isalnum()):
        if _multiplies_with_spaces(text, run):
            return True
        open_stars[length] = open_stars.get(length, 0) + 1
    elif before and not before.isspace() and open_stars.get(length):
        open_stars[length] -= 1
    return False


def _multiplies_with_spaces(text: str, run: re.Match[str]) -> bool:
    """Whether `10 *2* 3` is meant: a number alone between single stars, after another number."""
    end = text.find("*", run.end())
    inside = text[run.end() : end] if end >= 0 else ""
    earlier = text[: run.start()].rstrip(" ")[-1:]
    follows = text[end + 1 :].lstrip(" ")[:1]
    return (
        len(run[0]) == 1
        and bool(NUMERIC.fullmatch(inside))
        and (earlier.isdecimal() or earlier in FACTOR_ENDS)
        and bool(earlier)
        and (follows.isdecimal() or follows == "(")
    )


def _is_blank(text: str, run: re.Match[str], _open: dict[int, int]) -> bool:
    """Whether underscores are a blank to fill in: three or more, or between signs."""
    before, after = _around(text, run)
    if len(run[0]) > 2:
        return True
    return (not before or before in BLANK_NEIGHBOURS) and (not after or after in BLANK_NEIGHBOURS)


def _joins_numbers(text: str, run: re.Match[str], _open: dict[int, int]) -> bool:
    """Whether tildes stand between two numbers."""
    before, after = _around(text, run)
    return before.isdecimal() and after.isdecimal()
