"""The new text of a mail, without the quoted mail and the signature.

Losing a person's words is the worse error, so a cut needs two signs: an introduction with an
address or a time, a block of header lines, or `>` marks. Text between and below quoted passages
is kept, as is everything when only quoted text would remain. Ideas: the line classes of
discourse/email_reply_trimmer (MIT).
"""

import re
from typing import Literal

WROTE = (
    r"(?:wrote|writes|(?<!['’])a[\s>]+[ée]crit|schrieb|schreef|geschreven|ha[\s>]+scritto|escreveu"
    r"|escribi[óo]|napisał\(?a?\)?|написав|написала?|писала?|пише|写道|寫道|skrev"
    r"|kirjoitti|a[\s>]+scris|napsala?|yazdı|đã viết|έγραψε|írta|menulis|كتب|作成|님이[\s>]+작성"
    r"|เขียนว่า|เขียน|ได้เขียน)"
)
CLOCK = r"\d{1,2}[:.h：]\s?\d{2}"
INTRODUCTION = re.compile(
    rf"[\s>*\-]*\S.{{0,260}}{WROTE}(?P<rest>.{{0,90}}?)\s*(?:[:：]|-{{2,}})?[\s*>]*",
    re.IGNORECASE | re.DOTALL,
)
LATE_VERB = re.compile(rf"[\s>*]*{WROTE}\s*[:：][\s*>]*", re.IGNORECASE)
OPENING = re.compile(
    r"[\s>*\-]*(?:(?:on|le|am|op|el|em|il|dnia|den|at|w dniu|в)\s|在|于|於"
    r"|เมื่อ(?:\s|วันที่)|ในวันที่|วันที่\s|\d{1,4}[-./ ]|[^<>]{0,60}<[^<>\s]+@[^<>\s]+>\s*[于於])",
    re.IGNORECASE,
)
DATED_OPENING = re.compile(
    r"[\s>*\-]*(?:(?:on|le|am|op|el|em|il|dnia|w dniu|в)\s|在|于|於|เมื่อ|ในวันที่)"
    r".*(?:\d{4}|\d[./-]\d{1,2}[./-]\d)"
    r"|[\s>*]*[^<>]{0,60}<[^<>\s]+@[^<>\s]+>\s*[于於]",
    re.IGNORECASE,
)
SENDER_LINE = re.compile(r"[\s>*]*[^<>]{0,80}<[^<>\s]+@[^<>\s]+>\s*")
SENTENCE_END = re.compile(r"(?:[?!。？！]|[^\W\d]{6,}\.)[\s*]*$")
"""No introduction goes on below a line that ends a sentence; "nov." and "Mme." do not."""
MAY_OPEN = re.compile(r".*(?:@|\d{4}|<)")
BARE_DATE = re.compile(
    rf"\s*\d{{4}}[-/]\d{{1,2}}[-/]\d{{1,2}}\s+(?:{CLOCK}\s+\S.{{2,80}}|\S[^<>]{{2,80}}<[^<>]+@[^<>]+>:?)\s*"
    rf"|\s*\d{{4}}-\d{{2}}-\d{{2}} {CLOCK} GMT\S* .{{2,160}}",
    re.DOTALL,
)
ORIGINAL = re.compile(
    r"[\s>*]*(?:[-_]{2,}\s*(?:original message|message d['’]origine|message original|"
    r"message transf[ée]r[ée]|message r[ée]exp[ée]di[ée]|e?-?mail (?:d['’]origine|original)|"
    r"courriel (?:d['’]origine|original)|forwarded message|original e?-?mail|reply message|"
    r"原始邮件|原始郵件|邮件原件|原邮件|转发的?邮件|轉寄的?郵件|转发邮件信息|"
    r"ข้อความต้นฉบับ|ข้อความเดิม|ข้อความที่ส่งต่อ|mensaje original|"
    r"mensagem original|messaggio originale|ursprüngliche nachricht|weitergeleitete nachricht|"
    r"oorspronkelijk bericht|ursprungligt meddelande|исходное сообщение)\s*[-_]{2,}"
    r"|begin forwarded message ?:|début du message (?:transféré|réexpédié) ?:)[\s*]*",
    re.IGNORECASE,
)
FROM_LINE = re.compile(
    r"[\s>*|]*(?:from|de|von|da|van|från|fra|od|от|expéditeur|发件人|寄件者|寄件人|發件人|จาก)\s*\*?\s?[:：]\*?\s*\S",
    re.IGNORECASE,
)
HEADER_LINE = re.compile(
    r"[\s>*|]*(?:from|reply-to|sent|date|to|cc|subject|importance|de|répondre à|envoyé|envoyé le|à|"
    r"pour|objet|von|gesendet|datum|an|betreff|da|risposta|inviato|data|a|oggetto|enviado|fecha|"
    r"para|asunto|assunto|van|verzonden|aan|onderwerp|från|skickat|till|ämne|fra|sendt|til|emne|"
    r"od|wysłano|do|temat|message du|copie à|cc|sujet|envoyée|"
    r"发件人|发送时间|发送日期|收件人|主题|抄送|日期|时间|發件人|寄件者|寄件人|寄件日期|傳送日期|收件者|主旨|副本|"
    r"จาก|ส่ง|ส่งเมื่อ|วันที่|ถึง|เรื่อง|สำเนา)\s*\*?\s?[:：]",
    re.IGNORECASE,
)
DATE_LINE = re.compile(
    r"[\s>*|]*(?:message du\s?[:：]?\s*\d|(?:date|sent|envoyé|envoyé le|gesendet|enviado|inviato"
    r"|日期|时间|发送时间|寄件日期|วันที่|ส่ง|ส่งเมื่อ)\s*\*?\s?[:：]\*?\s*\S)",
    re.IGNORECASE,
)
"""Orange, laposte.net and SFR write when a mail was sent before they write who sent it."""
QUOTED = re.compile(r"\s{0,3}(?:>|[A-Z]{1,3}>)")
BARRED = re.compile(r"\s{0,3}\|")
RULE = re.compile(r"[\s>]*[-_=~#*+–—ᐧ]+[\s-]*")
DASHES = re.compile(r"(?:--|—|-- |_{3,})\s*")
DEVICE = re.compile(
    r"\W{0,3}(?:sent (?:from|via|with|by) |from my (?:i?phone|ipad|mobile|android)|get \[?outlook|"
    r"envoyé (?:depuis|de(?:puis)?|à partir de|avec|via) (?:mon|ma|l['’]|un|le |la |outlook|yahoo|"
    r"mail|proton|gmail|mobile|orange|sfr)|télécharge[rz] outlook|obtenir outlook|"
    r"provenance : courrier|"
    r"von meinem |diese nachricht wurde von|gesendet (?:mit|von)|verzonden (?:met|vanaf)|sendt fra|"
    r"skickat från|enviado (?:desde|do|de)|inviato da|从我的|從我的|发自我的|發自我的|来自我的|"
    r"获取.{0,20}outlook|取得.{0,20}outlook|ส่งจาก |รับ outlook|ดาวน์โหลด outlook|yahoo mail ?: |"
    r"someone from mobile).{0,110}",
    re.IGNORECASE,
)
Quotes = Literal["any", "marked", "none"]
SIGNATURE_LINES, RULED_SIGNATURE_LINES = 20, 6
"""Lines of a signature below `--`, and below a rule, which may as well part two paragraphs."""
MAX_SIGNATURE_LINE = 120
"""Characters of the first two lines of a signature: a name, a function."""
INTRODUCTION_LINES = 7


def written_now(text: str, quotes: Quotes = "any") -> str:
    """Return the part of `text` that its sender wrote, or all of it when that would be nothing.

    `quotes` says which quoted mails are cut. A first mail is about what looks like one, unless `>`
    marks it; a forwarded mail is what it is about.
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").replace("\xa0", " ").split("\n")
    kept = _trim(_without_quotes(lines, quotes))
    return "\n".join(kept or _trim(_forwarded(lines) or lines))


def around_forwarded(text: str) -> tuple[str, str]:
    """Return what stands above a forwarded mail, and the mail; two empty texts without one."""
    lines = text.split("\n")
    for number, line in enumerate(lines):
        if ORIGINAL.fullmatch(line) or (line.strip() and _header_block(lines, number)):
            length = max(1, _introduction(lines, number))
            return "\n".join(lines[:number]), "\n".join(lines[number + length :]).strip()
    return "", ""


def _without_quotes(lines: list[str], quotes: Quotes) -> list[str]:
    """Drop signatures, and introductions with the mail they introduce."""
    kept: list[str] = []
    at = 0
    while at < len(lines):
        length = 0 if quotes == "none" else _introduction(lines, at)
        if length and quotes == "marked" and _quote_end(lines, at + length) is None:
            length = 0
        if not length:
            if DASHES.fullmatch(lines[at]) and any(line.strip() for line in kept):
                end = _signature_end(lines, at)
                kept += lines[at : at + 1] if end == at + 1 else []
                at = end
                continue
            kept.append(lines[at])
            at += 1
            continue
        at += length
        after = _quote_end(lines, at)
        if after is None:  # the quoted mail is not marked: it goes on to the end
            break
        if any(line.strip() for line in kept):  # kept for sense, if an answer follows below
            kept += [BARRED.sub(">", line) for line in lines[at:after]]
        at = after
    return _trim(kept) if quotes == "none" else _without_trailing_quote(kept)


def _without_trailing_quote(lines: list[str]) -> list[str]:
    """Drop the quoted lines at the end; quotes a person answers to stay, for sense."""
    kept = _trim(lines)
    end = len(kept)
    while end and (QUOTED.match(kept[end - 1]) or not kept[end - 1].strip()):
        end -= 1
    return kept[:end] if end else kept


def _introduction(lines: list[str], at: int) -> int:
    """Return how many lines from `at` introduce a quoted mail; 0 when they do not."""
    line = lines[at]
    if not line.strip():
        return 0
    if ORIGINAL.fullmatch(line):
        return 1 + _header_block(lines, at + 1)
    headers = _header_block(lines, at)
    if headers:
        return headers
    return _attribution(lines, at)


def _attribution(lines: list[str], at: int) -> int:
    sure = OPENING.match(lines[at])
    if not (sure or MAY_OPEN.match(lines[at]) or _opens_bracket(lines, at)):
        return 0
    for length in range(1, INTRODUCTION_LINES):
        window = lines[at : at + length]
        if _is_end(lines, at + length - 1):
            break
        joined = "\n".join(window)
        if INTRODUCTION.fullmatch(joined) and _is_sure(joined, lines, at + length):
            return 0 if _begins_later(lines, at, at + length) else length
        dated = length <= 2 and BARE_DATE.fullmatch(joined)
        if dated and _is_sure_date(joined, lines, at + length):
            return length
        if SENTENCE_END.search(window[-1]):
            break
    return 0


def _begins_later(lines: list[str], at: int, end: int) -> bool:
    """Whether an introduction that ends before line `end` begins below line `at`.

    The lines above it are the letter: "Le contrat…" begins as "Le 3 mars…" does.
    """
    if SENDER_LINE.fullmatch(lines[at]):
        return False
    opening = DATED_OPENING if OPENING.match(lines[at]) else OPENING
    later = (number for number in range(at + 1, end) if opening.match(lines[number]))
    return any(number + _attribution(lines, number) == end for number in later)


def _is_end(lines: list[str], at: int) -> bool:
    """Whether an introduction ends before line `at`: empty, without a verb alone below it."""
    if at < len(lines) and lines[at].strip():
        return False
    return at + 1 >= len(lines) or not LATE_VERB.fullmatch(lines[at + 1])


def _opens_bracket(lines: list[str], at: int) -> bool:
    return len(lines) > at + 1 and lines[at + 1].strip().startswith("<")


def _is_sure(introduction: str, lines: list[str], after: int) -> bool:
    """Ask for a second sign: an address, a time of day, or `>` marks below."""
    if not re.search(r"(?:[:：]|-{2,})[\s*>]*$", introduction) and "@" not in introduction:
        return False
    if "@" in introduction or re.search(CLOCK, introduction):
        return True
    following = next((line for line in lines[after:] if line.strip()), "")
    return bool(QUOTED.match(following) or BARRED.match(following))


def _is_sure_date(introduction: str, lines: list[str], after: int) -> bool:
    """Ask for a second sign of a line that begins with a date: hours are listed like that too."""
    following = next((line for line in lines[after:] if line.strip()), "")
    named = "@" in introduction or " GMT" in introduction or introduction.rstrip().endswith(":")
    return named or bool(QUOTED.match(following) or BARRED.match(following))


def _header_block(lines: list[str], at: int) -> int:
    """Return the length of a block of header lines, the first of which names a sender."""
    start = at
    while (
        start < len(lines)
        and start - at < 4
        and (not lines[start].strip() or RULE.fullmatch(lines[start]))
    ):
        start += 1
    if start >= len(lines):
        return 0
    dated = DATE_LINE.match(lines[start]) and any(map(FROM_LINE.match, lines[start : start + 3]))
    if not (dated or FROM_LINE.match(lines[start])):
        return 0
    found, end = 0, start
    for number in range(start, min(start + 12, len(lines))):
        if HEADER_LINE.match(lines[number]) or DATE_LINE.match(lines[number]):
            found, end = found + 1, number + 1
        elif not lines[number].strip() and found > 2:
            break
    return end - at if found >= 3 else 0


def _quote_end(lines: list[str], at: int) -> int | None:
    """Return where the marked quote from `at` ends; None when it is not marked."""
    first = next((n for n in range(at, len(lines)) if lines[n].strip()), None)
    if first is None:
        return len(lines)
    mark = next((mark for mark in (QUOTED, BARRED) if mark.match(lines[first])), None)
    if mark is None:
        return None
    end = first
    while end < len(lines) and (mark.match(lines[end]) or not lines[end].strip()):
        end += 1
    return end


def _signature_end(lines: list[str], at: int) -> int:
    """Return where the signature that starts at `at` ends: at a quoted mail or the end.

    The next line when it is none: a rule between paragraphs is followed by a question, or by much.
    """
    end = len(lines)
    for number in range(at + 1, len(lines)):
        if _introduction(lines, number) or QUOTED.match(lines[number]):
            end = number
            break
    signed = [line for line in lines[at + 1 : end] if line.strip()]
    most = SIGNATURE_LINES if lines[at].startswith("--") else RULED_SIGNATURE_LINES
    asks = any(mark in line for line in signed for mark in "?？")
    if asks or len(signed) > most or any(len(line) > MAX_SIGNATURE_LINE for line in signed[:2]):
        return at + 1
    return end


def _forwarded(lines: list[str]) -> list[str]:
    """Return the body of a mail that is only a forwarded one."""
    for number in range(len(lines)):
        length = _introduction(lines, number)
        if length:
            return lines[number + length :]
    return []


def _trim(lines: list[str]) -> list[str]:
    """Drop empty lines at both ends, and rules and device signatures at the end."""
    start, end = 0, len(lines)
    while start < end and not lines[start].strip():
        start += 1
    while end > start and _is_tail(lines[end - 1]):
        end -= 1
    return lines[start:end]


def _is_tail(line: str) -> bool:
    return not line.strip() or bool(RULE.fullmatch(line) or DEVICE.fullmatch(line.strip()))
