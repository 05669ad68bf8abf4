"""Recognises greetings and thanks in the nine languages that people write in."""

import re
from typing import Literal

SmallTalk = Literal["greeting", "thanks"]

_ASIDE = (
    r"(?:\W*(?:(?:à|a) tous|madame|monsieur|there|ça va|comment (?:ça va|allez[- ]vous)"
    r"|how are you|ครับ|ค่ะ|คะ|จ้า|吗|啊|呀|您|大家|a todos|tudo bem|qué tal|que tal|ce mai faceți))?"
)
_GREETING = re.compile(
    r"\W*(?:(?:bonjour|bonsoir|salut|coucou|hello|hi|hey|good (?:morning|afternoon|evening)"
    r"|สวัสดี|หวัดดี|ดีครับ|ดีค่ะ|你好|您好|妳好|大家好|早上好|下午好|晚上好|嗨|哈[喽囉啰]"
    r"|مرحبا|مرحبًا|أهلا|اهلا|أهلًا|السلام عليكم|سلام|صباح الخير|مساء الخير"
    r"|ol[aá]|bo?m dia|boa (?:tarde|noite)|oi|hola|buen(?:os|as) (?:d[ií]as|tardes|noches)|buenas"
    r"|bun[aă](?: (?:ziua|seara|diminea[tț]a))?|guten (?:tag|morgen|abend)|hallo|grüß gott"
    r"|servus)\W*){1,2}" + _ASIDE + r"\W*",
    re.IGNORECASE,
)
_THANKS = re.compile(
    r"\W*(?:ok\W+|parfait\W+|super\W+|très bien\W+|great\W+|好的?\W*|โอเค\W*)?"
    r"(?:(?:merci|thanks|thank you|thx)(?:\W+(?:beaucoup|bien|infiniment|a lot|so much|very much"
    r"|pour (?:tout|votre (?:aide|réponse))|à vous|au revoir|bonne (?:journée|soirée)))*"
    r"|ขอบคุณ(?:มาก)*|ขอบใจ(?:มาก)*|(?:非常|多|太)?(?:谢谢|謝謝|感谢|感謝|多谢|多謝|谢了)(?:您|你)?"
    r"(?:了|啊|的帮助|的幫助)?|(?:非常|太)感谢您?|شكرا(?: جزيلا| لك)?|شكرًا(?: جزيلًا| لك)?"
    r"|(?:muito )?obrigad[oa]|(?:muchas |mil )?gracias|mul[tț]umesc(?: mult| frumos)?|mersi"
    r"|(?:vielen |besten |herzlichen )?dank(?:e)?(?: (?:schön|sehr|vielmals))?)"
    r"(?:ครับ|ค่ะ|คะ|นะ|ๆ|\W)*",
    re.IGNORECASE,
)


def small_talk_of(text: str) -> SmallTalk | None:
    """Return whether a message is only a greeting or only thanks; None for anything else."""
    if _GREETING.fullmatch(text):
        return "greeting"
    return "thanks" if _THANKS.fullmatch(text) else None
