"""Greetings, thanks and closing formulas of letters, and the words between them.

Patterns are for folded text: lower case, no accents, each character in its place.
"""

import re
import unicodedata

from mail_service.reading.quoting import DASHES, DEVICE

WORD = r"[^\W\d_]+(?:['’-][^\W\d_]+)*"
WORDS = re.compile(WORD)
THANKS = re.compile(
    r"\W*(?:(?:en vous remerciant|merci)(?: (?:d'avance|par avance|beaucoup|infiniment"
    r"|(?:de|pour) (?:votre|ton|vos) (?:aide|reponses?|retour|conseils?|attention)"
    r"|de me repondre))*"
    r"|(?:many )?thanks(?: (?:in advance|a lot|for your (?:help|reply|answer)))?|thank you"
    r"(?: (?:in advance|very much|so much|for your (?:help|reply|answer)))?"
    r"|谢谢(?:您|你)?|ขอบคุณ(?:มาก)?(?:ครับ|ค่ะ|คะ)?"
    r"|(?:muchas |mil )?gracias(?: (?:de antemano|por su ayuda))?|(?:muito )?obrigad[oa]"
    r"|multumesc(?: anticipat| frumos)?|(?:vielen |besten )?dank(?: im voraus)?|danke(?: schon)?"
    r"|(?:z gory )?dziekuje(?: z gory)?|شكرا(?: جزيلا| لكم)?)\W*"
)
CLOSING = re.compile(
    r"\W*(?:(?:bien |tres )*(?:cordialement|amicalement|sincerement|respectueusement)"
    r"|bien a vous|(?:mes |sinceres |meilleures |cordiales )*salutations|bonne (?:journee|soiree)"
    r"|(?:kind |best |warm )?regards|(?:yours )?(?:sincerely|faithfully)"
    r"|mit freundlichen gru(?:ß|ss)en|(?:viele|liebe|beste) gru(?:ß|ss)e|(?:un )?saludos?"
    r"(?: cordiales)?|atentamente|(?:com os melhores )?cumprimentos|atenciosamente|cu stima"
    r"|z powazaniem|pozdrawiam|ขอแสดงความนับถือ|ด้วยความเคารพ|此致|敬礼|祝好|顺祝商祺)\W*"
)
GREETING_WORDS = frozenset(
    (
        *("bonjour", "bonsoir", "salut", "cher", "chere", "chers", "cheres", "madame", "monsieur"),
        *("mesdames", "messieurs", "maitre", "a", "tous", "toutes", "vous", "et", "ou"),
        *("hello", "hi", "dear", "good", "morning", "evening", "sir", "madam", "all", "and", "or"),
    )
)
"""Words of which a line that only greets is made."""
GREETING = re.compile(
    r"\W*(?:(?:bonjour|bonsoir|hello|hi|dear)(?: (?:madame|monsieur|sir|madam|all|a tous))*\b"
    r"|(?:guten (?:tag|morgen|abend)|hallo|sehr geehrte(?: damen und herren)?|buen[oa]s"
    r"(?: (?:dias|tardes|noches))?|hola|bo[am] (?:dia|tarde|noite)|ola|buna (?:ziua|seara)"
    r"|dzien dobry|dobry wieczor|السلام عليكم|مرحبا)\b"
    r"|สวัสดี(?:ครับ|ค่ะ|คะ)?|เรียน(?= )|您好|你好|尊敬的先生|尊敬的女士)[^\w¿¡]*"
)
MAX_SIGNATURE_LINES = 5
MAX_SIGNATURE_LINE = 60


POSTSCRIPT = re.compile(r"^\W*(?:p\.?\W?s|n\.?b)\b", re.MULTILINE)


def folded_text(text: str) -> str:
    """Return the text in lower case without accents, each character in its place."""
    return "".join(unicodedata.normalize("NFD", each.lower())[0] for each in text)


def between_formulas(text: str, sender_name: str) -> str | None:
    """Return a short letter without greeting, closing formula and signature.

    None when what follows the closing formula is more than a signature.
    """
    said = GREETING_WORDS | set(WORDS.findall(folded_text(sender_name)))
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    kept: list[str] = []
    for number, line in enumerate(lines):
        plain = folded_text(line)
        if DASHES.fullmatch(line) or (CLOSING.fullmatch(plain) and (kept or number)):
            signature = lines[number + 1 :]
            short = all(len(each) <= MAX_SIGNATURE_LINE for each in signature)
            return "\n".join(kept) if short and len(signature) <= MAX_SIGNATURE_LINES else None
        words = set(WORDS.findall(plain))
        if DEVICE.fullmatch(line) or (words and words <= said):
            continue
        greeting = GREETING.match(plain)
        kept.append(line[greeting.end() :] if greeting else line)
    return "\n".join(kept)


def _thanks(line: str) -> bool:
    return THANKS.fullmatch(folded_text(line).strip()) is not None


def without_formulas(text: str, sender_name: str) -> str:
    """Return what a letter says, without greeting, thanks, closing formula and signature.

    All of it where that loses a question or a postscript.
    """
    said = between_formulas(text, sender_name) or ""
    lines = [line for line in said.splitlines() if line and not _thanks(line)]
    asked = sum(said.count(mark) for mark in "?？") == sum(text.count(mark) for mark in "?？")
    return (
        "\n".join(lines) if lines and asked and not POSTSCRIPT.search(folded_text(text)) else text
    )
