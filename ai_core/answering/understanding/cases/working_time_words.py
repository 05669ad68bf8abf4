"""The words of full time and part time, in the three scripts that messages are read in."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ai_core.answering.understanding.cases.lexicon import ScriptName
from ai_core.answering.understanding.quantities import NUMBER

_NEVER = re.compile(r"(?!)")


@dataclass(frozen=True, slots=True)
class Words:
    """One script's patterns.

    `mention` names a share of full time by its groups, `joint` stands within one ("temps partiel à
    80 %"). `after` and `before` are all that may stand between a mention and a measure after or
    before it. `since`, `latest`, `first`, `earlier` and `changed` tell when; `since_after` stands
    behind a measure. `worked`, `hired` and `of_which` ("5 ans dont 2 à mi-temps") stand before a
    mention, `last_year` behind one. `before_number`, `not_before_number` and `not_after_number`
    tell a bare percentage of working time from others. `breaks` part
    clauses, `range_to` two days. `pay_before`, `pay_after` and `after_sum`
    link a mention and the pay.
    Loops never give back what they took (`*+`): a text made to be read slowly is read at once.
    """

    mention: re.Pattern[str]
    joint: re.Pattern[str]
    unless: re.Pattern[str]
    unless_after: re.Pattern[str]
    after: re.Pattern[str]
    before: re.Pattern[str]
    since: re.Pattern[str]
    since_after: re.Pattern[str]
    latest: re.Pattern[str]
    first: re.Pattern[str]
    earlier: re.Pattern[str]
    changed: re.Pattern[str]
    worked: re.Pattern[str]
    hired: re.Pattern[str]
    of_which: re.Pattern[str]
    breaks: re.Pattern[str]
    range_to: re.Pattern[str]
    last_year: re.Pattern[str]
    before_number: re.Pattern[str]
    not_before_number: re.Pattern[str]
    not_after_number: re.Pattern[str]
    pay_before: re.Pattern[str]
    pay_after: re.Pattern[str]
    after_sum: re.Pattern[str]
    lasts: re.Pattern[str]


_WEEK = r"(?: ?(?:par|/|la|a|per|each|each|de) ?(?:semaines?|sem\b|week)| ?(?:hebdo\w*|weekly))"
_HOURS = r"\d{1,2}(?:[.,]\d)? ?(?:h(?:eures?|ours?)?|hrs?)(?:[0-5]\d)?"

_SPACED = Words(
    mention=re.compile(
        r"(?P<full>\b(?:temps (?:plein|complet)|tps (?:plein|complet)|plein[- ]temps"
        r"|full[- ]?time)\b"
        rf"|\b35 ?(?:h(?:eures?|ours?)?|hrs?){_WEEK})"
        rf"|(?P<half>\b(?:mi|demi|1/2)[- ]?(?:temps|tps)\b|\bhalf[- ]?time\b)"
        r"|(?P<three_quarters>\b(?:trois[- ]quarts?|3/4)(?: de)?[- ]?(?:temps|tps|time)\b"
        r"|\bthree[- ]quarters?[- ]time\b)"
        r"|(?P<four_fifths>\b(?:4/5(?:e|emes?|ths?)?|quatre cinquiemes?|four[- ]fifths)\b)"
        rf"|(?P<weekly>\b{_HOURS}{_WEEK})"
        r"|(?P<percent>\b\d{2}(?:[.,]\d)?) ?%(?: (?:du|d'un|de|of|of a|of the) ?"
        r"(?:temps(?: plein| complet| de travail)?|full[- ]time)\b)?"
        rf"|(?P<part>\b(?:temps|tps)[- ]partiel\b|\bpart[- ]?time\b)"
        rf"|(?P<bare_hours>\b{_HOURS}\b)"
    ),
    joint=re.compile(
        r"[ ,:(]*(?:(?:a|de|at|of|soit|i\.?e\.?|contrat|avec|on|time|contract)(?!\w) ?)*+[ (]*"
    ),
    unless_after=re.compile(r" ?(?:therapeutique|medical|pour motif|parental|for medical)"),
    unless=re.compile(r"(?:parental|therapeutique|therapeutic|maladie)(?: (?:a|en|de|on|at))? ?$"),
    after=re.compile(
        r"[ )(:]*|[ ),(:]*(?:(?:depuis|pendant|durant|ces|les|le|la|ca fait|il y a|y a|for|since"
        r"|the"
        r"|over|last|past|these|during|environ|about|around|presque|almost|it's been|de|du|entre"
        r"|between|en|in|fin"
        r"|debut|mi|on|from|as of|a partir de|a partir du|maintenant|now|dernieres?|derniers?"
        r"|premieres?|first|au debut|at first|at the start|pour|seulement|only|a peine"
        r"|uniquement)\.? +)++"
    ),
    before=re.compile(
        r"[ ,]*(?:(?:que|je|suis|etais|ai|a|en|au|de|passe\w*|travaille\w*|bosse\w*|fais|fait|faits"
        r"|dont|i|i've|i'm|i've been|have|been|am|was|working|worked|went|moved|switched|gone|to|at"
        r"|in|of|on|un|une|ete|avec|with|is|are|had|il|elle|est|mon|son|contrat|contract|as|job"
        r"|ago|now|maintenant|derniers?|dernieres?|premieres?|premiers?|seulement|only|it was|it is"
        r"|c'est|c'etait|he|she|they|put me|m'a mise?|m'a passee?) +|j'|d'|qu'|m'a )*+"
    ),
    since=re.compile(r"\b(?:depuis|since|il y a|y a|ca fait|ces|these|a partir d[eu]|as of)\b"),
    since_after=re.compile(r" ?ago\b"),
    latest=re.compile(
        r"\b(?:dernier\w*|last|past|ago|maintenant|now|actuel\w*|currently|aujourd'hui|today)\b"
    ),
    first=re.compile(r"\b(?:premier\w*|first|au debut|at the (?:start|beginning)|initially)\b"),
    earlier=re.compile(r"\b(?:avant|auparavant|before(?: that)?|previously|d'abord)\b[^.;]{0,16}$"),
    changed=re.compile(
        r"\b(?:pass(?:e|ee|es|er|ais|ait)|mise?|bascul\w*|puis|ensuite|then|went|go|going|moved"
        r"|switched|changed|reduit|reduced|devenue?s?|now|maintenant)\b"
    ),
    worked=re.compile(
        r"\b(?:travaill\w*|boss\w*|work\w*|employee?s?|en poste|job)(?: ici| here| chez eux)?"
        r"(?: (?:a|en|as|in|on|de))?(?: un| une| my| mon)? ?$"
    ),
    hired=re.compile(
        r"\b(?:embauch\w*|recrut\w*|engagee?s?|hired|entree?s?|start\w*|commenc\w*|debut\w*|joined)"
        r"\b[^,.;]{0,14}$"
    ),
    breaks=re.compile(r"[,;.!?]|\b(?:puis|ensuite|then|alors)\b"),
    range_to=re.compile(r" ?(?:au|a|jusqu'au|jusqu'a|to|until|till|et|and|-|→) ?(?:le |the )?"),
    of_which=re.compile(
        rf"\b(?:(?:dont|including|of which|with)(?: (?:les|the|last))*"
        rf"|les(?= {NUMBER} (?:dern|prem))) (?P<number>{NUMBER})"
        r"(?: (?:derniere?s?|last|premiere?s?))?(?: (?:a|en|de|at|as|on|un))*(?: un)? ?$"
    ),
    last_year=re.compile(
        r"[ )(,]*(?:(?:for|over|during|in|depuis|pendant|sur) )?(?:la derniere annee"
        r"|the (?:last|past) year)\b"
    ),
    before_number=re.compile(
        r"(?:\b(?:a|au|at|en|un|mon|contrat|travaill\w*|bosse|work\w*|temps|time|to|on|etait|c'est"
        r"|serait|plutot"
        r"|if|it was|it's|were) ?\(?"
        r"|annees? |ans |years ?)$"
    ),
    not_before_number=re.compile(
        r"\b(?:augment\w*|hausse|primes?|bonus|baisse|commissions?|raise|major\w*|taux|rate|hausse"
        r"|indemnis\w*|paye\w*|invalid\w*|handicap\w*|ipp|incapacite)\b[^,.;]{0,20}$"
    ),
    not_after_number=re.compile(
        r" ?(?:\)? ?(?:brut|net|de (?:mon|ma|mes|la|l'|plus|major|prime)|du (?:salaire|brut|smic"
        r"|net)"
        r"|of (?:my|the) (?:pay|sal|wage|base)|d'augment|de hausse|de prime|bonus|raise|more|pay\b"
        r"|par an|a year))"
    ),
    pay_before=re.compile(
        r"\b(?:salaires?|paies?|paye|remuneration|equivalent|base|brut|gross|pay|salary|wages?)"
        r"(?: (?:brut|mensuel|gross|monthly|est|is|was|etait|celui|that|the one|en|a|de|du|d'un"
        r"|d'|of|for|at|for a|pour|pour un|sur|base))* ?(?:d'un |d')?$|\b(?:celui|celle) (?:d'un "
        r"|du "
        r"|de )?$|\b(?:full|etp)$"
    ),
    pay_after=re.compile(r" ?(?:equivalent|pay\b|salary|wage|gross|rate)"),
    after_sum=re.compile(
        r"[ (]*(?:(?:€|euros?|eur|e|bruts?|nets?|gross|par mois|mensuels?|mensuel|a month|per month"
        r"|monthly|/ ?mois|/ ?month|month)(?!\w) ?)*+[ (]*(?:(?:a|en|pour|au|de|du|sur|base"
        r"|equivalent"
        r"|d'un|un|mon|le|for|at|my|as|the|in|on|full|of)(?!\w) ?)*+"
    ),
    lasts=re.compile(r"[ )(]*(?:depuis|pendant|for|since|ces|les \w+ dern|il y a|the last)\b"),
)

_THAI = Words(
    mention=re.compile(
        r"(?P<full>(?<!ไม่)เต็มเวลา|ฟูลไทม์|ฟูลทาม|full[- ]?time|temps plein)"
        r"|(?P<half>ครึ่งเวลา|ครึ่งวัน|ครึ่งหนึ่ง|mi-temps)"
        r"|(?P<three_quarters>สามในสี่)|(?P<four_fifths>สี่ในห้า)"
        r"|(?P<weekly>(?:สัปดาห์|อาทิตย์)ละ ?\d{1,2}(?:\.\d)? ?(?:ชั่วโมง|ชม)|\d{1,2}(?:\.\d)? ?"
        r"(?:ชั่วโมง|ชม\.?) ?(?:ต่อ|/) ?(?:สัปดาห์|อาทิตย์))"
        r"|(?P<percent>\d{2}(?:\.\d)?) ?(?:%|เปอร์เซ็นต์)(?:ของเวลาเต็ม)?"
        r"|(?P<part>พาร์ทไทม์|พาร์ตไทม์|พาร์ทไทม|ไม่เต็มเวลา|นอกเวลา|part[- ]?time|temps partiel)"
        r"|(?P<bare_hours>\d{1,2}(?:\.\d)? ?(?:ชั่วโมง|ชม))"
    ),
    joint=re.compile(r"[ ,:(]*(?:แบบ|ที่|คิดเป็น|ทำ)?[ (]*"),
    unless=_NEVER,
    unless_after=_NEVER,
    after=re.compile(
        r"[ ()]*(?:(?:มา|เป็นเวลา|ได้|แล้ว|อยู่|ช่วง|ใน|นาน|ตั้งแต่|หลังจาก|หลัง|เมื่อ|เดือน|ปี|ประมาณ"
        r"|อีก|ตลอด)[ ]*)*+"
    ),
    before=re.compile(
        r"[ ,]*(?:(?:หลังสุด|หลัง|สุดท้าย|ล่าสุด|ที่ผ่านมา|ทำงาน|ทำ|เป็น|แบบ|งาน|ก่อน|แรก|แล้ว|มา|เปลี่ยน"
        r"|ลดเหลือ|ฉัน|ผม|นี้|ย้าย|ที่)[ ]*)*+"
    ),
    since=re.compile(r"ตั้งแต่|มา ?\d|หลังจาก"),
    since_after=re.compile(r" ?(?:แล้ว|ที่แล้ว|ก่อน|ที่ผ่านมา)"),
    latest=re.compile(r"สุดท้าย|ล่าสุด|หลัง|ที่ผ่านมา|ตอนนี้|ปัจจุบัน"),
    first=re.compile(r"แรก|ตอนต้น|ช่วงต้น"),
    earlier=re.compile(r"เมื่อก่อน|ก่อนหน้า|เดิม"),
    changed=re.compile(r"เปลี่ยน|ลดเหลือ|ย้าย|แล้ว(?:ก็)?|จากนั้น|ตอนนี้"),
    worked=re.compile(r"(?:ทำงาน|ทำ|งาน)(?:แบบ|เป็น)?[ ]?$"),
    hired=re.compile(r"(?:เริ่ม(?:งาน|ทำงาน)?|เข้า(?:ทำ)?งาน|จ้าง)[^ ]{0,8}[ ]?$"),
    breaks=re.compile(r"[,;.!?]|จากนั้น|แล้วก็"),
    range_to=re.compile(r" ?(?:ถึง|จนถึง|-) ?(?:วันที่|เดือน|ปี)? ?"),
    of_which=_NEVER,
    last_year=_NEVER,
    before_number=re.compile(r"(?:ทำงาน|ทำ|เหลือ|เป็น|งาน|เวลา|ถ้า|หาก)[ (]*$"),
    not_before_number=re.compile(r"(?:ขึ้น|โบนัส|ดอกเบี้ย)[^ ]{0,6}$"),
    not_after_number=re.compile(r" ?(?:ของ(?:เงินเดือน|ค่าจ้าง)|โบนัส)"),
    pay_before=re.compile(r"(?:เงินเดือน|ค่าจ้าง)(?:ของ|แบบ|ตอน|สำหรับ|งาน|ทำงาน)*[ ]?$"),
    pay_after=_NEVER,
    after_sum=re.compile(r"[ (]*(?:(?:ยูโร|€|ต่อเดือน|ก่อนหัก|แบบ|สำหรับ|ของ|งาน|ตอน|คือ)[ ]*)*+\(?"),
    lasts=re.compile(r"[ )(]*(?:มา|ตั้งแต่|เป็นเวลา)"),
)

_CHINESE = Words(
    mention=re.compile(
        r"(?P<full>全职|(?<!非)全日制|全时|temps plein)"
        r"|(?P<half>半职|半日制|半天(?:班|制)?|半时|mi-temps)"
        r"|(?P<three_quarters>四分之三)|(?P<four_fifths>五分之四|八成)"
        r"|(?P<weekly>(?:每|一)(?:个)?(?:周|星期|礼拜)(?:工作|上班|做"
        r"|上)?\d{1,2}(?:\.\d)?(?:个)?(?:小时|钟头))"
        r"|(?P<percent>\d{2}(?:\.\d)?) ?%(?:的?(?:工时|工作时间|工作量))?"
        r"|(?P<part>兼职|非全日制|非全职|部分工时|temps partiel)"
        r"|(?P<bare_hours>\d{1,2}(?:\.\d)?(?:个)?小时)"
    ),
    joint=re.compile(r"[ ,:,、((]*(?:即|也就是|是|的|做|按|约)?[ ((]*"),
    unless=_NEVER,
    unless_after=_NEVER,
    after=re.compile(
        r"[ ()()]*(?:(?:已经|已|了|有|做了|做|干了|干|工作|最近|近|最后|过去|从|自|满|这|大约|约"
        r"|到现在|至今)[ ]*)*+"
    ),
    before=re.compile(
        r"[ ,,]*(?:(?:是|都|做|在|我|起|开始|改|转|为|成|了|以来|来|一直|的|前|后|变|只|里|间|期间"
        r"|之后|之前"
        r"|工作|上班|按)[ ]*)*+"
    ),
    since=re.compile(r"从|自(?!己)|以来|起|已经|了$"),
    since_after=re.compile(r"(?:了|以来|前(?:开始|改|转))"),
    latest=re.compile(r"最近|最后|近|后|过去|现在|目前"),
    first=re.compile(r"(?:^|[,,。;; 是])前|头|最初|刚开始|一开始|开始(?:的)?(?:几|两|二|三|\d)"),
    earlier=re.compile(r"之前|以前|原来|原先|先"),
    changed=re.compile(r"改|转|变|后来|然后|之后|现在"),
    worked=re.compile(r"(?:工作|上班|做|一直)(?:是|了)?$"),
    hired=re.compile(r"(?:入职|开始|聘用|雇用)[^,。;]{0,4}$"),
    breaks=re.compile(r"[,;.!?。]|然后|后来"),
    range_to=re.compile(r"(?:到|至|-|~)"),
    of_which=_NEVER,
    last_year=_NEVER,
    before_number=re.compile(
        r"(?:上班|工作|工时|按|做|如果是?|是|换成|改(?:为|成)|转(?:为|成)|变(?:为|成)|年|月)[ (]*$"
    ),
    not_before_number=re.compile(r"(?:涨|加薪|奖金|提成|残疾)[^,。]{0,6}$"),
    not_after_number=re.compile(r"(?:的?(?:工资|奖金|薪))|涨"),
    pay_before=re.compile(r"(?:工资|月薪|薪水|按)(?:是|为|按)?[ ]?$"),
    pay_after=re.compile(r"(?:的)?(?:工资|月薪|薪水|薪资|月工资|税前)"),
    after_sum=re.compile(r"[ (]*(?:欧元|欧|€|税前|每月|的|是|按|为)*+[ (]*"),
    lasts=re.compile(r"[ )(]*(?:了|已|从)"),
)

WORDS: Mapping[ScriptName, Words] = {"spaced": _SPACED, "thai": _THAI, "chinese": _CHINESE}
