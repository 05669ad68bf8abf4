"""Out-of-office messages without the headers they should carry: condition A8.

By their subject, which must start with the phrase, or with "absent" before the subject that is
answered; the bare words "absence" and "avertissement" are topics of labour law and never match.
And by their text, only in reply to a letter of ours, by two signs: who is away, and what happens
meanwhile. Whoever asks about their work under such a subject, in no reply to us, is a person. Dates
of an absence and nothing else may answer a question of ours: a person looks (A8d).
"""

import re

from mail_service.reading.formulas import between_formulas, folded_text
from mail_service.reading.message import Mail
from mail_service.rules.asking import asks, is_question_of_work, names_work
from mail_service.rules.context import RuleContext

SUBJECT = re.compile(
    r"(\[[^\]]*\]\s*)?(auto ?:|automatic (reply|response)|auto[- ]?(reply|response)\b"
    r"|réponse automatique|message automatique|absence du bureau|message d['’]absence"
    r"|out of (the )?(office|resources)|abwesenheitsnotiz|automatische antwort"
    r"|respuesta automática|risposta automatica|fuori sede|automatisch antwoord|autosvar"
    r"|automatisk svar|frånvaro|自动回复|自動回覆|ตอบกลับอัตโนมัติ"
    r"|\W*je suis (actuellement )?absente? du bureau"
    r"|(absente?|en congés?|away|on leave|ooo)\b[^:?]{0,40}\b(re|rép|aw)\s?:)",
    re.IGNORECASE,
)
AWAY = re.compile(
    r"\b(?:je (?:suis|serai)|nous sommes|actuellement)(?: actuellement| en ce moment)?"
    r" (?:absente?s?|en conges?|en vacances|en deplacement|indisponible|hors du bureau)"
    r"|\babsente?s? (?:du bureau|jusqu|du \d)"
    r"|\b(?:i am|i['’]m|i will be|i['’]ll be|we are)(?: currently| now)?"
    r" (?:out of (?:the |my )?office|on (?:\w+ )?leave|away|on (?:vacation|holiday)|travel+ing)"
    r"|\bout of (?:the )?office\b"
    r"|ไม่อยู่(?:ที่)?(?:สํานักงาน|สำนักงาน|ออฟฟิศ|ที่ทํางาน|ที่ทำงาน)|(?:อยู่ระหว่าง|กําลัง|กำลัง)?ลา(?:พักร้อน|พักผ่อน|งาน|หยุด|คลอด|กิจ)"
    r"|不在办公室|不在辦公室|(?:正在|目前|现在)(?:休假|度假|外出|出差)|我(?:将)?(?:于|从|自)?.{0,20}(?:休假|度假|出差)"
)
MEANWHILE = re.compile(
    r"\b(?:mon retour|mon absence|cette periode|urgen\w+|repondrai|contacte[rz]|acces limite"
    r"|pas acces|de retour|hors du bureau|du bureau|votre (?:e-?mail|message|courriel))\b"
    r"|\b(?:my return|i return|i am back|i['’]m back|be back|limited access|urgent\w*|contact"
    r"|(?:will|shall) (?:respond|reply|answer|get back)|my absence|out of (?:the |my )?office"
    r"|your (?:e-?mail|message))\b"
    r"|ติดต่อ|ด่วน|กลับมา|ตอบกลับ|สํานักงาน|สำนักงาน|ออฟฟิศ|紧急|緊急|联系|聯繫|回复|回覆|返回|回来|办公室|辦公室"
)
MAX_CHARACTERS = 900
MAX_BEFORE = 160
MAX_SENTENCE = 140


def check(mail: Mail, context: RuleContext) -> str | None:
    """Match a subject, or a reply to us, that starts like an out-of-office message."""
    if SUBJECT.match(mail.subject) and not _is_a_persons(mail, context):
        return "A8"
    said = _absence(mail, context)
    return "A8" if said and MEANWHILE.search(said) else None


def check_doubtful(mail: Mail, context: RuleContext) -> str | None:
    """Match a reply to us that says that somebody is away, from when to when, and nothing else."""
    said = _absence(mail, context)
    short = said and len(said) <= MAX_SENTENCE and re.search(r"\d", said)
    return "A8d" if short and not MEANWHILE.search(said) else None


def _absence(mail: Mail, context: RuleContext) -> str:
    """Return the folded text of a reply to us that begins with an absence; otherwise nothing."""
    text = mail.text
    if not context.is_reply_to_us(mail) or len(text) > MAX_CHARACTERS:
        return ""
    said = " ".join(folded_text(between_formulas(text, mail.sender.name) or "").split())
    away = AWAY.search(said)
    asked = asks(mail) or names_work(said)
    return said if away and away.start() <= MAX_BEFORE and not asked else ""


def _is_a_persons(mail: Mail, context: RuleContext) -> bool:
    """Whether a subject like those of robots stands above somebody's question about work."""
    return is_question_of_work(mail) and not context.is_reply_to_us(mail)
