"""Recognises who asks for advice or an appointment and does not say what about.

Each clause of such a message only wishes, greets or says that there is a problem; one clause that
says more makes it a question like any other.
"""

import re

from ai_core.law.search.stems import fold

_LONGEST_READ = 800
_CLAUSE = re.compile(
    r"[.,;:!?…()。，；！？\n]+|(?<=[\u0e00-\u0e7f])\s+"
    r"| (?:et|mais|car|and|but|so) (?=(?:je|j'|nous|vous|pouvez|pourriez|ca|c'|i|we|it|can"
    r"|could)\b)"
)
_MATTER = (
    r"(?: (?:avec|contre|with) (?:mon|ma|mes|l'|la|le|my|the) ?(?:employeurs?|patron\w*|chef\w*"
    r"|boss|responsable|entreprise|societe|direction|travail|boulot|collegues?|employer|manager|company"
    r"|job|work))?(?: (?:au|dans mon|a mon|at) (?:travail|boulot|work))?"
)
_ABOUT = (
    r"(?: (?:afin de |pour |au sujet de |a propos de |concernant |sur |about |to discuss )"
    r"(?:parler |discuter |echanger |faire le point )?(?:de |sur |d')?"
    r"(?:ma situation|mes droits|mon travail|mon cas|mon probleme"
    r"|my (?:situation|rights|case|job)))?"
)
_PERSON = (
    r"(?: (?:avec |a |with |to )?(?:vous|quelqu'un|you|someone|somebody"
    r"|(?:un |une |l'un |l'une |an? |one of )?(?:de |of )?(?:vos |your )?(?:conseill\w+|juristes?"
    r"|specialistes?|agents?|personnes?|avocats?|advis[eo]rs?|lawyers?)))?"
)
_THING = (
    r"(?:un |une |d'un |d'une |des |de l'|de |d'|quelques |an? |some )?"
    r"(?:rendez[- ]?vous|rdv|entretien telephonique|conseils?|renseignements?|informations?|infos?"
    r"|aide|avis|appointments?|advice|help|information|meeting|call)(?: juridiques?| svp)?"
)
_WISH = re.compile(
    rf"(?:(?:une? )?(?:demande|besoin|prise|recherche)s? (?:de |d')?{_THING}{_PERSON}{_ABOUT}"
    r"|(?:je |j'|nous |i |we |i'd )?(?:souhait\w+|voudrai[st]|voudrions|desire\w*|aimerais"
    r"|aurais besoin|ai besoin|avons besoin|cherche|sollicite|would like|need|want|like"
    r"|am looking for|look for)"
    r"(?: bien)?(?: de| d'| to)?(?: obtenir| avoir| prendre| fixer| have| get| book| make)?"
    rf" ?{_THING}{_PERSON}{_ABOUT}"
    r"|(?:je |j'|i )?(?:souhait\w+|voudrais|aimerais|would like to|want to|need to)"
    r" (?:parler|echanger|discuter|etre (?:rappelee?|conseillee?|aidee?)|speak|talk)"
    rf"{_PERSON}{_ABOUT}"
    r"|(?:est-ce que )?(?:(?:pouvez|pourriez|peux|pourrais)[- ]?(?:vous|tu)"
    r"|vous (?:pouvez|pourriez)|(?:can|could|would) (?:you|someone)) (?:please )?"
    r"(?:me |nous |m'|m )?"
    r"(?:conseiller|aider|renseigner|guider|orienter|rappeler|appeler|contacter|recevoir|help|advise"
    rf"|call)(?: me| us)?(?: (?:svp|stp|s'il (?:vous|te) plait|please|rapidement|au plus vite"
    rf"|par telephone))*{_MATTER}{_ABOUT}"
    rf"|(?:can|could|may|puis-je|peut-on) (?:i |we )?(?:speak|talk|parler){_PERSON}{_ABOUT}"
    r"|(?:ผม|ฉัน|ดิฉัน)?(?:ขอ|อยาก|ต้องการ)(?:ขอ)?(?:นัด(?:หมาย)?|คำปรึกษา|ปรึกษา|ความช่วยเหลือ"
    r"|คุยกับเจ้าหน้าที่|พูดกับเจ้าหน้าที่)(?:กับเจ้าหน้าที่)?|ช่วย(?:ผม|ฉัน|ดิฉัน)?(?:ได้ไหม|หน่อย|ด้วย)"
    r"|我?(?:想|要|需要)(?:预约|咨询|帮助|找人谈谈|约个时间)(?:一下|律师|顾问)?"
    r"|(?:能|可以|请)?(?:您|你)?(?:能|可以)?(?:帮我|帮帮我|给我(?:一些)?建议)(?:吗|一下)?)"
    r" ?(?:ครับ|ค่ะ|คะ|นะ)*"
)
_EMPTY = re.compile(
    r"(?:bonjour|bonsoir|salut|hello|hi|dear .{0,20}|madame|monsieur|messieurs|svp|stp|please"
    r"|urgent|s'il (?:vous|te) plait|(?:un grand )?merci.{0,40}|thanks?.{0,30}|cordialement"
    r"|bien a vous|\w"
    r"|(?:bonne|belle) (?:journee|soiree)|vous en remerciant.{0,20}|dans l'attente.{0,60}"
    r"|(?:je suis|i am|i'm) (?:disponible|joignable|available).{0,60}|\[.{1,40}\]|[\d .+/-]{6,}"
    r"|(?:mon|my) (?:numero|telephone|number).{0,40}"
    rf"|(?:j'ai|nous avons|i have|i've got|i am having) (?:un |une |des |de |quelques |a |some )?"
    r"(?:gros |petits? |grave |serious |big )?(?:soucis?|problemes?|difficultes?|litiges?"
    rf"|conflits?|ennuis|questions?|problems?|issues?|troubles?)(?: (?:grave|serieux)s?)?{_MATTER}"
    r"(?: (?:depuis|for|since) .{0,30})?"
    r"|(?:ca|cela|c'|c'est|la situation)(?: devient| est| va)?"
    r"(?: tres| de plus en plus| vraiment)? ?"
    r"(?:complique|difficile|dur|urgent|invivable|de pire en pire|complicated|difficult)e?"
    r"|je (?:ne )?sais (?:pas|plus) (?:(?:quoi|comment|que) faire|vers qui.{0,20})"
    r"|i (?:do not|don't) know what to do|it is urgent|"
    r"(?:ผม|ฉัน|ดิฉัน)?มีปัญหา(?:ที่ทำงาน|กับนายจ้าง|กับหัวหน้า)?(?:ครับ|ค่ะ|คะ)?"
    r"|สวัสดี(?:ครับ|ค่ะ|คะ)?|ขอบคุณ.{0,12}"
    r"|我(?:在工作中|工作上|和老板|跟雇主|跟老板)?(?:有|遇到)了?(?:一些|点)?(?:问题|麻烦)|您好|你好|谢谢.{0,4})"
)


def asks_for_advice(message: str) -> bool:
    """Whether a message wishes for advice, a call or an appointment and tells nothing else."""
    if len(message) > _LONGEST_READ:
        return False
    folded = fold(message).replace("’", "'")
    clauses = [clause.strip(" -*\t") for clause in _CLAUSE.split(folded) if clause]
    told = [clause for clause in clauses if clause]
    wishes = [clause for clause in told if _WISH.fullmatch(clause)]
    return bool(wishes) and all(
        _WISH.fullmatch(clause) or _EMPTY.fullmatch(clause) for clause in told
    )
