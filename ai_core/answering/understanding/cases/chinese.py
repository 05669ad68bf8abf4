"""Chinese, which writes no spaces between words: patterns over the text as it is written (NFKC)."""

import re
from fractions import Fraction

from ai_core.answering.understanding.cases.lexicon import Lexicon, cue, named, number_by_tens

_DIGITS = {
    **{word: number for number, word in enumerate("零一二三四五六七八九")},
    "两": 2,
    "兩": 2,
}
_ONES = "".join(_DIGITS)
_NUMBER = rf"(?:\d{{1,3}}(?:\.\d{{1,2}})?|[{_ONES}]?十[{_ONES}]?|[{_ONES}]|半)"
_MEASURED = r"(?:又|零)?"
_DISMISSED = r"(?:被)?(?:解雇|辞退|裁员|裁|开除|炒)"
_REASONS = {
    "commuting_accident": r"(?:上下班|通勤)(?:途中)?(?:事故|意外)",
    "work_accident": r"工伤(?:假)?",
    "parental_leave": r"育儿假|育婴假",
    "sabbatical_leave": r"公休假|长休假",
    "business_creation_leave": r"创业假",
    "unpaid_leave": r"无薪(?:休)?假|停薪留职",
    "strike": r"罢工",
    "sickness": r"病假(?:休|请|放)?|因病(?:休息|停工|请假)?",
}
_CUES = (
    *(
        cue(
            "duration",
            f"absence:{reason}",
            before=rf"(?:{words})(?:了|共|有)?[ ]?",
            after=rf"的?(?:{words})",
        )
        for reason, words in _REASONS.items()
    ),
    cue(
        "duration",
        "excluded",
        before=r"(?:提前|预告期|通知期|拖欠|欠(?:我)?|怀孕|还有|再过|试用期|产假)(?:了|是)?[ ]?",
        after=r"(?:前|后|以后|之后|以前|之前|的?工资|内|的?预告期)",
    ),
    cue("duration", "age", after=r"岁"),
    cue(
        "duration",
        "contract_months",
        before=r"(?:CDD|合同|派遣|临时工|短期工)(?:合同)?(?:期限?)?(?:为|是)?[ ]?",
        after=r"的?(?:CDD|定期|固定期限|合同|派遣|临时)",
    ),
    cue(
        "duration",
        "seniority",
        before=r"(?:工龄|司龄)(?:已经|已|是|有|为|:)?[ ]?",
        after=r"(?:的)?(?:工龄|司龄)",
    ),
    cue(
        "duration",
        "served",
        before=r"(?:工作(?:了|满)?|干了?|做了?|上班|在职|入职|服务)(?:已经|已|了|是|有|为|:)?[ ]?",
    ),
    cue(
        "money",
        "excluded",
        before=r"(?:IDCC|第|条|L\.?|R\.?)[ ]?",
        after=r"[ ]?(?:%|年|月|天|日|号|人|小时|岁|条)",
    ),
    cue(
        "money",
        "bonus",
        before=r"(?:年终奖|奖金|年度奖金|第十三个月工资|分红)(?:为|是|有|每年)?[ ]?",
    ),
    cue(
        "money",
        "hourly",
        before=r"(?:时薪|每(?:个)?小时|小时工资)(?:税前|是|为|工资)?[ ]?",
        after=r"[ ]?(?:欧元|欧|€)?(?:/|每|一)(?:个)?小时",
    ),
    cue(
        "money",
        "yearly",
        before=r"(?:年薪|每年|年收入)(?:税前|是|为|毛)?[ ]?",
        after=r"[ ]?(?:欧元|欧|€)?(?:/|每|一)年",
    ),
    cue(
        "money",
        "total",
        before=r"(?:总(?:工资|额|收入|薪)?|总共|一共|全部)(?:税前|毛工资|工资|拿了|收入|是"
        r"|为)*[ ]?",
        after=r"[ ]?(?:欧元|欧|€)?(?:在内)?(?:总共|总计)",
    ),
    cue(
        "money",
        "monthly",
        before=r"(?:月薪|每(?:个)?月|月工资|毛工资|工资)(?:税前|毛|是|为|工资)*[ ]?",
        after=r"[ ]?(?:欧元|欧|€)?(?:/|每|一个)月",
    ),
    cue("date", "signed", before=r"(?:签(?:了|字|署|订)?)(?:于)?[ ]?", after=r"[ ]?(?:签|才签)"),
    cue(
        "date",
        "notice",
        before=rf"(?:{_DISMISSED}|收到(?:解雇)?信)(?:是|于)?[ ]?",
        after=rf"[ ]?(?:{_DISMISSED}|通知解雇|收到)",
    ),
    cue(
        "date",
        "exit",
        before=r"(?:到|至|离职(?:日期)?)[ ]?",
        after=r"[ ]?(?:离职|离开|合同(?:到期|结束))",
    ),
    cue(
        "date",
        "entry",
        before=r"(?:从|自|入职(?:日期)?|入职于|开始(?:工作)?(?:于)?)[ ]?",
        after=r"[ ]?(?:入职|进(?:入)?公司|开始|到岗|起)",
    ),
    cue("hours", "excluded", after=r"(?:/天|每天|假)"),
    cue("hours", "overtime", before=r"加班(?:了)?[ ]?", after=r"(?:的)?加班"),
    cue(
        "days",
        "leave_days",
        before=r"(?:剩|剩余|剩下|还有|还剩)[ ]?",
        after=r"(?:的)?(?:年假|带薪假|假)",
    ),
)

_NAMED = (
    *named(
        "category",
        {
            "agent_de_maitrise": r"主管|领班|agent de maîtrise",
            "etam": r"ETAM",
            "technicien": r"技术员|technicien",
            "ouvrier": r"工人(?!作)|ouvrier",
            "employe": r"职员|文员|employé",
            "cadre": r"(?<!non-)(?<!non )cadre|干部|工程师|管理人员",
        },
        words=False,
    ),
    *named(
        "contract",
        {
            "CDI": r"CDI|无固定期限|不定期合同",
            "CDD": r"CDD|(?<!不)(?<!无)定期合同|(?<!无)固定期限",
            "CTT": r"派遣|临时工|intérim|interim",
        },
        words=False,
    ),
    *named(
        "fixed_term_type",
        {
            "Contrat saisonnier": r"季节性|saisonnier",
            "CDD d'usage": r"CDD d'usage|CDDU|惯例性",
            "Contrat d'un jeune pendant ses vacances scolaires ou universitaires": r"暑期工|假期工",
            "Contrat aidé, de formation ou de recherche": r"学徒合同|apprentissage|alternance",
        },
        words=False,
    ),
    *named("working_time", {"part_time": r"兼职|非全日制|半职|temps partiel"}, words=False),
    *named(
        "ending",
        {
            "mutual_termination": r"rupture conventionnelle|协议(?:解除|离职|解约)|协商(?:解除"
            r"|解约|离职)",
            "retirement": r"退休",
            "trial_period": r"试用期",
            "resignation": r"辞职|离职(?!日)",
            "dismissal": r"解雇|辞退|裁员|被裁|开除",
        },
        words=False,
    ),
    *named(
        "deadline",
        {
            "other": r"骚扰",
            "mutual_termination_withdrawal": r"反悔|撤回",
            "final_settlement_receipt": r"solde de tout compte",
            "discrimination_claim": r"歧视",
            "wage_claim": r"拖欠(?:的)?工资|欠薪",
            "challenge": r"起诉|申诉|异议|诉讼|仲裁|劳动法庭|质疑",
        },
        words=False,
    ),
    *named("gross_misconduct", {True: r"严重过失|重大过失|严重过错"}, words=False),
    *named("economic_dismissal", {True: r"经济(?:性)?(?:原因|裁员)"}, words=False),
    *named(
        "unfitness",
        {
            "work": r"(?:工伤|职业病)[^。?]{0,15}(?:不适合|不能胜任|丧失劳动能力|inaptitude)",
            "unknown": r"inaptitude|不适合工作",
        },
        words=False,
    ),
    *named("disabled_worker", {True: r"残疾"}, words=False),
    *named("minimum_wage", {True: r"最低工资|SMIC|smic"}, words=False),
    *named("hired_permanently", {True: r"(?:转|签)(?:为|成|了)?CDI"}, words=False),
    *named("permanent_offer_refused", {True: r"拒绝(?:了)?(?:签)?CDI"}, words=False),
    *named(
        "retirement_by_employer",
        {
            True: r"(?:公司|老板|雇主)(?:要)?(?:让|叫|强制|要求)我?退休",
            False: r"我(?:要|想|准备|打算)退休|,要退休",
        },
        words=False,
    ),
    *named("renewal", {True: r"延长|续期"}, words=False),
    *named("net_pay", {True: r"到手|税后|净工资"}, words=False),
    *named("ended_by_employer", {True: r"被?(?:雇主|公司|老板)终止"}, words=False),
)


def _number(words: str) -> Fraction:
    if words == "半":
        return Fraction(1, 2)
    return number_by_tens(words, "十", _DIGITS)


CHINESE = Lexicon(
    script="chinese",
    dates=re.compile(
        r"(?P<year>(?:19|20)\d\d)年(?P<month>\d{1,2})月(?:(?P<day>\d{1,2})[日号])?"
        r"|(?<!\d)(?P<slash_year>(?:19|20)\d\d)[/-](?P<slash_month>\d{1,2})[/-]"
        r"(?P<slash_day>\d{1,2})"
        r"|(?P<only_year>(?:19|20)\d\d)年|(?P<relative>昨天|今天)"
    ),
    months={},
    duration=re.compile(
        rf"(?<![\d第])(?<!\d[.,])(?:(?P<years>{_NUMBER})年(?P<half>半(?![职日天时]))?(?:{_MEASURED}"
        rf"(?P<extra>{_NUMBER})个月)?"
        rf"|(?P<months>{_NUMBER})个(?P<half_month>半)?月|(?P<weeks>{_NUMBER})(?:周|个?星期))"
        rf"|(?<!\d)(?<!\d[.,])(?P<age>\d{{2}})(?=岁)"
    ),
    money=re.compile(
        r"(?<![\d/-])(?<!\d[.,])(?P<before_sign>€ ?)?(?P<amount>\d{1,3}(?:[ ,]\d{3})+"
        r"(?:\.\d{1,2})?|\d{1,6}(?:\.\d{1,2})? ?k\b"
        r"|\d{2,6}(?:\.\d{1,2})?)(?P<sign> ?(?:欧元|欧|€|euros?))?(?![\d%])"
    ),
    hours=re.compile(rf"(?P<hours>{_NUMBER})(?:个)?(?:小时|钟头)(?P<minutes>(?!))?"),
    days=re.compile(rf"(?P<days>{_NUMBER})天"),
    number=_number,
    cues=_CUES,
    named=_NAMED,
    denied=re.compile(r"(?:不是|没有?|并非|未|无|不算)(?:被)?[ ]?$"),
    hypothesis=re.compile(r"如果|要是|假如"),
    relative_days={"昨天": -1, "今天": 0},
    coded=(
        ("level", re.compile(r"(?:级别|等级|niveau) ?(?P<code>[IVX]{1,4}|\d{1,2})")),
        ("group", re.compile(r"(?:组|groupe) ?(?P<code>[IVX]{1,4}|\d{1,2})")),
        ("coefficient", re.compile(r"(?:系数|coefficient) ?(?P<code>\d{2,3})")),
    ),
)
