"""French and English over folded text (lower case, no accents, straight apostrophes)."""

import re
from fractions import Fraction

from ai_core.answering.understanding.cases.lexicon import Lexicon, cue, named
from ai_core.answering.understanding.quantities import MONTH_NUMBERS, NUMBER, number_of

_HALF = r"(?P<half> (?:et demie?|and a half))?"
_DURATION = re.compile(
    rf"(?<![\w/€-])(?<!\d[.,])(?!an? (?:year|month)s?\b(?! (?:of|and|in|with)))"
    rf"(?:(?P<years>{NUMBER})(?: |-)?(?:(?:derniere?s?|premiere?s?|last|past|first|full) )?(?:ans?"
    rf"|annees?|years?|yrs?)\b(?! hour)"
    rf"(?P<half> (?:et demie?|and a half))?(?:,? ?(?:et |and )?(?P<extra>{NUMBER}) ?(?:mois"
    rf"|months?)\b)?"
    rf"|(?P<months>{NUMBER})(?: |-)?(?:(?:derniers?|premiers?|last|past|first) )?(?:mois"
    rf"|months?)\b(?P<half_month> (?:et demi|and a half))?"
    rf"|(?P<weeks>{NUMBER})(?: |-)?(?:semaines?|weeks?)\b)"
)
_ENGLISH_HALF = re.compile(rf"\b({NUMBER}) and a half (years?|months?)\b")
_DATE = re.compile(
    r"(?<![\d/.,-])(?:(?P<slash_day>\d{1,2})(?P<mark>[/.-])(?P<slash_month>\d{1,2})(?P=mark)"
    r"(?P<slash_year>\d{4}|\d{2})(?!\d)"
    rf"|(?:(?P<day>\d{{1,2}}|1er|\d{{1,2}}(?:st|nd|rd|th)) (?:of )?)?"
    rf"\b(?P<month>{'|'.join(MONTH_NUMBERS)})\b(?:,? (?P<year>(?:19|20)\d\d))?"
    r"|(?<!\d )(?<!€)(?P<only_year>(?:19[6-9]|20[0-3])\d)\b(?! ?(?:€|eur|brut|net|gross|par mois"
    r"|a month|h\b))"
    r"|\b(?P<relative>hier|avant-hier|aujourd'hui|yesterday|today)\b)"
)
_MONEY = re.compile(
    r"(?<![\w/-])(?<!\d[.,])(?P<before_sign>€ ?)?(?P<amount>\d{1,3}(?: \d{3})+(?:[.,]\d{1,2})?"
    r"|\d{1,3}(?:[.,]\d{3})+(?:[.,]\d{1,2})?|\d{1,2}k\d{1,2}\b|\d{1,6}(?:[.,]\d{1,2})? ?k\b"
    r"|\d{1,6}(?:[.,]\d{1,2})?)"
    r"(?P<sign> ?(?:€|euros?\b|eur\b|e\b(?! mois)|balles\b)| ?(?=(?:bruts?|nets?|gross"
    r"|smic)\b))?(?![\w%])(?! ?%)"
)
_HOURS = re.compile(
    rf"(?<![\w/€])(?<!\d[.,])(?!an? hour)(?P<hours>{NUMBER})(?: |-)?(?:overtime |extra )?"
    r"(?:h(?:eures?|ours?)?(?P<minutes>[0-5]\d)?|hs)\b"
)
_DAYS = re.compile(
    rf"(?<![\w/])(?<!\d[.,])(?P<days>{NUMBER}) (?:unused |leave |vacation )*(?:jours?|days?|cp)\b"
)

_SICK = r"arrets?(?: de)?(?: travail| maladie)?|(?:conges? )?maladie|sick(?: leave|ness)?|malade"
_REASONS = {
    "work_accident": r"accidents? (?:du|de|au) travail|maladie professionnelle|work accident",
    "commuting_accident": r"accidents? de trajet|commuting accident",
    "parental_leave": r"conges? parenta\w+(?: d'education)?|parental leave",
    "sabbatical_leave": r"(?:conges? )?sabbatiques?|sabbatical(?: leave)?",
    "business_creation_leave": r"conges? (?:pour )?(?:de )?creation d'entreprise",
    "unpaid_leave": r"conges? sans solde|unpaid leave",
    "strike": r"greves?|strike",
    "sickness": _SICK,
}
_TO = r"(?: (?:de|d'|of|for|depuis|pendant|since)| :)? ?(?:de |d')?"
_ENTRY = (
    r"(?:embauchee?s?(?: en cdi| en cdd)?|embauche|entree?s?|recrutee?|engagee?|commencee?|arrivee?"
    r"|debut\w*|date d'entree|hired|started?|joined|entry|start|begin\w*)"
    r"(?: (?:\w+ ){0,2}?(?:le|en|au|on|in|depuis|since)?| :| date)? ?"
)
_NOTICE = (
    r"(?:licenci\w*|viree?|lettre|courrier|notifi\w*|demission\w*|dismiss\w*|resign\w*|fired"
    r"|laid off|letter"
    r"|redundancy|foutu dehors)(?: (?:\w+ ){0,3}?(?:le|en|du|date du|recue? le|on|of|in|in"
    r"|received on)?| :)? ?"
)
CUES = (
    *(
        cue(
            "duration",
            f"absence:{reason}",
            before=rf"\b(?:{words}){_TO}",
            after=rf" ?(?:d'|de |d |of |an? |en )(?:{words})\b",
        )
        for reason, words in _REASONS.items()
    ),
    cue(
        "duration",
        "contract_months",
        before=r"\b(?:cdd|contrat(?: a duree determinee| de mission)?|missions?|interim"
        r"|fixed.term(?: contract)?|contract|assignment|temp)(?: (?:of|de|d'|for|a|pour))*"
        r"(?: d')? ?",
        after=r"[- ](?:fixed.term|cdd\b|contract|assignment|contrat|temp\b)",
    ),
    cue("duration", "age", after=r" old\b"),
    cue(
        "duration",
        "seniority",
        before=r"\b(?:anciennete|seniority|length of service)(?: (?:est|etait|de|d'|:|=|is|of))* ?"
        r"(?:de |d'|environ )?",
        after=r" ?(?:d'|de |d |of )?(?:anciennete|anc\b|seniority|length of service|service\b"
        r"|presence)",
    ),
    cue(
        "duration",
        "excluded",
        before=r"\b(?:preavis|notice|delai|grossesse|enceinte|stage|formation|chomage|il y a|dans"
        r"|reste\w*|tous les|chaque|encore|avant|d'ici|sous|dure\w*|durant|propose\w*|negocie\w*"
        r"|demande\w*|offre\w*|doit|lasts?|within|toutes les)(?: (?:of|de|d'|est|:))* ?"
        r"|\b(?:periode d'essai|essai|trial(?: period)?|probation)(?: (?:of|de|d')) ?",
        after=r" ?(?:de |d'|of )?(?:preavis|notice|essai\b|trial|prison|salaires?\b|retard"
        r"|grossesse"
        r"|chomage|d'essai|pay\b|salary\b|ago\b|plus tard|later|de delai)",
    ),
    cue(
        "duration",
        "served",
        before=r"\b(?:depuis|ca fait|cela fait|since|worked(?: here)?(?: for)?|travaill\w+(?: ici)?"
        r"(?: pendant)?|bosse(?: ici)?(?: pendant)?)(?: (?:environ|about|presque|plus de"
        r"|moins de|over))* ?",
        after=r" ?(?:d'|de |d |of |in |with |dans |at )?(?:l'|la |ma |mon |the |my |cette |une "
        r"|un )?"
        r"(?:boite|maison|company|entreprise|societe"
        r"|restaurant|job\b|ici\b|here\b|chez|dont\b|including|de travail|of work|travailles?"
        r"|worked"
        r"|que je (?:travaille|bosse))",
    ),
    cue(
        "money",
        "excluded",
        before=r"\b(?:article|idcc|ccn|convention|n°|numero|coef\w*|niveau"
        r"|position|pos|groupe?|classe|echelon|level|indice|brochure|apres le|annexe)[ .:]*"
        r"|\b(?:doit|indemnites? de|dommages|propose\w*|offre\w*|rembours\w*|owes?(?: me)?|offered)"
        r"(?: me| moi| une| de)? ?",
        after=r" ?(?:%|ans?\b(?! hour)|mois\b|jours?|salarie|employe|personnes|km|days|people)",
    ),
    cue(
        "money",
        "bonus",
        before=r"\b(?:primes?(?! (?:de )?(?:precarite|fin))|(?<!precarity )(?<!contract )"
        r"(?<!assignment )bonus|13e mois|treizieme mois|gratification)"
        r"[^,;.\d?]{0,25}",
        after=r" ?(?:de |en )?(?:prime (?!de precarite|de fin)|(?:yearly |annual )?bonus)",
    ),
    cue(
        "money",
        "hourly",
        before=r"\b(?:taux(?: horaire)?|horaire|hourly(?: rate| pay)?|tx)(?: (?:de|est|a|of|is"
        r"|au|:))* ?",
        after=r" ?(?:bruts? |gross |brute )?(?:/ ?h\b|/ ?heure|de l'heure|par heure|l'heure|an hour"
        r"|per hour|/ ?hour|horaire|hourly|a l'heure)",
    ),
    cue(
        "money",
        "yearly",
        before=r"\b(?:annuel\w*|par an|annual\w*)(?: (?:de|of|:))* ?",
        after=r" ?(?:(?:bruts?|gross) )?(?:par an\b|annuels?|/ ?an\b|a year|per year|yearly|annual"
        r"|per annum|l'an\b)",
    ),
    cue(
        "money",
        "total",
        before=r"\b(?:total\w*(?: (?:bruts?|gross|pay|de|remunerations|d'|:|des))*|remunerations"
        r"(?: brutes)?(?: de)?"
        r"|salaires? bruts? (?:de|sur))(?: de)? ?",
        after=r" ?(?:(?:bruts?|gross|de salaires?|perc\w+|gagn\w+|recus?|touch\w+) )*(?:au total"
        r"|en tout|total\b|in total"
        r"|sur (?:tout|l'ensemble|la duree)|pour (?:tout|l'ensemble|deux)|pendant (?:mon|ma|la"
        r"|le|tout)"
        r"|altogether|over (?:my|the)|for the (?:whole|entire)|de salaires? bruts?"
        r"|(?:euros )?of gross wages)",
    ),
    cue(
        "money",
        "monthly",
        after=r" ?(?:(?:bruts?|gross|nets?) )?(?:par mois|mensuels?|/ ?mois|a month|per month"
        r"|monthly"
        r"|/ ?month|each month)",
    ),
    cue(
        "date",
        "signed",
        before=r"\b(?:sign\w*|signature|solde de tout compte|conventionnelle"
        r"|rupture co)(?: (?:\w+ )?(?:le|du|en|on|in|of|date du))? ?(?:le |the )?",
    ),
    cue(
        "date",
        "exit",
        before=r"\b(?:sort\w*|date de sortie|fini\w*|termin\w+|pren\w* fin|pris fin"
        r"|fin(?: d[ue] (?:mon )?contrat)?|quitt\w*|jusqu'au"
        r"|until"
        r"|left|leaving|leave|exit|end\w*|pars|depart)(?: (?:\w+ )?(?:le|du|au|on|in|prevue? le))?"
        r"(?: :| date)? ?(?:le |the )?",
    ),
    cue("date", "notice", before=rf"\b{_NOTICE}(?:le |the )?(?:mois de )?"),
    cue(
        "date",
        "entry",
        before=rf"\b(?:{_ENTRY}|depuis|since|here since|since i was hired on)"
        r"(?: (?:le|the|mon embauche|fin|mi|courant))* ?(?:le |the )?",
    ),
    cue("date", "from", before=r"\b(?:du|de|from|entre|between) ?(?:le )?"),
    cue("date", "to", before=r"(?:\b(?:au|a|to|et|and|until)|-|→) ?(?:le )?"),
    cue(
        "hours",
        "excluded",
        after=r" ?(?:dans le mois|par mois|a month|par jour|a day|per day|de nuit|par an|a year)",
    ),
    cue(
        "hours",
        "overtime",
        before=r"\b(?:sup\w*|hs|overtime|depasse de)(?: (?:de|of|:|pay for))* ?",
        after=r" ?(?:sup|supplementaires?|de plus|en plus|(?:of )?overtime|supp|overtime hours)",
    ),
    cue("hours", "excluded", before=r"\b(?:au lieu de|mes|mon|base|instead of|contrat de|my) ?"),
    cue(
        "days",
        "leave_days",
        before=r"\b(?:reste\w*|solde de|pour|for|have|conges?(?: payes)?|cp) ?",
        after=r" ?(?:de |of )?(?:conges?|cp|leave|holiday|vacation|non pris|restants?|left|unused)",
    ),
)

NAMED = (
    *named(
        "category",
        {
            "non_cadre": r"non.cadres?",
            "agent_de_maitrise": r"agents? de maitrise|supervisors?|contremaitres?|chef d'equipe",
            "etam": r"etam",
            "technicien": r"technicien(?:ne)?s?|technicians?",
            "ouvrier": r"ouvri(?:er|ere)s?|blue.collar|manual workers?",
            "employe": r"(?<!mon )(?<!suis )(?<!j'ai )(?<!an )(?<!the )(?<!my )"
            r"(?<!any )employee?(?! (?:par|chez|de maison|dans|a domicile|familial|right))"
            r"(?=[ ,.;:?!)]|$)|(?<=suis )employee?(?! (?:par|chez|depuis|dans|de maison))"
            r"|clerks?|office workers?",
            "cadre": r"(?<!dans le )(?<!non )(?<!non-)(?<!hors )cadres?(?! (?:legal|d'un"
            r"|juridique))"
            r"|ingenieure?s?|executives?|engineers?|(?<!my )(?<!the )managers?",
        },
    ),
    *named(
        "contract",
        {
            "CDI": r"cdi|contrats?(?: de travail)? a duree indeterminee"
            r"|open.ended|permanent contract",
            "CDD": r"cdd|contrats?(?: de travail)? a duree determinee"
            r"|fixed.term|contrat saisonnier",
            "CTT": r"interim(?:aires?)?|temp(?:orary)? (?:agency|assignment|work)|agency worker"
            r"|mission d'interim|fin de mission|ifm|temp assignment",
        },
    ),
    *named(
        "fixed_term_type",
        {
            "Contrat saisonnier": r"saisonni(?:er|ere)s?|vendang\w*|saison d'(?:hiver|ete)"
            r"|seasonal|grape harvest",
            "CDD d'usage": r"(?:cdd|contrats?) d'usage|cddu|(?:cdd|contrats?) d'extra",
            "Contrat d'un jeune pendant ses vacances scolaires ou universitaires": r"jobs? d'ete"
            r"|(?:jobs?|contrats?|cdd) (?:d')?etudiante?s? (?:d'ete|pendant (?:l|m|s)es vacances)"
            r"|summer jobs?|student holiday jobs?",
            "Contrat aidé, de formation ou de recherche": r"contrats? (?:aides?"
            r"|d'apprentissage|de professionnalisation|unique d'insertion|pec)"
            r"|(?:en )?alternance|apprenticeships?",
        },
    ),
    *named(
        "working_time",
        {
            "part_time": r"temps partiel|mi.temps|part.time",
            "day_rate": r"forfait(?:s)?(?:-| |en )*jours?|forfait annuel en jours",
        },
    ),
    *named(
        "ending",
        {
            "mutual_termination": r"ruptures? conventionnelles?|ruptures? co(?:nv)?|rc"
            r"|mutual termination"
            r"|rupture d'un commun accord|termination by mutual agreement",
            "retirement": r"(?:ma|en|la|a la|de) retraite|retiring|retirement"
            r"|retire[sd]?(?! (?:l'|la |le |les |mon |ma |mes |leur|sa |son |un|des |de ))",
            "trial_period": r"periode d'?essai|trial period|probation(?:ary)?(?: period)?",
            "resignation": r"demission\w*|resign\w*|quit|quitting|dem",
            "dismissal": r"licenci\w*|vire[es]*|mis[es]* a la porte|fired|firing|fires?|dismiss\w*"
            r"|laid off|lay me off|redundan\w+",
        },
    ),
    *named(
        "deadline",
        {
            "other": r"harcel\w*|harass\w*|faute inexcusable",
            "mutual_termination_withdrawal": r"retract\w*|withdraw\w*|change my mind",
            "final_settlement_receipt": r"solde de tout compte|final settlement(?: receipt)?",
            "discrimination_claim": r"discriminat\w*",
            "wage_claim": r"(?:salaires?|heures? sup\w*|paie|primes?)[^.?]{0,25}impaye\w*"
            r"|rappels? de salaires?|unpaid (?:wages|salary|overtime)"
            r"|reclamer (?:mes|des) (?:salaires|heures)|arrieres? de salaires?",
            "challenge": r"contest\w*|prud'?hom\w*|challeng\w*|dispute|labou?r court",
        },
    ),
    *named("gross_misconduct", {True: r"faute (?:grave|lourde)|gross misconduct"}),
    *named(
        "economic_dismissal",
        {
            True: r"economiques?|redundan\w+|economic"
            r"|(?:licenci\w*|vire\w*|motif|raisons?)(?: (?:pour|motif|raison))* eco"
        },
    ),
    *named(
        "unfitness",
        {
            "other": r"inaptitude non professionnelle|inapt\w+ (?:d'origine )?non professionnelle",
            "work": r"inapt\w*[^.;?]{0,40}(?:accident d[ue] travail|maladie professionnelle"
            r"|d'origine professionnelle|(?<!non )professionnelle)|unfit[^.;?]{0,40}work accident",
            "unknown": r"inapt(?:e|es|itude)|unfit(?:ness)?",
        },
    ),
    *named("disabled_worker", {True: r"travailleu\w+ handicape\w*|rqth|handicapee?s?|disabled"}),
    *named("minimum_wage", {True: r"smic|smicarde?|minimum wage"}),
    *named(
        "hired_permanently",
        {
            True: r"(?:embauche\w*|signe\w*|passe\w*|enchaine\w*) (?:ensuite )?(?:en |un "
            r"|sur un )cdi"
            r"(?= (?:a la fin|a la suite|apres|a l'issue|derriere))|hired permanently"
        },
    ),
    *named(
        "permanent_offer_refused",
        {
            True: r"refuse\w* (?:le |un |ce )?(?:poste en )?cdi"
            r"|(?:propose\w*|offert|offered(?: me)?|offer of) (?:un |a |le |the )?(?:poste en )?"
            r"(?:cdi|permanent (?:job|contract|position))[^.;?]{0,25}(?:refuse\w*|dit non"
            r"|decline\w*"
            r"|said no|turned (?:it|that) down)"
            r"|(?:turned down|refused|declined) (?:the|a) permanent (?:job|contract|position)"
        },
    ),
    *named(
        "ended_in_trial_period",
        {True: r"(?:rompu\w*|rupture|termine\w*)[^.;?]{0,25}periode d'essai"},
    ),
    *named(
        "retirement_by_employer",
        {
            True: r"(?:met|mets|mettre|mis|mise|misent)\b[^.;?]{0,20}(?:a la|en) retraite"
            r"|is retiring me|retired by (?:my|the) employer|compulsory retirement",
            False: r"depart (?:volontaire )?(?:a|en) (?:la )?retraite|par(?:s|t|tir|tent) (?:a"
            r"|en) (?:la )?retraite"
            r"|prends? ma retraite|i retire|i'm retiring|to retire|retiring(?! me)|my retirement"
            r"|depart retraite",
        },
    ),
    *named(
        "ended_by_employer",
        {
            True: r"(?:par|by|de) (?:mon|l'|my|the) ?employeu?e?r|par mon patron",
        },
    ),
    *named("renewal", {True: r"renouvel\w*|renewal"}),
)

CODED = tuple(
    (field, re.compile(rf"\b(?:{words}) ?:? ?(?P<code>{code})\b"))
    for field, words, code in (
        ("level", "niveaux?|niv|level", "[ivx]{1,4}|[a-h]|\\d{1,2}"),
        ("group", "groupe|group", "[a-z]\\b|[ivx]{1,4}|\\d{1,2}"),
        ("coefficient", "coefficient|coef|coeff", "\\d{2,3}"),
        ("position", "position|pos", "\\d(?:\\.\\d){0,2}|[ivx]{1,4}[a-c]?"),
        ("step", "echelon", "\\d{1,2}"),
        ("class", "classe", "\\d"),
    )
)


def _number(words: str) -> Fraction:
    if words[0].isdigit():
        return Fraction(words.replace(",", "."))
    return Fraction(number_of(words))


SPACED = Lexicon(
    script="spaced",
    dates=_DATE,
    months=MONTH_NUMBERS,
    duration=_DURATION,
    money=_MONEY,
    hours=_HOURS,
    days=_DAYS,
    number=_number,
    cues=CUES,
    named=NAMED,
    denied=re.compile(
        r"\b(?:pas|ni|jamais|aucune?|not|never|neither|nor|no|sans|non|plus|without)"
        r"(?: (?:encore|ete|un|une|de|d'|en|a|au|du|le|la|mon|ma|been|yet|the|on|in|pour|for|any))*"
        r"[ ']?$|n't(?: (?:a|the|been|an))* ?$"
    ),
    hypothesis=re.compile(r"\b(?:si|if|meme si|quand|when)\b"),
    relative_days={"hier": -1, "avant-hier": -2, "aujourd'hui": 0, "yesterday": -1, "today": 0},
    coded=CODED,
)
"""The lexicon of French and English together: people mix them."""


def rewritten(text: str) -> str:
    """Return a folded text with "two and a half years" as "two years and a half", same length."""
    return _ENGLISH_HALF.sub(lambda found: f"{found[1]} {found[2]} and a half", text)
