"""Thai, which writes no spaces between words: patterns over the text as it is written (NFKC)."""

import re
from fractions import Fraction

from ai_core.answering.understanding.cases.lexicon import Lexicon, cue, named, number_by_tens

_DIGITS = ("ศูนย์", "หนึ่ง", "สอง", "สาม", "สี่", "ห้า", "หก", "เจ็ด", "แปด", "เก้า")
_WORDS = {word: number for number, word in enumerate(_DIGITS)} | {"เอ็ด": 1, "ยี่": 2}
_ONES = "|".join(_WORDS)
_NUMBER = rf"(?:\d{{1,3}}(?:\.\d{{1,2}})?|(?:{_ONES})?สิบ(?:{_ONES})?|(?:{_ONES}))"
_MONTHS = (
    *("มกราคม", "กุมภาพันธ์", "มีนาคม", "เมษายน", "พฤษภาคม", "มิถุนายน"),
    *("กรกฎาคม", "สิงหาคม", "กันยายน", "ตุลาคม", "พฤศจิกายน", "ธันวาคม"),
)
_MONTH_NUMBERS = {name: at for at, name in enumerate(_MONTHS, start=1)}
_DISMISSED = r"(?:ถูก|โดน)?(?:เลิกจ้าง|ไล่ออก|ปลดออก)"
_REASONS = {
    "commuting_accident": r"อุบัติเหตุระหว่างเดินทาง",
    "work_accident": r"(?:ลา)?อุบัติเหตุจากการทำงาน",
    "parental_leave": r"ลา(?:ไป)?เลี้ยง(?:ดู)?บุตร|ลาเลี้ยงลูก",
    "sabbatical_leave": r"ลา(?:พัก)?ยาว",
    "unpaid_leave": r"ลา(?:โดย)?ไม่(?:ได้)?รับ(?:ค่าจ้าง|เงินเดือน)",
    "strike": r"นัดหยุดงาน",
    "sickness": r"(?:ลาป่วย|ป่วย)(?:หยุดงาน|พักงาน|หยุด|พัก)?",
}
_SPACE = r"[ :]*"

_CUES = (
    *(
        cue(
            "duration",
            f"absence:{reason}",
            before=rf"(?:{words}){_SPACE}(?:นาน|เป็นเวลา|มา|อยู่)?{_SPACE}",
        )
        for reason, words in _REASONS.items()
    ),
    cue(
        "duration",
        "excluded",
        before=r"(?:อีก|ภายใน|ก่อน|ล่วงหน้า|ค้าง(?:จ่าย)?(?:เงินเดือน)?|ตั้งครรภ์|ระยะเวลา|เมื่อ)[ ]?",
        after=r" ?(?:ที่แล้ว|ก่อน|ข้างหน้า)",
    ),
    cue("duration", "age", before=r"อายุ(?:ตัว)?(?!งาน)[ ]?"),
    cue(
        "duration",
        "contract_months",
        before=r"(?:CDD|cdd|CTT|intérim|interim|สัญญา(?:จ้าง)?(?:ชั่วคราว|CDD|ระยะเวลากำหนด)?)[ ]?"
        r"(?:นาน|ระยะเวลา)?[ ]?",
    ),
    cue("duration", "worked_months", before=r"(?:ที่ได้ใน|ใน)[ ]?"),
    cue("duration", "seniority", before=r"อายุงาน(?:คือ|ได้)?[ ]?"),
    cue(
        "duration",
        "served",
        before=r"(?:ทำงาน(?:ที่นี่|ร้านอาหาร|สัญญา)?(?:มา|ได้|มาแล้ว|ครบ)?|มา|หลังทำงาน)[ ]?(?:แล้ว"
        r"|ได้)?[ ]?",
    ),
    cue(
        "money",
        "excluded",
        before=r"(?:IDCC|idcc|มาตรา|L\.?|R\.?)[ ]?",
        after=r" ?(?:%|ปี|เดือน|วัน|ชั่วโมง|คน)",
    ),
    cue("money", "bonus", before=r"โบนัส(?!สิ้นสุด)(?:ประจำ|ราย)?(?:ปี)?(?:ละ)?[ ]?"),
    cue(
        "money",
        "hourly",
        before=r"(?:ค่าแรง|ค่าจ้าง)?(?:ชั่วโมงละ|รายชั่วโมง)[ ]?",
        after=r" ?(?:ยูโร)? ?(?:ต่อ|/) ?ชั่วโมง",
    ),
    cue("money", "yearly", before=r"(?:ปีละ|รายปี|ต่อปี)[ ]?", after=r" ?(?:ต่อปี|/ ?ปี)"),
    cue(
        "money",
        "total",
        before=r"(?:รวม(?:ทั้งหมด)?|ทั้งหมด)[ ]?",
        after=r" ?(?:รวม|ทั้งหมด"
        r"|ตลอดสัญญา)",
    ),
    cue(
        "money",
        "monthly",
        before=r"(?:เดือนละ|เงินเดือน(?:ก่อนหัก(?:ภาษี)?)?)[ ]?",
        after=r" ?(?:ต่อเดือน|/ ?เดือน)",
    ),
    cue("date", "signed", before=r"(?:เซ็น|ลงนาม|ลงชื่อ)(?:ชื่อ)?[ ]?(?:เมื่อ)?(?:วันที่)?[ ]?"),
    cue(
        "date",
        "notice",
        before=rf"(?:{_DISMISSED}|ได้รับจดหมาย|จดหมาย|ที่แจ้ง|แจ้ง)[ ]?(?:เมื่อ)?(?:วันที่|เดือน)?[ ]?",
    ),
    cue(
        "date",
        "exit",
        before=r"(?:สิ้นสุด|ออก(?:จากงาน)?|ลาออก|ถึง|วันสุดท้าย)[ ]?(?:เมื่อ)?"
        r"(?:วันที่)?[ ]?",
    ),
    cue(
        "date",
        "entry",
        before=r"(?:เริ่ม(?:งาน|ทำงาน)?|เข้า(?:ทำ)?งาน|ตั้งแต่|เข้าทำงาน)[ ]?(?:เมื่อ)?(?:วันที่"
        r"|เดือน)?[ ]?",
    ),
    cue("hours", "excluded", after=r" ?(?:ต่อวัน|ต่อเดือน)"),
    cue("hours", "overtime", before=r"(?:โอที|ล่วงเวลา|OT|ot)[ ]?", after=r" ?(?:ล่วงเวลา|โอที)"),
    cue(
        "days",
        "leave_days",
        before=r"(?:เหลือ)?วัน(?:ลา|หยุด)(?:พักร้อน|พักผ่อน)?[ ]?(?:เหลือ"
        r"|อีก)?[ ]?",
    ),
)

_NAMED = (
    *named(
        "category",
        {
            "agent_de_maitrise": r"หัวหน้างาน|agent de maîtrise",
            "etam": r"ETAM",
            "technicien": r"ช่างเทคนิค|technicien",
            "ouvrier": r"คนงาน|ouvrier",
            "employe": r"employé(?!s)|พนักงานออฟฟิศ|เสมียน",
            "cadre": r"(?<!non-)(?<!non )cadre|วิศวกร|ผู้บริหาร|ผู้จัดการ",
        },
        words=False,
    ),
    *named(
        "contract",
        {
            "CDI": r"CDI|สัญญาไม่มีกำหนด",
            "CDD": r"CDD|สัญญา(?:จ้าง)?(?:ระยะเวลา)?กำหนด(?:เวลา|ระยะเวลา)?|สัญญามีกำหนด",
            "CTT": r"intérim|interim",
        },
        words=False,
    ),
    *named(
        "fixed_term_type",
        {
            "Contrat saisonnier": r"ตามฤดูกาล|saisonnier",
            "CDD d'usage": r"CDD d'usage|CDDU",
            "Contrat d'un jeune pendant ses vacances scolaires ou universitaires": r"งานปิดเทอม"
            r"|ช่วงปิดเทอม",
            "Contrat aidé, de formation ou de recherche": r"ฝึกงาน|apprentissage|alternance",
        },
        words=False,
    ),
    *named(
        "working_time",
        {
            "part_time": r"พาร์ทไทม์|พาร์ตไทม์|ไม่เต็มเวลา"
            r"|temps partiel"
        },
        words=False,
    ),
    *named(
        "ending",
        {
            "mutual_termination": r"rupture conventionnelle|(?:เลิกสัญญา|เลิกจ้าง)[^ ]{0,6}"
            r"(?:โดยตกลง|โดยความยินยอม|ร่วมกัน)|ตกลงเลิกสัญญา",
            "retirement": r"เกษียณ",
            "trial_period": r"ทดลองงาน",
            "resignation": r"ลาออก",
            "dismissal": r"เลิกจ้าง|ไล่ออก|ปลดออก",
        },
        words=False,
    ),
    *named(
        "deadline",
        {
            "other": r"คุกคาม|ล่วงละเมิด",
            "mutual_termination_withdrawal": r"ถอนตัว|ยกเลิก ?rupture",
            "final_settlement_receipt": r"solde de tout compte",
            "wage_claim": r"ค่าจ้างค้าง(?:จ่าย)?|เงินเดือนค้าง(?:จ่าย)?",
            "challenge": r"ฟ้อง|คัดค้าน|อายุความคดีเลิกจ้าง",
        },
        words=False,
    ),
    *named("gross_misconduct", {True: r"ความผิดร้ายแรง|ผิดร้ายแรง"}, words=False),
    *named("economic_dismissal", {True: r"เหตุผลทางเศรษฐกิจ|เหตุเศรษฐกิจ"}, words=False),
    *named("unfitness", {"unknown": r"ไม่สามารถทำงานได้ทางการแพทย์|inaptitude"}, words=False),
    *named("disabled_worker", {True: r"คนพิการ|พิการ"}, words=False),
    *named("minimum_wage", {True: r"ค่าแรงขั้นต่ำ|SMIC|smic"}, words=False),
    *named("hired_permanently", {True: r"ได้(?:รับ)?(?:บรรจุ|จ้าง)(?:เป็น)? ?CDI"}, words=False),
    *named("permanent_offer_refused", {True: r"ปฏิเสธ ?(?:สัญญา )?CDI"}, words=False),
    *named(
        "retirement_by_employer",
        {
            True: r"(?:นายจ้าง|บริษัท|เจ้านาย)(?:สั่ง|บังคับ|ต้องการ)?ให้[^ ]{0,6}เกษียณ|ถูกบังคับให้เกษียณ",
            False: r"จะเกษียณ|ขอเกษียณ",
        },
        words=False,
    ),
    *named("renewal", {True: r"ต่ออายุ"}, words=False),
    *named("net_pay", {True: r"สุทธิ|หลังหักภาษี"}, words=False),
    *named("ended_by_employer", {True: r"นายจ้างยุติ"}, words=False),
)


def _number(words: str) -> Fraction:
    return number_by_tens(words, "สิบ", _WORDS)


THAI = Lexicon(
    script="thai",
    dates=re.compile(
        rf"(?:(?P<day>\d{{1,2}}) ?)?(?P<month>{'|'.join(_MONTHS)})(?: ?(?:ค\.ศ\. ?)?(?P<year>"
        rf"(?:19|20)\d\d))?"
        r"|(?<![\d/])(?P<slash_day>\d{1,2})/(?P<slash_month>\d{1,2})/(?P<slash_year>(?:19|20)\d\d)"
        r"|(?:ปี ?)(?P<only_year>(?:19|20)\d\d)|(?P<relative>เมื่อวาน|วันนี้)"
    ),
    months=_MONTH_NUMBERS,
    duration=re.compile(
        rf"(?<!\d)(?<!\d[.,])(?:(?P<years>{_NUMBER}) ?ปี(?P<half>ครึ่ง(?!เวลา|วัน"
        rf"|หนึ่ง))?(?: ?(?:กับ)?"
        rf"(?P<extra>{_NUMBER}) ?เดือน)?"
        rf"|(?P<months>{_NUMBER}) ?เดือน(?P<half_month>ครึ่ง(?!เวลา|วัน|หนึ่ง))?"
        rf"|(?P<weeks>{_NUMBER}) ?สัปดาห์)"
    ),
    money=re.compile(
        r"(?<![\w/-])(?<!\d[.,])(?P<before_sign>€ ?)?(?P<amount>\d{1,3}(?:[ ,]\d{3})+"
        r"(?:\.\d{1,2})?|\d{1,6}(?:\.\d{1,2})? ?k\b"
        r"|\d{2,6}(?:\.\d{1,2})?)(?P<sign> ?(?:ยูโร|€|euros?))?(?![\d%])"
    ),
    hours=re.compile(rf"(?P<hours>{_NUMBER}) ?ชั่วโมง(?P<minutes>(?!))?"),
    days=re.compile(rf"(?P<days>{_NUMBER}) ?วัน(?!ที่)"),
    number=_number,
    cues=_CUES,
    named=_NAMED,
    denied=re.compile(r"(?:ไม่(?:ได้|ใช่|มี)?|ยังไม่)(?:เป็น|ถูก)?[ ]?$"),
    hypothesis=re.compile(r"ถ้า|หาก"),
    relative_days={"เมื่อวาน": -1, "วันนี้": 0},
    coded=(
        ("level", re.compile(r"(?:ระดับ|niveau) ?(?P<code>[IVX]{1,4}|\d{1,2})")),
        ("group", re.compile(r"(?:กลุ่ม|groupe) ?(?P<code>[IVX]{1,4}|\d{1,2})")),
        ("coefficient", re.compile(r"coefficient ?(?P<code>\d{2,3})")),
    ),
)
